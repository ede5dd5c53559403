"""RateProfile: the detector of volumes. How much of each thing in a minute and in a window, against what is usual.

score = −log(mid-p) − log(number of questions asked of a window), within ±6 nats: the upper tail of a negative
binomial, so that 0 is what the most unusual of that many usual counts looks like. A window's score is carried by the
events of minutes that hold more than their share of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from lichen.core.batch import Batch, Rows
from lichen.core.census import CensusRow
from lichen.core.change import Overlay, overlays_mark
from lichen.core.desk import Beside
from lichen.core.doors import Memory
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.time import DAY
from lichen.detect.profiles import saved_rates
from lichen.detect.profiles.acts import Coded
from lichen.detect.profiles.entities import Known, entities, entity_of, kind_of
from lichen.detect.profiles.judge import CLIP
from lichen.detect.profiles.profile import HALF_LIFE_DAYS, spans_of
from lichen.detect.profiles.tails import Tails, counted_as, value_parts, value_text
from lichen.detect.profiles.tally import Different, RateMemory, Running, Tallied, cells_of, tally
from lichen.detect.profiles.uses.rate import COUNTERS, EVENTS, Counter
from lichen.detect.profiles.volumes import Key, Volumes
from lichen.detect.windows import Scores, fold

KINDS = ("workload", "user")
Floats = np.ndarray[Any, np.dtype[np.float64]]
NAMES = tuple(counter.name for counter in COUNTERS)


@dataclass(frozen=True)
class RateProfile:
    """A learner and detector of volumes, benign side only: there is no rate that attacks have in common."""

    minutes: int
    learned: Mapping[str, Volumes] = field(default_factory=dict)
    as_of: int = 0
    half_life_days: float = HALF_LIFE_DAYS
    overlays: tuple[Overlay, ...] = ()

    @property
    def name(self) -> str:
        return "profile.rate"

    @cached_property
    def version(self) -> str:
        """A hash of everything that scores, counts and settings; of the answers in force, a mark behind it."""
        return self.bare_version + overlays_mark(self.overlays)

    @cached_property
    def bare_version(self) -> str:
        """A hash of counts and settings: what is saved."""
        return saved_rates.digest(self.learned, {**self._settings(), "overlays": []})

    @property
    def memory_type(self) -> Any:
        return RateMemory

    @cached_property
    def tails(self) -> dict[str, Tails]:
        """The scorer of each kind of subject; everything derived is derived here, once."""
        return {k: Tails(k, self.learned.get(k, Volumes()), self.overlays, self.minutes) for k in KINDS}

    def detect(self, batch: Batch, memory: Memory) -> tuple[list[Evidence], list[CensusRow], Memory]:
        """Evidence and census of the windows that the batch touches, and the memory after it."""
        if not len(batch) or not any(batch.kind in counter.kinds for counter in COUNTERS):
            return [], [], memory
        running = Running(memory, self.minutes)
        parts = [self._rows(batch, kind, running) for kind in KINDS if _asked(batch, kind)]
        scores = _joined([part for part in parts if len(part.rows)], self.tails)
        if scores is None:
            return [], [], memory
        evidence, census, kept = fold(
            scores, batch, memory, detector=self.name, version=self.version, minutes=self.minutes
        )
        return evidence, census, {**kept, **running.within(kept["windows"])}

    def _rows(self, batch: Batch, kind: str, running: Running) -> _Part:
        """Every row of a kind of subject with the strongest of its counts; the running totals grow."""
        who, known = entities(batch, np.arange(len(batch)), kind)
        cells = cells_of(batch, who, self.minutes)
        nats, number = np.full(len(batch), -np.inf), np.zeros(len(batch), dtype=np.int64)
        counts: list[tuple[str, int, Floats]] = []
        cell = np.zeros(len(batch), dtype=np.int64)
        for counter in _asked(batch, kind):
            minute: Any = None
            for one in tally(batch, counter, cells):
                totals = running.totals(one, known)
                own, total = np.zeros(len(one.cells.start)), np.zeros(len(one.cells.start))
                own[one.filled], total[one.filled] = self._nats(kind, who, one, totals), totals
                place = one.cells.of[one.rows]
                score = own[place]
                if minute is None:
                    minute = total[place]
                else:
                    score = np.where(minute * self.minutes >= total[place], score, -CLIP)
                better = score > nats[one.rows]
                nats[one.rows[better]] = score[better]
                number[one.rows[better]], cell[one.rows[better]] = len(counts), place[better]
                counts.append((counter.name, one.cells.scale, total))
        rows = np.flatnonzero(np.isfinite(nats))
        return _Part(kind, who, known, rows, nats[rows], number[rows], cell[rows], counts)

    def _nats(self, kind: str, who: Coded, one: Tallied, totals: Sequence[float]) -> list[float]:
        tails, name, cells = self.tails[kind], one.counter.name, one.cells
        return [
            tails.nats(who.values[cells.subject[cell]], name, cells.scale, total)
            for cell, total in zip(one.filled, totals, strict=True)
        ]

    def learn(self, batch: Batch, weight: float = 1.0, side: str = "benign") -> Self:
        """A profile that has counted these events too (the malicious side is no rate, and teaches nothing here).
        Different things are told apart within one batch: learn stretches whole (`fit.joined`)."""
        return self.learn_on(batch, {}, weight, side)[0]

    def learn_on(self, batch: Batch, before: Memory, weight: float = 1.0, side: str = "benign") -> tuple[Self, Memory]:
        """As `learn`, of a stream that is learned in pieces: {"different": Different} is what the pieces before have
        counted; it grows, and comes back beside."""
        if not len(batch) or side != "benign" or weight <= 0:
            return self, before
        different: Different = before.get("different") or Different()
        learned = dict(self.learned)
        for kind in KINDS:
            who, _ = entities(batch, np.arange(len(batch)), kind)
            cells = cells_of(batch, who, self.minutes)
            seen: list[tuple[Key, int, float]] = []
            for counter in COUNTERS:
                if kind in counter.subjects:
                    for one in tally(batch, counter, cells):
                        for cell, amount in zip(one.filled, different.fresh(one, who.values), strict=True):
                            entity = counted_as(who.values[one.cells.subject[cell]])
                            seen.append(((entity, counter.name, one.cells.scale), one.cells.start[cell], amount))
            if seen:
                there = np.flatnonzero(who.present)
                spans = spans_of(who.take(there), batch.times()[there])
                by_name: dict[tuple[str, ...], tuple[int, int]] = {}
                for entity, (first, last) in spans.items():  # several images of one workload: first begin to last end
                    begun, ended = by_name.get(name := counted_as(entity), (first, last))
                    by_name[name] = min(begun, first), max(ended, last)
                learned[kind] = learned.get(kind, Volumes()).added(seen, by_name)
        return replace(self, learned=learned), {"different": different}

    def emptied(self) -> Self:
        """The same settings, knowing nothing."""
        return replace(self, learned={})

    def merge(self, other: Self) -> Self:
        """Both learned: the earlier one is first brought to the later one's time. Answers in force stay this one's."""
        as_of = max(self.as_of, other.as_of)
        mine, theirs = self.forget(as_of), other.forget(as_of)
        kinds = [*mine.learned, *(kind for kind in theirs.learned if kind not in mine.learned)]
        both = {k: mine.learned.get(k, Volumes()).merged(theirs.learned.get(k, Volumes())) for k in kinds}
        return replace(mine, learned=both)

    def forget(self, to: int) -> Self:
        """Windows older than a day are closed into moments, and closed ones fade by 2^(−days / half-life) up to `to`
        (µs UTC, a clock we trust); a subject that fades leans on its image."""
        if to <= self.as_of:
            return self
        half_life_us = self.half_life_days * DAY
        factor = 0.5 ** ((to - self.as_of) / half_life_us) if self.as_of else 1.0
        learned = {kind: own.faded(factor, to, half_life_us) for kind, own in self.learned.items()}
        return replace(self, learned=learned, as_of=to)

    def with_overlays(self, overlays: Sequence[Overlay]) -> Self:
        """The same counts under exactly these answers, in their order."""
        mine = tuple(overlay for overlay in overlays if overlay.detector == self.name)
        if mine == self.overlays:
            return self
        laid = replace(self, overlays=mine)
        laid.__dict__["bare_version"] = self.bare_version
        laid.__dict__["tails"] = {kind: tails.under(mine) for kind, tails in self.tails.items()}  # derived once
        return laid

    def overlay_for(self, batch: Batch, rows: Rows, node: str, side: str = "benign", epsilon: float = 0.05) -> Overlay:
        """The side mixture that calls the volumes of these rows expected: their greatest minute and window. Empty on
        the malicious side: there is no rate that attacks have in common."""
        if side != "benign":
            return Overlay(self.name, node, side=side, epsilon=epsilon)
        cut = batch.take(np.unique(rows))
        values: dict[tuple[str, int], float] = {}
        for kind in KINDS:
            who, _ = entities(cut, np.arange(len(cut)), kind)
            cells = cells_of(cut, who, self.minutes)
            for counter in COUNTERS:
                if kind in counter.subjects and counter.name != EVENTS:
                    for one in tally(cut, counter, cells):
                        key = (counter.name, one.cells.scale)
                        values[key] = max(values.get(key, 0.0), *one.amount)
        return Overlay(self.name, node, {value_text(*key, y): 1.0 for key, y in values.items()}, epsilon=epsilon)

    def score_of(self, subject: Subject, group: str, image: str, value: str) -> float:
        """The score (nats) of one count of one subject, as "requests in 1 min: 34"."""
        return self.tails[kind_of(subject)].nats(entity_of(subject, group, image), *value_parts(value))

    def beside(self, subject: Subject, group: str, image: str, values: Sequence[str]) -> list[Beside]:
        """Each count seen, beside what is usual for the subject and for its image (a user: for all users)."""
        tails, entity, rows = self.tails[kind_of(subject)], entity_of(subject, group, image), []
        for value in values:
            counter, scale, amount = value_parts(value)
            own, others = tails.usual(entity, counter, scale), tails.usual((*entity[:-1], ""), counter, scale)
            most = max(own, others, 1e-9)
            normal = ((f"{own:.2g} usual here", own / most), (f"{others:.2g} usual among its like", others / most))
            new = (not tails.known(entity, counter),)
            seen = (f"{amount:.0f}",)
            rows.append(
                Beside(f"{counter} in {scale} min", seen, new, normal, tails.because(entity, counter, scale, amount))
            )
        return rows

    def save(self, folder: Path) -> None:
        """Write counts and settings (not the answers) into a folder."""
        saved_rates.save(folder, self.learned, self._settings())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises ModelError."""
        learned, settings = saved_rates.load(folder)
        return cls(settings["minutes"], learned, settings["as_of"], settings["half_life_days"])

    def _settings(self) -> dict[str, Any]:
        return {"minutes": self.minutes, "as_of": self.as_of, "half_life_days": self.half_life_days}


