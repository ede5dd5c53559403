"""What lies around lines is taken off on standard input as in files: the same events, or a letter with a remedy."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from conftest import Scan, Scanned
from windows_sets import windows_logs
from written_logs import execve, text_of

import lichen.collect.inputs.opened as opened_module

GOOD = text_of(*(execve(n, f"/usr/bin/{n}", "a") for n in range(1, 400))).encode()


def zipped(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("var/log/a.log", data)
    return made.getvalue()


def tarred(data: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        entry = tarfile.TarInfo("var/log/a.log")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda data: gzip.compress(tarred(data)),
    "zip of gzip": lambda data: zipped(gzip.compress(data)),
    "UTF-16": lambda data: ("\ufeff" + data.decode()).encode("utf-16-le"),
}
Given = Callable[[bytes], None]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Bytes on standard input, which come in small pieces."""

    class Slow(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._left = data

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            size = min(300, len(buffer))
            part, self._left = self._left[:size], self._left[size:]
            buffer[: len(part)] = part
            return len(part)

    def give(data: bytes) -> None:
        stdin = type("Stdin", (), {"buffer": io.BufferedReader(Slow(data), 300)})
        monkeypatch.setattr(sys, "stdin", stdin)

    return give


@pytest.mark.parametrize("name", PACK)
def test_what_is_packed_gives_the_events_of_the_plain_log(scan: Scan, tmp_path: Path, given: Given, name: str) -> None:
    (tmp_path / "a.log").write_bytes(GOOD)
    given(PACK[name](GOOD))
    scanned = scan("-")
    assert scanned.letters == []
    assert scanned.ids == scan(tmp_path / "a.log").ids
    assert len(scanned.ids) == 399
    assert {event["place"].partition("!")[0] for event in scanned.events()} == {"-"}
    assert {event["subject.host"] for event in scanned.events()} == {"-"}


def test_an_evtx_file_gives_its_events(scan: Scan, given: Given) -> None:
    log = windows_logs()[0]
    given(log.read_bytes())
    assert scan("-").ids == scan(log).ids != []


def told(scanned: Scanned) -> str:
    """The reasons of all dead letters, each of which has a remedy."""
    assert all(letter.remedy for letter in scanned.letters)
    return "; ".join(letter.reason for letter in scanned.letters)


@pytest.mark.parametrize("name", ["gzip", "xz", "bzip2", "zip", "tar.gz"])
def test_what_is_cut_short_is_told(scan: Scan, given: Given, name: str) -> None:
    packed = PACK[name](GOOD)
    given(packed[: len(packed) // 2])
    assert "ends before its end" in told(scan("-")) or name == "zip"
    given(packed[: len(packed) // 2])
    assert told(scan("-"))


def test_what_is_too_great_to_be_kept_is_told_with_a_remedy(
    scan: Scan, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_module, "KEPT_BYTES", 1000)
    given(zipped(GOOD))
    scanned = scan("-")
    assert "on standard input" in told(scanned)
    assert "name the file" in scanned.letters[0].remedy


def test_a_bomb_is_stopped(scan: Scan, given: Given) -> None:
    given(zipped(GOOD + b"0" * (100 << 20)))
    assert any("archive_ratio" in letter.remedy for letter in scan("-").letters)
