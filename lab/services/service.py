"""The frame of every lab service: routes, keep-alive HTTP, an access log in JSON lines, calls upstream."""

import http.client
import json
import os
import re
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

HOST = socket.gethostname()
LOG = os.environ.get("LOG", "/var/log/app/access.log")
QUERY_CAP_BYTES = 2048
SECRETS = {"password"}


@dataclass
class Request:
    """One call: what was asked, by whom, and what the answer will say in the log."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    headers: Any
    client: str
    request_id: str
    user: str = "-"
    upstream: str = "-"
    groups: tuple[str, ...] = field(default_factory=tuple)

    def value(self, name: str, default: str = "") -> str:
        """A parameter, from the body before the query."""
        return str(self.body.get(name, self.query.get(name, default)))


Handler = Callable[[Request], tuple[int, Any]]


class Routes:
    """A service's table: (method, pattern, template) -> handler."""

    def __init__(self) -> None:
        self.table: list[tuple[str, re.Pattern[str], str, Handler]] = []

    def add(self, method: str, template: str, handler: Handler) -> None:
        """Serve `template`, where {id} stands for one path segment."""
        pattern = re.compile("^" + re.sub(r"\{[a-z]+\}", r"([^/]+)", template) + "$")
        self.table.append((method, pattern, f"{method} {template}", handler))

    def find(self, method: str, path: str) -> tuple[Handler | None, str, tuple[str, ...]]:
        """The handler for a call, its route as logged, and the path's values."""
        for verb, pattern, route, handler in self.table:
            found = pattern.match(path)
            if found and verb == method:
                return handler, route, found.groups()
        return None, f"{method} (unknown)", ()


class Upstreams:
    """Kept-alive connections to a group of replicas, taken in turn."""

    def __init__(self, listing: str, age_s: float = 75.0) -> None:
        pairs = [item.split("=", 1) for item in listing.split(",") if item]
        self.addresses = dict(pairs)
        self.names = list(self.addresses)
        self.turn, self.age_s, self.lock = os.getpid(), age_s, threading.Lock()
        self.idle: dict[str, list[tuple[float, http.client.HTTPConnection]]] = {name: [] for name in self.names}

    def pick(self, pinned: str | None) -> str:
        """The replica for the next call: the pinned one if it is known."""
        if pinned in self.addresses:
            return str(pinned)
        with self.lock:
            self.turn += 1
            return self.names[self.turn % len(self.names)]

    def _take(self, name: str) -> tuple[float, http.client.HTTPConnection]:
        with self.lock:
            while self.idle[name]:
                born, kept = self.idle[name].pop()
                if time.monotonic() - born < self.age_s:
                    return born, kept
                kept.close()
        host, port = self.addresses[name].rsplit(":", 1)
        return time.monotonic(), http.client.HTTPConnection(host, int(port), timeout=15)

    def call(self, name: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """One call to a replica; retried once on a connection that died while idle."""
        for attempt in (1, 2):
            born, connection = self._take(name)
            try:
                connection.request(method, path, body or None, headers)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as fault:
                connection.close()
                if attempt == 2 or isinstance(fault, TimeoutError):
                    return 504 if isinstance(fault, TimeoutError) else 502, b'{"error": "upstream"}'
                continue
            with self.lock:
                self.idle[name].append((born, connection))
            return answer.status, content
        return 502, b""


def forward_headers(request: Request) -> dict[str, str]:
    """What a service tells the next one about the caller."""
    return {
        "Content-Type": "application/json",
        "X-Request-Id": request.request_id,
        "X-Forwarded-For": request.client,
        "X-User": request.user,
        "User-Agent": request.headers.get("User-Agent", "-"),
    }


class AccessLog:
    """JSON lines, one a call, in the order in which calls end."""

    def __init__(self, path: str) -> None:
        self.path, self.lock = path, threading.Lock()
        os.makedirs(os.path.dirname(path), exist_ok=True)

    def write(self, row: dict[str, Any]) -> None:
        """Append a row; the file is opened anew so that rotation needs no signal."""
        with self.lock, open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, separators=(",", ":")) + "\n")


def logged_query(raw: str, body: dict[str, Any]) -> str:
    """The query as sent, with the body's plain parameters after it, without secrets, cut at 2 kB."""
    plain = {k: v for k, v in body.items() if k not in SECRETS and isinstance(v, str | int | float)}
    return "&".join(part for part in (raw, urlencode(plain)) if part)[:QUERY_CAP_BYTES]


class Call(BaseHTTPRequestHandler):
    """One connection of a lab service."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "lab/1", ""
    disable_nagle_algorithm = True
    routes: Routes
    log: AccessLog

    def log_message(self, *_: Any) -> None:
        """The access log says it already."""

    def _read_body(self) -> dict[str, Any]:
        raw = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
        try:
            value = json.loads(raw) if raw else {}
        except ValueError:
            value = dict(parse_qsl(raw.decode("utf-8", "replace")))
        return value if isinstance(value, dict) else {"value": value}

    def _answer(self) -> None:
        began, clock = time.perf_counter(), datetime.now(UTC)
        parts = urlsplit(self.path)
        forwarded = self.headers.get("X-Forwarded-For", "").split(",")[0].strip()
        request = Request(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            self._read_body(),
            self.headers,
            forwarded or self.client_address[0],
            self.headers.get("X-Request-Id") or uuid.uuid4().hex,
            user=self.headers.get("X-User", "-"),
        )
        handler, route, request.groups = self.routes.find(self.command, parts.path)
        try:
            status, content = handler(request) if handler else (404, {"error": "no such route"})
        except Exception as fault:  # a service answers whatever happens; the fault goes to its stderr
            print(f"{HOST} {route}: {fault!r}", file=sys.stderr, flush=True)
            status, content = 500, {"error": "internal"}
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self._send(status, data, request.user)
        self.log.write(
            {
                "time": clock.isoformat(timespec="microseconds").replace("+00:00", "Z"),
                "host": HOST,
                "client": request.client,
                "user": request.user,
                "method": self.command,
                "path": parts.path[:QUERY_CAP_BYTES],
                "query": logged_query(parts.query, request.body),
                "status": status,
                "bytes_in": int(self.headers.get("Content-Length") or 0),
                "bytes_out": len(data),
                "duration_ms": round((time.perf_counter() - began) * 1000, 1),
                "route": route,
                "upstream": request.upstream,
                "request_id": request.request_id,
                "user_agent": self.headers.get("User-Agent", "-"),
            }
        )

    def _send(self, status: int, data: bytes, user: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if re.fullmatch(r"[a-z-]*[a-z]", user):
                self.send_header("X-User", user)  # for the web tier's log
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = _answer


class Server(ThreadingHTTPServer):
    """A listening service whose threads never keep it alive."""

    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True


def serve(routes: Routes) -> None:
    """Serve a table of routes on PORT until killed."""
    routes.add("GET", "/healthz", lambda request: (200, {"ok": True, "host": HOST}))
    handler = type("Bound", (Call,), {"routes": routes, "log": AccessLog(LOG)})
    Server((os.environ.get("BIND", ""), int(os.environ.get("PORT", "8080"))), handler).serve_forever()
