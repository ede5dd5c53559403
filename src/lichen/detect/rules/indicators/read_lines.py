"""Lists in lines: plain text, the Tor project's own form, and CSV with a header."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from lichen.detect.rules.indicators.collected import Collected

Fault = tuple[int, str]  # (line, what is wrong with it)
COLUMNS = ("indicator", "value", "ip", "address", "domain", "url", "hash", "tlsh")
TOLD = {
    "source": ("source", "reporter", "feed"),
    "confidence": ("confidence", "confidence_level"),
    "valid_from": ("valid_from", "first_seen", "first_seen_utc", "seen"),
    "valid_until": ("valid_until", "expires", "expiration"),
}
_TOR_SKIPPED = ("ExitNode ", "Published ", "LastStatus ")


def read_text(lines: Iterable[str], into: Collected) -> Iterator[Fault]:
    """An indicator a line; `#` begins a note where a blank or nothing is before it (a URL may hold one)."""
    for number, line in enumerate(lines, 1):
        entry = line.strip()
        if "#" in entry:
            entry = "" if entry[0] == "#" else entry.partition(" #")[0].partition("\t#")[0].strip()
        if entry.startswith("ExitAddress "):
            entry = entry.split()[1]
        if entry and not entry.startswith(_TOR_SKIPPED):
            fault = into.add_text(entry)
            if fault:
                yield number, fault


def read_csv(lines: Iterable[str], into: Collected) -> Iterator[Fault]:
    """The first column of COLUMNS that the header names holds indicators; those of TOLD say more of each. What is no
    CSV ends the list with its line; what came before is kept."""
    at_line = 0

    def kept() -> Iterator[str]:
        nonlocal at_line
        for at_line, line in enumerate(lines, 1):  # noqa: B007  the reader below has read as far as this line
            if line and not line.startswith("#"):
                yield line

    try:
        for fault in _read_rows(csv.reader(kept()), into):
            yield max(at_line, 1), fault
    except csv.Error as error:
        yield at_line, f"no CSV from here on: {error}"


def _read_rows(rows: Iterator[list[str]], into: Collected) -> Iterator[str]:
    header = [name.strip().strip('"').lower() for name in next(rows, [])]
    column = next((header.index(name) for name in COLUMNS if name in header), None)
    if column is None:
        yield f"the header names no column of indicators: one of {', '.join(COLUMNS)}"
        return
    told = {what: header.index(name) for what, names in TOLD.items() for name in names[::-1] if name in header}
    for row in rows:
        entry = row[column].strip() if column < len(row) else ""
        if entry:
            said = {what: row[at].strip() for what, at in told.items() if at < len(row)}
            fault = _add(entry, said, into) if any(said.values()) else into.add_text(entry)
            if fault:
                yield fault


def _add(entry: str, said: Mapping[str, str], into: Collected) -> str | None:
    try:
        confidence = int(float(said["confidence"])) if said.get("confidence") else None
        first, last = moment(said.get("valid_from")), moment(said.get("valid_until"))
    except (ValueError, OverflowError) as error:
        return f"{entry[:80]!r}: {error}"
    return into.add(entry, said.get("source") or None, confidence, first, last)


def moment(text: str | int | float | None) -> int | None:
    """µs UTC of an ISO 8601 time or of seconds since 1970; None of nothing. Raises ValueError."""
    if text is None or text == "":
        return None
    if isinstance(text, int | float) or text.isdecimal():
        seconds = _seconds(text)
        return int(seconds * 1_000_000) if abs(seconds) < 1e11 else _beyond(text)
    try:
        told = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time that can be read") from None
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    return round(told.timestamp() * 1_000_000)


def _seconds(text: str | int | float) -> float:
    try:
        return float(text)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf


def _beyond(text: object) -> int:
    raise ValueError(f"{str(text)[:40]!r} is beyond every date")
