"""What a file says, gathered kind by kind in arrays: five million indicators are not five million objects."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.indicators.entry import Entry, Kind
from lichen.detect.rules.indicators.keys import Places
from lichen.detect.rules.indicators.kinds import kind_of
from lichen.detect.rules.indicators.spans import Spans, equal, keys_of

UNSAID = -(1 << 63)


class Column:
    """The indicators of one kind, end to end, and what they say of themselves where any does."""

    def __init__(self) -> None:
        self._text, self._ends = bytearray(), array("q")
        self._said: Said | None = None

    def __len__(self) -> int:
        return len(self._ends)

    def add_text(self, text: str) -> None:
        """An indicator that says nothing of its own."""
        self._text += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._text))
        if self._said is not None:
            self._said.add(None)

    def add(self, entry: Entry) -> None:
        if self._said is None and not entry.is_plain:
            self._said = Said(len(self._ends))
        self._text += entry.text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._text))
        if self._said is not None:
            self._said.add(entry)

    def once(self) -> tuple[Spans, Facts | None]:
        """The texts, of each the last, and the facts."""
        data = np.frombuffer(bytes(self._text), dtype=np.uint8)
        self._text = bytearray()
        ends = np.array(self._ends, dtype=np.int64)
        spans = Spans(data, np.append(0, ends[:-1]) if len(ends) else ends, ends)
        last = _last_of_each(spans)
        if len(last) < len(ends):
            spans = spans.take(last).packed()
        return spans, None if self._said is None else self._said.facts(last)


def _last_of_each(spans: Spans) -> Places:
    """The last place of each distinct text, ascending."""
    keys = keys_of(spans, int(spans.lengths.max(initial=0)) + 1)
    order = np.argsort(keys, kind="stable")
    alike = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    again = alike[equal(spans.take(order[alike]), spans.take(order[alike + 1]))]
    return np.sort(np.delete(order, again)).astype(np.int64)


class Said:
    """What indicators say of themselves as they are read."""

    def __init__(self, before: int) -> None:
        self._source, self._confidence = array("i", [-1]) * before, array("b", [-1]) * before
        self._first, self._last = array("q", [UNSAID]) * before, array("q", [UNSAID]) * before
        self._names: dict[str, int] = {}

    def add(self, entry: Entry | None) -> None:
        source = None if entry is None else entry.source
        self._source.append(-1 if source is None else self._names.setdefault(source, len(self._names)))
        sure = None if entry is None else entry.confidence
        self._confidence.append(-1 if sure is None else max(0, min(100, sure)))
        self._first.append(_bounded(None if entry is None else entry.valid_from))
        self._last.append(_bounded(None if entry is None else entry.valid_until))

    def facts(self, kept: Places) -> Facts:
        """Of some of them."""
        columns = (self._source, self._confidence, self._first, self._last)
        return Facts(tuple(self._names), *(np.array(column)[kept] for column in columns))


def _bounded(time: int | None) -> int:
    return UNSAID if time is None else max(UNSAID + 1, min(-UNSAID - 1, time))


@dataclass(frozen=True)
class Facts:
    """Source (an index into `names`), confidence and validity, an item an indicator; UNSAID or -1 where nothing is."""

    names: tuple[str, ...]
    source: npt.NDArray[np.int32]
    confidence: npt.NDArray[np.int8]
    valid_from: npt.NDArray[np.int64]
    valid_until: npt.NDArray[np.int64]

    def entry(self, kind: Kind, text: str, at: int) -> Entry:
        source, sure = int(self.source[at]), int(self.confidence[at])
        first, last = int(self.valid_from[at]), int(self.valid_until[at])
        return Entry(
            kind,
            text,
            self.names[source] if source >= 0 else None,
            sure if sure >= 0 else None,
            first if first != UNSAID else None,
            last if last != UNSAID else None,
        )


class Collected:
    """The indicators of one list as they are read."""

    def __init__(self) -> None:
        self.columns = {kind: Column() for kind in Kind}

    def add_text(self, text: str) -> str | None:
        """Adds an indicator that says nothing else; the fault where it is none."""
        found = kind_of(text)
        if isinstance(found, str):
            return found
        self.columns[found[0]].add_text(found[1])
        return None

    def add(
        self,
        text: str,
        source: str | None = None,
        confidence: int | None = None,
        valid_from: int | None = None,
        valid_until: int | None = None,
    ) -> str | None:
        """Adds an indicator with what is said of it; the fault where it is none."""
        found = kind_of(text)
        if isinstance(found, str):
            return found
        self.columns[found[0]].add(Entry(found[0], found[1], source, confidence, valid_from, valid_until))
        return None
