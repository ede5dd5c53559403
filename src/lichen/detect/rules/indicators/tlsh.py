"""TLSH: how far apart two digests are (Oliver, Cheng and Chen, CTC 2013), with the distances of the reference code.

A digest is `T1` and 70 hexadecimal digits: checksum (1 byte), length (1), two quartile ratios (1), body (32 bytes of
2-bit pairs). The body's distance is the sum over pairs of their difference, 6 for the greatest; of the header, each
step of the length counts 12 and of a ratio 12, the first step 1; unequal checksums 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.indicators.keys import Places
from lichen.detect.rules.indicators.spans import Spans

Bytes = npt.NDArray[np.uint8]
DIGITS = 70
MEMBERS_LIMIT = 1 << 17  # compared one by one with each digest seen


def _pairs() -> Bytes:
    """The distance of two bytes of a body."""
    one, other = np.meshgrid(np.arange(256), np.arange(256))
    total = np.zeros((256, 256), dtype=np.uint8)
    for shift in (0, 2, 4, 6):
        apart = np.abs((one >> shift & 3) - (other >> shift & 3))
        total += np.where(apart == 3, 6, apart).astype(np.uint8)
    return total


_PAIRS = _pairs()


def digest_bytes(text: str) -> Bytes | None:
    """The 35 bytes of a digest, with or without `T1`; None if the text is none."""
    body = text[-DIGITS:] if len(text) == DIGITS or (len(text) == DIGITS + 2 and text[:2].upper() == "T1") else ""
    try:
        return np.frombuffer(bytes.fromhex(body), dtype=np.uint8) if len(body.strip()) == DIGITS else None
    except ValueError:
        return None


def distances(probe: Bytes, members: Bytes) -> npt.NDArray[np.int64]:
    """How far a digest is from each of the rows."""
    total = _PAIRS[probe[3:], members[:, 3:]].sum(axis=1, dtype=np.int64)
    total += (members[:, 0] != probe[0]).astype(np.int64)
    length = _apart(_swapped(members[:, 1]).astype(np.int64), int(_swapped(probe[1:2])[0]), 256)
    total += np.where(length <= 1, length, length * 12)
    for shift in (0, 4):
        ratio = _apart((members[:, 2] >> shift & 15).astype(np.int64), int(probe[2]) >> shift & 15, 16)
        total += np.where(ratio <= 1, ratio, (ratio - 1) * 12)
    result: npt.NDArray[np.int64] = total
    return result


def _swapped(values: Bytes) -> Bytes:
    """Bytes with their nibbles exchanged: so the digest writes its header."""
    swapped: Bytes = ((values >> 4) | (values << 4)).astype(np.uint8)
    return swapped


def _apart(members: npt.NDArray[np.int64], value: int, ring: int) -> npt.NDArray[np.int64]:
    """How far on a ring of numbers."""
    apart = np.abs(members - value)
    nearer: npt.NDArray[np.int64] = np.minimum(apart, ring - apart)
    return nearer


class Digests:
    """Digests, members 0..n-1."""

    def __init__(self, texts: Spans) -> None:
        rows = [row for at in range(len(texts)) if (row := digest_bytes(texts.text(at))) is not None]
        self._rows = np.array(rows, dtype=np.uint8).reshape(-1, DIGITS // 2)

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, texts: Sequence[str], farthest: int) -> tuple[Places, Places]:
        """(probe, member) of the nearest member that is at most `farthest` away."""
        which: list[int] = []
        members: list[int] = []
        for place, text in enumerate(texts):
            probe = digest_bytes(text)
            if probe is not None and len(self._rows):
                apart = distances(probe, self._rows)
                nearest = int(apart.argmin())
                if apart[nearest] <= farthest:
                    which.append(place)
                    members.append(nearest)
        return np.array(which, dtype=np.int64), np.array(members, dtype=np.int64)
