"""Counting a batch: how much of a counter each subject has in each minute and window, array in, cells out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from lichen.core.batch import Batch, Rows
from lichen.core.entity import Subject
from lichen.core.time import window_start
from lichen.detect.profiles.acts import Coded, combine
from lichen.detect.profiles.uses.rate import Counter
from lichen.detect.windows import OpenWindow

THINGS_HELD = 1 << 18  # different things of all cells that a stream learned in pieces keeps in hand
THINGS_LIMIT = 2048  # different things of one counter in one minute or window; more are not told apart


class RateMemory(TypedDict, total=False):
    """Open windows; beside each, what was counted in it so far: by "counter\\0scale\\0start" an amount, or the hashes
    of the different things."""

    windows: dict[str, OpenWindow]
    evicted: int
    amounts: dict[str, dict[str, float]]
    things: dict[str, dict[str, list[int]]]


@dataclass(frozen=True, slots=True)
class Cells:
    """The (subject, start) cells of a batch at one scale. `of` the cell of each row (−1: no subject); `subject` a code
    of `who`, `start` µs UTC, of each cell."""

    scale: int
    of: Rows
    subject: list[int]
    start: list[int]


@dataclass(frozen=True, slots=True)
class Tallied:
    """One counter at one scale: the `rows` counted, and of each cell that holds any its amount and different things."""

    counter: Counter
    cells: Cells
    rows: Rows
    filled: list[int]
    amount: list[float]
    things: list[list[int]]


def scales_of(minutes: int) -> tuple[int, ...]:
    """A minute, and the window."""
    return (1,) if minutes == 1 else (1, minutes)


def cells_of(batch: Batch, who: Coded, minutes: int) -> list[Cells]:
    """The batch's cells at each scale."""
    there = np.flatnonzero(who.present)
    if not len(there):
        return []
    codes, times = who.codes[there], batch.times()[there]
    found = []
    for scale in scales_of(minutes):
        starts = window_start(times, scale)
        distinct, place = np.unique(starts, return_inverse=True)
        numbers, firsts = combine([Coded(codes, who.values), Coded(place.astype(np.int64), range(len(distinct)))])
        of = np.full(len(batch), -1, dtype=np.int64)
        of[there] = numbers
        found.append(Cells(scale, of, codes[firsts].tolist(), starts[firsts].tolist()))
    return found


def tally(batch: Batch, counter: Counter, cells: Sequence[Cells]) -> list[Tallied]:
    """One counter over the batch, at each scale; [] where the batch has nothing for it."""
    if batch.kind not in counter.kinds or not cells:
        return []
    if counter.thing is not None:
        thing = counter.thing(batch)
        rows = np.flatnonzero((cells[0].of >= 0) & thing.present)
        hashes = [_hash(str(value)) for value in thing.values]
        return [_different(counter, at, rows, thing.codes[rows], hashes) for at in cells] if len(rows) else []
    assert counter.amount is not None
    amounts = counter.amount(batch)
    rows = np.flatnonzero((cells[0].of >= 0) & (amounts > 0))
    return [_summed(counter, at, rows, amounts[rows]) for at in cells] if len(rows) else []


def _summed(counter: Counter, at: Cells, rows: Rows, amounts: npt.NDArray[np.float64]) -> Tallied:
    sums = np.bincount(at.of[rows], weights=amounts, minlength=len(at.start))
    filled = np.flatnonzero(sums)
    return Tallied(counter, at, rows, filled.tolist(), sums[filled].tolist(), [])


def _different(counter: Counter, at: Cells, rows: Rows, numbers: Rows, hashes: list[int]) -> Tallied:
    width = len(hashes)
    pairs = np.unique(at.of[rows] * width + numbers)
    owners, firsts = np.unique(pairs // width, return_index=True)
    things = [[hashes[number] for number in own] for own in np.split(pairs % width, firsts[1:])]
    return Tallied(counter, at, rows, owners.tolist(), [float(len(own)) for own in things], things)


class Running:
    """The running totals of open minutes and windows: what memory held and what this batch adds. The memory itself is
    left as it was."""

    def __init__(self, memory: Mapping[str, Any], minutes: int) -> None:
        self.minutes = minutes
        self._amounts: dict[str, dict[str, float]] = dict(memory.get("amounts", {}))
        self._things: dict[str, dict[str, list[int]]] = dict(memory.get("things", {}))
        self._own: set[str] = set()

    def totals(self, one: Tallied, known: Sequence[tuple[Subject, str]]) -> list[float]:
        """The total of each filled cell so far."""
        at, name = one.cells, one.counter.name
        totals = []
        for place, cell in enumerate(one.filled):
            subject, start = known[at.subject[cell]][0], at.start[cell]
            window = f"{subject.kind}\0{subject.name}\0{window_start(start, self.minutes)}"
            key = f"{name}\0{at.scale}\0{start}"
            if window not in self._own:
                self._own.add(window)
                self._amounts[window] = dict(self._amounts.get(window, {}))
                self._things[window] = dict(self._things.get(window, {}))
            if one.things:
                table = self._things[window]
                before = table.get(key)
                things = one.things[place] if before is None else list({*before, *one.things[place]})
                table[key] = things[:THINGS_LIMIT]
                totals.append(float(len(table[key])))
            else:
                sums = self._amounts[window]
                sums[key] = total = sums.get(key, 0.0) + one.amount[place]
                totals.append(total)
        return totals

    def within(self, windows: Mapping[str, Any]) -> dict[str, Any]:
        """What to remember: the totals of windows that are still open."""
        return {
            "amounts": {key: table for key, table in self._amounts.items() if key in windows},
            "things": {key: table for key, table in self._things.items() if key in windows and table},
        }


class Different:
    """The different things that each cell has held so far, of a stream that is learned in pieces. Bounded: the oldest
    cells go first, and what comes to them later is counted again."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, Any, str, int], set[int]] = {}
        self._total = 0

    def fresh(self, one: Tallied, entities: Sequence[Any]) -> list[float]:
        """Of each filled cell what this piece adds: its amount, or how many things it had not held before."""
        if not one.things:
            return one.amount
        added = []
        for cell, things in zip(one.filled, one.things, strict=True):
            start, entity = one.cells.start[cell], entities[one.cells.subject[cell]]
            held = self._held.setdefault((start, entity, one.counter.name, one.cells.scale), set())
            before = len(held)
            held.update(things)
            self._total += len(held) - before
            added.append(float(len(held) - before))
        if self._total > THINGS_HELD:
            self._let_go()
        return added

    def _let_go(self) -> None:
        for key in sorted(self._held, key=lambda key: key[0]):
            if self._total <= THINGS_HELD // 2:
                return
            self._total -= len(self._held.pop(key))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=6).digest(), "little")
