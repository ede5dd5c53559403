"""What the sensors offered: log sources, fields and subjects seen, so that rules which cannot fire here can be told."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from lichen.core.batch import Batch, LogSource
from lichen.core.entity import Subject
from lichen.core.ocsf import SUBJECT_KINDS


class Offered(msgspec.Struct):
    """Counts over batches. `fields`: log source -> field -> lines that have it; `lines`: log source -> lines;
    `sensors`: sensor -> events; `subjects`: subject -> events; `without_subject`: events that name none."""

    fields: dict[LogSource, dict[str, int]] = {}
    lines: dict[LogSource, int] = {}
    sensors: dict[str, int] = {}
    subjects: dict[Subject, int] = {}
    without_subject: int = 0

    @property
    def sources(self) -> set[LogSource]:
        """The log sources seen."""
        return set(self.lines)

    def add(self, batch: Batch) -> None:
        """Count one more batch."""
        self.sensors[batch.stream.sensor] = self.sensors.get(batch.stream.sensor, 0) + len(batch)
        for shape in batch.shapes:
            self.lines[shape.source] = self.lines.get(shape.source, 0) + shape.fields.num_rows
            fields = self.fields.setdefault(shape.source, {})
            for name in shape.fields.schema.names:
                column = shape.fields.column(name)
                if present := len(column) - column.null_count:
                    fields[name] = fields.get(name, 0) + present
        named = np.zeros(len(batch), dtype=bool)
        for kind in SUBJECT_KINDS:
            column = batch.column(f"subject.{kind}")
            named |= column.is_valid().to_numpy(zero_copy_only=False)
            for entry in column.value_counts().to_pylist():
                if entry["values"] is not None:
                    subject = Subject(kind, entry["values"])
                    self.subjects[subject] = self.subjects.get(subject, 0) + entry["counts"]
        self.without_subject += int((~named).sum())


def offered(batches: Iterable[Batch]) -> Offered:
    """What these batches offer."""
    total = Offered()
    for batch in batches:
        total.add(batch)
    return total
