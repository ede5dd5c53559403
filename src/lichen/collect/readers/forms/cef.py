"""ArcSight's Common Event Format, bare or in syslog: header and extension under the names that CEF gives them."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from lichen.collect.readers.forms.form import Form
from lichen.collect.readers.forms.header import head_of
from lichen.collect.readers.times import any_time, in_microseconds, iso_time, syslog_times
from lichen.collect.values import Document

_BEGINS = re.compile(r"(?:^|[\s:])CEF: ?([01])\|")
_BAR = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_KEY = re.compile(r"(?:(?<=\s)|^)([A-Za-z_][\w.\-\[\]]{0,63})=")
_ESCAPE = re.compile(r"\\([\\=|nr])")
_NAMES = ("deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "severity")
_WORDS = ("%b %d %Y %H:%M:%S", "%b %d %Y %H:%M:%S.%f")
_PLAIN = {"n": "\n", "r": "\r"}
LOOKED_AT = 1024
FIELDS_AT_MOST = 512


class Cef(Form):
    """`CEF:0|vendor|product|version|class|name|severity|key=value …`."""

    name = "cef"
    title = "CEF"
    remedy = "CEF:0|vendor|product|version|class|name|severity|key=value …, bare or after a syslog header"

    def __init__(self, modified: int, zone: ZoneInfo) -> None:
        super().__init__(modified, zone)
        self._old_time = syslog_times(modified, zone)

    def document(self, record: str) -> Document | None:
        begins = _BEGINS.search(record[:LOOKED_AT])
        if begins is None:
            raise ValueError("not a CEF line")
        parts = _split(record[begins.end() :], len(_NAMES))
        if len(parts) <= len(_NAMES):
            raise ValueError(f"a CEF header of {len(parts)} parts, not 7")
        document: Document = {"cefVersion": begins[1]}
        document |= {name: _plain(part) for name, part in zip(_NAMES, parts, strict=False)}
        document |= _extension(parts[-1])
        for place in range(1, 7):  # cs1Label=Rule cs1=… says Rule=…
            for sort in ("cs", "cn", "cfp", "c6a", "flexString"):
                label, got = document.get(f"{sort}{place}Label"), document.get(f"{sort}{place}")
                if label and got is not None:
                    document.setdefault(label, got)
        head = head_of(record)
        if head is not None and head.host:
            document["syslogHost"] = head.host
        said = [self._time(document.get(key)) for key in ("rt", "end", "start")]
        written = (self._old_time(head.old) if head.old else iso_time(head.new or "")) if head is not None else None
        document["time"] = next((time for time in (*said, written) if time is not None), None)
        return document

    def _time(self, text: str | None) -> int | None:
        """A time as CEF writes it: ms since 1970, or `MMM dd yyyy HH:mm:ss[.SSS][ zone]`."""
        if text is None:
            return None
        if (time := any_time(text)) is not None:
            return time
        words = text.split(" ")
        zone: dt.tzinfo = dt.UTC if words[4:5] in (["UTC"], ["GMT"], ["Z"]) else self.zone
        for pattern in _WORDS:
            try:
                return in_microseconds(dt.datetime.strptime(" ".join(words[:4]), pattern).replace(tzinfo=zone))
            except (ValueError, OverflowError):
                continue
        return None


def _split(text: str, at_most: int) -> list[str]:
    """A header's parts: between bars that are not escaped."""
    parts, begin = [], 0
    for bar in _BAR.finditer(text):
        parts.append(text[begin : bar.end() - 1])
        begin = bar.end()
        if len(parts) == at_most:
            break
    return [*parts, text[begin:]]


def _extension(text: str) -> dict[str, str]:
    keys = list(_KEY.finditer(text))[:FIELDS_AT_MOST]
    ends = [key.start() for key in keys[1:]] + [len(text)]
    return {key[1]: _plain(text[key.end() : end].strip()) for key, end in zip(keys, ends, strict=True)}


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda match: _PLAIN.get(match[1], match[1]), text) if "\\" in text else text
