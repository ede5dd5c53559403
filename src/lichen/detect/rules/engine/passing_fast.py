"""The fast pass as a part of the engine: its tables, its memory, and what it hands back."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from lichen.detect.rules.engine.documents import DOTS_LIMIT, is_indexed
from lichen.detect.rules.engine.judge import ROWS_LIMIT
from lichen.detect.rules.engine.kinds import KINDS_LIMIT, Kind, Kinds
from lichen.detect.rules.engine.line_ends import first_end, last_end
from lichen.detect.rules.engine.marks_fast import marks_of
from lichen.detect.rules.engine.names_fast import Trie
from lichen.detect.rules.engine.pass_fast import (
    DONE,
    ENTRIES,
    EVENTS,
    FULL,
    KINDS,
    NEW_KIND,
    ODD,
    REMEMBERED,
    VOID,
    VOIDS,
    WHOLE,
    WORDS,
    lines_passed,
)
from lichen.detect.rules.engine.probes import Probes, commonness
from lichen.detect.rules.engine.values_fast import Columns
from lichen.detect.rules.engine.verdicts import Ints, Longs, Verdicts
from lichen.detect.rules.engine.whole import Counted, WholeLines
from lichen.detect.rules.kernels.once import once

CHUNK = 1 << 18  # bytes passed in one go
PADDING = 64
NEWLINE = 10
ENTRIES_LIMIT = 1 << 19  # projections remembered, by their hash
ARENA_WORDS = 1 << 23  # 64 MiB of projections that wait for their verdict
BATCH_WORDS = 1 << 19  # 4 MiB of them are judged at once
KEY_WORDS = 1 << 13  # of the secret key of the hash; longer projections are read whole
EVENTS_LIMIT = 1 << 16


class FastPass:
    """Lines by the fast pass; those that it hands back are read whole."""

    def __init__(self, kinds: Kinds, counted: Counted) -> None:
        self._kinds, self._counted = kinds, counted
        self._whole = WholeLines(kinds, counted)
        self._trie, self._probes = Trie(), Probes()
        self._commonness: Any = None
        self._route = np.array([self._trie.slot_of(name) for name in kinds.routes.fields], dtype=np.int32)
        self._routable = not any(is_indexed(name) or name.count(".") >= DOTS_LIMIT for name in kinds.routes.fields)
        self._marks = np.zeros(CHUNK + PADDING, dtype=np.int32)
        self._stack = np.zeros(16, dtype=np.int64)
        self._counters = np.zeros(7, dtype=np.int64)
        self._events = np.zeros(EVENTS_LIMIT, dtype=np.int64), np.zeros(EVENTS_LIMIT, dtype=np.int32)
        self._odd = np.zeros(CHUNK, dtype=np.int64), np.zeros(CHUNK, dtype=np.int64)
        self._tail = np.zeros(CHUNK + 2 * PADDING, dtype=np.uint8)
        self._key = np.frombuffer(secrets.token_bytes(8 * KEY_WORDS), dtype=np.uint64).copy()
        self._kind_slots: list[int] = []
        self._bounds: list[tuple[int, int]] = []
        self._modes: list[int] = []
        self._known_kinds = np.zeros(2 * KINDS_LIMIT, dtype=np.int32), np.zeros((KINDS_LIMIT, 4), dtype=np.uint64)
        self._kind_numbers = np.zeros(KINDS_LIMIT, dtype=np.int32)
        self._kind_arena = np.zeros(KINDS_LIMIT, dtype=np.uint64)
        self._add_kinds()
        self._memo = np.zeros(2 * ENTRIES_LIMIT, dtype=np.int32), np.zeros((ENTRIES_LIMIT, 4), dtype=np.uint64)
        self._arena = np.zeros(ARENA_WORDS, dtype=np.uint64)
        self.forget()

    def forget(self) -> None:
        """Forgets every verdict."""
        self._whole.forget()
        self._forget_entries()
        self._found: list[tuple[Longs, Ints]] = []
        self._held: list[tuple[Longs, Ints]] = []

    def _forget_entries(self) -> None:
        self._memo[0][:] = 0
        self._counters[ENTRIES] = self._counters[WORDS] = 0
        self._judged = 0
        self._verdicts = Verdicts()

    @property
    def remembered(self) -> int:
        """How many projections are remembered."""
        return int(self._counters[ENTRIES]) + self._whole.remembered

    def _add_kinds(self) -> None:
        """Tables of the kinds that are new to the pass."""
        for kind in self._kinds.all[len(self._modes) :]:
            indexed = any(is_indexed(name) or name.count(".") >= DOTS_LIMIT for name in kind.fields)
            first = len(self._kind_slots)
            self._kind_slots += [self._trie.slot_of(name) for name in kind.fields] if not indexed else []
            self._bounds.append((first, len(self._kind_slots)))
            if kind.judge is None:
                self._modes.append(VOID)
            else:
                probed = kind.raw is not None and self._probes.add(kind.number, kind.raw, self._commonness)
                self._modes.append(REMEMBERED if probed and not indexed else WHOLE)
        self._kind_arrays = (
            np.array([first for first, _ in self._bounds], dtype=np.int32),
            np.array([last for _, last in self._bounds], dtype=np.int32),
            np.array(self._kind_slots or [0], dtype=np.int32),
            np.array(self._modes, dtype=np.uint8),
            self._probes.bounds(len(self._modes)),
        )

    def feed(self, buffer: memoryview, base: int) -> None:
        """Whole lines, the last perhaps without its end; the first byte stands at `base`."""
        data = np.frombuffer(buffer, dtype=np.uint8)
        at, size = 0, len(data)
        while at < size:
            limit = min(at + CHUNK, size)
            stop = last_end(buffer, at, limit)
            if stop == at:
                stop = size if limit == size else first_end(buffer, limit)
            if stop - at > CHUNK or not self._routable:
                self._take_whole(buffer[at:stop].tobytes(), base + at)
            elif stop + PADDING <= size:
                self._pass(data, at, stop, base)
            else:
                self._pass(*self._apart(data[at:stop]), base + at)
            at = stop

    def _apart(self, data: Any) -> tuple[Any, int, int]:
        """A padded copy with a line end at its end, and the span of the lines in it."""
        size = len(data)
        self._tail[:size] = data
        self._tail[size:] = 0
        if self._tail[size - 1] != NEWLINE:
            self._tail[size] = NEWLINE
            size += 1
        return self._tail, 0, size

    def _take_whole(self, lines: bytes, base: int) -> None:
        at = 0
        for line in lines.split(b"\n"):
            if line and line != b"\r":
                self._counted.lines += 1
                self._whole.take(base + at, line)
            at += len(line) + 1

    def _pass(self, data: Any, begin: int, end: int, base: int) -> None:
        if self._commonness is None:
            self._commonness = commonness(data[begin:end])
        count = marks_of(data, begin, end, self._marks)
        self._marks[count : count + 8] = end - 1
        why, at = FULL, begin
        while why != DONE:
            before = at
            mark = int(np.searchsorted(self._marks[:count], at))
            why, at = lines_passed(data, at, end, self._marks, mark, *self._tables())
            self._drain(data, base)
            if why == NEW_KIND:
                self._resolve()
            elif why == FULL and at == before:  # nothing but memory can have been wanting
                self._judge()
                if self._counters[ENTRIES] == ENTRIES_LIMIT:
                    self._let_go()

    def _tables(self) -> tuple[Any, ...]:
        """What `lines_passed` takes besides the lines and their marks."""
        return (
            self._stack, self._counters, self._key, *self._trie.arrays, self._route, *self._known_kinds,
            self._kind_numbers, self._kind_arena, *self._kind_arrays, *self._probes.arrays, *self._memo, self._arena,
            *self._events, *self._odd,
        )  # fmt: skip

    def _drain(self, data: Any, base: int) -> None:
        """Takes over what the pass has written down."""
        events, odd = int(self._counters[EVENTS]), int(self._counters[ODD])
        starts, entries = self._events
        if events:
            self._held.append((starts[:events] + base, entries[:events].copy()))
        for start, end in zip(self._odd[0][:odd].tolist(), self._odd[1][:odd].tolist(), strict=True):
            self._whole.take(base + start, data[start:end].tobytes())
        self._counted.lines += events + odd + int(self._counters[VOIDS])
        self._counted.void += int(self._counters[VOIDS])
        self._counters[EVENTS] = self._counters[ODD] = self._counters[VOIDS] = 0

    def _resolve(self) -> None:
        """Says what kind the newest route record is."""
        columns = Columns(self._kind_arena, np.zeros(1, dtype=np.int64), len(self._route))
        said = []
        for _ in range(len(self._route)):
            values = columns.next()
            said.append(values.text(0) if values.codes[0] >= 0 else None)
        self._kind_numbers[int(self._counters[KINDS]) - 1] = self._kinds.of(tuple(said)).number
        if len(self._kinds.all) > len(self._modes):
            self._add_kinds()

    def _let_go(self) -> None:
        """The memory is full: what waits is judged, and all is forgotten."""
        self._settle()
        self._counted.resets += 1
        self._forget_entries()

    def _judge(self) -> None:
        """Judges the entries that are new; their bytes are let go."""
        records = self._memo[1][self._judged : int(self._counters[ENTRIES])]
        entries = np.arange(self._judged, int(self._counters[ENTRIES]), dtype=np.int64)
        of_kind, sizes, places = records[:, 2] >> 32, records[:, 2] & 0xFFFFFFFF, records[:, 3].astype(np.int64)
        for number in once(of_kind).tolist():
            kind, own = self._kinds.all[number], np.flatnonzero(of_kind == number)
            room = np.cumsum(sizes[own]).astype(np.int64) // BATCH_WORDS + np.arange(len(own)) // ROWS_LIMIT
            for batch in np.split(own, np.flatnonzero(np.diff(room)) + 1):
                self._verdicts.set(entries[batch], *self._fired(kind, places[batch]))
        self._judged = int(self._counters[ENTRIES])
        self._counters[WORDS] = 0
        self._counted.judged += len(entries)

    def _fired(self, kind: Kind, places: Longs) -> tuple[Longs, Ints]:
        assert kind.judge is not None
        columns = Columns(self._arena, places, len(kind.fields))
        values = [columns.next() for _ in kind.fields]
        return kind.judge.fired([values[place] for place in kind.places], len(places))

    def _settle(self) -> None:
        """Turns the lines in hand into what fired on them."""
        self._judge()
        if self._held:
            starts = np.concatenate([starts for starts, _ in self._held])
            self._found.append(self._verdicts.hits(starts, np.concatenate([entries for _, entries in self._held])))
        self._held = []

    def taken(self) -> tuple[Longs, Ints]:
        """(start, rule) of all that fired on the lines fed since the last time."""
        self._settle()
        found = [*self._found, self._whole.taken()]
        self._found = []
        return np.concatenate([starts for starts, _ in found]), np.concatenate([rules for _, rules in found])
