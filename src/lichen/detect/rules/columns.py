"""Columns by distinct value: each value of a field is judged once, however often it comes again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lichen.detect.rules.algebra import Glob, How, Predicate, Text, Wild
from lichen.detect.rules.event_fields import is_list, text_of, texts_of
from lichen.detect.rules.judging import Judge
from lichen.detect.rules.literals import SHORT, ValueLiterals

Ids = npt.NDArray[np.int32]


def needle_of(predicate: Predicate) -> tuple[How, str, bool] | None:
    """The literal that a value must hold for the predicate to be true, as (how, text, cased); None where there is none
    worth scanning for. For a Text it decides the matter, for a Glob it says which values to ask."""
    if isinstance(predicate, Text):
        short = predicate.how is How.CONTAINS and len(predicate.text.encode("utf-8", "surrogatepass")) < SHORT
        return None if short else (predicate.how, predicate.text, predicate.cased)
    if isinstance(predicate, Glob):
        longest = max((piece for piece in predicate.pieces if not isinstance(piece, Wild)), key=len, default="")
        return (How.CONTAINS, longest, predicate.cased) if len(longest) >= SHORT else None
    return None


class Column:
    """The distinct values of one field seen so far: an id for each (0: no value), and which scanned predicates hold.
    A list of values is one value with an id of its own; of it holds what holds of any of its elements.

    `judges` are the predicates of this field that are not decided by the scan alone, by predicate number.
    """

    def __init__(self, predicates: Iterable[tuple[int, Predicate]], judges: Mapping[int, Judge]) -> None:
        self._judges = judges
        scanned = [(number, needle_of(predicate), predicate) for number, predicate in predicates]
        needles = [(number, needle) for number, needle, _ in scanned if needle is not None]
        self._literals = ValueLiterals(
            [(number, how, text) for number, (how, text, cased) in needles if not cased],
            [(number, how, text) for number, (how, text, cased) in needles if cased],
        )
        self._asked_on_hit = {number for number, needle, each in scanned if needle and isinstance(each, Glob)}
        self.reset()

    def reset(self) -> None:
        """Forgets every value. `size` is about how many characters the memory of them takes."""
        self.texts: list[str] = [""]
        self.hits: list[frozenset[int]] = [frozenset()]
        self.size = 0
        self.elements: dict[int, tuple[int, ...]] = {}  # ids of the elements of each list, by the list's id
        self._ids: dict[str, int] = {}
        self._lists: dict[tuple[int, ...], int] = {}
        self._answers: dict[int, dict[int, bool]] = {}

    def ids_of(self, array: pa.Array) -> Ids:
        """The id of each value of an Arrow array; new values are judged."""
        if array.null_count == len(array):
            return np.zeros(len(array), dtype=np.int32)
        if is_list(array):
            return self._ids_of_lists([texts_of(value) for value in array.to_pylist()])
        encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
        values = encoded.dictionary.to_pylist()
        if not _is_text(encoded.dictionary.type):
            values = [None if value is None else text_of(value) for value in values]
        ids = [*self._ids_of_texts(values), 0]
        codes = encoded.indices
        if codes.null_count:
            codes = codes.fill_null(len(ids) - 1)
        table: Ids = np.array(ids, dtype=np.int32)
        return table[np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64)]

    def _ids_of_texts(self, texts: Sequence[str | None]) -> list[int]:
        known = self._ids
        fresh = list(dict.fromkeys(text for text in texts if text is not None and text not in known))
        if fresh:
            for text, found in zip(fresh, self._literals.hits(fresh), strict=True):
                known[text] = len(self.texts)
                self.texts.append(text)
                self.size += len(text) + 64
                for number in found & self._asked_on_hit:
                    if not self._judges[number](text):
                        found.discard(number)
                self.hits.append(frozenset(found))
        return [0 if text is None else known[text] for text in texts]

    def _ids_of_lists(self, cells: Sequence[tuple[str, ...] | None]) -> Ids:
        flat = self._ids_of_texts([text for cell in cells if cell is not None for text in cell])
        ids, start = np.zeros(len(cells), dtype=np.int32), 0
        for place, cell in enumerate(cells):
            if cell is not None:
                ids[place] = self._id_of_list(tuple(sorted(set(flat[start : start + len(cell)]))))
                start += len(cell)
        return ids

    def _id_of_list(self, elements: tuple[int, ...]) -> int:
        if len(elements) == 1:
            return elements[0]
        known = self._lists.get(elements)
        if known is None:
            known = self._lists[elements] = len(self.texts)
            self.texts.append("")
            self.size += 8 * len(elements) + 64
            self.hits.append(frozenset().union(*(self.hits[each] for each in elements)))
            self.elements[known] = elements
        return known

    def texts_of_id(self, number: int) -> tuple[str, ...]:
        """The texts that a value holds: itself, or each element of a list."""
        return tuple(self.texts[each] for each in self.elements.get(number, (number,)))

    def answers(self, number: int, ids: Iterable[int]) -> list[bool]:
        """Whether a predicate that the scan does not decide holds of each value; no value satisfies none."""
        judge, known = self._judges[number], self._answers.setdefault(number, {0: False})
        answers = []
        for each in ids:
            answer = known.get(each)
            if answer is None:
                answer = known[each] = any(map(judge, self.texts_of_id(each)))
            answers.append(answer)
        return answers


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string(kind))
