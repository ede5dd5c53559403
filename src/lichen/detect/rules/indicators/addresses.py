"""Addresses and networks: many texts at once, parsed by arrays where they are IPv4."""

from __future__ import annotations

from ipaddress import ip_network

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.indicators.keys import Bools, Keys, KeyTable, Places, mixed
from lichen.detect.rules.indicators.spans import Spans
from lichen.detect.rules.lookups import packed_address

LONGEST = 64  # characters of an address with its zone
CHUNK = 1 << 13
_MAPPED = np.uint64(0xFFFF << 32)  # low half of an IPv4 address mapped into IPv6
_ALL = (1 << 64) - 1
DOT, COLON, ZERO = ord("."), ord(":"), ord("0")
Found = tuple[Places, Places]


def parsed(probes: Spans) -> tuple[Places, Keys, Keys]:
    """(which texts are addresses, high and low half of each, IPv4 as mapped into IPv6). Strict: no leading zeros, no
    blanks, no short forms; a zone is left out."""
    parts = [_parsed(probes, first) for first in range(0, len(probes), CHUNK)]
    if not parts:
        none = np.empty(0, dtype=np.uint64)
        return np.empty(0, dtype=np.int64), none, none
    which, high, low = (np.concatenate([part[side] for part in parts]) for side in range(3))
    return which.astype(np.int64), high, low


def _parsed(probes: Spans, first: int) -> tuple[Places, Keys, Keys]:
    chunk = probes.take(slice(first, first + CHUNK))
    fits = np.flatnonzero((chunk.lengths > 1) & (chunk.lengths <= LONGEST))
    chunk = chunk.take(fits).packed()
    if not len(chunk):
        return fits, np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64)
    four, values = _four(chunk)
    six, halves = _six(chunk)
    which = np.concatenate([four, six])
    high = np.concatenate([np.zeros(len(four), dtype=np.uint64), halves[:, 0]])
    low = np.concatenate([values.astype(np.uint64) | _MAPPED, halves[:, 1]])
    return fits[which] + first, high, low


def _four(probes: Spans) -> tuple[Places, npt.NDArray[np.int64]]:
    """(which texts are IPv4 addresses, their numbers): four parts of one to three digits between three dots."""
    digits = probes.data - np.uint8(ZERO)  # beyond 9 where there is none
    dots = probes.data == DOT
    counts = np.add.reduceat(dots, probes.starts, dtype=np.int64)
    others = np.add.reduceat((digits > 9) & ~dots, probes.starts, dtype=np.int64)
    good = (counts == 3) & (others == 0) & (probes.lengths <= 15)
    which = np.flatnonzero(good)
    between = np.flatnonzero(dots & np.repeat(good, probes.lengths)).reshape(-1, 3)
    borders = np.column_stack([probes.starts[which] - 1, between, probes.ends[which]])
    held = np.ones(len(which), dtype=np.bool_)
    value = np.zeros(len(which), dtype=np.int64)
    for part in range(4):
        begin, end = borders[:, part], borders[:, part + 1]
        length = end - begin - 1
        number = digits[end - 1].astype(np.int64)
        number += np.where(length > 1, digits[end - 2] * np.int64(10), 0)
        number += np.where(length > 2, digits[end - 3] * np.int64(100), 0)
        leading = (digits[np.minimum(begin + 1, len(digits) - 1)] == 0) & (length > 1)
        held &= (length >= 1) & (length <= 3) & (number < 256) & ~leading
        value = value << 8 | number
    return which[held], value[held]


def _six(probes: Spans) -> tuple[Places, Keys]:
    """(which texts are IPv6 addresses, their halves)."""
    colons = np.add.reduceat(probes.data == COLON, probes.starts, dtype=np.int64)
    which = np.flatnonzero(colons > 1)
    raw, held, packed = probes.data.tobytes(), [], []
    edges = zip(which.tolist(), probes.starts[which].tolist(), probes.ends[which].tolist(), strict=True)
    for place, start, end in edges:
        address = packed_address(raw[start:end].decode("latin-1"))
        if address is not None:
            held.append(place)
            packed.append(address)
    halves = np.frombuffer(b"".join(packed), dtype=">u8").astype(np.uint64).reshape(-1, 2)
    return np.array(held, dtype=np.int64), halves


