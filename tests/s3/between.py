"""Stands before a store that verifies nothing, and verifies with botocore: python between.py STORE [lose]

A request whose signature botocore does not make too, or that lacks what was signed, is answered 403 and goes no further. With `lose`, the first
answer to each PUT is lost: what the store was sent it has done, and who sent it sees the connection break. Prints its own address, then what
became of each request.
"""

import datetime
import hashlib
import http.client
import http.server
import os
import sys
from collections.abc import Mapping
from urllib.parse import unquote

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

store, loses = sys.argv[1], sys.argv[2:] == ["lose"]
credentials = Credentials(os.environ["STORE_ACCESS_KEY"], os.environ["STORE_SECRET_KEY"])
lost: set[str] = set()


def refused(method: str, target: str, headers: Mapping[str, str], body: bytes) -> str | None:
    """Why a store that verifies would refuse the request."""
    path, _, query = target.partition("?")
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    given = {name: unquote(value) for name, value in pairs}
    sent = {name.lower(): value for name, value in headers.items()}
    if "authorization" in sent:
        scheme, _, rest = sent["authorization"].partition(" ")
        stated = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        time, signature, kind = sent["x-amz-date"], stated["Signature"], S3SigV4Auth
        life = datetime.timedelta(minutes=15)
        if sent["x-amz-content-sha256"] not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            return "other bytes"
    elif "X-Amz-Signature" in given:
        scheme, kind = given["X-Amz-Algorithm"], S3SigV4QueryAuth
        stated = {name: given[f"X-Amz-{name}"] for name in ["Credential", "SignedHeaders", "Signature"]}
        time, signature = given["X-Amz-Date"], given["X-Amz-Signature"]
        life = datetime.timedelta(seconds=int(given["X-Amz-Expires"]))
    else:
        return "no signature"
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.strptime(f"{time}+0000", "%Y%m%dT%H%M%SZ%z")
    if age > life:
        return "expired"
    key, date, region, service, end = stated["Credential"].split("/")
    if (scheme, key, date, service, end) != ("AWS4-HMAC-SHA256", credentials.access_key, time[:8], "s3", "aws4_request"):
        return "another scope"
    signed = stated["SignedHeaders"].split(";")
    if missing := [name for name in signed if name not in sent]:
        return f"without {missing}, which are signed"
    if more := [name for name in sent if name.startswith("x-amz-") and name not in signed]:
        return f"with {more}, which are not signed"
    url = f"http://{sent['host']}{path}?" + "&".join(f"{name}={value}" for name, value in pairs if name != "X-Amz-Signature")
    request = AWSRequest(method, url, {name: sent[name] for name in signed}, body)
    request.context["timestamp"] = time
    auth = kind(credentials, service, region)
    theirs = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return None if theirs == signature else "another signature"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # A browser's question whether it may ask is signed by nobody.
        why = None if self.command == "OPTIONS" else refused(self.command, self.path, self.headers, body)
        if why:
            print(f"{self.command} refused: {why}", flush=True)
            self.send_error(403)
            return
        connection = http.client.HTTPConnection(store, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        is_lost = loses and self.command == "PUT" and self.path not in lost
        print(f"{self.command} {answer.status}{' lost' if is_lost else ''}", flush=True)
        if is_lost:
            lost.add(self.path)
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        # That of the object, where there is no body.
        self.send_header("Content-Length", answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PUT = pass_on

    def log_message(self, format: str, *arguments: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
