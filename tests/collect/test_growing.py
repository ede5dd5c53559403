"""A file that is written while it is read: every line once, whole, and no scan that never ends."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from conftest import Scanned, source_of

from lichen.core.batch import DeadLetter, Position

LINE = '{"time":"2026-11-24T11:14:31Z","event":"a","host":"h","n":%d,"more":"%s"}\n'
PIECES = {"whole lines": 1, "halves of lines": 2, "pieces of lines": 7}


class Writer:
    """Writes numbered lines to a file in pieces, as fast as it may, until told to stop; `lines` were begun."""

    def __init__(self, file: Path, pieces: int, pause: float) -> None:
        self._file, self._pieces, self._pause = file, pieces, pause
        self.lines = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with self._file.open("a") as opened:
            while not self._stop.is_set():
                line = LINE % (self.lines, "x" * (self.lines % 90))
                size = -(-len(line) // self._pieces)
                for at in range(0, len(line), size):
                    opened.write(line[at : at + size])
                    opened.flush()
                    time.sleep(self._pause)
                self.lines += 1


def numbers(scanned: Scanned) -> Counter[int]:
    return Counter(msgspec.json.decode(event["text"])["n"] for event in scanned.events())


def stored(scanned: Scanned) -> dict[str, Position]:
    return msgspec.json.decode(msgspec.json.encode(scanned.positions), type=dict[str, Position])


@pytest.mark.parametrize("name", PIECES)
def test_scans_while_a_file_grows_give_every_line_once_and_whole(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.log"
    file.write_text("")
    found: Counter[int] = Counter()
    letters: list[DeadLetter] = []
    known: dict[str, Position] = {}
    with Writer(file, PIECES[name], 0.0002) as writer:
        until(lambda: writer.lines > 5)
        for _ in range(8):
            scanned = live(file, known)
            known |= stored(scanned)
            found += numbers(scanned)
            letters += scanned.letters
    last = live(file, known)
    found += numbers(last)
    assert letters + last.letters == []
    assert found == Counter(range(writer.lines))


def live(file: Path, known: dict[str, Position]) -> Scanned:
    """A scan that gives half a line its time to be written on."""
    source = source_of([file], batch_bytes=4096)
    source.settle_seconds = 1.0
    return Scanned(list(source.read(known)))


def test_a_scan_ends_though_the_file_never_does(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("".join(LINE % (n, "x") for n in range(2000)))
    with Writer(file, 1, 0.0) as writer:
        begun = time.monotonic()
        scanned = Scanned(list(source_of([file], batch_bytes=4096).read({})))
        took = time.monotonic() - begun
    assert took < 10
    assert len(scanned.events()) >= 2000
    assert writer.lines > 0
    assert scanned.letters == []


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
