"""Kinds: what lines are told apart by, resolved once each, with the rules folded onto them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lichen.detect.rules.algebra import Glob, Predicate, Text, fields_of, predicates_of
from lichen.detect.rules.engine.documents import Document, Texts, texts_under
from lichen.detect.rules.engine.folding import folded
from lichen.detect.rules.engine.judge import KindJudge
from lichen.detect.rules.engine.probes import raw_of
from lichen.detect.rules.engine.routes import Reading, Routes, Said
from lichen.detect.rules.engine.scanning import Matchers, literal_of
from lichen.detect.rules.judging import Judge, NamedList, judge_of
from lichen.detect.rules.rule import Rule

KINDS_LIMIT = 4096  # told apart by what their route fields say; more share a kind by how rules read them


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Lines that the same rules read in the same way. `fields` are the line's own names that rules read; `judge` is
    None where no rule can fire. `raw` are the bytes of which some must stand in a line, in any case, before a
    rule with keywords might fire or be kept from it; None: every line must be asked."""

    number: int
    fields: tuple[str, ...]
    places: tuple[int, ...]
    judge: KindJudge | None
    raw: frozenset[bytes] | None = frozenset()

    def texts(self, document: Document) -> tuple[Texts | None, ...]:
        """What a document says under each of the fields."""
        return tuple(texts_under(document, name) for name in self.fields)


class Kinds:
    """The kinds of a rule set, by what the route fields say."""

    def __init__(
        self, rules: Sequence[Rule], routes: Routes, lists: Mapping[str, NamedList] | None, fast: bool
    ) -> None:
        self.rules, self.routes, self.fast = tuple(rules), routes, fast
        self._lists = lists or {}
        self._matchers = Matchers(fast)
        self._judges: dict[Predicate, Judge] = {}
        self._by_said: dict[Said, Kind] = {}
        self._shared: dict[str, Kind] = {}
        self.all: list[Kind] = [Kind(0, (), (), None)]

    @property
    def void(self) -> Kind:
        """The kind that no rule reads."""
        return self.all[0]

    def said_by(self, document: Document) -> Said:
        """What the route fields of a document say; a list of several says nothing."""
        found = (texts_under(document, name) for name in self.routes.fields)
        return tuple(texts[0] if texts is not None and len(texts) == 1 else None for texts in found)

    def of(self, said: Said) -> Kind:
        """The kind of lines whose route fields say this."""
        kind = self._by_said.get(said)
        if kind is None:
            kind = self._resolved(said)
            if len(self._by_said) < KINDS_LIMIT:
                self._by_said[said] = kind
        return kind

    def _resolved(self, said: Said) -> Kind:
        readings, deciding = self.routes.readings(said)
        if not readings:
            return self.void
        constants = {name: said[self.routes.fields.index(name)] for name in deciding}
        if len(self._by_said) < KINDS_LIMIT:
            return self._made(readings, constants)
        key = str(readings)  # too many are told apart: the route fields are read like any other
        if key not in self._shared:
            self._shared[key] = self._made(readings, {})
        return self._shared[key]

    def _made(self, readings: tuple[Reading, ...], constants: Mapping[str, str | None]) -> Kind:
        folding = folded(self.rules, readings, constants, self._judge)
        if not folding.rules:
            return self.void
        judge = KindJudge(folding, self._judge, self._matchers, self.fast)
        fields = tuple(dict.fromkeys(column.name for column in judge.columns))
        places = tuple(fields.index(column.name) for column in judge.columns)
        keywords = _keywords(judge)
        raw = None if keywords is None else raw_of(keywords)
        kind = Kind(len(self.all), fields, places, judge, raw)
        self.all.append(kind)
        return kind

    def _judge(self, predicate: Predicate) -> Judge:
        if predicate not in self._judges:
            self._judges[predicate] = judge_of(predicate, self._lists)
        return self._judges[predicate]


def _keywords(judge: KindJudge) -> frozenset[tuple[str, bool]] | None:
    """The literals (text, cased) that must stand in a text for any keyword of the rules to."""
    found = set()
    for _, condition in judge.wordy:
        for predicate in predicates_of(condition):
            if not fields_of(predicate):
                literal = literal_of(predicate) if isinstance(predicate, Text | Glob) else None
                if literal is None or not literal[1]:
                    return None
                found.add((literal[1], literal[2]))
    return frozenset(found)
