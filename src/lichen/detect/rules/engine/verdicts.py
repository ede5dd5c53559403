"""Verdicts: which rules fire, for each projection that is remembered."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


class Verdicts:
    """Rules by entry: those of entry e are `count[e]` numbers from `first[e]` on in one pool."""

    def __init__(self) -> None:
        self._first = np.zeros(1024, dtype=np.int64)
        self._count = np.zeros(1024, dtype=np.int32)
        self._pool = np.empty(1024, dtype=np.int32)
        self._used = 0

    def set(self, entries: Longs, rows: Longs, rules: Ints) -> None:
        """Rule `rules[i]` fires on entry `entries[rows[i]]`; rows ascend. Entries were never set before."""
        if len(entries):
            self._make_room(int(entries.max()) + 1, self._used + len(rules))
        counts = np.bincount(rows, minlength=len(entries)).astype(np.int32)
        self._count[entries] = counts
        self._first[entries] = self._used + np.cumsum(counts) - counts
        self._pool[self._used : self._used + len(rules)] = rules
        self._used += len(rules)

    def _make_room(self, entries: int, rules: int) -> None:
        if entries > len(self._first):
            more = max(entries, 2 * len(self._first)) - len(self._first)
            self._first = np.concatenate([self._first, np.zeros(more, dtype=np.int64)])
            self._count = np.concatenate([self._count, np.zeros(more, dtype=np.int32)])
        if rules > len(self._pool):
            more = max(rules, 2 * len(self._pool)) - len(self._pool)
            self._pool = np.concatenate([self._pool, np.empty(more, dtype=np.int32)])

    def hits(self, starts: Longs, entries: Longs | Ints) -> tuple[Longs, Ints]:
        """(start, rule) of every rule that fires on lines with these entries."""
        if not len(entries):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
        counts = self._count[entries]
        hit = np.flatnonzero(counts)
        counts = counts[hit].astype(np.int64)
        total = int(counts.sum())
        before = np.cumsum(counts) - counts
        places = np.arange(total) - np.repeat(before, counts) + np.repeat(self._first[entries[hit]], counts)
        return np.repeat(starts[hit], counts), self._pool[places]

    def rules_of(self, entry: int) -> list[int]:
        """The rules that fire on one entry."""
        first = int(self._first[entry])
        rules: list[int] = self._pool[first : first + int(self._count[entry])].tolist()
        return rules
