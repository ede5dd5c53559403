"""The pure pass: wheels only. msgspec decodes of each line no more than its kind's fields.

The kind is guessed from the raw bytes: `"EventID":` cannot stand unescaped inside a JSON string. The decoded line says
whether the guess was right; if not, or if a field is not plain, the line is read whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import hyperscan
import msgspec
import numpy as np

from lichen.detect.rules.engine.documents import document_of, is_indexed
from lichen.detect.rules.engine.judge import ROWS_LIMIT
from lichen.detect.rules.engine.kinds import KINDS_LIMIT, Kind, Kinds
from lichen.detect.rules.engine.line_ends import first_end, last_end
from lichen.detect.rules.engine.probes import commonness, database_of, raw_of
from lichen.detect.rules.engine.values import Values, laid_out
from lichen.detect.rules.engine.verdicts import Ints, Longs, Verdicts
from lichen.detect.rules.engine.whole import CHARACTERS_LIMIT, ENTRIES_LIMIT, Counted, WholeLines
from lichen.detect.rules.event_fields import text_of

CHUNK = 1 << 18
UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Guess:
    """How lines that begin to look like this are decoded; it fails where they turn out to be another kind."""

    kind: Kind
    decode: Any


class PurePass:
    """Lines by msgspec; those that are not plain are read whole."""

    def __init__(self, kinds: Kinds, counted: Counted) -> None:
        self._kinds, self._counted = kinds, counted
        self._whole = WholeLines(kinds, counted)
        self._marks = [f'"{name}":'.encode() for name in kinds.routes.marks]
        self._guesses: dict[tuple[bytes, ...], Guess | None] = {}
        self._keywords: set[bytes] = set()
        self._commonness: Any = None
        self._database: Any = None
        self.forget()

    def forget(self) -> None:
        """Forgets every verdict."""
        self._whole.forget()
        self._found: list[tuple[Longs, Ints]] = []
        self._starts: list[int] = []
        self._events: list[int] = []
        self._forget_entries()

    def _forget_entries(self) -> None:
        self._entries: dict[Any, int] = {}
        self._characters = 0
        self._pending: dict[int, list[tuple[int, Any]]] = {}
        self._verdicts = Verdicts()

    @property
    def remembered(self) -> int:
        """How many projections are remembered."""
        return len(self._entries) + self._whole.remembered

    def feed(self, buffer: memoryview, base: int) -> None:
        """Whole lines, the last perhaps without its end; the first byte stands at `base`."""
        at, size = 0, len(buffer)
        while at < size:
            limit = min(at + CHUNK, size)
            stop = last_end(buffer, at, limit)
            if stop == at:
                stop = size if limit == size else first_end(buffer, limit)
            self._pass(buffer[at:stop].tobytes(), base + at)
            at = stop
            if len(self._entries) > ENTRIES_LIMIT or self._characters > CHARACTERS_LIMIT:
                self._settle()
                self._counted.resets += 1
                self._forget_entries()

    def _pass(self, chunk: bytes, base: int) -> None:
        if self._commonness is None:
            self._commonness = commonness(np.frombuffer(chunk, dtype=np.uint8))
        flagged = self._flagged(chunk)
        marks, guesses, known, whole = self._marks, self._guesses, self._entries, self._whole.take
        starts, events = self._starts, self._events
        lines = void = at = 0
        for line in chunk.split(b"\n"):
            start = at
            at += len(line) + 1
            if not line or line == b"\r":
                continue
            lines += 1
            said = []
            for mark in marks:
                place = line.find(mark) + len(mark)
                said.append(line[place : line.find(b",", place)])
            key = tuple(said)
            guess = guesses.get(key, UNKNOWN)
            if guess is UNKNOWN:
                database, guess = self._database, self._guess(key, line)
                if database is not self._database:
                    flagged = self._flagged(chunk)
            if guess is None or (flagged and start in flagged):
                whole(base + start, line)
                continue
            try:
                decoded = guess.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                whole(base + start, line)
                continue
            if guess.kind.judge is None:
                void += 1
                continue
            entry = known.get(decoded)
            if entry is None:
                entry = self._entry(guess.kind, decoded)
            starts.append(base + start)
            events.append(entry)
        self._counted.lines += lines
        self._counted.void += void

    def _guess(self, key: tuple[bytes, ...], line: bytes) -> Guess | None:
        """What lines with these bytes behind their marks are, learnt from one of them."""
        document = document_of(line)
        if document is None or not self._marks or len(self._guesses) >= KINDS_LIMIT:
            return None
        kind = self._kinds.of(self._kinds.said_by(document))
        names = self._kinds.routes.marks
        values = [document.get(name) for name in names]
        plain = all(isinstance(value, str | int) and not isinstance(value, bool) for value in values)
        guess = None
        if plain and self._is_told_by(kind, document) and self._is_plain(kind):
            guess = Guess(kind, _decoder(kind, dict(zip(names, values, strict=True))))
        self._guesses[key] = guess
        return guess

    def _is_told_by(self, kind: Kind, document: dict[str, Any]) -> bool:
        """Whether the marks alone decide that a line is of this kind."""
        said = self._kinds.said_by(document)
        readings, deciding = self._kinds.routes.readings(said)
        return bool(readings) and set(deciding) <= set(self._kinds.routes.marks)

    def _is_plain(self, kind: Kind) -> bool:
        if kind.judge is None:
            return True
        if any("." in name or is_indexed(name) for name in kind.fields) or kind.keywords is None:
            return False
        raw = raw_of(kind.keywords)
        if raw is None:
            return False
        if not raw <= self._keywords:
            self._keywords |= raw
            self._database = database_of(self._keywords, self._commonness)
        return True

    def _flagged(self, chunk: bytes) -> frozenset[int]:
        """Where the lines begin in which keywords may stand."""
        if self._database is None:
            return frozenset()
        ends: list[int] = []

        def note(pattern: int, start: int, end: int, flags: int, context: object) -> None:
            ends.append(end)

        self._database.scan(chunk, match_event_handler=note)
        return frozenset(chunk.rfind(b"\n", 0, end) + 1 for end in ends)

    def _entry(self, kind: Kind, decoded: Any) -> int:
        entry = self._entries[decoded] = len(self._entries)
        self._characters += 256
        pending = self._pending.setdefault(kind.number, [])
        pending.append((entry, decoded))
        if len(pending) == ROWS_LIMIT:
            self._judge(kind, self._pending.pop(kind.number))
        return entry

    def _judge(self, kind: Kind, pending: list[tuple[int, Any]]) -> None:
        assert kind.judge is not None
        rows = [msgspec.structs.astuple(decoded) for _, decoded in pending]
        columns = [plain_values(column) for column in zip(*rows, strict=True)][: len(kind.fields)]
        self._characters += sum(len(column.data) for column in columns)
        fired = kind.judge.fired([columns[place] for place in kind.places], len(pending))
        self._verdicts.set(np.array([entry for entry, _ in pending], dtype=np.int64), *fired)
        self._counted.judged += len(pending)

    def _settle(self) -> None:
        """Turns the lines in hand into what fired on them."""
        for number, pending in self._pending.items():
            self._judge(self._kinds.all[number], pending)
        self._pending.clear()
        starts, events = np.array(self._starts, dtype=np.int64), np.array(self._events, dtype=np.int64)
        self._found.append(self._verdicts.hits(starts, events))
        self._starts, self._events = [], []

    def taken(self) -> tuple[Longs, Ints]:
        """(start, rule) of all that fired on the lines fed since the last time."""
        self._settle()
        found = [*self._found, self._whole.taken()]
        self._found = []
        return np.concatenate([starts for starts, _ in found]), np.concatenate([rules for _, rules in found])


def _decoder(kind: Kind, expected: dict[str, Any]) -> Any:
    """Decodes lines of a kind, and fails on others: the marks are typed as what they must say."""
    names = [*kind.fields, *(name for name in expected if name not in kind.fields)]
    members: list[Any] = []
    for place, name in enumerate(names):
        if name in expected:
            members.append((f"c{place}", Literal[expected[name]]))
        else:
            members.append((f"c{place}", str | int | None, None))
    renamed = {f"c{place}": name for place, name in enumerate(names)}
    line = msgspec.defstruct(
        f"Kind{kind.number}", members, rename=renamed, frozen=True, gc=False, kw_only=True, eq=True
    )
    return msgspec.json.Decoder(line).decode


def plain_values(column: tuple[Any, ...]) -> Values:
    """The values of texts, whole numbers and nothings, a row each."""
    numbers: dict[Any, int] = {}
    codes = [-1 if value is None else numbers.setdefault(value, len(numbers)) for value in column]
    texts = [value if isinstance(value, str) else _text_of_int(value) for value in numbers]
    return Values(*laid_out(texts), np.array(codes, dtype=np.int32))


def _text_of_int(value: int) -> str:
    """As orjson reads it: beyond 64 bits it is no whole number any more."""
    return str(value) if -(1 << 63) <= value < 1 << 64 else text_of(float(value))
