"""A set of texts, sought whole (URLs) or as suffixes on label borders (domains)."""

from __future__ import annotations

import numpy as np

from lichen.detect.rules.indicators.keys import Bools, KeyTable, Places
from lichen.detect.rules.indicators.spans import CHUNK, Spans, equal, keys_of, suffix_sums

DOT = ord(".")
Found = tuple[Places, Places]


class Texts:
    """The texts of one kind of a list, in canonical form, each once."""

    def __init__(self, members: Spans) -> None:
        self._members = members.packed()
        self._longest = int(self._members.lengths.max(initial=0)) + 1
        self._table = KeyTable(keys_of(self._members, self._longest))

    def __len__(self) -> int:
        return len(self._members)

    def whole(self, probes: Spans) -> Found:
        """(probe, member) where the texts are the same."""
        short = np.flatnonzero(probes.lengths < self._longest)
        asked = probes.take(short)
        keys = keys_of(asked, self._longest)

        def same(which: Places, members: Places) -> Bools:
            return equal(asked.take(which), self._members.take(members))

        found, members = self._table.find(keys, same)
        return short[found], members

    def suffixes(self, probes: Spans) -> Found:
        """(probe, member) of the longest member that a text is or ends with behind a dot. Case and final dots of the
        texts do not count."""
        found: list[Found] = []
        for first in range(0, len(probes), CHUNK):
            chunk = probes.take(slice(first, first + CHUNK)).packed().lowered()
            which, members = self._suffixes(_without_final_dots(chunk))
            found.append((which + first, members))
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])

    def _suffixes(self, probes: Spans) -> Found:
        rests = _cut(probes, self._longest).packed()  # as much of each as could be a member
        sums = suffix_sums(rests, self._longest + 1)
        dots = np.flatnonzero(rests.data == DOT) + 1
        owners = np.searchsorted(rests.ends, dots, side="left")
        inside = dots < rests.ends[np.minimum(owners, len(rests) - 1)] if len(rests) else np.zeros(0, dtype=np.bool_)
        uncut = np.flatnonzero(rests.lengths == probes.lengths)
        borders = np.concatenate([rests.starts[uncut], dots[inside]])
        owners = np.concatenate([uncut, owners[inside]])
        keys = sums[borders] - sums[rests.ends[owners]]
        asked = Spans(rests.data, borders, rests.ends[owners])

        def same(which: Places, members: Places) -> Bools:
            return equal(asked.take(which), self._members.take(members))

        found, members = self._table.find(keys, same)
        return _longest_each(owners[found], members, self._members.lengths)


def _longest_each(probes: Places, members: Places, lengths: Places) -> Found:
    """Of each probe the longest member."""
    order = np.lexsort((lengths[members], probes))
    probes, members = probes[order], members[order]
    last = np.append(probes[1:] != probes[:-1], True) if len(probes) else np.zeros(0, dtype=np.bool_)
    return probes[last], members[last]


def _without_final_dots(probes: Spans) -> Spans:
    starts, ends = probes.starts, probes.ends.copy()
    while True:
        dotted = np.flatnonzero(ends > starts)
        dotted = dotted[probes.data[ends[dotted] - 1] == DOT]
        if not len(dotted):
            return Spans(probes.data, starts, ends)
        ends[dotted] -= 1


def _cut(probes: Spans, longest: int) -> Spans:
    """The last `longest` bytes of each text: a longer suffix is no member."""
    return Spans(probes.data, np.maximum(probes.starts, probes.ends - longest), probes.ends)
