"""Profile: one use learned, and the detector that asks of each act whether it fits what is normal here.

score = max(log[(½·p_fleet + ½·p_string) / p_𝔅], log[p_𝔐 / p_𝔅] where 𝔐 has confirmed acts), within ±6 nats. In the
numerator p_string is half the base measure and half a looser one that reads a single letter back: with the base alone
the spelling of a never-seen name would cancel, and `/dev/shm/.kx7` score no higher than `/usr/bin/curl`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from lichen.core.batch import Batch, Rows
from lichen.core.census import CensusRow
from lichen.core.change import Overlay, overlays_mark
from lichen.core.desk import Beside
from lichen.core.doors import Memory
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.time import DAY
from lichen.detect.profiles import saved
from lichen.detect.profiles.acts import Acts, Coded, combine, parts_of, value_of
from lichen.detect.profiles.beside import besides
from lichen.detect.profiles.counts import Leaf, Learned, added, spanned
from lichen.detect.profiles.entities import entities, entity_of, kind_of
from lichen.detect.profiles.judge import Act, Judge, Judged
from lichen.detect.profiles.malice import SIDE, attack_leaf
from lichen.detect.profiles.overlays import template_text
from lichen.detect.profiles.sequence import UNSEEN
from lichen.detect.profiles.use import Use
from lichen.detect.windows import FoldMemory, Scores, fold

HALF_LIFE_DAYS = 30.0  # of what is normal
ATTACK_HALF_LIFE_DAYS = 365.0  # of what was confirmed


class ProfileMemory(FoldMemory, total=False):
    """Open windows, and the last calls of each user where the use reads sequences."""

    calls: dict[str, list[Any]]
    calls_evicted: int


@dataclass(frozen=True)
class Profile:
    """A learner and detector of one use. Frozen: `learn`, `merge`, `forget` and `with_overlays` return a new one.

    `minutes` is the window's length; `as_of` the time (µs UTC) up to which it has forgotten, 0 = no clock yet.
    """

    use: Use
    minutes: int
    learned: Mapping[str, Learned] = field(default_factory=dict)
    as_of: int = 0
    half_life_days: float = HALF_LIFE_DAYS
    overlays: tuple[Overlay, ...] = ()

    @property
    def name(self) -> str:
        return f"profile.{self.use.name}"

    @cached_property
    def version(self) -> str:
        """A hash of everything that scores, counts and settings; of the answers in force, a mark behind it."""
        return self.bare_version + overlays_mark(self.overlays)

    @cached_property
    def bare_version(self) -> str:
        """A hash of counts and settings: what is saved."""
        return saved.digest(self.learned, {**self._settings(), "overlays": []})

    @property
    def judges_alone(self) -> bool:
        """Whether an event's score is the same whatever stands beside it."""
        return not self.use.remembers

    @property
    def memory_type(self) -> Any:
        return ProfileMemory

    @cached_property
    def judges(self) -> dict[str, Judge]:
        """The judge of each kind of subject; everything derived is derived here, once."""
        return {
            kind: Judge(self.use, kind, self.learned.get(kind, Learned()), self.overlays) for kind in self.use.ladders
        }

    def detect(self, batch: Batch, memory: Memory) -> tuple[list[Evidence], list[CensusRow], Memory]:
        """Evidence and census of the windows that the batch touches, and the memory after it."""
        if batch.kind not in self.use.kinds or not len(batch):
            return [], [], memory
        acts, after = self.use.read(batch, memory)
        scores = self._scores(batch, acts.take(np.flatnonzero(_whole(acts))))
        evidence, census, kept = fold(
            scores, batch, memory, detector=self.name, version=self.version, minutes=self.minutes
        )
        return evidence, census, {**kept, **after}

    def _scores(self, batch: Batch, acts: Acts) -> Scores:
        """Every act of every kind of subject, scored; each distinct (entity, value) judged once."""
        rows, subject, nats, value, known = [], [], [], [], []
        subjects: list[Subject] = []
        groups: list[str] = []
        told: list[tuple[str, Act, Judged]] = []
        number: dict[str, int] = {}
        places: list[Rows] = []
        for kind, judge in self.judges.items():
            who, known_here = entities(batch, acts.rows, kind)
            there = np.flatnonzero(who.present)
            own = acts.take(there)
            keys, firsts = combine([who.take(there), *own.parts])
            distinct = list(_acts(who.take(there), own, firsts))
            judged = judge.judge(distinct)
            values = [number.setdefault(value_of(parts), len(number)) for _, parts in distinct]
            rows.append(own.rows)
            subject.append(who.codes[there] + len(subjects))
            nats.append(_take([one.nats for one in judged], keys, np.float64))
            value.append(_take(values, keys, np.int64))
            known.append(_take([one.rung < judge.ladder.own for one in judged], keys, np.bool_))
            places.append(keys + len(told))
            told.extend((kind, act, one) for act, one in zip(distinct, judged, strict=True))
            subjects.extend(one for one, _ in known_here)
            groups.extend(group for _, group in known_here)
        place = np.concatenate(places)
        return Scores(
            rows=np.concatenate(rows),
            subject=np.concatenate(subject),
            subjects=subjects,
            groups=groups,
            nats=np.concatenate(nats),
            value=np.concatenate(value),
            values=list(number),
            known=np.concatenate(known),
            because=lambda i: self._because(*told[place[i]]),
            techniques=lambda i: _techniques(told[place[i]][2]),
            missing=acts.missing,
        )

    def _because(self, kind: str, act: Act, judged: Judged) -> str:
        entity, parts = act
        words = f"{self.use.said(parts)}, {self.judges[kind].history(entity, judged.rung)}"
        if judged.technique is not None and judged.nats > 0:
            words += f", as in confirmed attacks{f' ({judged.technique})' if judged.technique else ''}"
        return words

    def learn(self, batch: Batch, weight: float = 1.0, side: str = "benign") -> Self:
        """A profile that has seen these events too, each counted `weight` times; `side` is "benign" or
        "malicious:T1059.004". Acts whose context lies before the batch teach nothing (learn stretches whole)."""
        return self.learn_on(batch, {}, weight, side)[0]

    def learn_on(self, batch: Batch, before: Memory, weight: float = 1.0, side: str = "benign") -> tuple[Self, Memory]:
        """As `learn`, of a stream that is learned in pieces: `before` is what the piece before left in hand ({} at its
        beginning), and what this one leaves comes back beside (`schooling.School`)."""
        if batch.kind not in self.use.kinds or not len(batch) or weight <= 0:
            return self, before
        acts, after = self.use.read(batch, before)
        times = batch.times()
        learned = dict(self.learned)
        for kind in self.use.ladders:
            who, _ = entities(batch, acts.rows, kind)
            there = np.flatnonzero(who.present & _whole(acts))
            if not len(there):
                continue
            own, mine = acts.take(there), who.take(there)
            keys, firsts = combine([mine, *own.parts])
            numbers = np.bincount(keys, minlength=len(firsts)) * weight
            seen = list(zip(_acts(mine, own, firsts), numbers.tolist(), strict=True))
            old = learned.get(kind, Learned())
            if side.startswith(SIDE):
                from_part = self.use.given - self.use.attack_given
                acts_of = (((parts[from_part:]), n) for (_, parts), n in seen)
                attack = added(old.malicious, ((attack_leaf(side, own), own[-1], n) for own, n in acts_of))
                learned[kind] = replace(old, malicious=attack)
            else:
                leaves = (((*entity, *parts[:-1]), parts[-1], n) for (entity, parts), n in seen)
                benign = added(old.benign, leaves)
                learned[kind] = Learned(benign, old.malicious, spanned(old.spans, spans_of(mine, times[own.rows])))
        return replace(self, learned=learned), after

    def emptied(self) -> Self:
        """The same use and settings, knowing nothing."""
        return replace(self, learned={})

    def merge(self, other: Self) -> Self:
        """Both learned: the earlier one is first brought to the later one's time. Answers in force stay this one's."""
        as_of = max(self.as_of, other.as_of)
        mine, theirs = self.forget(as_of), other.forget(as_of)
        kinds = [*mine.learned, *(kind for kind in theirs.learned if kind not in mine.learned)]
        both = {k: mine.learned.get(k, Learned()).merged(theirs.learned.get(k, Learned())) for k in kinds}
        return replace(mine, learned=both)

    def forget(self, to: int) -> Self:
        """Counts × 2^(−time passed / half-life) up to `to` (µs UTC, a clock we trust: never an event's); a leaf that
        fades leans on its parent. The first call only sets the clock."""
        if to <= self.as_of:
            return self
        days = (to - self.as_of) / DAY if self.as_of else 0.0
        benign, malicious = 0.5 ** (days / self.half_life_days), 0.5 ** (days / ATTACK_HALF_LIFE_DAYS)
        learned = {kind: own.faded(benign, malicious) for kind, own in self.learned.items()}
        return replace(self, learned=learned, as_of=to)

    def with_overlays(self, overlays: Sequence[Overlay]) -> Self:
        """The same counts under exactly these answers, in their order; () is the model as if none had been given."""
        mine = tuple(overlay for overlay in overlays if overlay.detector == self.name)
        if mine == self.overlays:
            return self
        laid = replace(self, overlays=mine)
        laid.__dict__["bare_version"] = self.bare_version
        laid.__dict__["judges"] = {kind: judge.under(mine) for kind, judge in self.judges.items()}  # derived once
        return laid

    def overlay_for(self, batch: Batch, rows: Rows, node: str, side: str = "benign", epsilon: float = 0.05) -> Overlay:
        """The side mixture that says of these rows' values: expected here (or, malicious side: an attack here)."""
        acts, _ = self.use.read(batch, {})
        chosen = acts.take(np.flatnonzero(np.isin(acts.rows, rows) & _whole(acts)))
        values: dict[str, float] = {}
        templates: dict[str, float] = {}
        keys, firsts = combine(chosen.parts)
        for place, count in zip(firsts.tolist(), np.bincount(keys, minlength=len(firsts)).tolist(), strict=True):
            parts = _parts(chosen, place)
            values[value_of(parts)] = values.get(value_of(parts), 0.0) + count
            template = self.use.template(parts[-1])
            if template is not None:
                text = template_text(parts, template)
                templates[text] = templates.get(text, 0.0) + count
        return Overlay(self.name, node, values, templates, side=side, epsilon=epsilon)

    def score_of(self, subject: Subject, group: str, image: str, value: str) -> float:
        """The score (nats) of one value of one subject, as `detect` would give it."""
        kind = kind_of(subject)
        return self.judges[kind].judge([(entity_of(subject, group, image), parts_of(value))])[0].nats

    def beside(self, subject: Subject, group: str, image: str, values: Sequence[str]) -> list[Beside]:
        """What was seen of a subject beside what is normal on its image (a user: among users), a row a context."""
        if kind_of(subject) not in self.judges:
            return []
        return besides(self.judges[kind_of(subject)], entity_of(subject, group, image), [parts_of(v) for v in values])

    def save(self, folder: Path) -> None:
        """Write the counts and settings (not the answers: those are kept as Changes) into a folder."""
        saved.save(folder, self.learned, self._settings())

    @classmethod
    def load(cls, folder: Path, uses: Mapping[str, Use] | None = None) -> Self:
        """Read what `save` wrote; `uses` are those known by name (default: ours). Raises ModelError."""
        from lichen.detect.profiles.uses import USES

        learned, settings = saved.load(folder)
        use, minutes, as_of, half_life = saved.settings_of(settings, learned, folder, USES if uses is None else uses)
        return cls(use, minutes, learned, as_of, half_life)

    def _settings(self) -> dict[str, Any]:
        return {
            "use": self.use.name,
            "minutes": self.minutes,
            "as_of": self.as_of,
            "half_life_days": self.half_life_days,
        }


