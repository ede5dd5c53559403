"""Lines read whole: the way that serves every line, and the measure of the faster ones.

Each is parsed, its kind looked up, and what it says under the kind's fields remembered with the verdict. Keywords are
looked for in the text of each line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lichen.detect.rules.engine.documents import Texts, document_of
from lichen.detect.rules.engine.judge import ROWS_LIMIT
from lichen.detect.rules.engine.kinds import Kind, Kinds
from lichen.detect.rules.engine.probes import Parts, may_stand_in
from lichen.detect.rules.engine.values import values_of
from lichen.detect.rules.engine.verdicts import Ints, Longs, Verdicts

ENTRIES_LIMIT = 1 << 17
CHARACTERS_LIMIT = 128 << 20  # of texts remembered

Projection = tuple[Texts | None, ...]


@dataclass(slots=True)
class Counted:
    """What became of lines: `broken` are no JSON object, `void` are of kinds that no rule reads, `judged` of the others
    those whose projection was new. `resets`: how often the memory was full and let go."""

    lines: int = 0
    broken: int = 0
    void: int = 0
    judged: int = 0
    whole: int = 0
    resets: int = 0
    by_kind: dict[int, int] = field(default_factory=dict)


class WholeLines:
    """Takes lines one by one; `taken` gives what fired on them."""

    def __init__(self, kinds: Kinds, counted: Counted) -> None:
        self._kinds, self._counted = kinds, counted
        self._parts: dict[frozenset[bytes], Parts] = {}
        self.forget()

    def forget(self) -> None:
        """Forgets every verdict; lines taken and not yet given out are lost."""
        self._entries: dict[tuple[int, Projection], int] = {}
        self._characters = 0
        self._pending: dict[int, list[tuple[int, Projection]]] = {}
        self._verdicts = Verdicts()
        self._starts: list[int] = []
        self._events: list[int] = []
        self._worded: list[tuple[int, int, frozenset[int], tuple[int, ...]]] = []

    @property
    def is_full(self) -> bool:
        """Whether it is time to take what fired and to forget."""
        return len(self._entries) > ENTRIES_LIMIT or self._characters > CHARACTERS_LIMIT

    @property
    def remembered(self) -> int:
        """How many projections are remembered."""
        return len(self._entries)

    def take(self, start: int, line: bytes) -> None:
        """One line, which begins at `start`."""
        document = document_of(line)
        if document is None:
            self._counted.broken += 1
            return
        self._counted.whole += 1
        kind = self._kinds.of(self._kinds.said_by(document))
        if kind.judge is None:
            self._counted.void += 1
            return
        projection = kind.texts(document)
        entry = self._entry(kind, projection)
        if kind.judge.wordy and self._may_hold_keyword(kind, line):
            texts = {key: projection[place] for key, place in zip(kind.judge.keys, kind.places, strict=True)}
            fired = tuple(kind.judge.fired_on(kind.judge.named(texts), line.decode("utf-8", "backslashreplace")))
            rules = frozenset(rule for rule, _ in kind.judge.wordy)
            self._worded.append((start, entry, rules, fired))
        else:
            self._starts.append(start)
            self._events.append(entry)

    def _may_hold_keyword(self, kind: Kind, line: bytes) -> bool:
        if kind.raw is None:
            return True
        if kind.raw not in self._parts:
            self._parts[kind.raw] = Parts(kind.raw, None)
        return bool(self._parts[kind.raw].found_in(line)) and may_stand_in(kind.raw, line)

    def _entry(self, kind: Kind, projection: Projection) -> int:
        key = (kind.number, projection)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = len(self._entries)
            self._characters += sum(len(text) + 64 for texts in projection if texts for text in texts)
            pending = self._pending.setdefault(kind.number, [])
            pending.append((entry, projection))
            if len(pending) == ROWS_LIMIT:
                self._judge(kind, self._pending.pop(kind.number))
        return entry

    def _judge(self, kind: Kind, pending: Sequence[tuple[int, Projection]]) -> None:
        assert kind.judge is not None
        columns = [values_of([projection[place] for _, projection in pending]) for place in range(len(kind.fields))]
        rows, rules = kind.judge.fired([columns[place] for place in kind.places], len(pending))
        self._verdicts.set(np.array([entry for entry, _ in pending], dtype=np.int64), rows, rules)
        self._counted.judged += len(pending)

    def taken(self) -> tuple[Longs, Ints]:
        """(start, rule) of all that fired on the lines taken since the last time."""
        for number, pending in self._pending.items():
            self._judge(self._kinds.all[number], pending)
        self._pending.clear()
        starts, rules = self._verdicts.hits(
            np.array(self._starts, dtype=np.int64), np.array(self._events, dtype=np.int64)
        )
        worded = [
            (start, rule)
            for start, entry, wordy, fired in self._worded
            for rule in [*(rule for rule in self._verdicts.rules_of(entry) if rule not in wordy), *fired]
        ]
        self._starts, self._events, self._worded = [], [], []
        more = np.array(worded, dtype=np.int64).reshape(-1, 2)
        found = np.concatenate([starts, more[:, 0]]), np.concatenate([rules, more[:, 1].astype(np.int32)])
        if self.is_full:
            self._counted.resets += 1
            self.forget()
        return found
