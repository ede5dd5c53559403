"""Files, folders and standard input as one source: read in the order of their times, or followed as they grow."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lichen.collect.identity import Inventory
from lichen.collect.inputs.archives import held_open
from lichen.collect.inputs.budget import Caps
from lichen.collect.inputs.follow import LIVE_SECONDS, Follower
from lichen.collect.inputs.opened import Origin
from lichen.collect.inputs.reading import Limits, StreamReading
from lichen.collect.inputs.survey import Survey
from lichen.collect.mapping import SensorMapping, load_mappings, with_own
from lichen.collect.processes import Processes
from lichen.collect.readers.choose import LAYOUTS, Wanted, sensors_of
from lichen.config import Settings
from lichen.core.batch import Delivery, Position
from lichen.core.errors import ConfigError


class FileSource:
    """Paths to deliveries (core.doors.Source). With `follow` it goes on reading what grows, until `stopping` is set.

    `notes` gets a line a file: what it was taken for, or why it was not read. Raises InputError for a path that does
    not exist and ConfigError for mappings or a time zone that cannot be used.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        settings: Settings,
        inventory: Inventory | None = None,
        mappings: Path,
        notes: list[str],
        follow: bool = False,
    ) -> None:
        self.follow = follow
        self.stopping = threading.Event()
        self.poll_seconds = 0.5
        self.settle_seconds = 0.5  # half a line in a file untouched for so long is all there is
        try:
            zone = ZoneInfo(settings.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigError(
                f"no such time zone: {settings.timezone!r}", place="timezone", remedy="a name such as Europe/Berlin"
            ) from error
        loaded = with_own(load_mappings(mappings), settings.mappings)
        self._survey = Survey(
            paths=[str(path) for path in paths],
            limits=Limits(settings.batch_bytes, settings.line_limit_bytes),
            mappings=loaded,
            inventory=inventory,
            host=settings.host,
            zone=zone,
            notes=notes,
            wanted=_wanted(settings, loaded),
            caps=Caps(
                settings.archive_entries,
                settings.archive_nesting,
                settings.archive_limit_bytes,
                settings.archive_ratio,
            ),
        )

    @property
    def survey(self) -> Survey:
        """What looks at the paths, to explain what it sees."""
        return self._survey

    @property
    def skipped(self) -> dict[str, int]:
        """What lies under the paths and is not read, by reason: links, hidden files and the like."""
        return self._survey.skipped()

    def read(self, since: Mapping[str, Position]) -> Iterator[Delivery]:
        """Everything after the given positions (by stream), in micro-batches."""
        known = dict(since)
        survey = replace(self._survey, processes=Processes())
        for position in known.values():
            survey.processes.restore(position.state.get("processes", {}))
        deliveries = (
            Follower(survey, known, self.stopping, self.poll_seconds, self._whole).deliveries()
            if self.follow
            else self._scanned(survey, known)
        )
        with held_open():
            for delivery in deliveries:  # noted, so that a copy of the stream is known
                known[delivery.position.stream] = delivery.position
                yield delivery

    def _scanned(self, survey: Survey, known: Mapping[str, Position]) -> Iterator[Delivery]:
        """Every stream once, to its end as of now."""
        looked_at = [survey.look(origin) for origin in survey.origins()]
        for seen in sorted(looked_at, key=lambda seen: seen.order):
            begun = survey.begin(seen, known)
            if isinstance(begun, Delivery):
                yield begun
            elif begun is not None:
                with closing(begun):
                    yield from self._whole(begun)

    def _whole(self, reading: StreamReading) -> Iterator[Delivery]:
        """A stream to its end as of now. What may still be being written is waited for, briefly."""
        yield from reading.advance()
        half_line = True
        if reading.origin.plain:
            if reading.open_events and _is_live(reading):
                time.sleep(LIVE_SECONDS)
                yield from reading.advance()
            if reading.half_line and _age_seconds(reading.origin) < self.settle_seconds:
                reached = reading.reached
                time.sleep(self.settle_seconds)
                yield from reading.advance()
                half_line = not reading.half_line or reading.reached == reached
        # what is written from here on is the next scan's: read on once more, and it may end within a line again
        yield from reading.finish(half_line=half_line, read_on=not reading.origin.plain)


def _wanted(settings: Settings, mappings: Sequence[SensorMapping]) -> Wanted | None:
    """What the settings say that files are. Raises ConfigError for a name that nothing has."""
    for name, given, known in (
        ("sensor", settings.sensor, sensors_of(mappings)),
        ("format", settings.format, LAYOUTS),
    ):
        if given is not None and given not in known:
            raise ConfigError(
                f"no such {name}: {given!r}",
                place=name,
                remedy=f"one of {', '.join(sorted(known))}; lichen source list",
            )
    return Wanted(settings.sensor, settings.format) if settings.sensor or settings.format else None


def _is_live(reading: StreamReading) -> bool:
    """Whether the last line is so young that more records of its event may come."""
    latest = reading.latest_time
    return latest is not None and abs(time.time() - latest / 1e6) < LIVE_SECONDS


def _age_seconds(origin: Origin) -> float:
    """For how long a file has not been written to."""
    try:
        return time.time() - origin.path.stat().st_mtime
    except OSError:
        return math.inf
