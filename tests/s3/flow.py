"""The flow over an S3 that is not ours: python flow.py ORIGIN TOKEN STORE PUBLIC_STORE GUARD

Asks the service at ORIGIN as Teable's client does, and sends and reads where it is told. Looks into the store at STORE with boto3, and has
boto3 sign for PUBLIC_STORE, where clients meet the store, whatever the service has signed. GUARD is what keeps objects from being changed.

What only a store that verifies signatures can show stands in tests/it/s3.rs: that an address expires, and that what was not signed is refused.
"""

import base64
import datetime
import hashlib
import http.client
import json
import os
import struct
import sys
import zlib
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
from botocore.config import Config

origin, access_token, store, public_store, guard = sys.argv[1:]
ACCESS_KEY, SECRET_KEY = os.environ["STORE_ACCESS_KEY"], os.environ["STORE_SECRET_KEY"]
TABLE, AVATAR = 1, 2
PUBLISHED = {"contentType": "image/png", "contentLength": 123, "expiresIn": 3600, "hash": "xxxxxxxx", "type": 1, "baseId": "string"}

passed = 0
compared = 0


def ok(sentence: str) -> None:
    global passed
    passed += 1
    print(f"  {sentence}")


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"{self.status} {dict(self.headers)} {self.body[:500]!r}"


