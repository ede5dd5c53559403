"""The matcher kernel: many literals over many values in one pass, values -> (value, literal) pairs.

Values are laid end to end with the byte 0xFF between, which no UTF-8 text holds: a literal that must stand at the start
or end of a value simply carries that byte. Hyperscan scans the whole at gigabytes a second; only matches reach Python.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

import hyperscan

from lichen.detect.rules.algebra import How
from lichen.detect.rules.casing import fold

BORDER = b"\xff"
SHORT = 3  # bytes; shorter contained literals hit nearly everything, and are looked for only where it matters


class Literals:
    """A set of byte literals, each with a key; scanning gives (key, start) pairs."""

    def __init__(self, literals: Iterable[tuple[int, bytes]]) -> None:
        self._literals = list(literals)
        self._database: hyperscan.Database | None = None
        if self._literals:
            # as hexadecimal escapes: the binding cuts a plain literal at its first zero byte
            expressions = [b"".join(b"\\x%02x" % byte for byte in literal) for _, literal in self._literals]
            self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
            count = len(expressions)
            self._database.compile(expressions=expressions, ids=list(range(count)), elements=count, flags=[0] * count)
            self._lengths = [len(literal) for _, literal in self._literals]

    def __bool__(self) -> bool:
        return bool(self._literals)

    def scan(self, text: bytes) -> list[tuple[int, int]]:
        """(key, start) of every place where a literal stands in `text`."""
        if self._database is None:
            return []
        found: list[tuple[int, int]] = []
        literals, lengths = self._literals, self._lengths

        def note(index: int, _: int, end: int, flags: int, context: object) -> None:
            found.append((literals[index][0], end - lengths[index]))

        self._database.scan(text, match_event_handler=note)
        return found


def bordered(how: How, text: str) -> bytes:
    """The bytes to look for, with the border where the literal must begin or end the value."""
    raw = text.encode("utf-8", "surrogatepass")
    before = BORDER if how in (How.IS, How.STARTS) else b""
    after = BORDER if how in (How.IS, How.ENDS) else b""
    return before + raw + after


class ValueLiterals:
    """The literals of one column: those compared without regard to case, and the cased ones."""

    def __init__(self, folded: Iterable[tuple[int, How, str]], cased: Iterable[tuple[int, How, str]]) -> None:
        self._folded = Literals((key, bordered(how, text)) for key, how, text in folded)
        self._cased = Literals((key, bordered(how, text)) for key, how, text in cased)

    def hits(self, values: Sequence[str]) -> list[set[int]]:
        """The keys of the literals that each value satisfies."""
        found: list[set[int]] = [set() for _ in values]
        if self._folded:
            _into(found, self._folded, [fold(value) for value in values])
        if self._cased:
            _into(found, self._cased, values)
        return found


def _into(found: list[set[int]], literals: Literals, values: Sequence[str]) -> None:
    """Adds the keys of the literals found to each value's set."""
    raw = [value.encode("utf-8", "surrogatepass") for value in values]
    starts = list(accumulate((len(value) + 1 for value in raw), initial=1))
    for key, start in literals.scan(BORDER + BORDER.join(raw) + BORDER):
        found[bisect_right(starts, start + 1) - 1].add(key)  # + 1: a border at the start belongs to the value behind it
