"""Files followed as they grow: through renaming and truncation, with what is new in a folder."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from lichen.collect.inputs.opened import STDIN, Origin
from lichen.collect.inputs.reading import StreamReading
from lichen.collect.inputs.survey import Seen, Survey
from lichen.core.batch import Delivery, Position

LIVE_SECONDS = 2.0  # an event younger than this may still be written on
LEAVES_AFTER_SECONDS = 5.0  # a renamed file that has not grown for so long is left


@dataclass(slots=True)
class Growing:
    """A file that is followed, and when it last grew. `told`: what it left open has been given out since."""

    reading: StreamReading
    grew: float = field(default_factory=time.monotonic)
    told: bool = False

    def advance(self) -> Iterator[Delivery]:
        """What is new; if nothing has come for a while, what was held back."""
        before = self.reading.reached
        yield from self.reading.advance()
        if self.reading.reached != before:
            self.grew, self.told = time.monotonic(), False
        elif not self.told and self.quiet_seconds > LIVE_SECONDS:
            self.told = True
            if self.reading.open_events or self.reading.half_line:
                yield from self.reading.finish(ended=False)

    @property
    def quiet_seconds(self) -> float:
        return time.monotonic() - self.grew


class Follower:
    """Deliveries of everything under a survey's paths until `stopping` is set. `whole` reads a stream that cannot grow
    (a compressed file, standard input) to its end."""

    def __init__(
        self,
        survey: Survey,
        known: Mapping[str, Position],
        stopping: threading.Event,
        poll_seconds: float,
        whole: Callable[[StreamReading], Iterator[Delivery]],
    ) -> None:
        self._survey, self._known, self._stopping = survey, known, stopping
        self._poll_seconds, self._whole = poll_seconds, whole
        self._growing: dict[str, Growing] = {}
        self._leaving: list[Growing] = []  # renamed or removed, perhaps still written to
        self._done: dict[str, tuple[int, int]] = {}  # what is read once, as it was then
        self._refused: set[str] = set()  # identities of streams that nobody can read, told once

    def deliveries(self) -> Iterator[Delivery]:
        """Deliveries for ever; waits a moment when nothing grew."""
        with ExitStack() as open_files:
            open_files.callback(self._close)
            origins = self._survey.origins()
            while not self._stopping.is_set():
                grew = False
                for step in (self._let_go(origins), self._take_in(origins), self._grow()):
                    for delivery in step:
                        grew = True
                        yield delivery
                if not grew:
                    self._stopping.wait(self._poll_seconds)
                origins = self._survey.origins(gone_is_fine=True)

    def _let_go(self, origins: list[Origin]) -> Iterator[Delivery]:
        """Part from paths that now hold another file; a renamed file is read on until nothing more comes, one that was
        cut short has nothing left."""
        by_place = {origin.place: origin for origin in origins}
        for place, file in list(self._growing.items()):
            change = _change_of(file.reading, by_place.get(place))
            if change is not None:
                del self._growing[place]
                self._leaving.append(file)
            if change == "cut short":
                file.grew = -math.inf
        for file in list(self._leaving):
            if file.grew != -math.inf:
                yield from file.advance()
            if file.quiet_seconds > LEAVES_AFTER_SECONDS:
                self._leaving.remove(file)
                with closing(file.reading):
                    yield from file.reading.finish(read_on=file.grew != -math.inf)

    def _take_in(self, origins: list[Origin]) -> Iterator[Delivery]:
        """Begin with what is new under the paths."""
        open_now = {opened[:2] for file in self._leaving if (opened := file.reading.file_id()) is not None}
        fresh = [
            self._survey.look(origin)
            for origin in origins
            if origin.place not in self._growing
            and self._done.get(origin.place) != _stamp(origin)
            and _file_id(origin) not in open_now
        ]
        for seen in sorted(fresh, key=lambda seen: seen.order):
            if not _has_begun(seen) or seen.base in self._refused:
                continue
            begun = self._survey.begin(seen, self._known)
            if isinstance(begun, StreamReading) and seen.origin.plain:
                self._growing[seen.origin.place] = Growing(begun)
                continue
            self._done[seen.origin.place] = _stamp(seen.origin)
            if isinstance(begun, StreamReading):
                with closing(begun):
                    yield from self._whole(begun)
            elif begun is not None:
                self._refused.add(begun.position.stream)
                yield begun

    def _grow(self) -> Iterator[Delivery]:
        for file in self._growing.values():
            yield from file.advance()

    def _close(self) -> None:
        for file in (*self._growing.values(), *self._leaving):
            file.reading.close()


def _has_begun(seen: Seen) -> bool:
    """Whether a file has something to tell it by: a whole line, or one that nobody goes on writing."""
    if seen.base is None:
        return seen.damage is not None
    return not seen.origin.plain or b"\n" in seen.head or time.time() - seen.origin.modified / 1e6 > LIVE_SECONDS


def _file_id(origin: Origin) -> tuple[int, int] | None:
    try:
        info = origin.path.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def _stamp(origin: Origin) -> tuple[int, int]:
    """What tells that a file that is read once has changed."""
    if origin.place == STDIN:
        return 0, 0
    try:
        return origin.modified, origin.path.stat().st_size
    except OSError:
        return origin.modified, -1


def _change_of(reading: StreamReading, origin: Origin | None) -> str | None:
    """What became of the path of an open file: None, "renamed" (another file or none lies there now), or "cut short"
    (the same file holds something else)."""
    opened = reading.file_id()
    if origin is None or opened is None or _file_id(origin) != opened[:2]:
        return "renamed"
    return None if reading.is_intact() else "cut short"
