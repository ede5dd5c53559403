"""Records of one type as a table over their forms, and the shape in which Sigma's `service: auditd` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lichen.collect.columns import TEXT, Coded, Rows
from lichen.collect.readers.auditd.forms import TypeForms
from lichen.core.batch import LogSource, Shape

MANY_FIELDS = 512  # of one shape; names are the sender's to choose, and what is beyond stays in the text
AUDITD = LogSource("linux", None, "auditd")


@dataclass(slots=True)
class Table:
    """Records of one type, in the order of their lines. `event` is the batch row that each belongs to, `row` its line,
    `numbers[p]` the forms of its parts in `forms`. `own` holds columns outside the forms (SYSCALL's numbers)."""

    kind: str
    event: Rows
    row: Rows
    numbers: Rows
    forms: TypeForms
    own: dict[str, Coded] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.event)

    def column(self, name: str) -> Coded:
        """A field of each record; null where it has none."""
        if name in self.own:
            return self.own[name]
        column = Coded.constant(None, len(self))
        for forms, numbers in zip(self.forms.parts, self.numbers, strict=True):
            if name in forms.names:
                column = column.or_else(forms.column(name, numbers))
        return column

    def fields(self) -> list[dict[str, str]]:
        """The fields of each record, those of SYSCALL's numbers left out."""
        parts = [[forms.records[number].fields for number in numbers.tolist()]
                 for forms, numbers in zip(self.forms.parts, self.numbers, strict=True)]  # fmt: skip
        if len(parts) == 1:
            return parts[0]
        return [{name: text for part in reversed(of) for name, text in part.items()} for of in zip(*parts, strict=True)]

    def decoded(self) -> list[str]:
        """Of each record the texts that its line holds in hexadecimal."""
        parts = [[forms.records[number].decoded for number in numbers.tolist()]
                 for forms, numbers in zip(self.forms.parts, self.numbers, strict=True)]  # fmt: skip
        return parts[0] if len(parts) == 1 else [" ".join(filter(None, of)) for of in zip(*parts, strict=True)]

    def first(self, events: int) -> Rows:
        """For each of the batch's events the place of its first record of this type; -1 where it has none."""
        place = np.full(events, -1, dtype=np.int64)
        place[self.event[::-1]] = np.arange(len(self) - 1, -1, -1, dtype=np.int64)
        return place

    def of_event(self, name: str, events: int) -> Coded:
        """A field of each event's first record of this type."""
        return self.column(name).take(self.first(events))

    def columns(self) -> list[tuple[str, npt.NDArray[np.int32], list[str]]]:
        """Every field that any of the records has: name, codes and values."""
        found = {name: (column.codes, column.values) for name, column in self.own.items() if column.present.any()}
        for forms, numbers in zip(self.forms.parts, self.numbers, strict=True):
            for name, codes, values in zip(*forms.columns(numbers), strict=True):
                if name in found:  # a field in two parts: an odd record among others
                    column = Coded(*found[name]).or_else(Coded(codes, values))
                    found[name] = (column.codes, column.values)
                else:
                    found[name] = (codes, values)
        return [(name, codes, values) for name, (codes, values) in found.items()]


def record_shape(tables: Sequence[Table], nodes: Coded, lines: Sequence[str]) -> Shape:
    """A line a record, grouped by type: fields under auditd's own names, and as keywords the line itself, with the
    decoded texts behind it where the line holds them in hexadecimal."""
    total = sum(len(table) for table in tables)
    event = np.concatenate([table.event for table in tables])
    codes: dict[str, npt.NDArray[np.int32]] = {}
    values: dict[str, list[str]] = {}

    def put(name: str, start: int, own_codes: npt.NDArray[np.int32], own_values: list[str]) -> None:
        if name not in codes:
            if len(codes) >= MANY_FIELDS:
                return
            codes[name] = np.full(total, -1, dtype=np.int32)
            values[name] = own_values
        elif before := len(values[name]):
            own_codes = np.where(own_codes >= 0, own_codes + np.int32(before), np.int32(-1))
            values[name] = [*values[name], *own_values]
        codes[name][start : start + len(own_codes)] = own_codes

    start = 0
    for table in tables:
        put("type", start, np.zeros(len(table), dtype=np.int32), [table.kind])
        for name, own_codes, own_values in table.columns():
            put(name, start, own_codes, own_values)
        start += len(table)
    node = nodes.take(event)
    if node.present.any():
        put("node", 0, node.codes, node.values)
    keywords = [text for table in tables for text in _keywords(table, lines)]
    return Shape(AUDITD, _dictionaries(codes, values, total), event, pa.array(keywords, type=TEXT))


def _dictionaries(codes: dict[str, npt.NDArray[np.int32]], values: dict[str, list[str]], total: int) -> pa.RecordBatch:
    """All columns in two Arrow arrays, cut into a dictionary column each: there are many, and most are small."""
    together = np.concatenate(list(codes.values()))
    indices = pa.array(together, mask=together < 0, type=pa.int32())
    texts = pa.array(list(chain.from_iterable(values.values())), type=TEXT)
    arrays, row, place = [], 0, 0
    for own in values.values():
        dictionary = texts.slice(place, len(own))
        arrays.append(pa.DictionaryArray.from_arrays(indices.slice(row, total), dictionary, safe=False))
        row += total
        place += len(own)
    return pa.RecordBatch.from_arrays(arrays, names=list(values))


def _keywords(table: Table, lines: Sequence[str]) -> list[str]:
    decoded = table.decoded()
    rows = table.row.tolist()
    if not any(decoded):
        return [lines[row] for row in rows]
    return [f"{lines[row]} {text}" if text else lines[row] for row, text in zip(rows, decoded, strict=True)]