class _Part(NamedTuple):
    """Scored rows of one kind of subject. `number` says which of `counts` (counter, scale, total of each cell) a row's
    score rests on, `cell` where in it."""

    kind: str
    who: Coded
    known: Known
    rows: Rows
    nats: np.ndarray[Any, Any]
    number: Rows
    cell: Rows
    counts: list[tuple[str, int, Floats]]


def _asked(batch: Batch, kind: str) -> list[Counter]:
    """The counters that judge a kind of subject by batches of this kind."""
    return [c for c in COUNTERS if c.name != EVENTS and kind in c.subjects and batch.kind in c.kinds]


def _joined(parts: Sequence[_Part], tails: Mapping[str, Tails]) -> Scores | None:
    """One Scores over the kinds of subjects."""
    if not parts:
        return None
    subjects: list[Subject] = []
    groups: list[str] = []
    starts = [0]
    subject: list[Rows] = []
    value: list[Rows] = []
    known: list[np.ndarray[Any, Any]] = []
    for part in parts:
        codes = part.who.codes[part.rows]
        subject.append(codes + len(subjects))
        which = np.array([NAMES.index(name) for name, _, _ in part.counts], dtype=np.int64)[part.number]
        value.append(which)
        pairs = {
            (code, name): tails[part.kind].known(part.who.values[code], NAMES[name])
            for code, name in set(zip(codes.tolist(), which.tolist(), strict=True))
        }
        known.append(np.array([pairs[pair] for pair in zip(codes.tolist(), which.tolist(), strict=True)], dtype=bool))
        starts.append(starts[-1] + len(part.rows))
        subjects.extend(one for one, _ in part.known)
        groups.extend(group for _, group in part.known)

    def because(i: int) -> str:
        which = bisect_right(starts, i) - 1
        part, place = parts[which], i - starts[which]
        entity = part.who.values[part.who.codes[part.rows[place]]]
        name, scale, totals = part.counts[part.number[place]]
        return tails[part.kind].because(entity, name, scale, float(totals[part.cell[place]]))

    return Scores(
        rows=np.concatenate([part.rows for part in parts]),
        subject=np.concatenate(subject),
        subjects=subjects,
        groups=groups,
        nats=np.concatenate([part.nats for part in parts]),
        value=np.concatenate(value),
        values=NAMES,
        known=np.concatenate(known),
        because=because,
    )
