"""Files followed while they are written, renamed and cut short."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Scanned, source_of
from written_logs import execve, text_of

import lichen.collect.inputs.follow as follow_module
from lichen.core.batch import Delivery, Position


class Following:
    """A follower in a thread, and what it has delivered so far."""

    def __init__(self, path: Path, since: dict[str, Position] | None = None) -> None:
        self.source = source_of([path])
        self.source.follow = True
        self.source.poll_seconds = 0.02
        self.delivered: list[Delivery] = []
        self.failures: queue.Queue[BaseException] = queue.Queue()
        self._since = since or {}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            for delivery in self.source.read(self._since):
                self.delivered.append(delivery)
        except BaseException as error:
            self.failures.put(error)

    def serials(self) -> list[str]:
        return [event["metadata.uid"] for event in Scanned(list(self.delivered)).events()]

    def until(self, *serials: str) -> list[str]:
        """The serials delivered once all of the given ones are."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.failures.empty():
            got = self.serials()
            if set(serials) <= set(got):
                return got
            time.sleep(0.02)
        raise AssertionError(f"waited for {serials}, got {self.serials()}; {list(self.failures.queue)}")

    def stop(self) -> None:
        self.source.stopping.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
        assert self.failures.empty(), self.failures.get()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_module, "LIVE_SECONDS", 0.15)
    monkeypatch.setattr(follow_module, "LEAVES_AFTER_SECONDS", 0.4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    path.write_text(log(1, 2))
    return path


@pytest.fixture
def following(file: Path) -> Iterator[Following]:
    running = Following(file)
    yield running
    running.stop()


def log(*serials: int) -> str:
    return text_of(*[execve(n, "/usr/bin/x", "x", str(n), time=1795518860.0 + n * 10) for n in serials])


def append(path: Path, text: str) -> None:
    with path.open("a") as opened:
        opened.write(text)


def test_what_is_appended_is_delivered_the_last_event_once_it_is_quiet(file: Path, following: Following) -> None:
    assert following.until("1", "2") == ["1", "2"]
    append(file, log(3, 4))
    assert following.until("4") == ["1", "2", "3", "4"]
    append(file, log(5))
    assert following.until("5") == ["1", "2", "3", "4", "5"]


def test_half_a_line_is_not_read_before_it_is_whole(file: Path, following: Following) -> None:
    following.until("2")
    line = log(3)
    append(file, line[:50])
    time.sleep(0.06)
    append(file, line[50:])
    following.until("3")
    assert following.serials() == ["1", "2", "3"]
    assert not Scanned(list(following.delivered)).letters


def test_a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_beginning(file: Path, following: Following) -> None:
    following.until("2")
    with file.open("a") as still_open:
        file.rename(file.with_name("audit.log.1"))
        file.write_text(log(10))
        still_open.write(log(3))
        still_open.flush()
        following.until("3", "10")
    append(file, log(11))
    assert sorted(following.until("11"), key=int) == ["1", "2", "3", "10", "11"]


def test_in_a_folder_a_renamed_file_is_not_read_twice(tmp_path: Path, file: Path) -> None:
    following = Following(tmp_path)
    try:
        following.until("2")
        file.rename(file.with_name("audit.log.1"))
        file.write_text(log(10))
        following.until("10")
        append(file.with_name("audit.log.1"), log(3))
        following.until("3")
        time.sleep(1.0)  # until the renamed file has been let go and taken in under its new name
        append(file.with_name("audit.log.1"), log(4))
        assert sorted(following.until("4"), key=int) == ["1", "2", "3", "4", "10"]
    finally:
        following.stop()


@pytest.mark.parametrize("size", [1, 60])
def test_a_file_that_was_cut_short_is_read_from_its_new_beginning(file: Path, following: Following, size: int) -> None:
    following.until("2")
    with file.open("r+") as opened:
        opened.truncate(0)
        opened.write(log(*range(10, 10 + size)))  # with 60 it is longer than it was before anyone looks
    got = following.until(*map(str, range(10, 10 + size)))
    assert sorted(got, key=int) == ["1", "2", *map(str, range(10, 10 + size))]


def test_a_file_that_appears_in_the_folder_is_followed_too(tmp_path: Path, file: Path) -> None:
    following = Following(tmp_path)
    try:
        following.until("2")
        (tmp_path / "second.log").write_text(log(50))
        following.until("50")
        os.remove(tmp_path / "second.log")
        append(file, log(3))
        following.until("3")
    finally:
        following.stop()


def test_a_follower_that_was_stopped_goes_on_where_it_was(file: Path) -> None:
    first = Following(file)
    first.until("2")
    first.stop()
    append(file, log(3))
    positions = Scanned(first.delivered).positions
    second = Following(file, positions)
    try:
        second.until("3")
        assert second.serials() == ["3"]
    finally:
        second.stop()


def test_what_nobody_can_read_is_told_once_however_it_grows(tmp_path: Path, file: Path) -> None:
    strange = tmp_path / "strange.log"
    strange.write_text("no such format\n")
    following = Following(tmp_path)
    try:
        following.until("2")
        for n in range(3, 6):
            append(strange, "more of it\n")
            append(file, log(n))
            following.until(str(n))
        assert len(Scanned(list(following.delivered)).letters) == 1
    finally:
        following.stop()
