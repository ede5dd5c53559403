"""Sorted 64-bit keys: which of many probes might be in a set, answered by arrays; who asks compares in full.

A bitmap over the keys' high bits turns most probes away with one load; the others are sought from the start of their
bucket, or by bisection where somebody chose keys that crowd.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Keys: TypeAlias = npt.NDArray[np.uint64]
Places: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Same: TypeAlias = Callable[[Places, Places], Bools]  # (probes, members): which are equal

STEPS = 32  # members of a bucket that are looked at one after the other
SPREAD = 5  # bits of the bitmap beyond one a key: 3 % of strangers pass it
_ODD = np.uint64(0x9E3779B97F4A7C15)


def mixed(number: Keys) -> Keys:
    """The numbers spread over all 64 bits, one to one."""
    number = (number ^ (number >> np.uint64(29))) * _ODD
    return number ^ (number >> np.uint64(32))


class KeyTable:
    """Members 0..n-1 by key; members with equal keys are told apart by whoever asks."""

    def __init__(self, keys: Keys) -> None:
        order = np.argsort(keys, kind="stable")
        self._members = order.astype(np.int32)
        self._keys = keys[order]
        bits = max(3, len(keys).bit_length())
        self._slot_shift, self._shift = np.uint64(64 - bits - SPREAD), np.uint64(64 - bits)
        self._bitmap = np.zeros(1 << (bits + SPREAD - 3), dtype=np.uint8)
        slots = self._keys >> self._slot_shift
        np.bitwise_or.at(self._bitmap, slots >> np.uint64(3), np.uint8(1) << (slots & np.uint64(7)).astype(np.uint8))
        buckets = np.arange(1 << bits, dtype=np.uint64) << self._shift
        self._firsts = np.searchsorted(self._keys, buckets).astype(np.int32)
        self._is_even = int(np.diff(self._firsts, append=len(keys)).max()) <= STEPS

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, keys: Keys, same: Same) -> tuple[Places, Places]:
        """(probe, member) of every probe whose key and, by `same`, whole is a member's; ascending probes."""
        if not len(self._keys) or not len(keys):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        slots = keys >> self._slot_shift
        held = self._bitmap[slots >> np.uint64(3)] >> (slots & np.uint64(7)).astype(np.uint8)
        probes = np.flatnonzero(held & 1)
        places = self._places(keys[probes])
        found: list[tuple[Places, Places]] = []
        while len(probes):
            there = np.flatnonzero(places < len(self._keys))
            there = there[self._keys[places[there]] == keys[probes[there]]]
            probes, places = probes[there], places[there]
            members = self._members[places].astype(np.int64)
            equal = same(probes, members)
            found.append((probes[equal], members[equal]))
            probes, places = probes[~equal], places[~equal] + 1
        if len(found) == 1:
            return found[0]
        probes, members = (np.concatenate([pair[side] for pair in found] or [places]) for side in (0, 1))
        order = np.argsort(probes, kind="stable")
        return probes[order], members[order]

    def _places(self, keys: Keys) -> Places:
        """The first place whose key is not below each of the keys: from the start of its bucket a step or two."""
        if not self._is_even:
            return np.asarray(np.searchsorted(self._keys, keys), dtype=np.int64)
        places: Places = self._firsts[keys >> self._shift].astype(np.int64)
        open_ = np.flatnonzero(places < len(self._keys))
        while len(open_):
            open_ = open_[self._keys[places[open_]] < keys[open_]]
            places[open_] += 1
            open_ = open_[places[open_] < len(self._keys)]
        return places
