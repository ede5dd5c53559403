"""Literals looked for in the lines of long values, each distinct line once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lichen.detect.rules.engine.pieces import Flags, Pieces, pieces_of
from lichen.detect.rules.kernels import Matcher
from lichen.detect.rules.kernels.needles import Bytes, Offsets, Pairs
from lichen.detect.rules.kernels.once import once


def matched_by_line(matcher: Matcher, needed: Flags, data: Bytes, starts: Offsets, ends: Offsets, fast: bool) -> Pairs:
    """Every (value, number) that holds, as `Matcher.match` says it; `needed` by number."""
    pieces = _split(fast)(data, starts, ends)
    texts, numbers = matcher.match(data, pieces.starts, pieces.ends)
    order = np.argsort(pieces.codes, kind="stable")
    firsts = np.searchsorted(pieces.codes[order], np.arange(len(pieces.starts) + 1))
    counts = firsts[texts + 1] - firsts[texts]
    before = np.cumsum(counts) - counts
    places = order[np.arange(int(counts.sum())) - np.repeat(before, counts) + np.repeat(firsts[texts], counts)]
    numbers = np.repeat(numbers, counts)
    holds = (pieces.flags[places] & needed[numbers]) == needed[numbers]
    keys = once(pieces.owner[places[holds]].astype(np.int64) * len(needed) + numbers[holds])
    return (keys // len(needed)).astype(np.int32), (keys % len(needed)).astype(np.int32)


def _split(fast: bool) -> Callable[[Bytes, Offsets, Offsets], Pieces]:
    if not fast:
        return pieces_of
    from lichen.detect.rules.engine.pieces_fast import pieces_of as fast_pieces_of

    return fast_pieces_of
