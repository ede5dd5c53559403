"""Marks, wide signs and line ends of every sort: the same events come of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Scan
from written_logs import execve, text_of

LOG = text_of(execve(1, "/usr/bin/a", "a", "é"), execve(2, "/usr/bin/b", "b"))


def commands(scan: Scan, folder: Path, data: bytes) -> list[str]:
    file = folder / "some.log"
    file.write_bytes(data)
    scanned = scan(file)
    assert scanned.letters == []
    return [event["process.cmd_line"] for event in scanned.events("exec")]


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_utf_16_is_read_with_and_without_a_mark(
    scan: Scan, tmp_path: Path, encoding: str, mark: bool, end: str
) -> None:
    text = ("\ufeff" if mark else "") + LOG.replace("\n", end)
    assert commands(scan, tmp_path, text.encode(encoding)) == ["a é", "b"]


def test_a_utf_16_file_that_ends_within_a_sign_gives_the_rest(scan: Scan, tmp_path: Path) -> None:
    assert commands(scan, tmp_path, ("\ufeff" + LOG + "x").encode("utf-16-le")[:-3]) == ["a é", "b"]


def test_utf_16_is_followed_over_a_growing_file(scan: Scan, tmp_path: Path) -> None:
    file = tmp_path / "some.log"
    file.write_bytes(("\ufeff" + LOG).encode("utf-16-le"))
    first = scan(file)
    more = text_of(execve(3, "/usr/bin/c", "c"))
    file.write_bytes(("\ufeff" + LOG + more).encode("utf-16-le"))
    then = scan(file, since=first.positions)
    assert [event["process.cmd_line"] for event in then.events("exec")] == ["c"]


def test_the_mark_of_utf_8_is_no_part_of_the_first_line(scan: Scan, tmp_path: Path) -> None:
    assert commands(scan, tmp_path, b"\xef\xbb\xbf" + LOG.encode()) == ["a é", "b"]
    json = b'\xef\xbb\xbf{"time":"2026-11-24T11:14:28Z","event":"login"}\n'
    (tmp_path / "b.log").write_bytes(json)
    assert len(scan(tmp_path / "b.log").events()) == 1


def test_a_mark_within_a_file_costs_no_more_than_its_own_line_and_is_told(scan: Scan, tmp_path: Path) -> None:
    """Files that begin with marks, put one behind the other."""
    json = b'\xef\xbb\xbf{"time":"2026-11-24T11:14:28Z","event":"login"}\n'
    (tmp_path / "b.log").write_bytes(json + json[3:] + json + json[3:])
    scanned = scan(tmp_path / "b.log")
    assert len(scanned.events()) + len(scanned.letters) == 4
    assert {letter.place.rpartition(":")[2] for letter in scanned.letters} <= {"3"}


def test_utf_32_is_told_and_not_taken_for_utf_16(scan: Scan, tmp_path: Path) -> None:
    file = tmp_path / "some.log"
    file.write_bytes(LOG.encode("utf-32"))
    scanned = scan(file)
    assert scanned.batches == []
    [letter] = scanned.letters
    assert letter.reason
    assert letter.remedy


def test_line_ends_may_be_mixed(scan: Scan, tmp_path: Path) -> None:
    lines = LOG.split("\n")[:-1]
    mixed = "".join(line + ("\r\n" if place % 2 else "\n") for place, line in enumerate(lines))
    assert commands(scan, tmp_path, mixed.encode()) == ["a é", "b"]


def test_bytes_with_some_zeros_are_not_taken_for_utf_16(scan: Scan, tmp_path: Path) -> None:
    file = tmp_path / "some.log"
    file.write_bytes(LOG.encode() + b"\0" * 100 + b"\n")
    scanned = scan(file)
    assert len(scanned.events("exec")) == 2
    assert len(scanned.letters) == 1
