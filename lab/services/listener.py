"""The attackers' servers: listener.py '{"kind": "shell", "address": …, "port": …, "send": […], "for": 25}'.

shell: waits for one reverse shell and sends it a bounded list of commands. drop: serves small files over HTTP.
sink: takes whatever is sent to it over HTTP. raw: the same over plain TCP. udp: the same over datagrams.
Every kind ends after `for` seconds.
"""

import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGEST_BYTES = 8 << 20


def say(**row: Any) -> None:
    """One JSON line about what happened, for the recorder's own check."""
    print(json.dumps(row), flush=True)


def listening(order: dict[str, Any]) -> socket.socket:
    """A TCP socket on the order's address that gives up when the order's time is over."""
    server = socket.create_server((order["address"], order["port"]), reuse_port=False)
    server.settimeout(float(order.get("for", 30)))
    return server


def shell(order: dict[str, Any]) -> None:
    """Send each command to the first caller, `pace` seconds apart, then leave."""
    until = time.monotonic() + float(order.get("for", 30))
    with listening(order) as server:
        peer, where = server.accept()
    say(connected=where[0], port=order["port"])
    peer.settimeout(1.0)
    threading.Thread(target=drain, args=(peer,), daemon=True).start()
    for command in [*order.get("send", ["id"]), "exit"]:
        time.sleep(float(order.get("pace", 1.5)))
        if time.monotonic() > until:
            break
        try:
            peer.sendall(command.encode() + b"\n")
        except OSError:
            break
    time.sleep(1.0)
    peer.close()


def drain(peer: socket.socket) -> None:
    """Read what a peer sends, up to the largest size; say how much it was."""
    taken, head = 0, b""
    while taken < LARGEST_BYTES:
        try:
            piece = peer.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            break
        if not piece:
            break
        taken, head = taken + len(piece), (head + piece)[:400]
    say(received=taken, head=head.decode("utf-8", "replace"))


def raw(order: dict[str, Any]) -> None:
    """Take connections until the time is over; answer `answer`, if the order has one."""
    until = time.monotonic() + float(order.get("for", 30))
    with listening(order) as server:
        while (left := until - time.monotonic()) > 0:
            server.settimeout(left)
            try:
                peer, where = server.accept()
            except OSError:
                break
            say(connected=where[0], port=order["port"])
            peer.settimeout(max(1.0, left))
            peer.sendall(str(order.get("answer", "")).encode())
            threading.Thread(target=drain, args=(peer,), daemon=True).start()


def udp(order: dict[str, Any]) -> None:
    """Take datagrams until the time is over."""
    until, taken = time.monotonic() + float(order.get("for", 30)), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((order["address"], order["port"]))
        while (left := until - time.monotonic()) > 0:
            server.settimeout(left)
            try:
                taken += len(server.recv(65536))
            except OSError:
                break
    say(received=taken)


def chunks(call: BaseHTTPRequestHandler) -> int:
    """Read a body sent in chunks; how many bytes it had."""
    taken = 0
    while call.headers.get("Transfer-Encoding", "") == "chunked" and taken < LARGEST_BYTES:
        size = int(call.rfile.readline(32).strip() or b"0", 16)
        taken += len(call.rfile.read(size))
        call.rfile.readline(4)
        if size == 0:
            break
    return taken


def web(order: dict[str, Any]) -> None:
    """HTTP: the order's files by path; `answer` for everything else."""
    files = order.get("files", {})

    class Answer(BaseHTTPRequestHandler):
        """Answers every method."""

        protocol_version = "HTTP/1.1"
        server_version, sys_version = "nginx", ""

        def log_message(self, *_: Any) -> None:
            """Said by answer()."""

        def answer(self) -> None:
            """Read what comes, give what is there."""
            size = min(int(self.headers.get("Content-Length") or 0), LARGEST_BYTES)
            taken = len(self.rfile.read(size)) + chunks(self)
            say(client=self.client_address[0], method=self.command, path=self.path[:200], received=taken)
            known = files.get(self.path.split("?")[0])
            text = (known if known is not None else str(order.get("answer", "ok\n"))).encode()
            missing = known is None and order["kind"] == "drop"
            self.send_response(404 if missing else 200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_HEAD = do_PATCH = do_OPTIONS = answer

    server = ThreadingHTTPServer((order["address"], order["port"]), Answer)
    server.daemon_threads = True
    threading.Timer(float(order.get("for", 30)), server.shutdown).start()
    server.serve_forever()


KINDS = {"shell": shell, "raw": raw, "udp": udp, "drop": web, "sink": web}


def main() -> None:
    """Serve one order."""
    order = json.loads(sys.argv[1])
    try:
        KINDS[order["kind"]](order)
    except TimeoutError:
        say(nobody_came=order["address"], port=order["port"])


if __name__ == "__main__":
    main()
