"""What Sigma reads of events of a log: a shape a log source, the fields under the names that its rules use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lichen.collect.columns import TEXT, Coded
from lichen.collect.event_log import LONGEST_LIST, OURS, EventLog, routed
from lichen.collect.readers.making import Column, fields_shape
from lichen.collect.values import Document, as_text
from lichen.core.batch import LogSource, Shape

COLUMNS_AT_MOST = 4096  # of the events of one batch
UNKNOWN = LogSource("windows", None, None)


def event_shapes(log: EventLog, documents: Sequence[Document]) -> list[Shape]:
    """The shapes of the flat documents of one batch; events of a channel that no log source names have one, too, for
    rules that ask for nothing else."""
    shapes = []
    made: dict[tuple[int, tuple[int, ...]], pa.RecordBatch] = {}
    rest = np.ones(len(documents), dtype=bool)
    for (source, number), (rename, rows) in routed(log, documents).items():
        rest[rows] = False
        event = None if len(rows) == len(documents) else np.array(rows, dtype=np.int64)
        key = (number if rename else 0, tuple(rows))
        if key not in made:
            columns = _columns([documents[row] for row in rows], rename, log.logsources.values)
            made[key] = fields_shape(source, columns, len(rows), event).fields
        shapes.append(Shape(source, made[key], event))
    if rest.any():
        rows = np.flatnonzero(rest).tolist()
        event = None if len(rows) == len(documents) else np.array(rows, dtype=np.int64)
        shapes.append(fields_shape(UNKNOWN, _columns([documents[row] for row in rows], {}, {}), len(rows), event))
    return shapes


def _columns(
    documents: Sequence[Document], rename: Mapping[str, str], values: Mapping[str, Mapping[str, str]]
) -> dict[str, Column]:
    """A column a field, by Sigma's name of it."""
    rows: dict[str, list[int]] = {}
    held: dict[str, list[Any]] = {}
    for row, document in enumerate(documents):
        for name, got in document.items():
            if got is None or name in OURS:
                continue
            into = rows.get(name)
            if into is None:
                if len(rows) >= COLUMNS_AT_MOST:
                    continue
                into, held[name] = rows.setdefault(name, []), []
            into.append(row)
            held[name].append(got)
    taken = set(rename.values())
    columns: dict[str, Column] = {}
    for name, into in rows.items():
        renamed = name in rename
        if renamed or name not in taken:  # of two fields under one name the renamed one is meant
            named = rename.get(name, name)
            columns[named] = _column(held[name], into, len(documents), values.get(named) if renamed else None)
    return columns


def _column(got: list[Any], rows: list[int], length: int, said: Mapping[str, str] | None) -> Column:
    if any(isinstance(each, list) for each in got):
        cells: list[list[str] | None] = [None] * length
        for row, each in zip(rows, got, strict=True):
            texts = each[:LONGEST_LIST] if isinstance(each, list) else [each]
            cells[row] = [text if isinstance(text, str) else as_text(text) or "" for text in texts]
        return pa.array(cells, type=pa.list_(TEXT))
    some = Coded.of([each if isinstance(each, str) else as_text(each) for each in got])
    if said:
        some = some.map(lambda text: said.get(text, text))
    if len(rows) == length:
        return some
    codes = np.full(length, -1, dtype=np.int32)
    codes[rows] = some.codes
    return Coded(codes, some.values)
