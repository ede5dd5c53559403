"""Access log lines: the combined format, what sites add to it, and what attackers put into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import Scan

from lichen.core.batch import LogSource

WEBSERVER = LogSource(None, "webserver", None)


@pytest.fixture
def read(scan: Scan, tmp_path: Path):
    def read_lines(*lines: str):
        file = tmp_path / "access.log"
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return scan(file)

    return read_lines


def line(request: str, rest: str = '200 58 "-" "curl/7.88.1"', user: str = "-", client: str = "10.77.1.21") -> str:
    return f'{client} - {user} [24/Nov/2026:11:14:32 +0100] "{request}" {rest}'


def test_a_combined_line_with_upstream_and_request_id(read) -> None:
    extra = (
        '200 58 "https://a/b" "shop-app/3.2 (Android 15)" "10.77.0.21:8080" "d9ec2c5a6ec34f40959ac5028e2ad5fd" 0.125'
    )
    [event] = read(line("POST /api/login?x=1&y=%20 HTTP/1.1", extra, user="rosa")).events("http")
    expected: dict[str, Any] = {
        "http_request.http_method": "POST",
        "http_request.url.path": "/api/login",
        "http_request.url.query_string": "x=1&y=%20",
        "http_request.user_agent": "shop-app/3.2 (Android 15)",
        "http_request.referrer": "https://a/b",
        "http_response.code": 200,
        "http_response.length": 58,
        "src_endpoint.ip": "10.77.1.21",
        "dst_endpoint.ip": "10.77.0.21",
        "dst_endpoint.port": 8080,
        "metadata.uid": "d9ec2c5a6ec34f40959ac5028e2ad5fd",
        "actor.user.name": "rosa",
        "subject.user": "rosa",
        "duration": 125.0,
        "activity_id": 6,
        "status_id": 1,
    }
    assert {name: event[name] for name in expected} == expected
    assert event["time"].isoformat() == "2026-11-24T10:14:32+00:00"


def test_sigma_reads_the_whole_target_under_query_and_uri(read) -> None:
    [fields] = read(line("GET /vpn/../vpns/portal?id=1 HTTP/1.1", '404 - "-" "-"')).lines(WEBSERVER)
    assert fields["cs-uri-query"] == fields["c-uri"] == "/vpn/../vpns/portal?id=1"
    assert (fields["cs-uri-stem"], fields["sc-status"], fields["cs-method"]) == ("/vpn/../vpns/portal", "404", "GET")
    assert not {"cs-user-agent", "cs-referer", "cs-username"} & fields.keys()


@pytest.mark.parametrize(
    ("request_line", "method", "path"),
    [
        ("GET / HTTP/2.0", "GET", "/"),
        ("GET /a b HTTP/1.1", "GET", "/a b"),
        ("GET http://evil.example/x?y HTTP/1.1", "GET", "/x"),
        ("CONNECT evil.example:443 HTTP/1.1", "CONNECT", "evil.example:443"),
        (r"\x16\x03\x01\x02", None, r"\x16\x03\x01\x02"),
        ("-", None, None),
        ("", None, None),
        (r"GET /\"x\" HTTP/1.1", "GET", r"/\"x\""),
        ("OPTIONS * HTTP/1.1", "OPTIONS", "*"),
    ],
)
def test_odd_requests_are_events_with_what_they_have(read, request_line: str, method: str, path: str) -> None:
    scanned = read(line(request_line, '400 0 "-" "-"'))
    [event] = scanned.events("http")
    assert (event.get("http_request.http_method"), event.get("http_request.url.path") or None) == (method, path)
    assert event["status_id"] == 2


def test_common_and_virtual_host_lines_are_read_too(read) -> None:
    scanned = read(line("GET / HTTP/1.1", "304 0"), "shop.example:443 " + line("GET / HTTP/1.1"))
    assert [event.get("http_request.url.hostname") for event in scanned.events()] == [None, "shop.example"]
    assert scanned.letters == []


@pytest.mark.parametrize(
    "bad",
    ["", "x", line("GET / HTTP/1.1").replace("24/Nov", "24/Nev"), line("GET / HTTP/1.1").replace("24/Nov", "31/Feb"),
     line("GET /").replace('"GET', "GET"), line("GET / HTTP/1.1", "OK 58")],
)  # fmt: skip
def test_a_line_of_another_form_is_a_dead_letter_and_the_rest_goes_on(read, bad: str) -> None:
    scanned = read(line("GET / HTTP/1.1"), bad, line("GET /2 HTTP/1.1"))
    assert [event["http_request.url.path"] for event in scanned.events()] == ["/", "/2"]
    assert len(scanned.letters) == bool(bad)


def test_a_length_that_no_number_holds_is_left_empty(read) -> None:
    [event] = read(line("GET / HTTP/1.1", '200 99999999999999999999999999 "-" "-"')).events()
    assert "http_response.length" not in event
