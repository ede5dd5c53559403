"""Fetching: from a real server, bounded, conditional, and never from a private address unless that is allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lichen.core.errors import InputError
from lichen.run.fetch import fetch, fetch_changed, is_public

LIST = b"192.0.2.7\nevil.example\n"


class Server(BaseHTTPRequestHandler):
    """A feed with an ETag, a redirect, and one that never ends."""

    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("If-None-Match")))
        if self.path == "/moved":
            self._answer(302, b"", Location="/list.txt")
        elif self.path == "/away":
            self._answer(302, b"", Location="file:///etc/passwd")
        elif self.path == "/round":
            self._answer(302, b"", Location="/round")
        elif self.path == "/large":
            self._answer(200, b"x" * 4096)
        elif self.path == "/gone":
            self._answer(410, b"")
        elif self.headers.get("If-None-Match") == '"one"':
            self._answer(304, b"")
        else:
            self._answer(200, LIST, ETag='"one"')

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """(its address, what it was asked for)."""
    asked: list[tuple[str, str | None]] = []
    handler = type("Asked", (Server,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def test_a_file_is_fetched_where_a_private_address_is_allowed(server: tuple[str, list[object]]) -> None:
    place, _ = server
    assert fetch(f"{place}/list.txt", 1000, allow_private=True) == LIST
    assert fetch(f"{place}/moved", 1000, allow_private=True) == LIST


def test_what_did_not_change_is_not_sent_again(server: tuple[str, list[object]]) -> None:
    place, asked = server
    first = fetch_changed(f"{place}/list.txt", 1000, allow_private=True)
    again = fetch_changed(f"{place}/list.txt", 1000, allow_private=True, since=first)
    assert (first.data, first.etag) == (LIST, '"one"')
    assert (again.data, again.etag) == (None, '"one"')
    assert asked[-1] == ("/list.txt", '"one"')


@pytest.mark.parametrize(
    ("path", "fault"),
    [("/large", "too large"), ("/gone", "410"), ("/round", "too often"), ("/away", "no URL of the web")],
)
def test_too_much_too_far_or_elsewhere_is_refused(server: tuple[str, list[object]], path: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        fetch(server[0] + path, 1000, allow_private=True)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0"]
)
def test_a_private_address_is_never_asked(server: tuple[str, list[object]], host: str) -> None:
    place, asked = server
    port = place.rpartition(":")[2]
    for scheme in ("https", "http"):
        with pytest.raises(InputError):
            fetch(f"{scheme}://{host}:{port}/list.txt", 1000)
    assert not asked


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "100.64.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "ff02::1",
        "fe80::1%eth0", "fd00:ec2::254", "fec0::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_open_network_is_told(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_address_of_the_open_network_is_public(address: str) -> None:
    assert is_public(address)
