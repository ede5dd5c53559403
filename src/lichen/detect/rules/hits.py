"""From hits on events to one row per subject, window and detector: what rules and indicators have in common.

A hit has no score; rows count events, tell causes and name samples. The rarest cause comes first, and one event of each
cause before the second of any: eight backups do not hide the ninth event that was an attack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypedDict

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lichen.core.batch import Batch, Rows
from lichen.core.census import CensusRow
from lichen.core.doors import Memory
from lichen.core.entity import Subject
from lichen.core.evidence import SAMPLES, Evidence, cause_of
from lichen.core.ocsf import SUBJECT_KINDS
from lichen.core.time import window_start
from lichen.detect.rules.measures import Item

OPEN_WINDOWS = 16  # of one subject and detector; older ones are evicted and counted
OPEN_SERIES = 1 << 15  # subjects times detectors; beyond, the half that was silent longest is evicted and counted
CAUSES = 64  # of one window that are told apart
TOLD = 4  # further causes that a row tells
EXAMINED = 64  # events of one batch, window and detector whose cause is looked at

Times = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Hits:
    """Events on which one detector fires: ascending `rows`, and in words why (`because(row)`)."""

    detector: str
    rows: Rows
    because: Callable[[int], str]
    techniques: tuple[str, ...] = ()


class Seen(msgspec.Struct):
    """One cause within an open window: how many events, and (time, event id) of its first few."""

    count: int = 0
    samples: list[tuple[int, str]] = []


class OpenHits(msgspec.Struct):
    """What memory keeps of one (subject, window, detector)."""

    subject: Subject
    window: int
    detector: str
    because: str
    first_time: int
    n_events: int = 0
    causes: dict[str, Seen] = {}
    techniques: tuple[str, ...] = ()

    def row(self, version: str) -> Evidence:
        """The cumulative evidence of this window; the rarest cause is told and sampled first."""
        ranked = sorted(self.causes.items(), key=lambda item: (item[1].count, item[1].samples[0], item[0]))
        rounds = zip_longest(*(seen.samples for _, seen in ranked))
        sampled = [sample for each in rounds for sample in each if sample is not None][:SAMPLES]
        return Evidence(
            subject=self.subject,
            window=self.window,
            detector=self.detector,
            score_nats=0.0,
            cause=ranked[0][0],
            because=self.because,
            first_time=self.first_time,
            n_events=self.n_events,
            version=version,
            sample_event_ids=tuple(event_id for _, event_id in sampled),
            techniques=self.techniques,
            others=tuple(cause for cause, _ in ranked[1 : 1 + TOLD]),
            sample_times=tuple(time for time, _ in sampled),
        )


class HitsMemory(TypedDict, total=False):
    """The memory of rules and indicators."""

    windows: dict[str, list[OpenHits]]  # of each subject and detector, oldest first
    evicted: int
    series: dict[str, list[Item]]  # of each correlation and group, in order of time
    items: int  # in all series
    clock: int  # µs; half of some batch's events were later
    seen: dict[str, list[str]]  # log source -> fields that ever had a value (reach.py)


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom each event of a batch is about: `code` an index into `subjects` and `groups`, `starts` its window."""

    subjects: Sequence[Subject]
    groups: Sequence[str]
    code: npt.NDArray[np.int64]
    starts: Times

    def by_window(self, rows: Rows) -> Iterable[tuple[Subject, int, Rows]]:
        """The rows of each (subject, window) among `rows`."""
        order = rows[np.lexsort((self.starts[rows], self.code[rows]))]
        change = np.flatnonzero((np.diff(self.code[order]) != 0) | (np.diff(self.starts[order]) != 0)) + 1
        for members in np.split(order, change) if len(order) else ():
            yield self.subjects[self.code[members[0]]], int(self.starts[members[0]]), members


def whom(batch: Batch, minutes: int) -> Whom:
    """The subject of each event: its workload, else its host, else its user, else an unknown host."""
    code = np.full(len(batch), -1, dtype=np.int64)
    subjects: list[Subject] = []
    for kind in SUBJECT_KINDS:
        names = batch.column(f"subject.{kind}").dictionary_encode()
        indices = names.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        open_ = (code < 0) & (indices >= 0)
        code[open_] = indices[open_] + len(subjects)
        subjects.extend(Subject(kind, name or "") for name in names.dictionary.to_pylist())
    if (code < 0).any():
        code[code < 0] = len(subjects)
        subjects.append(Subject("host", "unknown"))
    groups = [""] * len(subjects)
    present, first = np.unique(code, return_index=True)
    named = batch.column("subject.group").take(pa.array(first)).to_pylist()
    for each, group in zip(present.tolist(), named, strict=True):
        groups[each] = group or ""
    return Whom(subjects, groups, code, window_start(batch.times(), minutes))


