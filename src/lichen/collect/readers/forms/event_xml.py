"""Events of Windows' log as XML, one a line: what Sysmon for Linux gives to syslog, and `wevtutil qe /f:xml`.

The document is the one that EVTX records have in JSON: Event.System, Event.EventData, attributes under `#attributes`.
"""

from __future__ import annotations

import xml.parsers.expat as expat
from typing import Any

from lichen.collect.readers.forms.form import Form
from lichen.collect.values import Document

BEGINS, ENDS = "<Event", "</Event>"
LONGEST_PREFIX = 512  # of syslog's own, before the event
DEEPEST = 16
ELEMENTS_AT_MOST = 2048
_NAMED = "Data"


class EventXml(Form):
    """A line that holds one `<Event>…</Event>`."""

    name = "event-xml"
    title = "Windows events or Sysmon for Linux, XML"
    remedy = "a line holds one whole <Event>…</Event>"

    def document(self, record: str) -> Document | None:
        start = record.find(BEGINS, 0, LONGEST_PREFIX)
        end = record.rfind(ENDS)
        if start < 0 or end < 0 or record[start + len(BEGINS)] not in " >":
            raise ValueError("no event in XML")
        text = record[start : end + len(ENDS)]
        if "<!" in text.replace("<![CDATA[", ""):  # declarations, which may expand without end
            raise ValueError("XML with declarations is not read")
        return {"Event": _Reading().read(text)}


class _Reading:
    """One event, from expat's calls; bounded in depth and number of elements."""

    def __init__(self) -> None:
        self.root: Document = {}
        self._open: list[tuple[str, Document, list[str]]] = []
        self._count = 0

    def read(self, text: str) -> Document:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(text.encode("utf-8", "backslashreplace"), True)
        except expat.ExpatError as error:
            raise ValueError(f"not XML that can be read: {error}") from error
        return self.root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= DEEPEST or self._count > ELEMENTS_AT_MOST:
            raise ValueError(f"deeper than {DEEPEST} elements, or more than {ELEMENTS_AT_MOST}")
        own: Document = {"#attributes": attributes} if attributes else {}
        self._open.append((name.rpartition(":")[2], own, []))

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1][2].append(text)

    def _end(self, name: str) -> None:
        own_name, own, texts = self._open.pop()
        text = "".join(texts)
        named = own.get("#attributes", {}).get("Name") if own_name == _NAMED else None
        value: Any = own
        if named is not None or (not own and not self._holds(own)):
            value = text if text.strip() or not own else ""
        elif text.strip():
            own["#text"] = text
        if not self._open:
            self.root = own
            return
        into = self._open[-1][1]
        key = named or own_name
        if key not in into:
            into[key] = value
        elif isinstance(into[key], list):
            into[key].append(value)
        elif own_name == _NAMED and named is None:
            into[key] = [into[key], value]

    @staticmethod
    def _holds(own: Document) -> bool:
        return any(key != "#attributes" for key in own)
