"""The gate: how much one answer, one analyst, one day may change, and the canaries that a change must not lose."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from lichen.core.alert import Alert
from lichen.core.change import Change, Overlay
from lichen.core.entity import Subject
from lichen.core.errors import LichenError
from lichen.core.time import DAY, day_of
from lichen.core.verdict import Verdict
from lichen.learn.rescore import Bench, Crosses, Rescored

BENIGN_CANARIES = 200


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may change. Values beyond the first of a label are dropped, least frequent first; a change beyond the
    others is not made, and the verdict stands all the same."""

    values_a_label: int = 64
    changes_an_analyst_a_day: int = 50
    changes_an_entity_a_day: int = 10
    epsilon: float = 0.05
    fired_a_label: float = 3.0


class Bounded(msgspec.Struct, frozen=True):
    """What the bounds leave of an answer, and in words what they took."""

    overlays: tuple[Overlay, ...]
    notes: tuple[str, ...] = ()


def within_bounds(
    verdict: Verdict,
    overlays: Sequence[Overlay],
    earlier: Iterable[tuple[Verdict, Change]],
    entity_of: Callable[[str], str],
    bounds: Bounds = Bounds(),
) -> Bounded:
    """The overlays cut to the bounds. `earlier` are the changes in force with their verdicts; `entity_of` names the
    subject of an alert uid."""
    if not overlays:
        return Bounded(())
    today = [(v, c) for v, c in earlier if not c.undone and day_of(c.time) == day_of(verdict.time)]
    by_analyst = sum(one.by == verdict.by for one, _ in today)
    if by_analyst >= bounds.changes_an_analyst_a_day:
        return Bounded(
            (), (f"{verdict.by} has made {by_analyst} changes today, which is the bound: nothing is changed",)
        )
    entity = entity_of(verdict.alert)
    of_entity = sum(entity_of(one.alert) == entity for one, _ in today)
    if of_entity >= bounds.changes_an_entity_a_day:
        return _refused(entity, of_entity)
    notes: list[str] = []
    return Bounded(tuple(_cut(overlay, bounds, notes) for overlay in overlays), tuple(notes))


def _refused(who: str, changes: int) -> Bounded:
    return Bounded((), (f"{changes} changes today by or for {who}, which is the bound: nothing is changed",))


def beyond_bounds(
    verdict: Verdict,
    earlier: Iterable[tuple[Verdict, Change]],
    entity_of: Callable[[str], str],
    bounds: Bounds = Bounds(),
) -> LichenError | None:
    """Why this verdict may change nothing more today, as an error with its limit and remedy; None where it may."""
    today = [(v, c) for v, c in earlier if not c.undone and day_of(c.time) == day_of(verdict.time)]
    entity = entity_of(verdict.alert)
    for who, made, most in (
        (verdict.by, sum(one.by == verdict.by for one, _ in today), bounds.changes_an_analyst_a_day),
        (entity, sum(entity_of(one.alert) == entity for one, _ in today), bounds.changes_an_entity_a_day),
    ):
        if made >= most:
            return LichenError(
                f"{made} changes of models were made today by or for {who}",
                place=f"alert {verdict.alert}",
                limit=f"{most} a day: whoever takes over an account must not be able to teach the models anything",
                remedy="answer unsure, undo a change of today (lichen model changes), or answer tomorrow",
            )
    return None


def _cut(overlay: Overlay, bounds: Bounds, notes: list[str]) -> Overlay:
    kept = {}
    for name in ("values", "templates"):
        told: dict[str, float] = getattr(overlay, name)
        order = sorted(told, key=lambda value: (-told[value], value))[: bounds.values_a_label]
        kept[name] = {value: count for value, count in told.items() if value in set(order)}
        if len(order) < len(told):
            notes.append(f"{overlay.detector} learns the {len(order)} most frequent of {len(told)} {name} only")
    return msgspec.structs.replace(
        overlay,
        **kept,
        epsilon=min(overlay.epsilon, bounds.epsilon),
        benign_fired=min(overlay.benign_fired, bounds.fired_a_label),
    )


