"""A console served on 127.0.0.1 over a desk, and plain requests to it: tests only."""

from __future__ import annotations

import socket
import threading
import time
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode

import uvicorn
from desk_for_pages import DeskForPages
from trial_alerts import NOW

from lichen.web.app import create_app
from lichen.web.door import FORM, Keys

TOKEN = "a-token-of-this-start-000"


class Site:
    """A running console: its desk, its clock, its address, and plain requests to it."""

    def __init__(self, desk: DeskForPages) -> None:
        self.desk, self.now = desk, NOW
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))
        self.port = int(self.listening.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.keys = Keys(TOKEN, self.port)
        app = create_app(desk, token=TOKEN, port=self.port, now=lambda: self.now, window_minutes=60, by="alice")
        config = uvicorn.Config(app, log_level="critical", access_log=False, ws="none", lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listening]}, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)

    def ask(self, path: str, method: str = "GET", form: dict[str, str] | None = None, **headers: str) -> HTTPResponse:
        """A request with the cookie of this start; a form carries its word and comes from its own origin. Headers are
        named with _ for -, and an empty one is not sent."""
        sent = {"Host": f"127.0.0.1:{self.port}", "Cookie": f"{self.keys.cookie_name}={self.keys.cookie}"}
        body = None
        if method == "POST":
            sent |= {"Origin": self.url, "Content-Type": FORM}
            body = urlencode({"csrf": self.keys.csrf, **(form or {})})
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode() if body is not None else None)
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        connection.close()
        return answer

    def end(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.listening.close()
