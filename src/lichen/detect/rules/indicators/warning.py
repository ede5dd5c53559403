"""Warning lists (the JSON shape of MISP's): what is known as good, and vetoes an indicator that meets it.

An address in a list's network is good. A host name is good where the list names it, or a name above it that is at
least as long as the indicator: `example.com` on a list vetoes the indicator `example.com`, not `evil.example.com`. A
URL is good where the list names it whole, or its host and it is that host's first page. Hashes are good where named.
Lists of substrings and patterns (RE2) are asked of the value itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np
import re2

from lichen.core.errors import LichenError, RuleError
from lichen.detect.rules.indicators.addresses import Networks
from lichen.detect.rules.indicators.entry import Kind
from lichen.detect.rules.indicators.keys import Bools
from lichen.detect.rules.indicators.kinds import kind_of
from lichen.detect.rules.indicators.spans import Spans
from lichen.detect.rules.indicators.texts import Texts
from lichen.detect.rules.indicators.urls import ascii_name, host_of
from lichen.detect.rules.judging import linear_pattern

FILE_LIMIT_BYTES = 64 << 20
TYPES = ("cidr", "hostname", "string", "substring", "regex")


@dataclass(frozen=True)
class Warnings:
    """All warning lists in force, together."""

    names: tuple[str, ...]
    networks: tuple[str, ...]
    hosts: tuple[str, ...]
    strings: frozenset[str]
    substrings: tuple[str, ...]
    patterns: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """What is known as good, in 16 hexadecimal digits."""
        said = repr((self.networks, self.hosts, sorted(self.strings), self.substrings, self.patterns))
        return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    @cached_property
    def _addresses(self) -> Networks:
        return Networks(Spans.of(self.networks))

    @cached_property
    def _names(self) -> Texts:
        return Texts(Spans.of(self.hosts))

    def knows(self, kind: Kind, values: Spans, indicators: Spans) -> Bools:
        """Which values that meet these indicators, one by one, are known as good."""
        texts = [values.text(at) for at in range(len(values))]
        known = np.fromiter((self._says(text) for text in texts), dtype=np.bool_, count=len(texts))
        if kind is Kind.ADDRESS:
            known[self._addresses.find(values)[0]] = True
        elif kind is Kind.DOMAIN:
            places, members = self._names.suffixes(Spans.of([ascii_name(text) for text in texts]))
            lengths = np.array([len(host) for host in self.hosts], dtype=np.int64)
            known[places[lengths[members] >= indicators.lengths[places]]] = True
        elif kind is Kind.URL:
            whole = [indicators.text(at) for at in range(len(indicators))]
            first = [
                host_of(url) if url.partition("://")[2].count("/") == 1 and url.endswith("/") else "" for url in whole
            ]
            known[self._names.whole(Spans.of(first))[0]] = True
            known |= np.array([url in self.strings for url in whole], dtype=np.bool_)
        return known

    def _says(self, text: str) -> bool:
        lowered = text.lower()
        if lowered in self.strings or any(part in lowered for part in self.substrings):
            return True
        raw = text.encode("utf-8", "surrogatepass")
        return any(linear_pattern(pattern).search(raw) is not None for pattern in self.patterns)


def load_warnings(places: Iterable[Path]) -> tuple[Warnings | None, tuple[RuleError, ...]]:
    """The warning lists in files and folders (`*.json`); None where there is none. And the refused, with reason."""
    refused: list[RuleError] = []
    held: dict[str, list[str]] = {kind: [] for kind in TYPES}
    names = []
    for path in _files(places):
        try:
            names.append(_read(path, held, refused))
        except (OSError, ValueError, RecursionError) as error:
            refused.append(RuleError(f"cannot be read: {error}", place=str(path), remedy="check the file"))
    if not names:
        return None, tuple(refused)
    hosts = tuple(dict.fromkeys(ascii_name(name.lstrip(".").rstrip(".")) for name in held["hostname"]))
    strings = frozenset(each.lower() for each in held["string"])
    canonical = (found[1] for each in strings if not isinstance(found := kind_of(each), str))
    patterns = tuple(pattern for pattern in held["regex"] if _compiles(pattern, refused))
    return Warnings(
        tuple(names), tuple(dict.fromkeys(held["cidr"])), hosts + _named(strings, hosts), strings | set(canonical),
        tuple(each.lower() for each in held["substring"] if len(each) > 2), patterns,
    ), tuple(refused)  # fmt: skip


def _named(strings: Iterable[str], hosts: Iterable[str]) -> tuple[str, ...]:
    """Host names among the strings."""
    found = (kind_of(each) for each in strings)
    named = (each[1] for each in found if not isinstance(each, str) and each[0] is Kind.DOMAIN)
    return tuple(sorted(set(named) - set(hosts)))


def _files(places: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        found += sorted(place.rglob("*.json")) if place.is_dir() else [place]
    return found


def _read(path: Path, held: Mapping[str, list[str]], refused: list[RuleError]) -> str:
    if path.stat().st_size > FILE_LIMIT_BYTES:
        raise ValueError(f"larger than {FILE_LIMIT_BYTES} bytes")
    told: Any = json.loads(path.read_bytes())
    kind = told.get("type") if isinstance(told, dict) else None
    listed = told.get("list") if isinstance(told, dict) else None
    if kind not in TYPES or not isinstance(listed, list):
        raise ValueError(f"no warning list: `type` is one of {', '.join(TYPES)}, `list` a list")
    for each in listed:
        if not isinstance(each, str) or not each.strip():
            continue
        text = each.strip()
        if kind == "cidr" and not _is_network(text):
            fault = f"{text[:80]!r} is no address or network"
            refused.append(RuleError(fault, place=str(path), remedy="mend or remove the line"))
            continue
        held[kind].append(_pattern(text) if kind == "regex" else text)
    return str(told.get("name") or path.parent.name)


def _is_network(text: str) -> bool:
    """A warning list may be as wide as it likes."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _pattern(text: str) -> str:
    """MISP writes patterns as `/…/i`, too."""
    slashed = re.fullmatch(r"/(.*)/(i?)", text, re.DOTALL)
    return text if slashed is None else f"(?{slashed[2]}){slashed[1]}" if slashed[2] else slashed[1]


def _compiles(pattern: str, refused: list[RuleError]) -> bool:
    try:
        linear_pattern(pattern)
    except (re2.error, LichenError) as error:
        refused.append(RuleError(f"{pattern[:80]!r} is no pattern of RE2: {error}", remedy="rewrite it"))
        return False
    return True
