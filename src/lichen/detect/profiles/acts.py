"""Acts: what a use reads of a batch, dictionary-encoded, so that each distinct thing is looked at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lichen.core.batch import Batch, Rows

JOIN = " › "  # between the parts of a value, as people read it
PLAIN = "plain"  # a part of which there is nothing to say
PART_LIMIT = 160  # letters of one part of a value

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Coded:
    """A column as codes into its distinct values; −1 where there is none."""

    codes: Rows
    values: Sequence[Any]

    def take(self, rows: Rows) -> Coded:
        return Coded(self.codes[rows], self.values)

    @property
    def present(self) -> Mask:
        return self.codes >= 0


@dataclass(frozen=True, slots=True)
class Acts:
    """What `m` events of a batch did, for one use: `rows` the event rows, `parts` the parts of each value (given ones
    first, then those judged, each given all before it). `missing`: events in reach whose fields were absent."""

    rows: Rows
    parts: tuple[Coded, ...]
    missing: int = 0

    def take(self, places: Rows) -> Acts:
        return Acts(self.rows[places], tuple(part.take(places) for part in self.parts), self.missing)


class _Latest(threading.local):
    """The columns of the view that was read last: profiles read the same batch one after the other."""

    view: pa.RecordBatch | None = None
    columns: dict[str, Coded]


_LATEST = _Latest()


def column_of(batch: Batch, name: str) -> Coded:
    """A column of the view, dictionary-encoded; once for all profiles."""
    if _LATEST.view is not batch.view:
        _LATEST.view, _LATEST.columns = batch.view, {}
    found = _LATEST.columns.get(name)
    if found is None:
        found = _LATEST.columns[name] = coded(batch.view.column(name))
    return found


def coded(column: pa.Array) -> Coded:
    """An array, dictionary-encoded."""
    encoded = column.dictionary_encode()
    indices = encoded.indices.fill_null(-1) if encoded.null_count else encoded.indices
    codes = np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    return Coded(codes, encoded.dictionary.to_pylist())


def joint(columns: Sequence[Coded], make: Callable[..., str | None]) -> Coded:
    """One column out of several: `make` is called once for each distinct combination (None for absent parts), and may
    answer None: no value."""
    keys, firsts = combine(columns)
    made: dict[str, int] = {}
    table = np.empty(len(firsts), dtype=np.int64)
    for place, row in enumerate(firsts.tolist()):
        parts = [c.values[c.codes[row]] if c.codes[row] >= 0 else None for c in columns]
        value = make(*parts)
        table[place] = -1 if value is None else made.setdefault(value, len(made))
    return Coded(table[keys] if len(keys) else keys, list(made))


def combine(columns: Sequence[Coded]) -> tuple[Rows, Rows]:
    """Each row's number among the distinct combinations of codes, and the first row of each combination."""
    key = np.zeros(len(columns[0].codes), dtype=np.int64)
    size = 1
    for column in columns:
        width = len(column.values) + 1
        if size * width >= 1 << 62:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
            size = len(key) + 1
        key = key * width + (column.codes + 1)
        size *= width
    _, firsts, numbers = np.unique(key, return_index=True, return_inverse=True)
    return numbers.astype(np.int64), firsts.astype(np.int64)


def part(text: str) -> str:
    """A part of a value: bounded, without control characters or the joint between parts."""
    if len(text) > PART_LIMIT:
        text = text[:PART_LIMIT] + "…"
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text.replace("›", ">")


def value_of(parts: Sequence[str]) -> str:
    """The value as it is stored and shown: its parts, outermost first."""
    return JOIN.join(parts)


def parts_of(value: str) -> tuple[str, ...]:
    """The parts of a value."""
    return tuple(value.split(JOIN))