def fold_hits(
    hits: Sequence[Hits], batch: Batch, about: Whom, memory: Memory, version: str
) -> tuple[list[Evidence], dict[str, Any]]:
    """The rows that these hits touch, and the memory after them; the given memory is left as it was."""
    windows: dict[str, list[OpenHits]] = dict(memory.get("windows", {}))
    evicted = int(memory.get("evicted", 0))
    times = batch.times()
    groups = [(each, *group) for each in hits for group in about.by_window(each.rows)]
    examined = [members[np.argsort(times[members], kind="stable")][:EXAMINED].tolist() for *_, members in groups]
    rows = sorted({row for each in examined for row in each})
    causes = dict(zip(rows, cause_of(batch, rows), strict=True))
    evidence = []
    for (each, subject, start, members), looked_at in zip(groups, examined, strict=True):
        key = f"{subject.kind}\0{subject.name}\0{each.detector}"
        before = windows.get(key, [])
        first = int(times[looked_at[0]])
        opened = next((one for one in before if one.window == start), None)
        if opened is None:
            opened = OpenHits(subject, start, each.detector, each.because(looked_at[0]), first)
        grown = msgspec.structs.replace(
            opened,
            first_time=min(first, opened.first_time),
            n_events=opened.n_events + len(members),
            causes=_counted(opened.causes, looked_at, causes, times, batch),
            techniques=each.techniques,
        )
        windows[key], lost = _with(before, opened, grown)
        evicted += lost
        evidence.append(grown.row(version))
    windows, dropped = _bounded(windows)
    return evidence, {**memory, "windows": windows, "evicted": evicted + dropped}


def _with(before: Sequence[OpenHits], opened: OpenHits, grown: OpenHits) -> tuple[list[OpenHits], int]:
    """The open windows with one of them grown, and how many were let go."""
    kept = sorted([one for one in before if one is not opened] + [grown], key=lambda one: one.window)
    return kept[-OPEN_WINDOWS:], max(0, len(kept) - OPEN_WINDOWS)


@dataclass(frozen=True, slots=True)
class Told:
    """Something that is more than one event: whom and when, the cause and in words why, and the events that made it."""

    detector: str
    subject: Subject
    time: int
    cause: str
    because: str
    samples: tuple[tuple[int, str], ...]
    techniques: tuple[str, ...] = ()


def fold_told(
    told: Sequence[Told], minutes: int, memory: Memory, version: str
) -> tuple[list[Evidence], dict[str, Any]]:
    """The rows that these touch, and the memory after them; `n_events` counts how often it was told in a window."""
    windows: dict[str, list[OpenHits]] = dict(memory.get("windows", {}))
    evicted = int(memory.get("evicted", 0))
    starts = window_start(np.array([each.time for each in told], dtype=np.int64), minutes).tolist()
    rows: dict[tuple[str, int], OpenHits] = {}
    for each, start in zip(told, starts, strict=True):
        key = f"{each.subject.kind}\0{each.subject.name}\0{each.detector}"
        before = windows.get(key, [])
        opened = next((one for one in before if one.window == start), None)
        if opened is None:
            opened = OpenHits(each.subject, start, each.detector, each.because, each.time)
        causes = dict(opened.causes)
        if each.cause in causes or len(causes) < CAUSES:
            seen = causes.get(each.cause, Seen())
            samples = list(dict.fromkeys([*seen.samples, *each.samples]))[:SAMPLES]
            causes[each.cause] = Seen(seen.count + 1, samples)
        grown = msgspec.structs.replace(
            opened,
            because=each.because,
            first_time=min(each.time, opened.first_time),
            n_events=opened.n_events + 1,
            causes=causes,
            techniques=each.techniques,
        )
        windows[key], lost = _with(before, opened, grown)
        evicted += lost
        rows[key, start] = grown
    windows, dropped = _bounded(windows)
    after = {**memory, "windows": windows, "evicted": evicted + dropped}
    return [grown.row(version) for grown in rows.values()], after


def _bounded(windows: dict[str, list[OpenHits]]) -> tuple[dict[str, list[OpenHits]], int]:
    """The OPEN_SERIES that were touched by the newest windows, and how many windows were let go."""
    if len(windows) <= OPEN_SERIES:
        return windows, 0
    newest = sorted(windows, key=lambda key: windows[key][-1].window, reverse=True)[: OPEN_SERIES // 2]
    kept = {key: windows[key] for key in newest}
    return kept, sum(map(len, windows.values())) - sum(map(len, kept.values()))


def _counted(
    before: Mapping[str, Seen], rows: Sequence[int], causes: Mapping[int, str], times: Times, batch: Batch
) -> dict[str, Seen]:
    """The causes with these events added; of a new cause beyond the bound only the count of events is kept."""
    after = dict(before)
    for row in rows:
        cause = causes[row]
        if cause not in after and len(after) >= CAUSES:
            continue
        seen = after.get(cause, Seen())
        samples = seen.samples
        if len(samples) < SAMPLES:
            samples = [*samples, (int(times[row]), batch.event_ids([row])[0])]
        after[cause] = Seen(seen.count + 1, samples)
    return after


def census_of(name: str, batch: Batch, about: Whom, reach: Bools, fired: Bools, blank: Bools) -> list[CensusRow]:
    """How many events of each (subject, window) the detector could read, fired on, and found without its fields."""
    rows = []
    for subject, start, members in about.by_window(np.flatnonzero(reach)):
        rows.append(
            CensusRow(
                detector=name,
                subject=subject,
                group=about.groups[about.code[members[0]]],
                window=start,
                stream=batch.stream.identity,
                start=int(batch.offset[0]),
                seen=len(members),
                fired=int(fired[members].sum()),
                missing=int(blank[members].sum()),
            )
        )
    return rows
