"""A column of text as a code a row and its distinct values: each distinct thing is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Codes = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]
TEXT = pa.large_string()
MISSING = np.array([-1], dtype=np.int32)  # appended, so that row -1 of any column is null


@dataclass(frozen=True, slots=True)
class Coded:
    """`codes[i]` is the place of row i's text in `values`; -1 is null. Values may repeat; order means nothing."""

    codes: Codes
    values: list[str]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Coded:
        """A column of the given texts."""
        places: dict[str, int] = {}
        codes = [-1 if text is None else places.setdefault(text, len(places)) for text in texts]
        return cls(np.array(codes, dtype=np.int32), list(places))

    @classmethod
    def constant(cls, text: str | None, length: int) -> Coded:
        """The same text in every row (None: all null)."""
        return cls(np.full(length, -1 if text is None else 0, dtype=np.int32), [] if text is None else [text])

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Which rows are not null."""
        return self.codes >= 0

    def take(self, rows: Rows) -> Coded:
        """The given rows, in that order; row -1 gives null."""
        return Coded(np.append(self.codes, MISSING)[rows], self.values)

    def map(self, change: Callable[[str], str | None]) -> Coded:
        """Each distinct value changed once; None makes it null."""
        changed = [change(value) for value in self.values]
        if None not in changed:
            return Coded(self.codes, changed)  # type: ignore[arg-type]
        kept = Coded.of(changed)
        return Coded(np.append(kept.codes, MISSING)[self.codes], kept.values)

    def pair(self, other: Coded, join: Callable[[str | None, str | None], str | None]) -> Coded:
        """`join(own, other's)` of each row, computed once for each distinct pair."""
        width = len(other.values) + 1
        pairs = (self.codes.astype(np.int64) + 1) * width + (other.codes + 1)
        distinct, place = np.unique(pairs, return_inverse=True)
        mine, theirs = [*self.values, None], [*other.values, None]
        joined = [join(mine[pair // width - 1], theirs[pair % width - 1]) for pair in distinct.tolist()]
        return Coded.of(joined).take(place)

    def or_else(self, other: Coded) -> Coded:
        """The other column's text where this one's is null."""
        if self.present.all():
            return self
        shifted = np.where(other.codes >= 0, other.codes + len(self.values), -1).astype(np.int32)
        return Coded(np.where(self.codes >= 0, self.codes, shifted), [*self.values, *other.values])

    def where(self, kept: npt.NDArray[np.bool_]) -> Coded:
        """Null where `kept` is false."""
        return Coded(np.where(kept, self.codes, np.int32(-1)), self.values)

    def texts(self) -> list[str | None]:
        """The rows as Python texts."""
        values = [*self.values, None]
        return [values[code] for code in self.codes.tolist()]

    def used(self) -> Coded:
        """The same column with only the values that some row has."""
        seen = np.zeros(len(self.values) + 1, dtype=bool)
        seen[self.codes] = True
        seen[-1] = False
        kept = np.flatnonzero(seen)
        if len(kept) == len(self.values):
            return self
        new_place = np.full(len(self.values) + 1, -1, dtype=np.int32)
        new_place[kept] = np.arange(len(kept), dtype=np.int32)
        return Coded(new_place[self.codes], [self.values[place] for place in kept.tolist()])

    def dictionary(self) -> pa.DictionaryArray:
        """As an Arrow dictionary of large_string by int32, holding only values that some row has."""
        used = self.used()
        indices = pa.array(used.codes, mask=used.codes < 0, type=pa.int32())
        return pa.DictionaryArray.from_arrays(indices, pa.array(used.values, type=TEXT))

    def plain(self) -> pa.LargeStringArray:
        """As an Arrow array of large_string."""
        values = pa.array(self.values, type=TEXT)
        if self.present.all():
            return values.take(pa.array(self.codes))
        return values.take(pa.array(self.codes, mask=self.codes < 0, type=pa.int32()))

    def numbers(self) -> pa.Int64Array:
        """As int64; null where the text is no decimal number that fits."""
        values = pa.array([whole_number(value) for value in self.values], type=pa.int64())
        return values.take(pa.array(self.codes, mask=self.codes < 0, type=pa.int32()))


def whole_number(text: str) -> int | None:
    """A decimal integer of at most 18 digits; None for anything else."""
    digits = text.removeprefix("-")
    return int(text) if len(digits) <= 18 and digits.isdecimal() and digits.isascii() else None


def stacked(parts: Sequence[Coded]) -> Coded:
    """One column of the given ones, one after the other."""
    values: list[str] = []
    codes = []
    for part in parts:
        codes.append(np.where(part.codes >= 0, part.codes + np.int32(len(values)), np.int32(-1)))
        values.extend(part.values)
    return Coded(np.concatenate(codes).astype(np.int32) if codes else np.empty(0, dtype=np.int32), values)
