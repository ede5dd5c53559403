"""The journal's export format (journalctl -o export) turned into the lines that -o json gives, an entry each.

systemd.io/JOURNAL_EXPORT_FORMATS: `NAME=value` lines, or NAME alone, eight bytes of length and the value; an empty line
ends an entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from lichen.collect.inputs.containers import Converter, Damaged, fault_line

FIELD_BYTES = 1 << 20
ENTRY_BYTES = 8 << 20
FIELDS_AT_MOST = 1024
_BEGINS = re.compile(rb"\s*__(?:CURSOR|REALTIME_TIMESTAMP|MONOTONIC_TIMESTAMP|SEQNUM(?:_ID)?)=[^\n]*\n(?:_|[A-Z])")
REMEDY = "journalctl -o json gives the same, an entry a line"


def _entries(file: Any) -> Iterator[bytes]:
    """The lines of an open export, one for each entry."""
    entry: dict[str, str | list[str]] = {}
    size = 0
    while line := file.readline(FIELD_BYTES + 256):
        name, equals, value = line.removesuffix(b"\n").partition(b"=")
        if not line.endswith(b"\n") and len(line) >= FIELD_BYTES:
            raise Damaged(f"a field longer than {FIELD_BYTES} bytes", REMEDY)
        if line == b"\n":
            if entry:
                yield _line(entry, size)
            entry, size = {}, 0
            continue
        if not equals:
            value = _long_value(file)
        size += len(value)
        if size <= ENTRY_BYTES and len(entry) < FIELDS_AT_MOST:
            _put(entry, name.decode("ascii", "backslashreplace"), value.decode("utf-8", "backslashreplace"))
    if entry:
        yield _line(entry, size)


def _long_value(file: Any) -> bytes:
    length = file.read(8)
    size = int.from_bytes(length, "little")
    if len(length) < 8 or size > FIELD_BYTES:
        raise Damaged(f"a field that claims {size} bytes (limit: {FIELD_BYTES})", REMEDY)
    value: bytes = file.read(size)
    if len(value) < size:
        raise EOFError
    file.read(1)  # the newline after it
    return value


def _put(entry: dict[str, str | list[str]], name: str, value: str) -> None:
    """Add a field; of several of one name a list is made."""
    before = entry.get(name)
    if before is None:
        entry[name] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        entry[name] = [before, value]


def _line(entry: dict[str, str | list[str]], size: int) -> bytes:
    if size > ENTRY_BYTES:
        reason = f"an entry of {size} bytes (limit: {ENTRY_BYTES})"
        return fault_line(reason, REMEDY, str(entry.get("__CURSOR", "")))
    return orjson.dumps(entry) + b"\n"


JOURNAL_EXPORT = Converter("journal export", lambda head: _BEGINS.match(head) is not None, _entries)
