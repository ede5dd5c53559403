"""Texts as spans of one buffer of bytes: laid out, hashed from the right, compared; a few array operations a byte."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lichen.detect.rules.indicators.keys import Bools, Keys, Places

Bytes = npt.NDArray[np.uint8]
CHUNK = 1 << 14  # texts hashed at once: what is made of them stays in the processor's cache
_BASE = secrets.randbits(64) | 1  # anew in each process: nobody can prepare names that share a key
_LOWER = np.arange(256, dtype=np.uint8)
_LOWER[ord("A") : ord("Z") + 1] += 32


@dataclass(frozen=True)
class Spans:
    """Text i is `data[starts[i]:ends[i]]`; the spans follow each other and may have gaps."""

    data: Bytes
    starts: Places
    ends: Places

    @classmethod
    def of(cls, texts: Sequence[str | None] | pa.Array) -> Spans:
        """Texts, an Arrow array of strings or a sequence; None is the empty text."""
        array = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else _array(texts)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if array.null_count:
            array = array.fill_null("" if pa.types.is_string(array.type) or _is_large(array.type) else b"")
        array = array.cast(pa.large_binary())
        _, offsets, data = array.buffers()
        edges = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        held = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8)
        return cls(held, edges[:-1], edges[1:])

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> Places:
        return self.ends - self.starts

    def take(self, which: Any) -> Spans:
        """Some of the texts."""
        return Spans(self.data, self.starts[which], self.ends[which])

    def text(self, place: int) -> str:
        """One text; bytes that are no UTF-8 as `\\xNN`."""
        return self.raw(place).decode("utf-8", "backslashreplace")

    def raw(self, place: int) -> bytes:
        """One text as bytes."""
        return self.data[self.starts[place] : self.ends[place]].tobytes()

    def packed(self) -> Spans:
        """The same texts without gaps."""
        lengths = self.lengths
        ends = np.cumsum(lengths)
        starts = ends - lengths
        if len(self) and (self.starts[1:] == self.ends[:-1]).all():
            return Spans(self.data[self.starts[0] : self.ends[-1]], self.starts - self.starts[0], ends)
        return Spans(self.data[_flat(self.starts, lengths)], starts, ends)

    def lowered(self) -> Spans:
        """The same texts with ASCII in lower case."""
        return Spans(_LOWER[self.data], self.starts, self.ends)

    def head(self, width: int) -> Bytes:
        """The first `width` bytes of each text, a row each, 0 behind a shorter one."""
        places = self.starts[:, None] + np.arange(width)
        inside = places < self.ends[:, None]
        if not len(self.data):
            return np.zeros((len(self), width), dtype=np.uint8)
        return np.where(inside, self.data[np.minimum(places, len(self.data) - 1)], np.uint8(0))


def _is_large(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind))


def _array(texts: Sequence[str | None]) -> pa.Array:
    try:
        return pa.array(texts, type=pa.large_string())
    except UnicodeEncodeError:  # lone surrogates
        raw = [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
        return pa.array(raw, type=pa.large_binary())


def _flat(starts: Places, lengths: Places) -> Places:
    """The place of every byte of the spans."""
    total = int(lengths.sum())
    return np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(total)


def equal(first: Spans, second: Spans) -> Bools:
    """Which texts of the two are the same, one by one."""
    lengths = first.lengths
    same: Bools = lengths == second.lengths
    asked = np.flatnonzero(same & (lengths > 0))
    if len(asked):
        lengths = lengths[asked]
        here, there = _flat(first.starts[asked], lengths), _flat(second.starts[asked], lengths)
        alike = first.data[here] == second.data[there]
        same[asked] = np.logical_and.reduceat(alike, np.cumsum(lengths) - lengths)
    return same


@lru_cache(maxsize=4)
def _powers(count: int) -> Keys:
    base, powers = np.full(count, _BASE, dtype=np.uint64), np.ones(count, dtype=np.uint64)
    np.cumprod(base[1:], out=powers[1:])
    return powers


def suffix_sums(spans: Spans, longest: int) -> Keys:
    """Of packed texts no longer than `longest`: sums from which `keys_from` tells the key of any of their suffixes."""
    lengths = spans.lengths
    from_end = np.repeat(spans.ends - 1, lengths) - np.arange(len(spans.data))
    terms = (spans.data + np.uint64(1)) * _powers(longest)[from_end]
    sums = np.zeros(len(terms) + 1, dtype=np.uint64)
    np.cumsum(terms[::-1], out=sums[-2::-1])
    return sums


def keys_of(spans: Spans, longest: int) -> Keys:
    """The key of each of the texts, which are no longer than `longest`."""
    keys = np.empty(len(spans), dtype=np.uint64)
    for first in range(0, len(spans), CHUNK):
        chunk = spans.take(slice(first, first + CHUNK)).packed()
        sums = suffix_sums(chunk, longest)
        keys[first : first + CHUNK] = sums[chunk.starts] - sums[chunk.ends]
    return keys
