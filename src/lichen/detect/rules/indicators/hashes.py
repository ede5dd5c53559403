"""Hashes of files: md5, sha1 and sha256 in hexadecimal, alone or within a text (`MD5=…,SHA256=…`)."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.indicators.keys import Bools, Keys, KeyTable, Places
from lichen.detect.rules.indicators.spans import Spans

SIZES = (32, 40, 64)  # hexadecimal digits
_WITHIN = re.compile(rb"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})(?![0-9a-fA-F])")
_NIBBLE = np.full(256, 255, dtype=np.uint8)
for _digit in b"0123456789":
    _NIBBLE[_digit] = _digit - 48
for _digit in b"abcdef":
    _NIBBLE[_digit] = _NIBBLE[_digit - 32] = _digit - 87
Found = tuple[Places, Places]
CHUNK = 1 << 14


class Hashes:
    """Hashes, members 0..n-1."""

    def __init__(self, texts: Spans) -> None:
        self._size = len(texts)
        lengths = texts.lengths
        self._tables = {}
        for size in SIZES:
            members = np.flatnonzero(lengths == size)
            if len(members):
                digits = texts.take(members).packed().data.tobytes().decode("ascii")
                rows = np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).reshape(-1, size // 2)
                self._tables[size] = (rows, KeyTable(_keys(rows)), members)

    def __len__(self) -> int:
        return self._size

    def find(self, probes: Spans) -> Found:
        """(probe, member) of every hash that a text is or holds."""
        found = [self._whole(size, probes, np.flatnonzero(probes.lengths == size)) for size in self._tables]
        exact = np.isin(probes.lengths, SIZES)
        longer = np.flatnonzero(~exact & (probes.lengths > min(SIZES)))
        if len(longer):
            found.append(self._within(probes, longer))
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        which, members = (np.concatenate([pair[side] for pair in found]) for side in (0, 1))
        order = np.argsort(which, kind="stable")
        return which[order], members[order]

    def _whole(self, size: int, probes: Spans, which: Places) -> Found:
        parts = [self._chunk(size, probes, which[at : at + CHUNK]) for at in range(0, len(which), CHUNK)]
        if not parts:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _chunk(self, size: int, probes: Spans, which: Places) -> Found:
        rows, table, members = self._tables[size]
        asked = probes.take(which)
        nibbles = _NIBBLE[asked.data[asked.starts[:, None] + np.arange(16)]]
        keys = _keys((nibbles[:, ::2] << 4) | nibbles[:, 1::2])

        def same(places: Places, there: Places) -> Bools:
            whole = _NIBBLE[asked.data[asked.starts[places][:, None] + np.arange(size)]]
            alike = ((whole[:, ::2] << 4) | (whole[:, 1::2] & 15)) == rows[there]
            result: Bools = alike.all(axis=1) & (whole < 16).all(axis=1)
            return result

        places, there = table.find(keys, same)
        return which[places], members[there]

    def _within(self, probes: Spans, which: Places) -> Found:
        owners: list[int] = []
        texts: list[str] = []
        for place in which.tolist():
            for held in _WITHIN.findall(probes.raw(place)):
                owners.append(place)
                texts.append(held.decode("ascii"))
        inner = Spans.of(texts)
        found = [self._whole(size, inner, np.flatnonzero(inner.lengths == size)) for size in self._tables]
        where = np.array(owners, dtype=np.int64)
        return np.concatenate([where[each[0]] for each in found]), np.concatenate([each[1] for each in found])


def _keys(rows: npt.NDArray[np.uint8]) -> Keys:
    """The first 8 bytes of each row as a number."""
    keys: Keys = np.ascontiguousarray(rows[:, :8]).view(">u8").ravel().astype(np.uint64)
    return keys
