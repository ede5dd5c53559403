"""Fields of events: by name, nested (`a.b`) and indexed (`a[0]`), and what an event as a whole says under a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from lichen.core.batch import Batch, LogSource, Rows

PARTS_LIMIT = 32  # of one path
_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,6})\]")


def column_of(fields: pa.RecordBatch, name: str) -> pa.Array | None:
    """The column that a field's name means: the one of that very name, else the way that it describes through
    structures and lists. A list on the way means each of its elements, `[0]` one of them. None where there is none."""
    index = fields.schema.get_field_index(name)
    if index >= 0:
        return fields.column(index)
    parts = _parts(name)
    for taken in range(len(parts) - 1, 0, -1):  # a column may have dots in its own name
        head = _joined(parts[:taken])
        index = fields.schema.get_field_index(head) if head else -1
        if index >= 0:
            return _below(fields.column(index), parts[taken:])
    return None


def _parts(name: str) -> list[str | int]:
    found: list[str | int] = []
    end = 0
    for part in _PART.finditer(name):
        if part.start() != end or len(found) > PARTS_LIMIT:
            return []
        end = part.end()
        found.append(int(part[2]) if part[2] is not None else part[1])
    return found if end == len(name) else []


def _joined(parts: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _below(column: pa.Array, parts: Sequence[str | int]) -> pa.Array | None:
    for part in parts:
        kind = column.type
        if isinstance(part, int):
            if not _is_list(kind):
                return None
            column = pa.array(
                [None if v is None or part >= len(v) else v[part] for v in column.to_pylist()], kind.value_type
            )
        elif pa.types.is_struct(kind):
            if kind.get_field_index(part) < 0:
                return None
            column = pc.struct_field(column, part)
        elif _is_list(kind) and pa.types.is_struct(kind.value_type) and kind.value_type.get_field_index(part) >= 0:
            inner = kind.value_type.field(part).type
            rows = [None if v is None else [each[part] for each in v if each is not None] for v in column.to_pylist()]
            column = pa.array(rows, pa.list_(inner))
        else:
            return None
    return column


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def is_list(column: pa.Array) -> bool:
    """Whether each cell of the column is a list of values."""
    return _is_list(column.type)


def text_of(value: Any) -> str:
    """A value as the text that rules compare: 200, true, 1.5; a whole float as its integer; an object as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    return value if isinstance(value, str) else str(value)


def texts_of(value: Any) -> tuple[str, ...] | None:
    """A cell as the texts that it holds, one of which must fit: None for no value, each element of a list. A list
    without any is no value, as null is."""
    if value is None:
        return None
    if not isinstance(value, list):
        return (text_of(value),)
    return tuple(text for each in value for text in texts_of(each) or ()) or None


def values_of(batch: Batch, source: LogSource, rows: Rows, names: Iterable[str]) -> Mapping[str, Sequence[str | None]]:
    """What each of these events says under each name: its first line that has the field, among the shapes that a rule
    of this log source reads, else the OCSF view's column. A list is its JSON text."""
    found: dict[str, list[str | None]] = {name: [None] * len(rows) for name in names}
    place = {row: i for i, row in enumerate(rows.tolist())}
    for shape in batch.shapes:
        if not shape.source.offers(source):
            continue
        events = shape.events_of(np.arange(shape.fields.num_rows))
        lines = np.flatnonzero(np.isin(events, rows))
        for name, texts in found.items():
            column = column_of(shape.fields, name)
            if column is not None and len(lines):
                for event, value in zip(events[lines].tolist(), column.take(pa.array(lines)).to_pylist(), strict=True):
                    if value is not None and texts[place[event]] is None:
                        texts[place[event]] = text_of(value)
    for name, texts in found.items():
        if name in batch.view.schema.names and None in texts:
            for i, value in enumerate(batch.column(name).take(pa.array(rows)).to_pylist()):
                if value is not None and texts[i] is None:
                    texts[i] = text_of(value)
    return found