class Canary(msgspec.Struct, frozen=True):
    """Something that is known: a confirmed attack that must be found, or a benign window that must stay quiet."""

    name: str
    subject: Subject
    windows: tuple[int, ...]
    lane: str
    attack: bool


class Seen(Protocol):
    """A window of a subject: a belief, or as little as its name."""

    @property
    def subject(self) -> Subject: ...
    @property
    def window(self) -> int: ...


def canaries(
    confirmed: Iterable[Alert],
    beliefs: Iterable[Seen],
    alerts: Iterable[Alert],
    now: int,
    most: int = BENIGN_CANARIES,
) -> tuple[Canary, ...]:
    """The frozen set: every confirmed attack, and of last week's windows without alert `most`, chosen by hash (the same
    ones whoever asks)."""
    attacks = [
        Canary(alert.uid, alert.subject, tuple(belief.window for belief in alert.beliefs), alert.lane, True)
        for alert in confirmed
    ]
    under_alert = {(alert.subject, belief.window) for alert in alerts for belief in alert.beliefs}
    benign = [
        belief
        for belief in beliefs
        if now - 7 * DAY <= belief.window < now and (belief.subject, belief.window) not in under_alert
    ]
    chosen = sorted(benign, key=lambda belief: _hash(belief.subject, belief.window))[:most]
    quiet = [
        Canary(f"{belief.subject} {day_of(belief.window)}", belief.subject, (belief.window,), "malicious", False)
        for belief in chosen
    ]
    return (*attacks, *quiet)


def _hash(subject: Subject, window: int) -> bytes:
    return hashlib.blake2b(f"{subject.kind}\0{subject.name}\0{window}".encode(), digest_size=8).digest()


class Trying(Protocol):
    """What judges a canary again: `learn.consequence.Court`, or one that reads each window once for many."""

    @property
    def crosses(self) -> Crosses: ...
    def again(self, subject: Subject, windows: Iterable[int], bench: Bench) -> Rescored: ...


class Passage(msgspec.Struct, frozen=True):
    """Whether a change or a new model version may pass: `lost` attacks that it would no longer find, `false` benign
    windows that would newly cross."""

    passed: bool
    lost: tuple[str, ...]
    false: tuple[str, ...]
    summary: str


def check(
    known: Sequence[Canary],
    before: Bench,
    after: Bench,
    court: Trying,
    false_allowed: int = 0,
    court_after: Trying | None = None,
) -> Passage:
    """Judge every canary before and after. Losing one confirmed attack, or more newly false windows than allowed, and
    it does not pass; what did not pass is undone, which is exact. `court_after`: new models come with cuts of their
    own. A canary is judged twice only where the first judgement leaves it open."""
    new = court if court_after is None else court_after
    lost, false = [], []
    for canary in known:
        found = _crosses(canary, after, new)
        if canary.attack and not found and _crosses(canary, before, court):
            lost.append(canary.name)
        if not canary.attack and found and not _crosses(canary, before, court):
            false.append(canary.name)
    passed = not lost and len(false) <= false_allowed
    attacks = sum(canary.attack for canary in known)
    said = f"{attacks - len(lost)} of {attacks} confirmed attacks are found as before"
    said += f"; {len(false)} of {len(known) - attacks} benign windows would newly alert"
    return Passage(passed, tuple(lost), tuple(false), said if passed else f"rolled back: {said}")


def _crosses(canary: Canary, bench: Bench, court: Trying) -> bool:
    again = court.again(canary.subject, canary.windows, bench)
    return any(court.crosses(belief, canary.lane) for belief in again.beliefs)


def admit(
    make: Callable[[], Change],
    undo: Callable[[int], Change],
    examine: Callable[[], Passage],
) -> tuple[Change, Passage]:
    """Make a change, examine it, and undo it exactly if it loses. Gives the change as it stands, and why."""
    change = make()
    passage = examine()
    return (change, passage) if passage.passed else (undo(change.id), passage)
