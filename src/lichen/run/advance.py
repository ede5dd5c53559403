"""Advance: the benign models learn on behind the quarantine, and are calibrated and tried before they judge.

One step reads what became due in the lake (learn.reader), teaches copies of the profiles, calibrates them on the newest
windows, which neither they nor their forerunners learned from, holds both versions against the canaries (learn.gate),
and only then moves all versions and the reader's place in one rename. Killed anywhere, the next step does the same
again. A step that the gate rejects leaves the models as they were; its events are passed over, and told.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from lichen import assemble
from lichen.assemble import DECIDE, Models, Platform
from lichen.core.alert import Alert
from lichen.core.batch import Batch
from lichen.core.census import ACTIVITY
from lichen.core.entity import Subject
from lichen.core.time import DAY, MICROSECONDS, day_of, window_start
from lichen.decide.decider import Decider
from lichen.detect.profiles.schooling import School
from lichen.learn.gate import Passage
from lichen.learn.reader import CLOCK_AHEAD, holding, lessons, suspecting
from lichen.run.sensors import degraded_hours
from lichen.run.trial import calibrated, passage_of
from lichen.store.models import Current

READER, GIVEN, BORDER = "learn", "given", "taught until"  # names of places in store.models.Current.read
OWN = ""  # among the borders: that of the second reader itself; the others are of streams that `learn` was given
MOST_EVENTS = 200_000  # of one step
LEAST_WINDOWS = 96  # without which the unusual lane has no p; and a day of subject-hours must stand behind the cuts
ENOUGH_WINDOWS = 1000  # of calibration: more are not judged again at every step
REACH_DAYS = 30  # how far back calibration windows are looked for
MAY_BE_ATTACK = math.log(0.05 / 0.95)  # log-odds over which a window teaches nothing, alert or not, …
INCIDENT = 0.0  # log-odds over which an open alert holds all that its subject does
CLEARED = ("benign-expected", "detector-wrong")  # … until a person says what it was
KEPT_VERSIONS = 48  # of each model, besides those that alerts refer to
ACTION = "advance"  # in the audit trail

LEARNED, REJECTED, WAITING, NOTHING, NO_BASELINE = "learned", "rejected", "waiting", "nothing due", "no baseline"


class Step(msgspec.Struct, frozen=True):
    """What one step did. `left_out`: events that were due and do not teach, by reason; `windows` calibrated it; `lost`
    and `false`: what the gate found, by name."""

    outcome: str
    words: str
    time: int
    events: int = 0
    left_out: dict[str, int] = {}
    windows: int = 0
    versions: dict[str, str] = {}
    lost: tuple[str, ...] = ()
    false: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """The newest closed windows: [`start`, `end`) µs UTC, `windows` of them. They calibrate, so what teaches lies
    before `due`."""

    start: int
    end: int
    windows: int
    due: int


@dataclass(slots=True)
class Lessons:
    """What was read for one step: profiles that know it, the reader's place after it, and what was left out."""

    profiles: dict[str, Any]
    place: dict[str, int]
    events: int
    left_out: dict[str, int]


