"""Scanning files: by YARA rules and by lists of hashes, within limits of size and time; what is passed over is told."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lichen.detect.rules.files.reading import Limits, Passed, content
from lichen.detect.rules.files.yara import TooSlow, YaraHit, YaraRules
from lichen.detect.rules.indicators import IndicatorList, Kind

HASHES = ("sha256", "sha1", "md5")


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file: its rules and lists, or why it was `passed` over ("" where it was read)."""

    path: Path
    passed: str = ""
    size: int = 0
    sha256: str = ""
    yara: tuple[YaraHit, ...] = ()
    lists: tuple[str, ...] = ()

    @property
    def is_hit(self) -> bool:
        return bool(self.yara or self.lists)


def digests(data: bytes) -> dict[str, str]:
    """sha256, sha1 and md5 in hexadecimal: names for content, not proofs of anything."""
    return {name: hashlib.new(name, data, usedforsecurity=False).hexdigest() for name in HASHES}


def scan_files(
    paths: Iterable[Path], rules: YaraRules | None, lists: Sequence[IndicatorList], limits: Limits
) -> Iterator[Scanned]:
    """Every file, one after the other, until the time is up; then one more that says so."""
    hashed = [each for each in lists if each.count(Kind.HASH)]
    until = time.monotonic() + limits.total_seconds
    for path in paths:
        if time.monotonic() > until:
            yield Scanned(path, f"the time is up: {limits.total_seconds:g} seconds, this file and all behind it")
            return
        yield _scanned(path, rules, hashed, limits)


def _scanned(path: Path, rules: YaraRules | None, lists: Sequence[IndicatorList], limits: Limits) -> Scanned:
    try:
        data, _ = content(path, limits.file_bytes)
    except Passed as why:
        return Scanned(path, str(why))
    names = digests(data)
    values = list(names.values())
    known = tuple(each.name for each in lists if len(each.matches(values, (Kind.HASH,))[0]))
    slow = ""
    hits: list[YaraHit] = []
    try:
        hits = rules.hits(data) if rules is not None else []
    except TooSlow:
        slow = f"YARA needs more than {limits.file_seconds} seconds"
    return Scanned(path, slow, len(data), names["sha256"], tuple(hits), known)
