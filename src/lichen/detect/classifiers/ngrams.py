"""Hashed character n-grams of many texts at once: one pass of numpy over their bytes, no loop over texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

ORDERS = (3, 4, 5)
BITS = 18
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)

Features = npt.NDArray[np.int64]


def grams(texts: Sequence[str]) -> tuple[Features, Features, Features]:
    """Every n-gram of every text: (text index, feature index in 2**BITS, byte position), in no order of note.

    An n-gram is told apart by its bytes and by the text's first line (the kind), and never crosses texts.
    """
    encoded = [text.encode("utf-8", "replace") for text in texts]
    lengths = np.array([len(text) for text in encoded], dtype=np.int64)
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8).astype(np.uint64) + np.uint64(1)
    if not len(data):
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, empty
    owner = np.repeat(np.arange(len(texts)), lengths)
    start = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    position = np.arange(len(data)) - start[owner]
    left = lengths[owner] - position  # bytes from here to the text's end
    kind = np.array([_kind_seed(text) for text in encoded], dtype=np.uint64)
    who, what, where = [], [], []
    with np.errstate(over="ignore"):
        for order in ORDERS:
            rolled = np.zeros(max(0, len(data) - order + 1), dtype=np.uint64)
            for k in range(order):
                rolled = rolled * _PRIME + data[k : len(data) - order + 1 + k]
            inside = np.flatnonzero(left[: len(rolled)] >= order)
            mixed = (rolled[inside] ^ kind[owner[inside]]) * _MIX + np.uint64(order)
            mixed ^= mixed >> np.uint64(31)
            what.append(((mixed * _PRIME) >> np.uint64(64 - BITS)).astype(np.int64))
            who.append(owner[inside])
            where.append(position[inside])
    return np.concatenate(who), np.concatenate(what), np.concatenate(where)


def presence(texts: Sequence[str]) -> tuple[Features, Features, npt.NDArray[np.float64]]:
    """Which features each text has: (text index, feature index, value), each pair once; a text's values have length 1,
    so that long texts do not shout."""
    who, what, _ = grams(texts)
    pairs = np.unique((who << BITS) | what)
    who, what = pairs >> BITS, pairs & ((1 << BITS) - 1)
    per_text = np.bincount(who, minlength=len(texts))
    return who, what, 1.0 / np.sqrt(per_text[who])


def _kind_seed(text: bytes) -> int:
    """A fixed seed per first line (Python's own hash changes between processes)."""
    seed = 1469598103934665603
    for byte in text.split(b"\n", 1)[0][:16]:
        seed = ((seed ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return seed
