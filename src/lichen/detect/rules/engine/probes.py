"""Probes: how keywords are looked for in the text of lines, by two rare bytes of each.

They look without regard to the case of ASCII letters, and what they find is looked at again: they may find too much.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import hyperscan
import numpy as np
import numpy.typing as npt

from lichen.detect.rules.casing import fold

PAIRS_LIMIT = 16  # of one kind of line
PAIR_COST = 4096  # what looking for one more pair is worth, in places that it stands at in 256 KiB
FOLDED_INTO_ASCII = ("\u212a".encode(), "\u017f".encode())  # Kelvin sign and long s are compared as k and s

Keywords = Iterable[tuple[str, bool]]
Commonness = npt.NDArray[np.int64]


def commonness(sample: npt.NDArray[np.uint8]) -> Commonness:
    """How often each pair of bytes stands in a sample, without regard to case."""
    folded = sample.astype(np.int64) | 32
    return np.bincount(folded[:-1] * 256 + folded[1:], minlength=1 << 16)


def raw_of(keywords: Keywords) -> frozenset[bytes] | None:
    """The bytes to look for; None where looking for bytes does not do: beyond ASCII, or too short."""
    texts = {fold(text) for text, _ in keywords}
    return (
        frozenset(text.encode() for text in texts) if all(text.isascii() and len(text) > 1 for text in texts) else None
    )


def pairs_for(keywords: Iterable[bytes], common: Commonness | None) -> dict[bytes, bytes]:
    """A pair for each keyword: few of them, and rare ones."""
    open_, chosen = set(keywords), {}
    while open_:
        standing: dict[bytes, list[bytes]] = {}
        for keyword in open_:
            for pair in {_pair(keyword[i : i + 2]) for i in range(len(keyword) - 1)}:
                standing.setdefault(pair, []).append(keyword)
        best = min(standing, key=lambda pair: ((_count(pair, common) + PAIR_COST) / len(standing[pair]), pair))
        chosen.update(dict.fromkeys(standing[best], best))
        open_ -= set(standing[best])
    return chosen


def _count(pair: bytes, common: Commonness | None) -> int:
    return 0 if common is None else int(common[pair[0] * 256 + pair[1]])


def _pair(two: bytes) -> bytes:
    return bytes(byte | 32 for byte in two)


class Probes:
    """The probes of each kind of line, end to end."""

    def __init__(self) -> None:
        self._pairs: list[bytes] = []
        self._keywords: list[list[bytes]] = []
        self._bounds: dict[int, tuple[int, int]] = {}
        self._known: dict[frozenset[bytes], tuple[int, int]] = {}
        self.arrays = self._laid_out()

    def add(self, kind: int, raw: frozenset[bytes], common: Commonness | None) -> bool:
        """Whether the keywords of a kind are looked for from now on; False where they are too many."""
        if raw not in self._known:
            chosen = pairs_for(raw, common)
            pairs = sorted(set(chosen.values()))
            if len(pairs) > PAIRS_LIMIT:
                return False
            first = len(self._pairs)
            self._pairs += pairs
            self._keywords += [sorted(each for each in chosen if chosen[each] == pair) for pair in pairs]
            self._known[raw] = first, len(self._pairs)
            self.arrays = self._laid_out()
        self._bounds[kind] = self._known[raw]
        return True

    def bounds(self, kinds: int) -> npt.NDArray[np.int32]:
        """The first probe of each kind and the one behind its last, one after the other."""
        return np.array([self._bounds.get(kind, (0, 0)) for kind in range(kinds)], dtype=np.int32).ravel()

    def _laid_out(self) -> tuple[Any, ...]:
        """(pairs, first keyword of each pair, place of the pair in each keyword, starts, ends, texts)."""
        keywords = [(pair, each) for pair, several in zip(self._pairs, self._keywords, strict=True) for each in several]
        offsets = [next(i for i in range(len(each)) if _pair(each[i : i + 2]) == pair) for pair, each in keywords]
        ends = np.cumsum([len(each) for _, each in keywords])
        lengths = [len(each) for _, each in keywords]
        return (
            np.frombuffer(b"".join(self._pairs) or b"\0\0", dtype=np.uint8).copy(),
            np.cumsum([0, *map(len, self._keywords)]).astype(np.int32),
            np.array(offsets, dtype=np.int32),
            (ends - lengths).astype(np.int32),
            ends.astype(np.int32),
            np.frombuffer(b"".join(each for _, each in keywords) or b"\0", dtype=np.uint8).copy(),
        )


class Parts:
    """The same for Hyperscan: of each keyword four rare bytes in a row, and the signs that are folded into ASCII."""

    def __init__(self, keywords: Iterable[bytes], common: Commonness | None) -> None:
        parts: dict[bytes, int] = {sign: place for place, sign in enumerate(FOLDED_INTO_ASCII)}
        self._part_of: dict[bytes, int] = {}
        for keyword in sorted(keywords):
            windows = [keyword[i : i + 4] for i in range(max(1, len(keyword) - 3))]
            known = [window for window in windows if window in parts]
            part = known[0] if known else min(windows, key=lambda window: _least(window, common))
            self._part_of[keyword] = parts.setdefault(part, len(parts))
        expressions = [b"".join(b"\\x%02x" % byte for byte in part) for part in parts]
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        count = len(expressions)
        flags = [hyperscan.HS_FLAG_CASELESS] * count
        self._database.compile(expressions=expressions, ids=list(range(count)), elements=count, flags=flags)

    def of(self, keywords: Iterable[bytes]) -> frozenset[int]:
        """The parts one of which stands where one of these keywords stands."""
        return frozenset([*range(len(FOLDED_INTO_ASCII)), *(self._part_of[each] for each in keywords)])

    def found_in(self, text: bytes) -> list[tuple[int, int]]:
        """(part, where it ends) of every part in the text."""
        found: list[tuple[int, int]] = []
        self._database.scan(text, match_event_handler=lambda part, start, end, *rest: found.append((part, end)))
        return found


def _least(window: bytes, common: Commonness | None) -> int:
    return min((_count(_pair(window[i : i + 2]), common) for i in range(len(window) - 1)), default=0)


def may_stand_in(keywords: Iterable[bytes], line: bytes) -> bool:
    """Whether a keyword stands in a line, or a sign that is folded into ASCII does."""
    lowered = line.lower()
    return any(keyword in lowered for keyword in keywords) or any(sign in line for sign in FOLDED_INTO_ASCII)
