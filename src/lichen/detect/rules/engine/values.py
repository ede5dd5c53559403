"""Values of one column of misses: each distinct value once, as UTF-8 end to end, and which row has which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lichen.detect.rules.engine.documents import Texts
from lichen.detect.rules.kernels.needles import Bytes, Ids, Offsets, readable, written


@dataclass(slots=True)
class Values:
    """`codes[row]` is the number of the row's value, -1 for none. Piece i is the text `data[starts[i]:ends[i]]`; value
    i is piece i, unless `owner` says which value each piece belongs to: a list holds several."""

    data: Bytes
    starts: Offsets
    ends: Offsets
    codes: Ids
    owner: Ids | None = None
    count: int = -1

    def __post_init__(self) -> None:
        if self.count < 0:
            self.count = len(self.starts)

    def text(self, piece: int) -> str:
        """A piece as text."""
        return readable(self.data[self.starts[piece] : self.ends[piece]].tobytes())

    def pieces_of(self, value: int) -> Sequence[int]:
        """The pieces of a value."""
        return (value,) if self.owner is None else np.flatnonzero(self.owner == value).tolist()

    def texts(self, value: int) -> Texts:
        """The texts of a value; none for -1."""
        return () if value < 0 else tuple(self.text(piece) for piece in self.pieces_of(value))

    def renamed(self, table: Mapping[str, str]) -> Values:
        """The same with some texts called otherwise."""
        texts = [self.text(piece) for piece in range(len(self.starts))]
        data, starts, ends = laid_out([table.get(text, text) for text in texts])
        return Values(data, starts, ends, self.codes, self.owner, self.count)


def values_of(rows: Sequence[Texts | None]) -> Values:
    """The values of texts, a row each."""
    numbers: dict[Texts, int] = {}
    codes = np.fromiter(
        (-1 if texts is None else numbers.setdefault(texts, len(numbers)) for texts in rows),
        dtype=np.int32,
        count=len(rows),
    )
    pieces = [text for texts in numbers for text in texts]
    owner = None
    if len(pieces) != len(numbers):
        owner = np.repeat(np.arange(len(numbers), dtype=np.int32), [len(texts) for texts in numbers])
    return Values(*laid_out(pieces), codes, owner, len(numbers))


def laid_out(texts: Sequence[str]) -> tuple[Bytes, Offsets, Offsets]:
    """Texts end to end, and where each begins and ends."""
    raw = [written(text) for text in texts]
    ends = np.cumsum([len(each) for each in raw], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]]) if len(raw) else ends
    return np.frombuffer(b"".join(raw), dtype=np.uint8), starts, ends
