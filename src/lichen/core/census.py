"""Census: the denominators. Without them evidence alone says nothing about silence."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lichen.core.batch import Batch
from lichen.core.entity import Subject
from lichen.core.ocsf import SUBJECT_KINDS
from lichen.core.time import window_start

SKETCH_EDGES = tuple(x / 2 for x in range(-12, 13))  # nats: -6, -5.5 … 6; 26 bins with the two open ends


class CensusRow(msgspec.Struct, frozen=True):
    """What a detector could see, saw and missed of one subject in one window, from one range of one stream.

    Keyed by (detector, subject, window, stream, start): a replay replaces and cannot add twice. `seen` counts events
    within the detector's reach, `fired` those with evidence towards malicious, `missing` those whose fields were
    absent, `sketch` event scores by SKETCH_EDGES (empty for detectors without scores). Rows add up: over streams to a
    window, over subjects to a group, over windows to a rate.
    """

    detector: str
    subject: Subject
    group: str
    window: int  # start, µs UTC
    stream: str
    start: int  # offset of the batch's first event
    seen: int
    fired: int = 0
    missing: int = 0
    sketch: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, Subject, int, str, int]:
        return self.detector, self.subject, self.window, self.stream, self.start


ACTIVITY = "activity"  # the census that no detector keeps: how many own events a subject had in a window, per batch


def activity_of(batch: Batch, minutes: int) -> list[CensusRow]:
    """How many own events each subject had in each window of this batch: where silence means something."""
    if not len(batch):
        return []
    starts = window_start(batch.times(), minutes)
    no_group = pa.scalar("")
    groups = pc.fill_null(batch.column("subject.group"), no_group).dictionary_encode()
    rows: list[CensusRow] = []
    for kind in SUBJECT_KINDS:
        names = batch.column(f"subject.{kind}").dictionary_encode()
        present = np.flatnonzero(names.is_valid().to_numpy(zero_copy_only=False))
        if not len(present):
            continue
        code = names.indices.fill_null(0).to_numpy(zero_copy_only=False)[present].astype(np.int64)
        keys = np.stack([code, starts[present]], axis=1)
        distinct, first, counts = np.unique(keys, axis=0, return_index=True, return_counts=True)
        for (name, start), row, count in zip(distinct.tolist(), present[first].tolist(), counts.tolist(), strict=True):
            subject = Subject(kind, names.dictionary[name].as_py())
            group = groups.dictionary[groups.indices[row].as_py()].as_py()
            rows.append(CensusRow(ACTIVITY, subject, group, start, batch.stream.identity, int(batch.offset[0]), count))
    return rows
