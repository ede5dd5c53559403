"""The partners outside the estate: the acquirer that payments calls, the mirror that batch and admins use."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SUPPLIERS = "".join(f"KT-{n},{5 + n * 7 % 90},supplier {n % 9}\n" for n in range(100, 260))


class Partner(BaseHTTPRequestHandler):
    """Takes charges and feeds, hands out lists and packages."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Partners keep their logs to themselves."""

    def answer(self) -> None:
        """One call of any method."""
        size = min(int(self.headers.get("Content-Length") or 0), 4 << 20)
        sent = self.rfile.read(size)
        status, text = 200, b"ok\n"
        if self.path == "/v1/charges":
            time.sleep(0.03)
            declined = hash(sent) % 40 == 0
            status, text = (402 if declined else 200), json.dumps({"charged": not declined}).encode()
        elif self.path.startswith("/lists/"):
            text = SUPPLIERS.encode()
        elif self.path.startswith("/pool/") or self.path.startswith("/certs/"):
            text = b"# a small file of the mirror\n" * 40
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_HEAD = answer


def main() -> None:
    """Serve every partner's address until killed."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        partners = json.load(stream)["partners"]
    for address in partners.values():
        server = ThreadingHTTPServer((address, 8080), Partner)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
