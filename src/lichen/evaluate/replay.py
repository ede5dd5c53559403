"""Replay a session through frozen detectors: the same evidence a live run would have, with its ground truth beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lichen.core.batch import Batch
from lichen.core.census import CensusRow, activity_of
from lichen.core.doors import Detector
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.ocsf import SUBJECT_KINDS
from lichen.core.time import window_start
from lichen.evaluate.session import Session, stream_file

Window = tuple[Subject, int]


@dataclass(slots=True)
class Replay:
    """What a session gave. `labelled`: event id -> step id; `touched`: the (subject, window)s that hold a labelled
    event, with the steps."""

    evidence: dict[tuple[Subject, int, str], Evidence] = field(default_factory=dict)
    activity: dict[Window, int] = field(default_factory=dict)
    census: list[CensusRow] = field(default_factory=list)
    labelled: dict[str, str] = field(default_factory=dict)
    touched: dict[Window, set[str]] = field(default_factory=dict)
    events: int = 0


def replay(batches: Iterable[Batch], detectors: Sequence[Detector], session: Session, minutes: int) -> Replay:
    """Evidence of every detector over the session's batches, in their order."""
    result = Replay()
    memories: dict[str, Any] = {detector.name: {} for detector in detectors}
    for batch in batches:
        result.events += len(batch)
        for row in activity_of(batch, minutes):
            key = (row.subject, row.window)
            result.activity[key] = result.activity.get(key, 0) + row.seen
        for detector in detectors:
            evidence, census, memories[detector.name] = detector.detect(batch, memories[detector.name])
            result.evidence.update({row.key: row for row in evidence})
            result.census.extend(census)
        mark_labels(batch, session, minutes, result)
    return result


def labelled_rows(batch: Batch, session: Session) -> dict[int, str]:
    """Event row -> step id, of the batch's events that belong to a step."""
    if not session.labels:
        return {}
    file = stream_file(batch.stream.place)
    found = {}
    for row, offset in enumerate(batch.offset.tolist()):
        step = session.labels.get((file, offset))
        if step is not None:
            found[row] = step
    return found


def mark_labels(batch: Batch, session: Session, minutes: int, result: Replay) -> None:
    """Note the labelled events of a batch, and which subjects' windows they touch."""
    rows = labelled_rows(batch, session)
    if not rows:
        return
    where = np.array(sorted(rows), dtype=np.int64)
    for row, event_id in zip(where.tolist(), batch.event_ids(where), strict=True):
        result.labelled[event_id] = rows[row]
    starts = window_start(batch.times()[where], minutes)
    for kind in SUBJECT_KINDS:
        names = batch.column(f"subject.{kind}").take(where).to_pylist()
        for row, name, start in zip(where.tolist(), names, starts.tolist(), strict=True):
            if name is not None:
                result.touched.setdefault((Subject(kind, name), start), set()).add(rows[row])


def without_labels(batch: Batch, session: Session) -> Batch:
    """The batch without events that belong to a step."""
    rows = labelled_rows(batch, session)
    if not rows:
        return batch
    kept = np.setdiff1d(np.arange(len(batch), dtype=np.int64), np.fromiter(rows, dtype=np.int64))
    return batch.take(kept)
