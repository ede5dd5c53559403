"""Whatever is done to a log's bytes: no error, and every line is in an event or in a dead letter."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import MAPPINGS, Scanned, source_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GOLDEN = Path(__file__).parent / "golden" / "auditd.log"
SYSLOG = b"""Nov 24 11:14:28 ops-1 sudo: boris : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/id
2026-11-24T11:14:28.418+00:00 ops-1 sshd[77]: Failed password for invalid user admin from 203.0.113.9 port 4022 ssh2
Nov 24 11:15:22 dnsmasq[40]: query[A] mirror.example from 10.77.0.102
Nov 24 11:15:22 dnsmasq[40]: config mirror.example is 192.0.2.20
Nov 24 11:15:22 dnsmasq[40]: 1247 10.77.0.21/36843 query[TXT] aa17.evil.test from 10.77.0.21
Nov 24 11:14:28 ops-1 CRON[6]: (root) CMD (test -x /etc/x && (id; ls))
"""
ACCESS = b"""10.77.1.21 - rosa [24/Nov/2026:11:14:32 +0000] "POST /a?x=1 HTTP/1.1" 200 58 "-" "x/3" "10.7.0.1:80" "d9e"
127.0.0.1 - - [24/Nov/2026:11:14:33 +0000] "GET / HTTP/1.1" 200 23 "-" "curl/7.88.1"
"""
LOGS = {
    "auditd": GOLDEN.read_bytes(),
    "syslog": SYSLOG * 4,
    "access": ACCESS * 8,
    **{path.name: path.read_bytes() * 4 for path in sorted(MAPPINGS.glob("*.sample.ndjson"))},
    **{path.name: path.read_bytes() * 4 for path in sorted(MAPPINGS.glob("*.sample.log")) if "zeek" not in path.name},
    **{path.name: path.read_bytes() * 4 for path in sorted(MAPPINGS.glob("*.sample.csv"))},
}


@st.composite
def damaged(draw: st.DrawFn, log: bytes) -> bytes:
    """A log with some bytes changed, taken out, put in or put elsewhere."""
    data = bytearray(log)
    for _ in range(draw(st.integers(0, 12))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["change", "cut", "insert", "copy", "join"])):
            case "change":
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + draw(st.integers(1, 60))]
            case "insert":
                signs = st.sampled_from([b'"', b"'", b"{", b"=", b"\x1d", b"\\x", b"\n"])
                data[at:at] = draw(st.binary(max_size=12) | signs)
            case "copy":
                data[at:at] = data[: draw(st.integers(0, 80))]
            case "join":
                data[at : data.find(b"\n", at) + 1] = b""
    return bytes(data)


@pytest.mark.parametrize("name", LOGS)
@given(data=st.data(), batch_bytes=st.sampled_from([4096, 1 << 20]))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_line_is_in_an_event_or_a_dead_letter(name: str, data: st.DataObject, batch_bytes: int) -> None:
    content = data.draw(damaged(LOGS[name]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "some.log"
        file.write_bytes(content)
        scanned = Scanned(list(source_of([file], batch_bytes=batch_bytes).read({})))
    if len(scanned.letters) == 1 and not scanned.batches:
        return  # nothing of it can be told any more: one letter says so
    lines = [line.removesuffix(b"\r") for line in content.split(b"\n")]
    starts = np.cumsum([0, *(len(line) + 1 for line in content.split(b"\n"))]).tolist()
    events = scanned.events()
    written = Counter(line.decode("utf-8", "backslashreplace") for line in lines if line)
    told = Counter(text for event in events for text in event["text"].split("\n"))
    assert told <= written
    assert told.total() + len(scanned.letters) == written.total()
    places = [starts.index(event["offset"]) + 1 for event in events]
    places += [int(letter.place.rpartition(":")[2]) for letter in scanned.letters]
    assert len(places) == len(set(places))
    assert len(set(scanned.ids)) == len(events)
