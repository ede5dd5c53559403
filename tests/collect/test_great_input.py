"""Input that is too much of one thing: a million fields, a great depth, a great line; told, and bounded."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MAPPINGS, Scan

SAMPLES = sorted([*MAPPINGS.glob("*.sample.log"), *MAPPINGS.glob("*.sample.ndjson")])
ONE = '{"time":"2026-11-24T11:14:31Z","event":"a","host":"h"}\n'


def measured(work: Callable[[], object]) -> tuple[float, int]:
    """Seconds and most bytes that some work takes."""
    tracemalloc.start()
    begun = time.monotonic()
    work()
    took, peak = time.monotonic() - begun, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return took, peak


def test_a_million_fields_are_a_dead_letter_by_the_limit_of_a_line(scan: Scan, tmp_path: Path) -> None:
    fields = ",".join(f'"f{n}":{n}' for n in range(1_000_000))
    (tmp_path / "a.log").write_text(ONE + '{"time":"2026-11-24T11:14:32Z",' + fields + "}\n" + ONE)
    scanned = []
    took, peak = measured(lambda: scanned.append(scan(tmp_path / "a.log")))
    assert took < 10
    assert peak < 64 << 20
    assert len(scanned[0].events()) == 2
    [letter] = scanned[0].letters
    assert "longer than 1048576 bytes" in letter.reason
    assert letter.place.endswith("a.log:2")


def test_a_million_fields_within_a_raised_limit_are_an_event_with_bounded_columns(scan: Scan, tmp_path: Path) -> None:
    fields = ",".join(f'"f{n}":{n}' for n in range(1_000_000))
    first = '{"ts":1795518866.5,"_path":"first"}\n'
    (tmp_path / "zeek.log").write_text(first + '{"ts":1795518867.5,"_path":"odd",' + fields + "}\n")
    scanned = []
    took, peak = measured(
        lambda: scanned.append(scan(tmp_path / "zeek.log", line_limit_bytes=64 << 20, batch_bytes=64 << 20))
    )
    assert took < 30
    assert peak < 1 << 30
    [_, event] = scanned[0].events()
    assert event["metadata.event_code"] == "odd"
    assert all(len(shape.fields.schema) <= 4096 for batch in scanned[0].batches for shape in batch.shapes)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_ten_mebibyte_line_in_every_format_is_one_dead_letter(scan: Scan, tmp_path: Path, sample: Path) -> None:
    content = sample.read_bytes()
    whole = scan(sample)
    (tmp_path / "a.log").write_bytes(content + b"x" * (10 << 20) + b"\n")
    with_long = scan(tmp_path / "a.log")
    assert len(with_long.events()) == len(whole.events())
    assert ["longer than" in letter.reason for letter in with_long.letters] == [True]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_line_of_nothing_but_openings_takes_no_time(scan: Scan, tmp_path: Path, sample: Path) -> None:
    content = sample.read_bytes().replace(b"\n", b"\n", 1)
    first = content.split(b"\n")[-2]
    odd = [b'"' * 200_000, b"a=" * 100_000, b"[" * 200_000, b"{" * 50_000, b" " * 200_000, b"\\" * 200_001]
    odd += [first[: len(first) // 2] + part for part in odd] + [first + part for part in odd]
    (tmp_path / "a.log").write_bytes(content + b"\n".join(odd) + b"\n")
    begun = time.monotonic()
    scan(tmp_path / "a.log")
    assert time.monotonic() - begun < 5


def test_json_nested_a_hundred_deep_is_a_dead_letter_in_every_json_sensor(scan: Scan, tmp_path: Path) -> None:
    deep = '{"ts":1,"uid":"a","id.orig_h":"b","id.resp_h":' + '{"a":' * 100 + "1" + "}" * 101 + "\n"
    zeek = '{"ts":1795518867.5,"uid":"a","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","conn_state":"SF"}\n'
    (tmp_path / "conn.log").write_text(zeek + deep + zeek)
    scanned = scan(tmp_path / "conn.log")
    assert len(scanned.events("net")) == 2
    assert ["nested deeper" in letter.reason for letter in scanned.letters] == [True]
