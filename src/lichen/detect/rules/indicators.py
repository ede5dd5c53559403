"""Indicator lists: addresses, networks, domains and hashes that are known to be bad, from plain text or CSV.

A file is a list, named by its stem. Plain text has an indicator a line; `# name: text` lines at the top describe it
(title, techniques, source, license); a Tor exit list (`ExitAddress 192.0.2.1 2026-…`, as the Tor project publishes it)
is read as it is. CSV has a header with a column named indicator, value, ip, domain or hash.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from lichen.core.errors import RuleError
from lichen.detect.rules.lookups import Addresses, domain_of

FILE_LIMIT_BYTES = 256 << 20
COLUMNS = ("indicator", "value", "ip", "address", "domain", "hash")
WIDEST = {4: 8, 6: 16}  # prefix lengths; a wider network would name half the world
_ABOUT = re.compile(r"#\s*(title|techniques|source|license)\s*:\s*(.+)", re.IGNORECASE)
_HASH = re.compile(r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})(?![0-9a-fA-F])")
_DOMAIN = re.compile(r"(?:\*\.)?[\w-]{1,63}(?:\.[\w-]{1,63})+\.?")
_TOR_SKIPPED = ("ExitNode ", "Published ", "LastStatus ")


@dataclass(frozen=True)
class IndicatorList:
    """One list. Domains are matched by suffix on label borders, hashes in any case, addresses by network."""

    name: str
    title: str
    techniques: tuple[str, ...]
    addresses: Addresses
    domains: frozenset[str]
    hashes: frozenset[str]

    @property
    def detector(self) -> str:
        """The name under which its evidence goes."""
        return f"indicator:{self.name}"

    @cached_property
    def digest(self) -> str:
        """What the list holds, in 16 hexadecimal digits."""
        digest = hashlib.blake2b("\0".join([*sorted(self.domains), "", *sorted(self.hashes)]).encode(), digest_size=8)
        digest.update(self.addresses.packed)
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.addresses) + len(self.domains) + len(self.hashes)

    def finds(self, value: str) -> str | None:
        """What of the list a single value is: an address of a network, a name below a domain, a hash in a text."""
        return self.finds_each([value])[0]

    def finds_each(self, values: Sequence[str]) -> list[str | None]:
        """What of the list each value is, None where it is nothing."""
        found: list[str | None] = [None] * len(values)
        if len(self.addresses):
            held = self.addresses.holds(values)
            found = [value if hit else None for value, hit in zip(values, held, strict=True)]
        if self.domains:
            found = [hit or self._domain(value) for hit, value in zip(found, values, strict=True)]
        if self.hashes:
            found = [hit or self._hash(value) for hit, value in zip(found, values, strict=True)]
        return found

    def _domain(self, value: str) -> str | None:
        name = domain_of(value)
        while name:
            if name in self.domains:
                return name
            name = name.partition(".")[2]
        return None

    def _hash(self, value: str) -> str | None:
        if len(value) < 32:
            return None
        return next((each for each in map(str.lower, _HASH.findall(value)) if each in self.hashes), None)


def load_indicators(places: Iterable[Path]) -> tuple[tuple[IndicatorList, ...], tuple[RuleError, ...]]:
    """The lists in files and folders (`*.txt`, `*.csv`), and what of them could not be read, each with its line."""
    lists: dict[str, IndicatorList] = {}
    refused: list[RuleError] = []
    for path in _files(places):
        if path.stem in lists:
            fault = f"a list named {path.stem} is loaded already"
            refused.append(RuleError(fault, place=str(path), remedy="rename the file"))
            continue
        loaded = _load(path, refused)
        if loaded is not None:
            lists[path.stem] = loaded
    return tuple(lists.values()), tuple(refused)


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from sorted(path for path in place.rglob("*") if path.suffix in (".txt", ".csv") and path.is_file())
        else:
            yield place


def _load(path: Path, refused: list[RuleError]) -> IndicatorList | None:
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            limit = f"{FILE_LIMIT_BYTES} bytes"
            refused.append(RuleError("the file is too large", place=str(path), limit=limit, remedy="split it"))
            return None
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        refused.append(RuleError(f"cannot be read: {error.strerror}", place=str(path), remedy="check the path"))
        return None
    about = {found[1].lower(): found[2].strip() for line in lines if (found := _ABOUT.fullmatch(line.strip()))}
    networks: list[IPv4Network | IPv6Network] = []
    domains: set[str] = set()
    hashes: set[str] = set()
    entries = _csv_entries(path, lines, refused) if path.suffix == ".csv" else _text_entries(lines)
    for number, entry in entries:
        fault = _add(entry, networks, domains, hashes)
        if fault:
            refused.append(RuleError(fault, place=f"{path}:{number}", remedy="mend or remove the line"))
    techniques = tuple(each.strip().upper() for each in about.get("techniques", "").split(",") if each.strip())
    title = about.get("title", path.stem.replace("_", " "))
    return IndicatorList(path.stem, title, techniques, Addresses(networks), frozenset(domains), frozenset(hashes))


def _text_entries(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(line, indicator) of plain text and of Tor's exit list."""
    for number, line in enumerate(lines, 1):
        entry = line.partition("#")[0].strip()
        if entry.startswith("ExitAddress "):
            entry = entry.split()[1]
        if entry and not entry.startswith(_TOR_SKIPPED):
            yield number, entry


def _csv_entries(path: Path, lines: Sequence[str], refused: list[RuleError]) -> Iterator[tuple[int, str]]:
    """(line, indicator) of a CSV file with a header."""
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    header = [name.strip().lower() for name in rows.fieldnames or ()]
    column = next((name for name in COLUMNS if name in header), None)
    if column is None:
        fault = "the header names no column of indicators"
        refused.append(RuleError(fault, place=f"{path}:1", remedy=f"name one of {', '.join(COLUMNS)}"))
        return
    skipped = sum(line.startswith("#") for line in lines)
    name = (rows.fieldnames or ())[header.index(column)]
    for row in rows:
        entry = (row[name] or "").strip()
        if entry:
            yield rows.line_num + skipped, entry


def _add(entry: str, networks: list[IPv4Network | IPv6Network], domains: set[str], hashes: set[str]) -> str | None:
    """Adds an indicator to where it belongs; the fault if it belongs nowhere."""
    if _HASH.fullmatch(entry):
        hashes.add(entry.lower())
        return None
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        if not _DOMAIN.fullmatch(entry):
            return f"{entry[:80]!r} is no address, network, domain or hash"
        domains.add(domain_of(entry.removeprefix("*.")))
        return None
    if network.prefixlen < WIDEST[network.version]:
        return f"{entry} is wider than /{WIDEST[network.version]}"
    networks.append(network)
    return None
