"""SOCKADDR records: the address in saddr=, as the kernel's struct sockaddr in hexadecimal."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

_INET, _INET6 = 2, 10


@dataclass(frozen=True, slots=True)
class Peer:
    """An IPv4 or IPv6 address and port."""

    address: str
    port: int


def peer_of(saddr: str) -> Peer | None:
    """The peer that saddr= names; None for Unix sockets, netlink and what cannot be read."""
    try:
        raw = bytes.fromhex(saddr)
    except ValueError:
        return None
    if len(raw) < 8:
        return None
    family, port = int.from_bytes(raw[:2], "little"), int.from_bytes(raw[2:4], "big")
    if family == _INET:
        return Peer(str(ipaddress.IPv4Address(raw[4:8])), port)
    if family == _INET6 and len(raw) >= 24:
        address = ipaddress.IPv6Address(raw[8:24])
        return Peer(str(address.ipv4_mapped or address), port)
    return None
