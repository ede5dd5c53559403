"""The engine's door: buffers of JSON lines in, (where the line begins, rule) out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from lichen.core.logsources import LogSources
from lichen.detect.rules.engine.kinds import Kinds
from lichen.detect.rules.engine.passing_pure import PurePass
from lichen.detect.rules.engine.routes import Routes, WindowsRoutes
from lichen.detect.rules.engine.verdicts import Ints, Longs
from lichen.detect.rules.engine.whole import Counted
from lichen.detect.rules.judging import NamedList
from lichen.detect.rules.kernels import fast_is_wanted
from lichen.detect.rules.rule import Rule

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Hits:
    """Rule `rules[i]` fires on the line that begins at byte `starts[i]`; by start, then by rule."""

    starts: Longs
    rules: Ints

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.starts.tolist(), self.rules.tolist(), strict=True)


@dataclass(frozen=True, slots=True)
class Cost:
    """How often a rule fired, and what asking single values for it took. What it shares with others is not in it."""

    hits: int
    seconds: float


class Pass(Protocol):
    """A twin of the way from bytes to verdicts."""

    @property
    def remembered(self) -> int:
        """How many projections are remembered."""

    def feed(self, buffer: memoryview, base: int) -> None:
        """Whole lines, the last perhaps without its end; the first byte stands at `base`."""

    def taken(self) -> tuple[Longs, Ints]:
        """(start, rule) of all that fired on the lines fed since the last time."""

    def forget(self) -> None:
        """Forgets every verdict."""


class LineEngine:
    """Compiled rules over JSON lines. `fast`: the twin in numba (None: where it is there); answers are the same.

    Its memory of verdicts is a cache, bounded, and never changes what is answered. Raises KeyError if a rule reads an
    indicator list that is not among `lists`.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        routes: Routes | LogSources,
        lists: Mapping[str, NamedList] | None = None,
        fast: bool | None = None,
    ) -> None:
        self.rules = tuple(rules)
        self.is_fast = fast_is_wanted() if fast is None else fast
        chosen = WindowsRoutes(routes) if isinstance(routes, LogSources) else routes
        self._kinds = Kinds(self.rules, chosen, lists, self.is_fast)
        self._counted = Counted()
        self._fired = np.zeros(len(self.rules), dtype=np.int64)
        self._pass = self._chosen_pass()

    def _chosen_pass(self) -> Pass:
        if self.is_fast:
            from lichen.detect.rules.engine.passing_fast import FastPass

            return FastPass(self._kinds, self._counted)
        return PurePass(self._kinds, self._counted)

    def hits(self, buffer: bytes | bytearray | memoryview, base: int = 0) -> Hits:
        """Every rule that fires on a line of the buffer, which holds whole lines; its first byte stands at `base` of
        its stream. Of a stream in several buffers `feed` and `taken` say the same, and sooner."""
        self.feed(buffer, base)
        return self.taken()

    def feed(self, buffer: bytes | bytearray | memoryview, base: int = 0) -> None:
        """Takes a buffer of whole lines, to be told of by `taken`; the buffer may be used anew afterwards. Lines that
        were never seen before are judged together: the more of them are fed before `taken`, the less each costs. A
        line in waiting takes 12 bytes besides what is remembered of it."""
        view = memoryview(buffer)
        skipped = len(BOM) if base == 0 and bytes(view[: len(BOM)]) == BOM else 0
        self._pass.feed(view[skipped:], base + skipped)

    def taken(self) -> Hits:
        """Every rule that fires on a line fed since the last time."""
        starts, rules = self._pass.taken()
        order = np.lexsort((rules, starts))
        self._fired += np.bincount(rules, minlength=len(self.rules))
        return Hits(starts[order], rules[order])

    def forget(self) -> None:
        """Forgets every verdict; what was compiled stays."""
        self._pass.forget()

    @property
    def counted(self) -> Counted:
        """What became of the lines so far."""
        return replace(self._counted)

    @property
    def remembered(self) -> int:
        """How many projections are remembered now."""
        return self._pass.remembered

    def costs(self) -> tuple[Cost, ...]:
        """What each rule did and cost so far, by its number."""
        seconds = np.zeros(len(self.rules))
        for kind in self._kinds.all:
            if kind.judge is not None:
                np.add.at(seconds, kind.judge.rules, kind.judge.seconds)
        return tuple(Cost(int(n), float(s)) for n, s in zip(self._fired.tolist(), seconds.tolist(), strict=True))
