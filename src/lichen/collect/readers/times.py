"""Times as logs write them, to µs UTC; each distinct text is read once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

from lichen.core.time import MICROSECONDS, from_text, to_datetime

REMEMBERED = 8192
LONGEST_REMEMBERED = 64
_NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_MONTHS = {name: number for number, name in enumerate(_NAMES.split(), 1)}
_SYSLOG = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)")
_ACCESS = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_LOCAL = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LATEST = 253_402_300_800 * MICROSECONDS  # the year 10000
Read = Callable[[str], int | None]


def remembering(read: Read) -> Read:
    """The same function, asked once for each text seen lately."""
    known: dict[str, int | None] = {}

    def remembered(text: str) -> int | None:
        if len(text) > LONGEST_REMEMBERED:
            return read(text)
        if text not in known:
            if len(known) >= REMEMBERED:
                known.clear()
            known[text] = read(text)
        return known[text]

    return remembered


def syslog_times(modified: int, zone: ZoneInfo) -> Read:
    """RFC 3164 times (`Nov 24 08:06:07`), which name neither year nor zone: the zone is given, the year is the one
    that puts the time before the file was last written, a day of doubt allowed."""
    written = to_datetime(modified).astimezone(zone)

    def read(text: str) -> int | None:
        match = _SYSLOG.fullmatch(text)
        if match is None or match[1] not in _MONTHS:
            return None
        clock = (_MONTHS[match[1]], int(match[2]), int(match[3]), int(match[4]), min(int(match[5]), 59))
        for year in range(min(written.year + 1, 9999), written.year - 5, -1):
            try:
                moment = dt.datetime(year, *clock, tzinfo=zone)
            except ValueError:  # 29 February in another year, or no date at all
                continue
            if moment <= written + dt.timedelta(days=1):
                return in_microseconds(moment)
        return None

    return remembering(read)


def access_time(text: str) -> int | None:
    """The time of an access log, `24/Nov/2026:11:14:32 +0000`."""
    match = _ACCESS.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    away = dt.timedelta(hours=int(match[8]), minutes=int(match[9])) * (1 if match[7] == "+" else -1)
    try:
        moment = dt.datetime(
            int(match[3]), _MONTHS[match[2]], int(match[1]), int(match[4]), int(match[5]), min(int(match[6]), 59)
        )
        return in_microseconds(moment.replace(tzinfo=dt.timezone(away)))
    except (ValueError, OverflowError):
        return None


def local_access_time(text: str, zone: ZoneInfo) -> int | None:
    """HAProxy's time, `24/Nov/2026:11:14:32.123`, in a zone that is given."""
    match = _LOCAL.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    year, day, hour, minute, second = (int(match[place]) for place in (3, 1, 4, 5, 6))
    try:
        moment = dt.datetime(year, _MONTHS[match[2]], day, hour, minute, min(second, 59), tzinfo=zone)
    except ValueError:
        return None
    return in_microseconds(moment) + int((match[7] or "").ljust(6, "0"))


def iso_time(text: str) -> int | None:
    """An RFC 3339 or ISO 8601 time; without a zone, or with the word UTC, it is taken as UTC."""
    try:
        return from_text(text.removesuffix(" UTC"))
    except (ValueError, OverflowError):
        return None


def any_time(value: object) -> int | None:
    """A time as JSON carries it: RFC 3339 text, or a number of seconds, ms, µs or ns since 1970, told by its size."""
    if isinstance(value, str):
        try:
            value = float(value) if value.replace(".", "", 1).isdecimal() else value
        except ValueError:
            return None
        if isinstance(value, str):
            return iso_time(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e19:
        return None
    for bound, factor in ((1e11, MICROSECONDS), (1e14, 1000), (1e17, 1)):
        if value < bound:
            return round(value * factor)
    return round(value) // 1000


def in_range(time: int | None) -> bool:
    """Whether a time can be a time of an event: after 1970, before the year 10000."""
    return time is not None and 0 <= time < _LATEST


def in_microseconds(moment: dt.datetime) -> int:
    """µs UTC of an aware datetime."""
    return round((moment - _EPOCH) / dt.timedelta(microseconds=1))
