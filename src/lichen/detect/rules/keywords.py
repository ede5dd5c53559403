"""Keywords: texts without a field, searched in the whole text of a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lichen.detect.rules.algebra import Glob, Predicate
from lichen.detect.rules.casing import fold
from lichen.detect.rules.columns import needle_of
from lichen.detect.rules.judging import Judge
from lichen.detect.rules.literals import Literals

Offsets = npt.NDArray[np.int64]
Found = Mapping[int, frozenset[int]]  # line -> numbers of the keywords that stand in its text


def decoded(raw: str | bytes | None) -> str:
    """A record's text; bytes that are no UTF-8 become U+FFFD, and no text the empty one."""
    if raw is None:
        return ""
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")


class Keywords:
    """Every scanned keyword of a rule set at once. Texts lie end to end in their Arrow buffer and are scanned there."""

    def __init__(self, predicates: Iterable[tuple[int, Predicate]], judges: Mapping[int, Judge]) -> None:
        scanned = [(number, needle_of(each), each) for number, each in predicates]
        needles = [(number, needle) for number, needle, _ in scanned if needle is not None]
        self._judges = {number: judges[number] for number, needle, each in scanned if needle and isinstance(each, Glob)}
        self._lengths = {number: len(_raw(text)) for number, (_, text, _) in needles}
        self._folded = Literals((number, _raw(text)) for number, (_, text, cased) in needles if not cased)
        self._cased = Literals((number, _raw(text)) for number, (_, text, cased) in needles if cased)

    def found_in(self, texts: pa.Array) -> Found:
        """The keywords of each line that has any."""
        if not self._lengths or not len(texts):
            return {}
        data, offsets = _laid_out(texts)
        found: dict[int, set[int]] = {}
        if self._folded:
            if data.isascii():
                self._note(found, self._folded, data.lower(), offsets)
            else:
                folded = pa.array([fold(decoded(raw)) for raw in texts.to_pylist()], pa.large_string())
                self._note(found, self._folded, *_laid_out(folded))
        if self._cased:
            self._note(found, self._cased, data, offsets)
        return {line: kept for line, each in found.items() if (kept := self._asked(texts, line, each))}

    def _note(self, found: dict[int, set[int]], literals: Literals, data: bytes, offsets: Offsets) -> None:
        places = literals.scan(data)
        if not places:
            return
        starts = np.array([start for _, start in places])
        lines = np.searchsorted(offsets, starts, side="right") - 1
        for (number, start), line, end in zip(places, lines.tolist(), offsets[lines + 1].tolist(), strict=True):
            if start + self._lengths[number] <= end:  # else it runs over into the next record
                found.setdefault(line, set()).add(number)

    def _asked(self, texts: pa.Array, line: int, found: set[int]) -> frozenset[int]:
        """Without the wildcard keywords of which only the longest piece is there."""
        doubtful = found & self._judges.keys()
        if not doubtful:
            return frozenset(found)
        text = decoded(texts[line].as_py())
        return frozenset(found - {number for number in doubtful if not self._judges[number](text)})


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _laid_out(texts: pa.Array) -> tuple[bytes, Offsets]:
    """The texts end to end, and where each begins and the last one ends; nulls are empty."""
    if pa.types.is_dictionary(texts.type):
        texts = texts.cast(texts.type.value_type)
    if texts.null_count:
        binary = pa.types.is_binary(texts.type) or pa.types.is_large_binary(texts.type)
        texts = texts.fill_null(b"" if binary else "")
    large = pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)
    _, places, data = texts.buffers()
    width = np.dtype(np.int64 if large else np.int32)
    offsets = np.frombuffer(places, dtype=width, count=len(texts) + 1, offset=texts.offset * width.itemsize)
    first, last = int(offsets[0]), int(offsets[-1])
    raw = data.slice(first, last - first).to_pybytes() if data is not None else b""
    return raw, offsets.astype(np.int64) - first