def ask(method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
    """One request as it stands: nothing follows redirects, adds headers, or writes addresses in another way."""
    parts = urlsplit(url)
    assert parts.scheme == "http" and parts.netloc, url
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request(method, url.removeprefix(f"http://{parts.netloc}"), body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def call(method: str, path: str, wish: dict[str, Any] | None = None) -> Answer:
    headers = {"Authorization": f"Bearer {access_token}"}
    if wish is None:
        return ask(method, f"{origin}/api/attachments/{path}", headers)
    headers["Content-Type"] = "application/json"
    return ask(method, f"{origin}/api/attachments/{path}", headers, json.dumps(wish).encode())


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    told: dict[str, Any] = answer.json()
    assert (told["status"], told["code"]) == (status, code) and told["message"], answer
    return told


def client(endpoint: str) -> Any:
    # No checksums but those that are asked for, because the service signs no others.
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)


looker, signer = client(store), client(public_store)


def signed_by_boto3_too(url: str, operation: str, parameters: dict[str, Any]) -> None:
    """boto3 signs the same request at the same second: everything must be equal, the signature last of all."""
    global compared
    query = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
    then = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    # The clock as botocore's signers read it.
    with mock.patch("botocore.auth.get_current_datetime", return_value=then) as clock:
        theirs = signer.generate_presigned_url(operation, Params=parameters, ExpiresIn=int(query["X-Amz-Expires"]))
    assert clock.called, "botocore reads its clock elsewhere"
    assert urlsplit(url)._replace(query="") == urlsplit(theirs)._replace(query=""), f"{url}\n{theirs}"
    assert query == dict(parse_qsl(urlsplit(theirs).query)), f"{url}\n{theirs}"
    compared += 1


def stands(upload_type: int) -> set[str]:
    """What stands in the bucket of the type."""
    listed = looker.list_objects_v2(Bucket=bucket_of(upload_type))
    assert not listed["IsTruncated"]
    return {item["Key"] for item in listed.get("Contents", [])}


def bucket_of(upload_type: int) -> str:
    return "public" if upload_type == AVATAR else "private"


def directory_of(upload_type: int) -> str:
    return "avatar" if upload_type == AVATAR else "table"


def sign(wish: dict[str, Any]) -> dict[str, Any]:
    answer = call("POST", "signature", wish)
    assert answer.status == 201, answer
    signed: dict[str, Any] = answer.json()
    assert sorted(signed) == ["requestHeaders", "token", "uploadMethod", "url"] and signed["uploadMethod"] == "PUT", signed
    headers = signed["requestHeaders"]
    assert headers["Content-Length"] == wish["contentLength"] and headers["Content-Type"] == wish["contentType"], signed
    assert headers.get("If-None-Match") == ("*" if guard == "if-none-match" else None), signed
    parts = urlsplit(signed["url"])
    assert f"{parts.scheme}://{parts.netloc}" == public_store, signed
    bucket, key = parts.path.removeprefix("/").split("/", 1)
    stage = "staging/" if guard == "staging" else ""
    assert bucket == bucket_of(wish["type"]) and key.startswith(f"{stage}{directory_of(wish['type'])}/"), signed
    query = dict(parse_qsl(parts.query))
    assert query["X-Amz-Expires"] == str(wish.get("expiresIn", 6 * 24 * 3600)), signed
    named = {
        "Cache-Control": "CacheControl",
        "Content-Disposition": "ContentDisposition",
        "Content-Length": "ContentLength",
        "Content-Type": "ContentType",
        "If-None-Match": "IfNoneMatch",
        "x-amz-checksum-sha256": "ChecksumSHA256",
    }
    parameters = {named[name]: value for name, value in headers.items()}
    assert set(query["X-Amz-SignedHeaders"].split(";")) == {"host"} | {name.lower() for name in headers}, signed
    signed_by_boto3_too(signed["url"], "put_object", {"Bucket": bucket, "Key": key, **parameters})
    return signed


def put(signed: dict[str, Any], body: bytes, changes: dict[str, str] | None = None) -> Answer:
    """As Teable's client does it in a browser: Content-Length is the browser's own, and no access token is sent."""
    headers = {name: str(value) for name, value in signed["requestHeaders"].items() if name != "Content-Length"}
    return ask("PUT", signed["url"], headers | (changes or {}), body)


def notify(signed: dict[str, Any], name: str | None = None) -> Answer:
    query = "" if name is None else f"?filename={quote(name, safe='')}"
    return call("POST", f"notify/{signed['token']}{query}")


def read(url: str, body: bytes) -> Answer:
    """Reads `body` at a signed address, which boto3 signs too."""
    parts = urlsplit(url)
    bucket, key = parts.path.removeprefix("/").split("/", 1)
    query = dict(parse_qsl(parts.query))
    bound = {
        "ResponseCacheControl": query["response-cache-control"],
        "ResponseContentDisposition": query["response-content-disposition"],
        "ResponseContentType": query["response-content-type"],
    }
    signed_by_boto3_too(url, "get_object", {"Bucket": bucket, "Key": key, **bound})
    answer = ask("GET", url)
    assert answer.status == 200 and answer.body == body, answer
    for name in ["Cache-Control", "Content-Disposition", "Content-Type"]:
        assert answer.headers[name] == query[f"response-{name.lower()}"], answer
    return answer


def flow(body: bytes, media_type: str, upload_type: int, name: str, more: dict[str, Any] | None = None) -> tuple[dict[str, Any], Answer]:
    """Signature, upload, notify, read; the answers of the last two."""
    wish = {"contentType": media_type, "contentLength": len(body), "type": upload_type, **(more or {})}
    signed = sign(wish)
    before = stands(upload_type)
    sent = put(signed, body)
    assert sent.status == 200, sent
    notified = notify(signed, name)
    assert notified.status == 201, notified
    stored: dict[str, Any] = notified.json()
    assert (stored["size"], stored["mimetype"], stored["token"]) == (len(body), media_type, signed["token"]), stored
    assert stored["url"] == f"/{bucket_of(upload_type)}/{stored['path']}", stored
    assert stands(upload_type) == before | {stored["path"]}, "one object more, and none left on the way"
    kept = looker.head_object(Bucket=bucket_of(upload_type), Key=stored["path"])
    assert (kept["ContentLength"], kept["ContentType"]) == (len(body), media_type), kept
    if upload_type == AVATAR:
        # Who reads the public bucket itself is told what stands with the object.
        assert kept["CacheControl"].startswith("public, max-age="), kept
        assert kept.get("ContentDisposition") == signed["requestHeaders"].get("Content-Disposition"), kept
    opened = call("GET", signed["token"])
    assert opened.status == 302, opened
    read(opened.headers["Location"], body)
    return stored, read(stored["presignedUrl"], body)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress(b"".join(b"\0" + os.urandom(width * 3) for _ in range(height)), 0)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


signed = sign(PUBLISHED)
problem(notify(signed), 404, "not_found")
assert put(signed, b"\7" * 123).status == 200
assert notify(signed).status == 201
ok("the published request, taken through the flow")

image = png(1400, 1200)
assert len(image) > 5_000_000
for upload_type in [TABLE, AVATAR]:
    stored, answer = flow(image, "image/png", upload_type, "photo.png", {"hash": hashlib.sha256(image).hexdigest()})
    assert (stored["width"], stored["height"]) == (1400, 1200), stored
    assert answer.headers["Content-Disposition"] == 'inline; filename="photo.png"', answer
ok(f"an image of {len(image)} bytes, private and public, with its width and height")

for upload_type in [TABLE, AVATAR]:
    flow(b"", "text/plain", upload_type, "empty.txt")
ok("a file of 0 bytes")

name = 'Übung "ß" 图.pdf'
for upload_type in [TABLE, AVATAR]:
    _, answer = flow(b"%PDF-1.7\n", "application/pdf", upload_type, name)
    assert answer.headers["Content-Disposition"].endswith("filename*=UTF-8''%C3%9Cbung%20%22%C3%9F%22%20%E5%9B%BE.pdf"), answer
    assert answer.headers["Content-Disposition"].startswith("attachment;"), answer
ok(f"a file named {name}")

flow(b"a,b\n", 'text/csv; charset="utf-8"; header=present', TABLE, "a  b's (1)+~*&=%.csv")
ok("a media type with parameters, and a name full of what addresses escape")

for upload_type in [TABLE, AVATAR]:
    signed = sign({"contentType": "text/plain", "contentLength": 5, "type": upload_type})
    assert put(signed, b"first").status == 200
    stored = notify(signed).json()
    again = put(signed, b"other")
    assert again.status == (412 if guard == "if-none-match" else 200), again
    read(stored["presignedUrl"], b"first")
    read(notify(signed).json()["presignedUrl"], b"first")
    read(call("GET", signed["token"]).headers["Location"], b"first")
    assert (f"staging/{stored['path']}" in stands(upload_type)) == (guard == "staging")
ok("other bytes at the same address after notify: " + ("412" if guard == "if-none-match" else "taken, to where nobody reads"))

three = {"contentType": "text/plain", "contentLength": 3, "type": TABLE}
digest = {"hash": hashlib.sha256(b"abc").hexdigest()}
wrong: list[tuple[str, dict[str, Any], bytes, dict[str, str]]] = [
    ("size", three, b"abcd", {}),
    ("type", three, b"abc", {"Content-Type": "text/html"}),
    ("SHA-256", three | digest, b"abd", {}),
    ("size", three | digest | {"type": AVATAR}, b"", {}),
    ("SHA-256", three | digest | {"type": AVATAR}, b"abd", {}),
]
for what, wish, body, changes in wrong:
    before = stands(wish["type"])
    signed = sign(wish)
    assert put(signed, body, changes).status == 200, "moto verifies nothing of this"
    assert len(stands(wish["type"]) - before) == 1
    told = problem(notify(signed), 400, "validation_error")
    assert f"another {what} " in told["message"], told
    assert stands(wish["type"]) == before, "it is removed"
    problem(notify(signed), 404, "not_found")
ok("another size, type or SHA-256 than was signed, taken by the store: refused by notify and removed")

signed = sign(three | digest)
assert signed["requestHeaders"]["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(b"abc").digest()).decode()
assert put(signed, b"abc").status == 200
stored = notify(signed).json()
for method in ["PUT", "POST"]:
    problem(ask(method, f"{origin}/api/attachments/upload/{signed['token']}", {"Content-Type": "text/plain"}, b"abc"), 404, "not_found")
problem(ask("GET", f"{origin}/api/attachments/read/private/{stored['path']}"), 404, "not_found")
ok("bytes do not pass through the service: 404 at its own addresses")

assert compared > 30, compared
ok(f"boto3 signs the same: {compared} addresses, equal to the last character of the signature")
print(f"flow, {guard}: {passed} passed, 0 failed")