def given(streams: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
    """Readers' places that say what `lichen learn` was given: stream -> (last offset, border in µs UTC). Events of
    these streams before both have taught already."""
    offsets = {stream: last for stream, (last, _) in streams.items()}
    return {GIVEN: offsets, BORDER: {stream: border for stream, (_, border) in streams.items()}} if streams else {}


def advance(platform: Platform, now: int | None = None, least: int = 1) -> Step:
    """One step. `now` is µs UTC: the wall clock, or the newest event where what is stored is older; fewer than `least`
    events that are due are left for later. Raises LichenError if another process is learning."""
    store = platform.store
    wall = time.time_ns() // 1000 if now is None else now
    with store.models.advancing() as move:
        models = assemble.models_of(store, platform.settings.window_minutes)
        step = _step(platform, models, wall, least, move)
    if step.outcome in (LEARNED, REJECTED):
        store.answers.note("learner", wall, ACTION, step.outcome, msgspec.json.encode(step).decode())
    return step


def steps(platform: Platform, most: int = 100) -> list[Step]:
    """The newest steps that learned or were rejected, newest first."""
    return [msgspec.json.decode(trace.body, type=Step) for trace in platform.store.answers.last(ACTION, most)]


def _step(platform: Platform, models: Models, wall: int, least: int, move: Callable[[Current], None]) -> Step:
    decider, store = models.decider, platform.store
    if decider is None or decider.cuts is None:
        words = "no model to advance: `lichen learn PATH --side benign` makes the first"
        return Step(NO_BASELINE, words, wall)
    current = store.models.current()
    now = _now(platform, wall)
    stretch = _stretch(platform, decider, current, now)
    if isinstance(stretch, Step):
        return msgspec.structs.replace(stretch, time=wall)
    due = sum(part.rows for part in _unread(platform, current) if part.last_time < stretch.due)
    if due < least:
        kept = f"{due:,} events are due, and a step wants {least:,}" if due else "no event is old enough to teach"
        return Step(NOTHING, kept, wall)
    learned = _lessons(platform, models, current, stretch, now)
    until = max(stretch.due, current.read.get(BORDER, {}).get(OWN, 0))
    read = {**current.read, READER: learned.place, BORDER: {**current.read.get(BORDER, {}), OWN: until}}
    if not learned.events and not learned.left_out:
        return Step(NOTHING, "no delivery is old enough as a whole", wall)
    if not learned.events:
        move(Current(current.versions, read))
        return Step(NOTHING, f"nothing that was due may teach: {told(learned.left_out)}", wall, 0, learned.left_out)
    return _tried(platform, models, learned, stretch, now, wall, lambda versions: move(Current(versions, read)))


def _now(platform: Platform, wall: int) -> int:
    """The wall clock, or the newest stored event where all are older; a clock that runs ahead counts for nothing."""
    newest = max((p.last_time for p in platform.store.records.parts() if p.last_time <= wall + CLOCK_AHEAD), default=0)
    return min(wall, newest) if newest else wall


def _unread(platform: Platform, current: Current) -> list[Any]:
    place = current.read.get(READER, {})
    return [part for part in platform.store.records.parts() if part.delivery > place.get(part.stream, 0)]


def _stretch(platform: Platform, decider: Decider, current: Current, now: int) -> Stretch | Step:
    """Enough of the newest windows to calibrate on, none of which taught anything; or why there are not."""
    settings = platform.settings
    length = settings.window_minutes * 60 * MICROSECONDS
    end = int(window_start(now, settings.window_minutes))
    floor = _taught_until(platform, current, length)
    counted: dict[int, int] = {}
    rows = platform.store.records.census(max(floor, end - REACH_DAYS * DAY), end, None, ACTIVITY)
    for _, window in {(row.subject, row.window) for row in rows if row.subject.kind != "host"}:
        counted[window] = counted.get(window, 0) + 1
    wanted = max(LEAST_WINDOWS, -(-1440 // settings.window_minutes))
    quarantined = now - int(settings.quarantine_hours * 3600) * MICROSECONDS
    found, start = 0, end
    for window in sorted(counted, reverse=True):
        if found >= wanted and (window < quarantined or found >= ENOUGH_WINDOWS):
            break
        found, start = found + counted[window], window
    if found >= wanted:
        return Stretch(start, end, found, min(start, quarantined))
    words = f"{found:,} of {wanted:,} closed windows to calibrate on that taught nothing"
    return Step(WAITING, words, 0, windows=found)


def _taught_until(platform: Platform, current: Current, length: int) -> int:
    """The first window that no model in force learned from, as far as time tells: what `lichen learn` was given up to,
    and what earlier steps read up to."""
    ends = list(current.read.get(BORDER, {}).values())
    for name, version in current.versions.items():
        learned = platform.store.models.card(name, version).learned
        ends += [learned["to"]] if isinstance(learned.get("to"), int) else []
    latest = max(ends, default=0)
    return -(-latest // length) * length


def _lessons(platform: Platform, models: Models, current: Current, stretch: Stretch, now: int) -> Lessons:
    """Profiles that learned what became due, up to MOST_EVENTS of it."""
    store, settings = platform.store, platform.settings
    minutes = settings.window_minutes
    incidents, doubted = _in_doubt(platform, stretch.due)
    hold = holding(incidents, quarantine_hours=settings.quarantine_hours, window_minutes=minutes)
    found = Lessons(dict(models.profiles), dict(current.read.get(READER, {})), 0, {})
    school = School(list(models.profiles.values()))
    read_on = lessons(
        store.records.parts(),
        store.lake.read,
        dict(found.place),
        now=now,
        quarantine_hours=(now - stretch.due + 10) / (3600 * MICROSECONDS),  # 10 µs: not the window's first instant
        hold=hold,
        degraded=degraded_hours(store),
        suspect=suspecting(doubted, window_minutes=minutes),
    )
    for lesson in read_on:
        for batch in lesson.batches:
            fresh = _untaught(batch, current)
            if len(fresh) < len(batch):
                found.left_out["learned before"] = found.left_out.get("learned before", 0) + len(batch) - len(fresh)
            school.take(fresh)
            found.events += len(fresh)
        for reason, count in lesson.left_out.items():
            found.left_out[reason] = found.left_out.get(reason, 0) + count
        found.place = dict(lesson.read)
        if found.events + sum(found.left_out.values()) >= MOST_EVENTS:
            break
    found.profiles = {profile.name: profile.forget(stretch.due) for profile in school.grown()}
    return found


def _in_doubt(platform: Platform, due: int) -> tuple[list[Alert], set[tuple[Subject, int]]]:
    """The alerts that hold their subjects back, and single windows that teach nothing.

    An open alert holds its subject if it is more likely an attack than not. The budget admits a few windows a day
    whatever they hold: of an alert below even odds its own windows are left out, else nobody would ever learn.
    """
    incidents: list[Alert] = []
    doubted = {(b.subject, b.window) for b in platform.store.records.beliefs(until=due, over=MAY_BE_ATTACK)}
    cleared: set[tuple[Subject, int]] = set()
    for alert in platform.store.records.alerts():
        windows = {(alert.subject, belief.window) for belief in alert.beliefs}
        if alert.status in CLEARED:
            cleared |= windows
        elif alert.status != "open" or any(belief.log_odds > INCIDENT for belief in alert.beliefs):
            incidents.append(alert)
        else:
            doubted |= windows
    return incidents, doubted - cleared


def _untaught(batch: Batch, current: Current) -> Batch:
    """The events that `lichen learn` was not given, or that it kept for calibration."""
    stream = batch.stream.identity
    last = current.read.get(GIVEN, {}).get(stream)
    if last is None:
        return batch
    taught = (batch.offset <= last) & (batch.times() < current.read.get(BORDER, {}).get(stream, 0))
    return batch.take(np.flatnonzero(~taught)) if taught.any() else batch


def _tried(
    platform: Platform,
    before: Models,
    learned: Lessons,
    stretch: Stretch,
    now: int,
    wall: int,
    move: Callable[[dict[str, str]], None],
) -> Step:
    """Calibrate the new profiles, hold them against the canaries, and put them in force or leave all as it was."""
    store = platform.store
    assert before.decider is not None
    bare = Models(learned.profiles, before.classifier, None)
    decider = calibrated(platform, bare, before.decider, stretch.start, stretch.end)
    if decider.calibration.windows < LEAST_WINDOWS:
        words = f"{decider.calibration.windows:,} windows that models speak of, {LEAST_WINDOWS} are wanted to calibrate"
        return Step(WAITING, words, wall, windows=decider.calibration.windows)
    after = Models(learned.profiles, before.classifier, decider)
    passage = passage_of(platform, before, after, now)
    found = Step(
        LEARNED if passage.passed else REJECTED,
        "",
        wall,
        learned.events,
        learned.left_out,
        decider.calibration.windows,
        lost=passage.lost,
        false=passage.false,
    )
    if passage.passed:
        put = assemble.put_models(store, after, wall, _learned(platform, learned, stretch, decider))
        versions = {**store.models.current().versions, **put}
        move(versions)
        store.models.sweep(store.records.pinned_versions(), KEPT_VERSIONS)
        found = msgspec.structs.replace(found, versions=versions)
    else:
        move(store.models.current().versions)
    return msgspec.structs.replace(found, words=_in_words(found, passage, stretch))


def _learned(platform: Platform, learned: Lessons, stretch: Stretch, decider: Decider) -> dict[str, Any]:
    """What the new versions learned from in all, as their cards say."""
    kept = platform.store.models
    version = kept.current().versions.get(DECIDE)
    before = kept.card(DECIDE, version).learned if version else {}
    return {
        **{name: before[name] for name in ("from",) if name in before},
        "events": int(before.get("events", 0)) + learned.events,
        "to": stretch.due,
        "calibration windows": decider.calibration.windows,
        "side": "benign",
    }


def told(left_out: Mapping[str, int]) -> str:
    """What was held back and why, for people."""
    return ", ".join(f"{count:,} ({reason})" for reason, count in sorted(left_out.items())) or "none"


def _in_words(step: Step, passage: Passage, stretch: Stretch) -> str:
    events = f"{step.events:,} events older than {day_of(stretch.due)} {_clock(stretch.due)} UTC"
    what = f"learned {events}" if step.outcome == LEARNED else f"models left as they were; set aside {events}"
    return f"{what}; held back {told(step.left_out)}; calibrated on {step.windows:,} later windows; {passage.summary}"


def _clock(moment: int) -> str:
    minutes = moment // (60 * MICROSECONDS) % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
