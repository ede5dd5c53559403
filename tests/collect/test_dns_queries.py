"""dnsmasq's log: a query with its answers is one event of the client that asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Scan, Scanned, source_of

from lichen.core.batch import LogSource

DNS = LogSource(None, "dns", None)
CODES = {
    "NXDOMAIN": "NXDOMAIN",
    "REFUSED (EDE: prohibited)": "REFUSED",
    "SERVFAIL": "SERVFAIL",
    "NODATA": "NOERROR",
    "1.2.3.4": "NOERROR",
}


def log_of(messages: Sequence[str]) -> str:
    return "".join(f"Nov 24 11:15:{place // 20:02} dnsmasq[40]: {text}\n" for place, text in enumerate(messages))


@pytest.fixture
def read(scan: Scan, tmp_path: Path):
    def read_lines(*messages: str, **options: int):
        file = tmp_path / "dns.log"
        file.write_text(
            "".join(f"Nov 24 11:15:{place // 50:02} dnsmasq[40]: {m}\n" for place, m in enumerate(messages))
        )
        return scan(file, **options)

    return read_lines


def test_answers_belong_to_the_query_they_follow(read) -> None:
    scanned = read(
        "query[A] a.example from 10.0.0.1",
        "query[A] b.example from 10.0.0.2",
        "forwarded b.example to 9.9.9.9",
        "config a.example is 192.0.2.1",
        "reply b.example is <CNAME>",
        "reply c.cdn.example is 192.0.2.9",
        "reply c.cdn.example is 192.0.2.10",
        "query[AAAA] a.example from 10.0.0.1",
        "config a.example is NODATA-IPv6",
    )
    told = [
        (
            event["src_endpoint.ip"],
            event["query.hostname"],
            event["query.type"],
            event.get("rcode"),
            event["subject.workload"],
        )
        for event in scanned.events("dns")
        if "src_endpoint.ip" in event
    ]
    assert told == [
        ("10.0.0.1", "a.example", "A", "NOERROR", "10.0.0.1"),
        ("10.0.0.2", "b.example", "A", "NOERROR", "10.0.0.2"),
        ("10.0.0.1", "a.example", "AAAA", "NOERROR", "10.0.0.1"),
    ]
    assert [line.get("answer") for line in scanned.lines(DNS)][:2] == ["192.0.2.1", "<CNAME>,192.0.2.9"]


@pytest.mark.parametrize("answer", CODES)
def test_the_response_code_is_what_the_answer_says(read, answer: str) -> None:
    [event] = read("query[A] x.example from 10.0.0.1", f"config x.example is {answer}").events("dns")
    assert event["rcode"] == CODES[answer]


def test_numbered_lines_and_lines_by_way_of_syslog_are_read_too(scan: Scan, tmp_path: Path) -> None:
    file = tmp_path / "syslog"
    file.write_text(
        "Nov 24 08:06:07 dnsmasq[34]: 1247 10.77.0.21/36843 query[A] aa1795507567.evil.test from 10.77.0.21\n"
        "Nov 24 08:06:07 dnsmasq[34]: 1247 10.77.0.21/36843 config aa1795507567.evil.test is REFUSED\n"
        "2026-11-24T08:06:08+00:00 ns-1 dnsmasq[34]: query[TXT] b.evil.test from 10.77.0.22\n"
    )
    first, second = scan(file).events("dns")
    assert (first["src_endpoint.port"], first["rcode"], first["query.hostname"]) == (
        36843,
        "REFUSED",
        "aa1795507567.evil.test",
    )
    assert (second["query.type"], second["device.hostname"], second.get("rcode")) == ("TXT", "ns-1", None)


def test_an_answer_that_nobody_asked_for_is_an_event_of_its_own(read) -> None:
    [event] = read("reply x.example is 1.2.3.4").events("dns")
    assert event["activity_id"] == 2
    assert "src_endpoint.ip" not in event


def test_what_is_neither_is_kept_as_other(read) -> None:
    scanned = read("started, version 2.90 cache disabled", "query[A] x from 10.0.0.1", "read /etc/hosts - 8 names")
    assert len(scanned.events("other")) == 2


def test_blocks_cut_no_query_from_its_answers(tmp_path: Path) -> None:
    pairs = [(f"query[A] n{n}.example from 10.0.0.{n % 250}", f"reply n{n}.example is 1.1.1.1") for n in range(300)]
    file = tmp_path / "dns.log"
    file.write_text(log_of([message for pair in pairs for message in pair]))
    scans = [Scanned(list(source_of([file], batch_bytes=size).read({}))) for size in (4096, 1 << 20)]
    assert len(scans[0].deliveries) > 5
    assert scans[0].ids == scans[1].ids
    assert len(scans[0].ids) == 300
    assert all(event["rcode"] == "NOERROR" for event in scans[0].events())
