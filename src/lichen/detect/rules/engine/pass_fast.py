"""The pass, in numba: bytes of JSON lines -> kind, memo entry and spans, at gigabytes a second.

A line is taken only where it is plainly what it seems. Keys that repeat, lists and objects where a rule reads a text,
numbers that are not short integers, escapes beyond the Basic Multilingual Plane, text that is not UTF-8, keywords in
the text: all such lines are handed back, to be read whole (`documents`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lichen.detect.rules.engine.bits import DATA, i4, i8, u1, u8
from lichen.detect.rules.engine.marks_fast import PROBES, may_hold_keyword
from lichen.detect.rules.engine.reading_fast import SPANS, TRIE, line_read
from lichen.detect.rules.engine.records_fast import KNOWN, all_utf8, found_in, hashed, put
from lichen.detect.rules.kernels.jit import compiled

VOID, REMEMBERED, WHOLE = 0, 1, 2  # how lines of a kind are taken
DONE, FULL, NEW_KIND = 0, 1, 2  # why the pass returns
ENTRIES, WORDS, KINDS, LINES, EVENTS, ODD, VOIDS = range(7)  # counters

PASS = (
    f"i8, i8, i4[::1], i8, {i8}, {i8}, {u8}, {TRIE}, {SPANS}, {i4}, {KNOWN}, {i4}, {u8}, {i4}, {i4}, {i4}, {u1}, {i4},"
    f" {PROBES}, {KNOWN}, {u8}, {i8}, {i4}, {i8}, {i8}"
)


@compiled(f"Tuple((i8, i8))({DATA}, {PASS})", f"Tuple((i8, i8))({u1}, {PASS})")
def lines_passed(
    data: Any, begin: int, end: int, marks: Any, mark: int, stack: Any, counters: Any, key: Any,
    table: Any, parents: Any, lengths: Any, heads: Any, tails: Any, starts: Any, names: Any, slots: Any, children: Any,
    edge_seen: Any, slot_seen: Any, slot_start: Any, slot_end: Any, slot_holds: Any,
    route: Any, kind_table: Any, kind_records: Any, kind_numbers: Any, kind_arena: Any,
    kind_firsts: Any, kind_lasts: Any, kind_slots: Any, kind_modes: Any, kind_probes: Any,
    pairs: Any, probe_firsts: Any, offsets: Any, keyword_starts: Any, keyword_ends: Any, keyword_texts: Any,
    memo: Any, records: Any, arena: Any, event_starts: Any, event_entries: Any, odd_starts: Any, odd_ends: Any,
) -> Any:  # fmt: skip
    """Passes lines from `begin`, where `mark` is the first mark, until the end or until room or knowledge is wanting;
    (why, where)."""
    at = begin
    while at < end:
        if counters[EVENTS] == len(event_starts) or counters[ODD] == len(odd_starts):
            return FULL, at
        if data[at] == 10:
            at += 1
            mark += 1
            continue
        counters[LINES] += 1
        line = counters[LINES]
        close = line_read(
            data, marks, mark, at, line, stack, table, parents, lengths, heads, tails, starts, names, slots, children,
            edge_seen, slot_seen, slot_start, slot_end, slot_holds,
        )  # fmt: skip
        plain = close >= 0
        if not plain:
            close = mark
            while data[marks[close]] != 10:
                close += 1
        stop = marks[close]
        kind = 0
        if plain:
            lower, upper, words, high = hashed(
                data, route, 0, len(route), line, key, slot_seen, slot_start, slot_end, slot_holds
            )
            known = found_in(kind_table, kind_records, lower, upper, np.uint64(words)) if words >= 0 else 0
            if words < 0:
                plain = False
            elif known >= 0:
                kind = kind_numbers[known]
            elif (
                counters[KINDS] == len(kind_numbers)
                or words > len(kind_arena)
                or (
                    high and not all_utf8(data, route, 0, len(route), line, slot_seen, slot_start, slot_end, slot_holds)
                )
            ):
                plain = False
            else:
                put(data, route, 0, len(route), line, slot_seen, slot_start, slot_end, slot_holds, kind_arena, 0)
                kind_table[-1 - known] = counters[KINDS] + 1
                new = kind_records[counters[KINDS]]
                new[0], new[1], new[2] = lower, upper, np.uint64(words)
                counters[KINDS] += 1
                return NEW_KIND, at
        if plain and kind_modes[kind] == VOID:
            counters[VOIDS] += 1
        elif (
            plain
            and kind_modes[kind] == REMEMBERED
            and not (
                kind_probes[2 * kind] < kind_probes[2 * kind + 1]
                and may_hold_keyword(
                    data,
                    at,
                    stop,
                    kind_probes[2 * kind],
                    kind_probes[2 * kind + 1],
                    pairs,
                    probe_firsts,
                    offsets,
                    keyword_starts,
                    keyword_ends,
                    keyword_texts,
                )
            )
        ):
            first, last = kind_firsts[kind], kind_lasts[kind]
            lower, upper, words, high = hashed(
                data, kind_slots, first, last, line, key, slot_seen, slot_start, slot_end, slot_holds
            )
            what = np.uint64(words) | (np.uint64(kind) << np.uint64(32))
            entry = found_in(memo, records, lower, upper, what) if words >= 0 else 0
            if words < 0 or words > len(arena):
                plain = False
            elif entry < 0:
                if high and not all_utf8(
                    data, kind_slots, first, last, line, slot_seen, slot_start, slot_end, slot_holds
                ):
                    plain = False
                elif counters[ENTRIES] == len(records) or counters[WORDS] + words > len(arena):
                    return FULL, at
                else:
                    memo[-1 - entry] = counters[ENTRIES] + 1
                    entry = counters[ENTRIES]
                    new = records[entry]
                    new[0], new[1], new[2], new[3] = lower, upper, what, np.uint64(counters[WORDS])
                    put(
                        data, kind_slots, first, last, line, slot_seen, slot_start, slot_end, slot_holds, arena,
                        counters[WORDS],
                    )  # fmt: skip
                    counters[WORDS] += words
                    counters[ENTRIES] += 1
            if plain:
                event_starts[counters[EVENTS]] = at
                event_entries[counters[EVENTS]] = entry
                counters[EVENTS] += 1
        else:
            plain = False
        if not plain:
            odd_starts[counters[ODD]] = at
            odd_ends[counters[ODD]] = stop
            counters[ODD] += 1
        at = stop + 1
        mark = close + 1
    return DONE, at
