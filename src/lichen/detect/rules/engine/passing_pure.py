"""The pure pass: wheels only. msgspec decodes of each line no more than its kind's fields.

The kind is guessed from the raw bytes: `"EventID":` cannot stand unescaped inside a JSON string. The decoded line says
whether the guess was right; if not, or if a field is not plain, the line is read whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from lichen.detect.rules.engine.decoding import decoder_of, plain_below
from lichen.detect.rules.engine.documents import DOTS_LIMIT, document_of, is_indexed
from lichen.detect.rules.engine.judge import ROWS_LIMIT
from lichen.detect.rules.engine.kinds import KINDS_LIMIT, Kind, Kinds
from lichen.detect.rules.engine.line_ends import first_end, last_end
from lichen.detect.rules.engine.probes import Parts, commonness
from lichen.detect.rules.engine.values import Values, laid_out
from lichen.detect.rules.engine.verdicts import Ints, Longs, Verdicts
from lichen.detect.rules.engine.whole import CHARACTERS_LIMIT, ENTRIES_LIMIT, Counted, WholeLines
from lichen.detect.rules.event_fields import text_of

CHUNK = 1 << 18
KEYWORDS_LIMIT = 32  # of one kind; lines of kinds with more are read whole
UNKNOWN = object()


@dataclass(slots=True)
class Guess:
    """How lines that begin to look like this are decoded; it fails where they turn out to be another kind. `parts` are
    those of its keywords."""

    kind: Kind
    decode: Callable[[bytes], Any]
    flat: Callable[[Any], tuple[Any, ...]]
    parts: frozenset[int] = frozenset()


class PurePass:
    """Lines by msgspec; those that are not plain are read whole."""

    def __init__(self, kinds: Kinds, counted: Counted) -> None:
        self._kinds, self._counted = kinds, counted
        self._whole = WholeLines(kinds, counted)
        self._guides = [
            (number, [f'"{name.rpartition(".")[2]}":'.encode() for name in guide])
            for number, guide in enumerate(kinds.routes.guides)
        ]
        self._guesses: dict[tuple[Any, ...], Guess | None] = {}
        self._keywords: set[bytes] = set()
        self._commonness: Any = None
        self._parts: Parts | None = None
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
        guides, guesses, known, whole = self._guides, self._guesses, self._entries, self._whole.take
        starts, events = self._starts, self._events
        lines = void = at = 0
        for line in chunk.split(b"\n"):
            start = at
            at += len(line) + 1
            if not line or line == b"\r":
                continue
            lines += 1
            guess: Any = None
            for guide, marks in guides:
                said: list[Any] = [guide]
                for mark in marks:
                    place = line.find(mark)
                    if place < 0:
                        break
                    place += len(mark)
                    said.append(line[place : line.find(b",", place)])
                else:
                    key = tuple(said)
                    guess = guesses.get(key, UNKNOWN)
                    break
            if guess is UNKNOWN:
                parts = self._parts
                guess = self._guess(key, line)
                if parts is not self._parts:
                    flagged = self._flagged(chunk)
            if guess is None or (start in flagged and not guess.parts.isdisjoint(flagged[start])):
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
                entry = self._entry(guess, decoded)
            starts.append(base + start)
            events.append(entry)
        self._counted.lines += lines
        self._counted.void += void

    def _guess(self, key: tuple[Any, ...], line: bytes) -> Guess | None:
        """What lines with these bytes behind their marks are, learnt from one of them."""
        document = document_of(line)
        if document is None or len(self._guesses) >= KINDS_LIMIT:
            return None
        routes = self._kinds.routes
        said = self._kinds.said_by(document)
        readings, deciding = routes.readings(said)
        names = routes.guides[key[0]]
        values = {name: plain_below(document, name) for name in names}
        guess = None
        if readings and set(deciding) == set(names) and None not in values.values():
            kind = self._kinds.of(said)
            if self._is_plain(kind):
                others = [name for name in routes.fields if name not in names and name not in kind.fields]
                guess = Guess(kind, *decoder_of(kind.fields, values, others))
                if kind.raw and self._parts is not None:
                    guess.parts = self._parts.of(kind.raw)
        self._guesses[key] = guess
        return guess

    def _is_plain(self, kind: Kind) -> bool:
        """Whether lines of the kind can be decoded; its keywords are looked for from now on."""
        if any(is_indexed(name) or name.count(".") >= DOTS_LIMIT for name in kind.fields):
            return False
        if kind.raw is None or len(kind.raw) > KEYWORDS_LIMIT:
            return False
        if not kind.raw <= self._keywords:
            self._keywords |= kind.raw
            self._parts = Parts(self._keywords, self._commonness)
            for guess in self._guesses.values():
                if guess is not None and guess.kind.raw:
                    guess.parts = self._parts.of(guess.kind.raw)
        return True

    def _flagged(self, chunk: bytes) -> dict[int, set[int]]:
        """Parts of keywords by the begin of the line in which they stand."""
        flagged: dict[int, set[int]] = {}
        for part, end in self._parts.found_in(chunk) if self._parts is not None else ():
            flagged.setdefault(chunk.rfind(b"\n", 0, end) + 1, set()).add(part)
        return flagged

    def _entry(self, guess: Guess, decoded: Any) -> int:
        entry = self._entries[decoded] = len(self._entries)
        self._characters += 256
        pending = self._pending.setdefault(guess.kind.number, [])
        pending.append((entry, guess.flat(decoded)))
        if len(pending) == ROWS_LIMIT:
            self._judge(guess.kind, self._pending.pop(guess.kind.number))
        return entry

    def _judge(self, kind: Kind, pending: list[tuple[int, tuple[Any, ...]]]) -> None:
        assert kind.judge is not None
        columns = [plain_values(column) for column in zip(*(values for _, values in pending), strict=True)]
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


def plain_values(column: tuple[Any, ...]) -> Values:
    """The values of texts, whole numbers and nothings, a row each."""
    numbers: dict[Any, int] = {}
    codes = [-1 if value is None else numbers.setdefault(value, len(numbers)) for value in column]
    texts = [value if isinstance(value, str) else _text_of_int(value) for value in numbers]
    return Values(*laid_out(texts), np.array(codes, dtype=np.int32))


def _text_of_int(value: int) -> str:
    """As orjson reads it: beyond 64 bits it is no whole number any more."""
    return str(value) if -(1 << 63) <= value < 1 << 64 else text_of(float(value))