class Networks:
    """Addresses and networks, members 0..n-1; the narrowest that holds an address is found."""

    def __init__(self, texts: Spans) -> None:
        which, high, low = parsed(texts)
        by_prefix: dict[int, list[tuple[int, int, int]]] = {}
        single = np.zeros(len(texts), dtype=np.bool_)
        single[which] = True
        for member in np.flatnonzero(~single).tolist():
            prefix, number = _network(texts.text(member))
            by_prefix.setdefault(prefix, []).append((number >> 64, number & _ALL, member))
        self._size = len(texts)
        self._levels = [(128, _Level(high, low, which))]
        for prefix in sorted(by_prefix, reverse=True):
            rows = np.array(by_prefix[prefix], dtype=np.uint64)
            level = _Level(rows[:, 0].copy(), rows[:, 1].copy(), rows[:, 2].astype(np.int64))
            self._levels.append((prefix, level))
        self._touched = _touched(by_prefix)

    def __len__(self) -> int:
        return self._size

    def find(self, probes: Spans) -> Found:
        """(probe, member) of the narrowest member that holds the address that a text is."""
        which, high, low = parsed(probes)
        found, members = self._levels[0][1].find(high, low)
        parts = [(which[found], members)]
        if len(self._levels) > 1:
            left = np.ones(len(which), dtype=np.bool_)
            left[found] = False
            left &= (high != 0) | self._touched[(low >> np.uint64(16)) & np.uint64(0xFFFF)]
            open_ = np.flatnonzero(left)
            for prefix, level in self._levels[1:]:
                if not len(open_):
                    break
                of_high, of_low = _mask(prefix)
                found, members = level.find(high[open_] & of_high, low[open_] & of_low)
                parts.append((which[open_[found]], members))
                open_ = np.delete(open_, found)
        places, members = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        order = np.argsort(places, kind="stable")
        return places[order], members[order]


class _Level:
    """Networks of one prefix length."""

    def __init__(self, high: Keys, low: Keys, members: Places) -> None:
        self._high, self._low, self._members = high, low, members
        self._table = KeyTable(_key(high, low))

    def find(self, high: Keys, low: Keys) -> Found:
        def same(probes: Places, places: Places) -> Bools:
            alike: Bools = (high[probes] == self._high[places]) & (low[probes] == self._low[places])
            return alike

        probes, places = self._table.find(_key(high, low), same)
        return probes, self._members[places]


def _key(high: Keys, low: Keys) -> Keys:
    return mixed(mixed(high) ^ low)


def _mask(prefix: int) -> tuple[np.uint64, np.uint64]:
    whole = ((1 << 128) - 1) ^ ((1 << (128 - prefix)) - 1)
    return np.uint64(whole >> 64), np.uint64(whole & _ALL)


def _network(text: str) -> tuple[int, int]:
    """(prefix length, first address) of a network, IPv4 as mapped into IPv6."""
    network = ip_network(text, strict=False)
    number = int(network.network_address)
    return (network.prefixlen + 96, number | 0xFFFF << 32) if network.version == 4 else (network.prefixlen, number)


def _touched(by_prefix: dict[int, list[tuple[int, int, int]]]) -> Bools:
    """Which /16 of IPv4 a network touches."""
    touched = np.zeros(1 << 16, dtype=np.bool_)
    for prefix, rows in by_prefix.items():
        for high, low, _ in rows:
            if high == 0 and (low >> 32 == 0xFFFF or prefix < 96):
                first = low >> 16 & 0xFFFF
                wide = 1 << max(0, 112 - prefix) if prefix >= 96 else 1 << 16
                touched[first : first + wide] = True
    return touched
