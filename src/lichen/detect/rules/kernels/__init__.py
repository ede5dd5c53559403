"""Kernels of the rule path, array in, array out: each has a pure twin built on wheels and a `fast` twin in numba.

`LICHEN_FAST=0` switches the fast twins off. They are used where numba is installed (the extra `fast`); whether its
machine code can be kept between runs is decided in `jit`. Both twins give the same answers: tests hold them to it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Protocol

from lichen.detect.rules.kernels.needles import Bytes, Ids, Needle, Offsets, Pairs

__all__ = ["Matcher", "Matches", "Needle", "Pairs", "fast_is_wanted"]


class Matches(Protocol):
    """A twin of the matcher."""

    def match(self, data: Bytes, starts: Offsets, ends: Offsets) -> Pairs: ...


def fast_is_wanted() -> bool:
    """Whether the fast twins are to be used: numba is there and nobody switched them off."""
    return os.environ.get("LICHEN_FAST", "1") not in ("0", "no", "off") and find_spec("numba") is not None


class Matcher:
    """Which literals stand in which values. `needles` are (number, how, text, cased), each number once.

    A needle holds of a value exactly where `algebra.Text` does: `text` is folded unless `cased`, and so is the value.
    """

    def __init__(self, needles: Sequence[Needle], fast: bool | None = None) -> None:
        self._twin: Matches | None = None
        if fast_is_wanted() if fast is None else fast:
            from lichen.detect.rules.kernels.matcher_fast import fast_matcher

            self._twin = fast_matcher(needles)  # None: the automaton would take too much memory
        self.is_fast = self._twin is not None
        if self._twin is None:
            from lichen.detect.rules.kernels.matcher_pure import PureMatcher

            self._twin = PureMatcher(needles)
        self._match = self._twin.match

    def match(self, data: Bytes, starts: Offsets, ends: Offsets) -> tuple[Ids, Ids]:
        """Every (value, number) that holds, values ascending. Value i is the UTF-8 text `data[starts[i]:ends[i]]`; what
        is no UTF-8 in it reads as the readers of `collect` read it (`\\xNN`). Raises ValueError where a span is not in
        `data`."""
        return self._match(data, starts, ends)
