"""Lookups of many values at once: networks as sorted intervals, names without case or final dot."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

import numpy as np
import numpy.typing as npt

_MAPPED = b"\0" * 10 + b"\xff\xff"  # an IPv4 address in IPv6
_LONGEST = 64  # characters of an address


def domain_of(name: str) -> str:
    """A host name as it is compared."""
    return name[:253].rstrip(".").lower()


class Addresses:
    """A set of networks as disjoint sorted intervals of 16-byte addresses (IPv4 as mapped into IPv6)."""

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        listed = list(networks)
        self._count = len(listed)
        four = collapse_addresses(each for each in listed if isinstance(each, IPv4Network))
        six = collapse_addresses(each for each in listed if isinstance(each, IPv6Network))
        intervals = sorted(
            [(_MAPPED + each[0].packed, _MAPPED + each[-1].packed) for each in four]
            + [(each[0].packed, each[-1].packed) for each in six]
        )
        self._first = np.array([first for first, _ in intervals], dtype="S16")
        self._last = np.array([last for _, last in intervals], dtype="S16")

    def __len__(self) -> int:
        return self._count

    @property
    def packed(self) -> bytes:
        """The set as bytes: equal for equal sets."""
        return self._first.tobytes() + self._last.tobytes()

    def holds(self, values: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Whether each text is an address of the set."""
        packed = [packed_address(value) for value in values]
        result = np.zeros(len(packed), dtype=np.bool_)
        known = np.array([each is not None for each in packed], dtype=np.bool_)
        if not known.any() or not len(self._first):
            return result
        addresses = np.array([each for each in packed if each is not None], dtype="S16")
        place = np.searchsorted(self._first, addresses, side="right") - 1
        result[known] = (place >= 0) & (addresses <= self._last[np.maximum(place, 0)])
        return result


def packed_address(value: str) -> bytes | None:
    """An address as 16 bytes, None if the text is none. Strict: no leading zeros, no blanks, no short forms."""
    if len(value) > _LONGEST or not value.isascii() or "\0" in value:
        return None
    try:
        if ":" in value:
            return socket.inet_pton(socket.AF_INET6, value.partition("%")[0])
        return _MAPPED + socket.inet_pton(socket.AF_INET, value)
    except OSError:
        return None
