"""What a text is: its kind and its one form, or why it is none."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from lichen.detect.rules.indicators.entry import Kind
from lichen.detect.rules.indicators.urls import ascii_name, canonical_url

WIDEST = {4: 8, 6: 16}  # prefix lengths; a wider network would name half the world
LONGEST_NAME = 253
_HEX = re.compile(r"(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})")
_TLSH = re.compile(r"(?:[Tt]1)?[0-9a-fA-F]{70}")
_FOUR = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
_NAME = re.compile(r"(?:\*\.)?[\w-]{1,63}(?:\.[\w-]{1,63})+\.?")
_DEFANGED = re.compile(r"\[\.\]|\(\.\)|\[:\]|^hxxp(?=s?:)", re.IGNORECASE)


def kind_of(text: str) -> tuple[Kind, str] | str:
    """(kind, canonical form) of an indicator, or the fault. `hxxp://` and `[.]` are read as what they stand for."""
    if _HEX.fullmatch(text):
        return Kind.HASH, text.lower()
    if "[.]" in text or "(.)" in text or "[:]" in text or text[:4].lower() == "hxxp":
        text = _DEFANGED.sub(lambda found: {"h": "http"}.get(found[0][0].lower(), found[0][1:2]), text)
    if "://" in text:
        url = canonical_url(text)
        return f"{text[:80]!r} is no URL that can be read" if url is None else (Kind.URL, url)
    if _NAME.fullmatch(text) and not _FOUR.fullmatch(text):
        name = ascii_name(text.removeprefix("*.").rstrip("."))
        return (Kind.DOMAIN, name) if len(name) <= LONGEST_NAME else f"{text[:80]!r} is longer than a name can be"
    if _TLSH.fullmatch(text):
        return Kind.TLSH, "T1" + text[-70:].upper()
    return _network(text)


def _network(text: str) -> tuple[Kind, str] | str:
    try:
        if "/" not in text:
            return Kind.ADDRESS, str(ip_address(text))
        network = ip_network(text, strict=False)
    except ValueError:
        return f"{text[:80]!r} is no address, network, domain, URL or hash"
    if network.prefixlen < WIDEST[network.version]:
        return f"{text} is wider than /{WIDEST[network.version]}"
    return Kind.ADDRESS, str(network)
