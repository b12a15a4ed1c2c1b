"""Stands between clients and a store, and loses its first answer to each PUT: python lossy.py STORE

What the store was sent it has done; who sent it sees the connection break. Prints its own address, and then what happened to each PUT.
"""

import http.client
import http.server
import sys

store = sys.argv[1]
lost: set[str] = set()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(store, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if self.command == "PUT":
            is_first = self.path not in lost
            lost.add(self.path)
            print(f"{answer.status} {'lost' if is_first else 'told'}", flush=True)
            if is_first:
                self.close_connection = True
                return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = pass_on

    def log_message(self, format: str, *arguments: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
