"""Learning in bounded memory: the first part of the time teaches, the rest calibrates, and neither is held at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from lichen import assemble
from lichen.assemble import Models, Platform
from lichen.core.batch import Batch
from lichen.core.census import activity_of
from lichen.core.entity import Subject
from lichen.core.errors import InputError
from lichen.core.evidence import Evidence
from lichen.core.time import window_start
from lichen.decide.calibrate import Calibration
from lichen.decide.decider import Decider
from lichen.decide.rules import RuleRates
from lichen.detect.profiles.schooling import School
from lichen.store.spool import Spool

LEARNED_SHARE = 0.6  # of the time that `learn` is given; the rest calibrates, since no model may judge what taught it


@dataclass(slots=True)
class Times:
    """Events by window: how many, the earliest and the latest. Enough for any quantile's window, exactly, without the
    times themselves."""

    minutes: int
    windows: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    streams: dict[str, int] = field(default_factory=dict)  # stream -> its last offset

    def add(self, batch: Batch) -> None:
        """Count a batch."""
        times = np.sort(batch.times())
        starts, firsts, counts = np.unique(window_start(times, self.minutes), return_index=True, return_counts=True)
        for start, first, count in zip(starts.tolist(), firsts.tolist(), counts.tolist(), strict=True):
            n, earliest, latest = self.windows.get(start, (0, int(times[first]), int(times[first])))
            ends = (min(earliest, int(times[first])), max(latest, int(times[first + count - 1])))
            self.windows[start] = (n + count, *ends)
        last = int(batch.offset.max())
        self.streams[batch.stream.identity] = max(last, self.streams.get(batch.stream.identity, -1))

    @property
    def events(self) -> int:
        return sum(n for n, _, _ in self.windows.values())

    def border(self, share: float) -> int:
        """The start of the window that holds the quantile `share` of all times, as numpy's quantile has it."""
        place = (self.events - 1) * share
        lower = int(place)
        pair = [self._ranked(rank) for rank in (lower, min(lower + 1, self.events - 1))]
        return int(window_start(int(np.quantile(pair, place - lower)), self.minutes))

    def before(self, border: int) -> int:
        """How many events lie in windows before the border."""
        return sum(n for start, (n, _, _) in self.windows.items() if start < border)

    def _ranked(self, rank: int) -> int:
        """A time in the window of the event of this rank; that event's own where it is the window's first or last."""
        for start in sorted(self.windows):
            n, earliest, latest = self.windows[start]
            if rank < n:
                return earliest if rank == 0 else latest
            rank -= n
        raise IndexError(rank)


def spooled(batches: Iterable[Batch], spool: Spool, minutes: int) -> Times:
    """Put batches aside to be read twice, and count their times."""
    times = Times(minutes)
    for batch in batches:
        if len(batch):
            times.add(batch)
            spool.put(batch)
    return times


def cut(batches: Iterable[Batch], border: int, *, earlier: bool) -> Iterator[Batch]:
    """The events on one side of a time (µs UTC), batch by batch."""
    for batch in batches:
        chosen = (batch.times() < border) == earlier
        if chosen.all():
            yield batch
        elif chosen.any():
            yield batch.take(np.flatnonzero(chosen))


def learned_benign(platform: Platform, spool: Spool, times: Times) -> tuple[Models, dict[str, Any]]:
    """Models that learned the earlier part and were calibrated on the later one."""
    border = times.border(LEARNED_SHARE)
    if not times.before(border):
        raise InputError(
            f"too short to learn from: of {times.events:,} events none is before the window where calibration begins",
            limit=f"windows of {times.minutes} minutes; whole ones teach, the first {LEARNED_SHARE:.0%} of the time",
            remedy="give a longer stretch of benign logs, a day or more, or set window_minutes smaller",
        )
    school = School(list(platform.models.profiles.values()))
    school.take_all(cut(spool.batches(shapes=False), border, earlier=True))
    profiles = {profile.name: profile for profile in school.grown()}
    models = Models(profiles, platform.models.classifier, None)
    judged = Judging(platform, models)
    judged.take_all(cut(spool.batches(), border, earlier=False))
    decider = judged.decider()
    about = {
        "events": times.before(border),
        "from": min(earliest for _, earliest, _ in times.windows.values()),
        "to": border,
        "calibration windows": decider.calibration.windows,
        "cut": decider.cuts.in_words() if decider.cuts is not None else "none",
        "side": "benign",
    }
    return Models(profiles, models.classifier, decider), about


class Judging:
    """What frozen models say of benign events that none of them learned from: of each window its last evidence, and
    how many own events it held. Grows with windows, never with events."""

    def __init__(self, platform: Platform, models: Models) -> None:
        self._platform = platform
        self._detectors = platform.detectors(models)
        self._memories: dict[str, Any] = {}
        self.latest: dict[Any, Evidence] = {}
        self.activity: dict[tuple[Subject, int], int] = {}

    @property
    def minutes(self) -> int:
        return self._platform.settings.window_minutes

    def take_all(self, batches: Iterable[Batch]) -> None:
        """Judge these batches too."""
        for batch in batches:
            for counted in activity_of(batch, self.minutes):
                key = (counted.subject, counted.window)
                self.activity[key] = self.activity.get(key, 0) + counted.seen
            for detector in self._detectors:
                rows, _, self._memories[detector.name] = detector.detect(batch, self._memories.get(detector.name, {}))
                self.latest.update((row.key, row) for row in rows)

    def evidence(self) -> Sequence[Evidence]:
        """The last row of every key."""
        return list(self.latest.values())

    def decider(self, like: Decider | None = None) -> Decider:
        """A decider whose weights, rule rates and cuts come from these events; head and priors those of `like`, if one
        is given."""
        evidence = self.evidence()
        rules = self._platform.rules
        able = rules.able(self._memories.get(rules.name, {}))
        priors = assemble.priors_of().at(self.minutes) if like is None else like.priors
        rates = RuleRates.of_priors(priors, rules.rules.levels, able)
        if like is not None:  # what attacks taught stays
            rates = rates_like(rates, like.rates)
        rates = rates.counted(evidence, self.activity)
        calibration = Calibration.fit(evidence, self.activity)
        base = Decider.of(priors, calibration, rates, self.minutes, None if like is None else like.head)
        if like is not None:
            base = base.changed(calibrated_here=like.calibrated_here)
        return base.settled(evidence, self.activity)


def rates_like(rates: RuleRates, before: RuleRates) -> RuleRates:
    """Rates that know of attacks what `before` knew."""
    return msgspec.structs.replace(rates, hits_a_step=before.hits_a_step)
