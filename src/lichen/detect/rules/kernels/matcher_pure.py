"""The matcher's pure twin: Hyperscan over the values laid end to end, with a byte between that no UTF-8 text holds.

A literal that must begin or end its value carries that byte. Only matches reach Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import hyperscan
import numpy as np

from lichen.detect.rules.casing import fold
from lichen.detect.rules.kernels.needles import (
    Bytes,
    Literals,
    Needle,
    Offsets,
    Pairs,
    Sorted,
    checked,
    readable,
    together,
    written,
)
from lichen.detect.rules.kernels.once import once

BORDER = b"\xff"


class Database:
    """Literals of one casing, compiled."""

    def __init__(self, literals: Literals) -> None:
        self._numbers = literals.numbers
        whole = [
            BORDER * begins + text + BORDER * ends
            for text, begins, ends in zip(literals.texts, literals.begins, literals.ends, strict=True)
        ]
        self._lengths = np.array([len(each) for each in whole], dtype=np.int64)
        # as hexadecimal escapes: the binding cuts a plain literal at its first zero byte
        expressions = [b"".join(b"\\x%02x" % byte for byte in each) for each in whole]
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        count = len(expressions)
        self._database.compile(expressions=expressions, ids=list(range(count)), elements=count, flags=[0] * count)

    def pairs(self, raw: Sequence[bytes]) -> Pairs:
        """Every (value, number) that holds of the values, which are folded already."""
        which: list[int] = []
        places: list[int] = []

        def note(literal: int, _: int, end: int, flags: int, context: object) -> None:
            which.append(literal)
            places.append(end)

        self._database.scan(BORDER + BORDER.join(raw) + BORDER, match_event_handler=note)
        literals = np.array(which, dtype=np.int64)
        starts = np.array(places, dtype=np.int64) - self._lengths[literals]
        edges = np.array([*accumulate((len(value) + 1 for value in raw), initial=1)], dtype=np.int64)
        # + 1: a border at the start belongs to the value behind it
        values = np.searchsorted(edges, starts + 1, side="right") - 1
        width = len(self._numbers)
        keys = once(values * width + literals)
        return (keys // width).astype(np.int32), self._numbers[keys % width]


class PureMatcher:
    """The databases of folded and of cased needles."""

    def __init__(self, needles: Sequence[Needle]) -> None:
        by_casing = Sorted.of(needles)
        self._folded = Database(by_casing.folded) if len(by_casing.folded) else None
        self._cased = Database(by_casing.cased) if len(by_casing.cased) else None
        self._always = by_casing.always

    def match(self, data: Bytes, starts: Offsets, ends: Offsets) -> Pairs:
        """See `kernels.Matcher.match`."""
        data, starts, ends = checked(data, starts, ends)
        whole = data.tobytes()
        if not len(starts):
            return together([], self._always, 0)
        raw = [whole[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        texts = {place: readable(value) for place, value in enumerate(raw) if not value.isascii()}
        found: list[Pairs] = []
        if self._folded is not None:
            found.append(self._folded.pairs(_each(raw, {at: fold(text) for at, text in texts.items()}, True)))
        if self._cased is not None:
            found.append(self._cased.pairs(_each(raw, texts, False)))
        return together(found, self._always, len(starts))


def _each(raw: Sequence[bytes], texts: dict[int, str], folds: bool) -> list[bytes]:
    """The values as they are compared; those beyond ASCII are given in `texts`."""
    values = [value.lower() for value in raw] if folds else list(raw)
    for place, text in texts.items():
        values[place] = written(text)
    return values
