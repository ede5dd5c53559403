"""Bodies of one record type seen lately, each parsed once and kept as a code a field: most records repeat, whole or but
for the numbers that stand before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lichen.collect.columns import Coded, Rows
from lichen.collect.readers.auditd.tokens import Record

FORMS = 8192
CHARACTERS = 16 << 20
FIELDS = 256  # of one record type; names are the sender's to choose, and what is beyond stays in the text


class Forms:
    """Parsed bodies by number. `matrix[f, i]` is the place of form i's value in `values[f]`, -1 where it has none."""

    def __init__(self, parse: Callable[[str], Record]) -> None:
        self._parse = parse
        self._clear()

    def trim(self) -> None:
        """Forget everything if it has grown too large; only between blocks, since numbers lose their meaning."""
        if len(self.records) >= FORMS or self._characters >= CHARACTERS:
            self._clear()

    def _clear(self) -> None:
        self._known: dict[str, int] = {}
        self._characters: int = 0
        self.records: list[Record] = []
        self.names: dict[str, int] = {}
        self.values: list[list[str]] = []
        self._places: list[dict[str, int]] = []
        self.matrix: npt.NDArray[np.int32] = np.full((16, 256), -1, dtype=np.int32)

    def numbers_of(self, bodies: Sequence[str]) -> list[int]:
        """The number of each body's form."""
        known = self._known
        numbers = []
        for body in bodies:
            number = known.get(body)
            if number is None:
                number = known[body] = self._add(self._parse(body))
                self._characters += len(body)
            numbers.append(number)
        return numbers

    def _add(self, record: Record) -> int:
        number = len(self.records)
        self.records.append(record)
        if number >= self.matrix.shape[1]:
            self.matrix = np.pad(self.matrix, ((0, 0), (0, self.matrix.shape[1])), constant_values=-1)
        for name, value in record.fields.items():
            field = self.names.get(name)
            if field is None:
                field = self._new_field(name)
                if field is None:
                    continue
            places = self._places[field]
            place = places.get(value)
            if place is None:
                place = places[value] = len(places)
                self.values[field].append(value)
            self.matrix[field, number] = place
        return number

    def _new_field(self, name: str) -> int | None:
        field = len(self.names)
        if field >= FIELDS:
            return None
        if field >= self.matrix.shape[0]:
            self.matrix = np.pad(self.matrix, ((0, self.matrix.shape[0]), (0, 0)), constant_values=-1)
        self.names[name] = field
        self.values.append([])
        self._places.append({})
        return field

    def column(self, name: str, numbers: Rows) -> Coded:
        """A field of the forms with these numbers, holding only values in use."""
        field = self.names.get(name)
        if field is None:
            return Coded.constant(None, len(numbers))
        return Coded(self.matrix[field, numbers], self.values[field]).used()

    def texts(self, name: str, numbers: Rows) -> list[str | None]:
        """A field of the forms with these numbers."""
        field = self.names.get(name)
        if field is None:
            return [None] * len(numbers)
        values = [*self.values[field], None]
        return [values[place] for place in self.matrix[field, numbers].tolist()]

    def columns(self, numbers: Rows) -> tuple[list[str], npt.NDArray[np.int32], list[list[str]]]:
        """Every field that any of these forms has: names, codes (a row a field) and each one's values in use."""
        codes = self.matrix[: len(self.names), numbers]
        sizes = np.array([len(values) for values in self.values], dtype=np.int64)
        base = np.concatenate([[0], np.cumsum(sizes)])
        everywhere = np.where(codes >= 0, codes + base[:-1, None], base[-1])
        used = np.zeros(base[-1] + 1, dtype=bool)
        used[everywhere.ravel()] = True
        used[-1] = False
        rank = np.concatenate([[0], np.cumsum(used)])  # how many values in use stand before each
        start = rank[base[:-1]]
        local = np.where(codes >= 0, rank[everywhere] - start[:, None], -1).astype(np.int32)
        names = list(self.names)
        places = np.flatnonzero(used)
        kept = [field for field in range(len(names)) if rank[base[field + 1]] > start[field]]
        values = []
        for field in kept:
            of_field = places[start[field] : rank[base[field + 1]]] - base[field]
            own = self.values[field]
            values.append([own[place] for place in of_field.tolist()])
        return [names[field] for field in kept], local[kept], values


class TypeForms:
    """The forms of one record type. Bodies are cut at `marks` into parts that repeat by themselves: a PATH's name comes
    again on other devices, a SYSCALL's ids with other commands."""

    def __init__(self, parse: Callable[[str], Record], marks: Sequence[str] = ()) -> None:
        self._marks = marks
        self.parts = [Forms(parse), *(Forms(_after(mark, parse)) for mark in marks)]

    def trim(self) -> None:
        """As Forms.trim."""
        for forms in self.parts:
            forms.trim()

    def numbers_of(self, bodies: Sequence[str]) -> Rows:
        """The numbers of many bodies, a row a part."""
        numbers = []
        for forms, mark in zip(self.parts, self._marks, strict=False):
            cut = [body.partition(mark) for body in bodies]
            numbers.append(forms.numbers_of([part for part, _, _ in cut]))
            bodies = [rest for _, _, rest in cut]
        numbers.append(self.parts[-1].numbers_of(bodies))
        return np.array(numbers, dtype=np.int64)


def _after(mark: str, parse: Callable[[str], Record]) -> Callable[[str], Record]:
    """Parsing of what stands after a mark, whose own name was cut off with it."""
    begins = mark.strip()
    return lambda text: parse(begins + text) if text else Record({})
