"""Zeek's tab-separated logs: values in the types that their header names, under the names that Zeek's JSON has.

https://docs.zeek.org/en/master/log-formats.html. Headers may come again, with other fields, within one stream.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from lichen.collect.readers.forms.form import Form
from lichen.collect.values import Document

FIELDS_AT_MOST = 512
_ESCAPED = re.compile(r"(?:\\x[0-9a-fA-F]{2})+")
_LISTS = ("set[", "vector[", "table[")


class ZeekTsv(Form):
    """Lines under `#fields` and `#types`. `_path` is what the header calls the log: conn, dns, http …"""

    name = "zeek-tsv"
    title = "Zeek's tab-separated log"
    remedy = "the header with #fields must stand before the lines that it names"

    def __init__(self, modified: int, zone: ZoneInfo) -> None:
        super().__init__(modified, zone)
        self._header: dict[str, Any] = {"separator": "\t", "set_separator": ",", "unset": "-", "empty": "(empty)"}

    def document(self, record: str) -> Document | None:
        if record.lstrip("\t ").startswith("#"):
            self._take_in(record.lstrip("\t "))
            return None
        fields, types = self._header.get("fields"), self._header.get("types", [])
        if not fields:
            raise ValueError("no #fields header before it")
        values = record.split(self._header["separator"])
        if len(values) < 2:
            raise ValueError("not a line of a Zeek log")
        document: Document = {"_path": self._header["path"]} if self._header.get("path") else {}
        for place, (name, text) in enumerate(zip(fields, values, strict=False)):
            kind = types[place] if place < len(types) else "string"
            if text != self._header["unset"] and (got := self._typed(kind, text)) is not None:
                document[name] = got
        return document

    def _take_in(self, line: str) -> None:
        if line.startswith("#separator "):
            self._header["separator"] = codecs.decode(line[11:].strip()[:16], "unicode_escape")[:1] or "\t"
            return
        word, *values = line[1:].split(self._header["separator"])[: FIELDS_AT_MOST + 1]
        match word:
            case "fields" | "types":
                self._header[word] = values
            case "path":
                self._header["path"] = values[0] if values else None
            case "set_separator" | "empty_field" | "unset_field" if values:
                self._header[word.removesuffix("_field")] = values[0]
            case "open" | "close" if values:
                pass
            case _ if "fields" not in self._header:
                raise ValueError("not a header of a Zeek log")

    def _typed(self, kind: str, text: str) -> Any:
        if kind.startswith(_LISTS):
            inner = kind.partition("[")[2].removesuffix("]")
            parts = [] if text == self._header["empty"] else text.split(self._header["set_separator"])
            return [_value(inner, part) for part in parts]
        return "" if text == self._header["empty"] else _value(kind, text)

    def state(self) -> dict[str, Any]:
        return dict(self._header)

    def restore(self, state: Mapping[str, Any]) -> None:
        self._header |= state


def _value(kind: str, text: str) -> Any:
    change = _CHANGES.get(kind)
    if change is None:
        return _ESCAPED.sub(_unescaped, text) if "\\x" in text else text
    try:
        return change(text)
    except ValueError:
        return text


def _unescaped(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("\\x", "")).decode("utf-8", "backslashreplace")


_CHANGES: dict[str, Callable[[str], Any]] = {
    "time": float,
    "interval": float,
    "double": float,
    "count": int,
    "int": int,
    "port": int,
    "bool": lambda text: text == "T",
}
