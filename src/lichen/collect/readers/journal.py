"""systemd's journal, an entry a line in JSON (journalctl -o json): read as syslog is, with the unit that spoke.

systemd.io/JOURNAL_EXPORT_FORMATS. What -o export gives is turned into these lines (inputs/journal_export.py).
"""

from __future__ import annotations

from typing import Any

from lichen.collect.readers.documents import parse_document
from lichen.collect.readers.message import Message
from lichen.collect.readers.syslog import SyslogReader
from lichen.collect.readers.times import in_range

TIME = "__REALTIME_TIMESTAMP"


def looks_like_journal(line: str) -> bool:
    """Whether a line is an entry of the journal."""
    return line.startswith("{") and f'"{TIME}"' in line


def journal_time(line: str) -> int | None:
    """The time of an entry, µs UTC."""
    try:
        return _time(parse_document(line).get(TIME))
    except ValueError:
        return None


class JournalReader(SyslogReader):
    """Entries of the journal to batches of kind "auth", "dns" and "other"."""

    remedy = "journalctl -o json, or -o export"

    def _message(self, row: int, line: str) -> Message:
        entry = parse_document(line)
        time = _time(entry.get(TIME))
        if time is None or not in_range(time):
            raise ValueError(f"no time in {TIME}")
        first = {name: _text(entry.get(name)) for name in _READ}
        return Message(
            row,
            time,
            first["_HOSTNAME"],
            first["SYSLOG_IDENTIFIER"] or first["_COMM"],
            _pid(first["_PID"]) or _pid(first["SYSLOG_PID"]),
            first["MESSAGE"] or "",
            unit=first["_SYSTEMD_UNIT"] or first["UNIT"],
            container=first["CONTAINER_NAME"],
            exe=first["_EXE"],
            command=first["_CMDLINE"],
            uid=first["_UID"],
        )


_NAMES = """
_HOSTNAME SYSLOG_IDENTIFIER _COMM _PID SYSLOG_PID MESSAGE _SYSTEMD_UNIT UNIT CONTAINER_NAME _EXE _CMDLINE _UID
"""
_READ = _NAMES.split()


def _pid(text: str | None) -> str | None:
    return text if text is not None and text.isdecimal() and text.isascii() and len(text) <= 10 else None


def _time(text: Any) -> int | None:
    text = _text(text)
    return int(text) if text is not None and text.isdecimal() and text.isascii() and len(text) < 18 else None


def _text(got: Any) -> str | None:
    """A field's text: of several the first; numbers are the bytes of what was no UTF-8."""
    if isinstance(got, list) and got and all(isinstance(each, int) and 0 <= each < 256 for each in got):
        return bytes(got).decode("utf-8", "backslashreplace")
    if isinstance(got, list):
        got = got[0] if got else None
    if isinstance(got, int) and not isinstance(got, bool):
        return str(got)
    return got if isinstance(got, str) else None