def _parts(acts: Acts, place: int) -> tuple[str, ...]:
    return tuple(part.values[part.codes[place]] for part in acts.parts)


def _acts(who: Coded, acts: Acts, firsts: Rows) -> Iterator[Act]:
    for place in firsts.tolist():
        yield who.values[who.codes[place]], _parts(acts, place)


def _whole(acts: Acts) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Acts whose context was seen: others can be neither judged nor learned from."""
    whole = np.ones(len(acts.rows), dtype=np.bool_)
    for part in acts.parts:
        if UNSEEN in part.values:
            whole &= np.array([value != UNSEEN for value in part.values])[part.codes]
    return whole


def spans_of(who: Coded, times: Rows) -> dict[Leaf, tuple[int, int]]:
    """First and last time of each entity present."""
    spans = {}
    for code in np.unique(who.codes).tolist():
        own = times[who.codes == code]
        spans[who.values[code]] = (int(own.min()), int(own.max()))
    return spans


def _take(values: Sequence[Any], keys: Rows, kind: Any) -> Any:
    return np.asarray(values, dtype=kind)[keys] if len(values) else np.zeros(0, dtype=kind)


def _techniques(judged: Judged) -> tuple[str, ...]:
    return (judged.technique,) if judged.technique and judged.nats > 0 else ()
