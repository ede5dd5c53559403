"""One table of all subjects' windows: what every detector said of each, and who was silent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from lichen.core.census import ACTIVITY, CensusRow
from lichen.core.entity import Subject
from lichen.core.errors import ModelError
from lichen.core.evidence import Evidence
from lichen.decide.groups import RULES, group_of

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Window = tuple[Subject, int]
"""A subject and the start of one of its windows, µs UTC."""
Activity = Mapping[Window, int]
"""Own events of each subject in each window: where silence means something."""

CLIP = 6.0
SILENT = -CLIP  # the score of a window in which a detector of that subject saw nothing: the least that any can have


@dataclass(frozen=True, slots=True)
class Table:
    """`n` windows (rows, ordered by subject and time) of `D` model detectors, and the rules that fired.

    `score[i, d]` is s of docs/belief.md, SILENT where detector d said nothing; `known`, `new` its distinct values;
    `evidence[i, d]` the place of its row in `rows`, -1 where silent. Fired rule or indicator k stands at window
    `fired_at[k]`, its evidence at `rows[fired[k]]`; ordered by window, then name.
    """

    subjects: tuple[Subject, ...]
    subject: Rows
    window: Rows
    detectors: tuple[str, ...]
    score: Floats
    known: Rows
    new: Rows
    evidence: Rows
    rows: Sequence[Evidence]
    fired_at: Rows
    fired: Rows

    def __len__(self) -> int:
        return len(self.window)

    @classmethod
    def collect(cls, evidence: Iterable[Evidence], activity: Activity) -> Table:
        """The table of these rows. Rows of one key are versions of one: the most complete stays, in whatever order
        they come. Raises ModelError for a detector without a group and for a score that is no number."""
        rows = list(evidence)
        codes: dict[Subject, int] = {}
        who = [codes.setdefault(row.subject, len(codes)) for row in rows]
        who += [codes.setdefault(subject, len(codes)) for subject, _ in activity]
        starts = [row.window for row in rows]
        starts += [start for _, start in activity]
        subjects = tuple(sorted(codes))
        renumber = np.empty(len(codes), dtype=np.int64)
        renumber[[codes[subject] for subject in subjects]] = np.arange(len(codes))
        given = renumber[np.array(who, dtype=np.int64)]
        subject, window, at = _distinct(given, np.array(starts, dtype=np.int64))
        rows, at = _latest(rows, at[: len(rows)])
        return cls._fill(rows, subjects, subject, window, at)

    @classmethod
    def _fill(
        cls, rows: Sequence[Evidence], subjects: tuple[Subject, ...], subject: Rows, window: Rows, at: Rows
    ) -> Table:
        said = [row.detector for row in rows]
        groups = {name: group_of(name) for name in set(said)}
        detectors = tuple(sorted(name for name, group in groups.items() if group not in (None, RULES)))
        column = {name: d for d, name in enumerate(detectors)} | {
            n: -2 for n, group in groups.items() if group == RULES
        }
        placed = np.array([column.get(name, -1) for name in said], dtype=np.int64)
        model = np.flatnonzero(placed >= 0)
        shape = (len(window), len(detectors))
        score, where = np.full(shape, SILENT), np.full(shape, -1, dtype=np.int64)
        known, new = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        cells = (at[model], placed[model])
        told = np.array([row.score_nats for row in rows], dtype=np.float64)[model]
        if np.isnan(told).any():
            wrong = rows[int(model[np.flatnonzero(np.isnan(told))[0]])]
            raise ModelError("a score that is no number", place=f"{wrong.detector}, {wrong.subject}")
        score[cells] = np.clip(told, -CLIP, CLIP)
        known[cells] = np.array([row.n_known for row in rows], dtype=np.int64)[model]
        new[cells] = np.array([row.n_new for row in rows], dtype=np.int64)[model]
        where[cells] = model
        fired = np.flatnonzero(placed == -2)
        order = sorted(zip(at[fired].tolist(), [said[k] for k in fired.tolist()], fired.tolist(), strict=True))
        fired = np.array([k for *_, k in order], dtype=np.int64)
        fired_at = at[fired]
        return cls(subjects, subject, window, detectors, score, known, new, where, rows, fired_at, fired)

    def subject_of(self, row: int) -> Subject:
        """Who row `row` is about."""
        return self.subjects[int(self.subject[row])]

    def kinds(self) -> list[str]:
        """The subject kind of each row."""
        kinds = [subject.kind for subject in self.subjects]
        return [kinds[code] for code in self.subject.tolist()]

    def modelled(self) -> Flags:
        """Rows whose subject any model detector speaks of anywhere in this table. A host that is told by its
        workloads is known by its activity only, and no window in which a model is silent there means a thing."""
        spoken = np.zeros(len(self.subjects), dtype=np.bool_)
        spoken[self.subject[(self.evidence >= 0).any(axis=1)]] = True
        return spoken[self.subject]

    def places(self) -> dict[Window, int]:
        """Row of each (subject, window)."""
        starts = zip(self.subject.tolist(), self.window.tolist(), strict=True)
        return {(self.subjects[code], start): row for row, (code, start) in enumerate(starts)}


def activity_from(census: Iterable[CensusRow]) -> dict[Window, int]:
    """Own events of every subject and window, of the census rows that count activity."""
    activity: dict[Window, int] = {}
    for row in census:
        if row.detector == ACTIVITY:
            key = (row.subject, row.window)
            activity[key] = activity.get(key, 0) + row.seen
    return activity


def _latest(rows: list[Evidence], at: Rows) -> tuple[list[Evidence], Rows]:
    """One row a window and detector, with its window: rows are cumulative, so the one of most events is the latest."""
    names: dict[str, int] = {}
    code = np.array([names.setdefault(row.detector, len(names)) for row in rows], dtype=np.int64)
    cell = at * max(1, len(names)) + code
    if len(np.unique(cell)) == len(rows):
        return rows, at
    kept: dict[int, int] = {}
    for place, key in enumerate(cell.tolist()):
        before = kept.setdefault(key, place)
        if before != place and _completeness(rows[place]) > _completeness(rows[before]):
            kept[key] = place
    stays = sorted(kept.values())
    return [rows[place] for place in stays], at[stays]


def _completeness(row: Evidence) -> tuple[object, ...]:
    """By events, then by everything that the row holds: two rows that differ never tie, in whatever order they came."""
    return row.n_events, msgspec.structs.astuple(row)


def _distinct(subject: Rows, window: Rows) -> tuple[Rows, Rows, Rows]:
    """Distinct (subject, window) pairs in order, and the place of each given pair among them."""
    if not len(subject):
        return subject, window, subject
    order = np.lexsort((window, subject))
    ranked_subject, ranked_window = subject[order], window[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (np.diff(ranked_subject) != 0) | (np.diff(ranked_window) != 0)
    at = np.empty(len(order), dtype=np.int64)
    at[order] = np.cumsum(first) - 1
    return ranked_subject[first], ranked_window[first], at
