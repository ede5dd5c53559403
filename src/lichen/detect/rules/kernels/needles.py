"""Needles: what a matcher looks for, as bytes; and values as the text that rules compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.algebra import How
from lichen.detect.rules.casing import fold

Bytes: TypeAlias = npt.NDArray[np.uint8]
Offsets: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Ids: TypeAlias = npt.NDArray[np.int32]
Pairs: TypeAlias = tuple[Ids, Ids]
Needle: TypeAlias = tuple[int, How, str, bool]  # number, how, text, cased


@dataclass(frozen=True, slots=True)
class Literals:
    """Needles of one casing, in one order: their numbers, bytes, and whether each must begin or end the value."""

    numbers: Ids
    texts: tuple[bytes, ...]
    begins: tuple[bool, ...]
    ends: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Sorted:
    """Needles by what it takes to find them: folded, cased, and those that every value satisfies."""

    folded: Literals
    cased: Literals
    always: Ids

    @classmethod
    def of(cls, needles: Sequence[Needle]) -> Sorted:
        if len({number for number, *_ in needles}) != len(needles):
            raise ValueError("a number stands for two needles")
        always = [number for number, how, text, _ in needles if not text and how is not How.IS]
        rest = [each for each in needles if each[2] or each[1] is How.IS]
        return cls(
            _literals([(number, how, fold(text)) for number, how, text, cased in rest if not cased]),
            _literals([(number, how, text) for number, how, text, cased in rest if cased]),
            np.array(always, dtype=np.int32),
        )


def _literals(needles: Sequence[tuple[int, How, str]]) -> Literals:
    return Literals(
        np.array([number for number, *_ in needles], dtype=np.int32),
        tuple(text.encode("utf-8", "surrogatepass") for *_, text in needles),
        tuple(how in (How.IS, How.STARTS) for _, how, _ in needles),
        tuple(how in (How.IS, How.ENDS) for _, how, _ in needles),
    )


def readable(raw: bytes) -> str:
    """The text of a value's bytes; lone surrogates stay, anything else that is no UTF-8 is shown as `\\xNN`."""
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace")


def written(text: str) -> bytes:
    """The bytes that are compared."""
    return text.encode("utf-8", "surrogatepass")


def checked(data: Bytes, starts: Offsets, ends: Offsets) -> tuple[Bytes, Offsets, Offsets]:
    """The three arrays as kernels take them. Raises ValueError where a span is not within `data`."""
    data = np.ascontiguousarray(data, dtype=np.uint8)
    starts, ends = np.ascontiguousarray(starts, dtype=np.int64), np.ascontiguousarray(ends, dtype=np.int64)
    if len(starts) != len(ends):
        raise ValueError("as many ends as starts are needed")
    if len(starts) and (starts.min() < 0 or ends.max() > len(data) or (starts > ends).any()):
        raise ValueError("a span is not within the data")
    return data, starts, ends


def together(found: Sequence[Pairs], always: Ids, count: int) -> Pairs:
    """All pairs, values ascending; `always` holds of each of the `count` values."""
    parts = [pair for pair in found if len(pair[0])]
    if len(always) and count:
        every = np.repeat(np.arange(count, dtype=np.int32), len(always))
        parts.append((every, np.tile(always, count)))
    if not parts:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)
    if len(parts) == 1:
        return parts[0]
    values, numbers = np.concatenate([pair[0] for pair in parts]), np.concatenate([pair[1] for pair in parts])
    order = np.argsort(values, kind="stable")
    return values[order], numbers[order]
