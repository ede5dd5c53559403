"""Judging projections: all rules of one kind over many lines that were never seen before, at once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lichen.detect.rules.algebra import (
    AllOf,
    Leaf,
    Node,
    Not,
    Predicate,
    SameAs,
    Text,
    fields_of,
    predicates_of,
    settled,
)
from lichen.detect.rules.casing import fold
from lichen.detect.rules.engine.bitmaps import Bitmaps
from lichen.detect.rules.engine.documents import Texts
from lichen.detect.rules.engine.folding import ColumnOf, Folding, reads_words, without_words
from lichen.detect.rules.engine.programs import Programs, programs_of
from lichen.detect.rules.engine.scanning import Matchers, Scan
from lichen.detect.rules.engine.values import Values
from lichen.detect.rules.judging import Judge, compared
from lichen.detect.rules.misses import Bitmap, Step, bitmap_of, holds, lines_of, planned
from lichen.detect.rules.program import _alike as alike

Rows: TypeAlias = npt.NDArray[np.int64]
Rules: TypeAlias = npt.NDArray[np.int32]
ROWS_LIMIT = 8192  # lines judged at once

JudgeOf: TypeAlias = Callable[[Predicate], Judge]


_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


def _folded(beyond: re.Match[str]) -> str:
    return fold(beyond[0])


def _lowered(text: str) -> str:
    """The text with the letters of ASCII in lower case."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


class Line(NamedTuple):
    """The text of a line, and the same as it is compared without regard to case: to fold it takes longer than all
    that is asked of it."""

    text: str
    folded: str


class KindJudge:
    """The rules of one kind, ready for its lines. `columns` are what it wants to be given, in this order."""

    def __init__(self, folding: Folding, judge_of: JudgeOf, matchers: Matchers, fast: bool) -> None:
        self.rules = np.array([each.rule for each in folding.rules], dtype=np.int32)
        self.wordy = [(each.rule, each.condition) for each in folding.rules if reads_words(each.condition)]
        self._conditions = [without_words(each.condition) for each in folding.rules]
        self._judge_of, self._fast = judge_of, fast
        self.keys = sorted(folding.columns)
        self.columns: tuple[ColumnOf, ...] = tuple(folding.columns[key] for key in self.keys)
        predicates = list(dict.fromkeys(each for node in self._conditions for each in predicates_of(node)))
        self._numbers = {predicate: number for number, predicate in enumerate(predicates)}
        self._predicates = predicates
        self._place = {key: place for place, key in enumerate(self.keys)}
        self._scans = [
            Scan([(self._numbers[each], each) for each in predicates if fields_of(each) == (key,)], matchers)
            for key in self.keys
        ]
        self._decided = {number for scan in self._scans for number in scan.decided}
        self._known = self._decided | {number for scan in self._scans for number in scan.filtered}
        self._programs = programs_of(map(self._reachable, self._conditions), self._numbers)
        self._steps: dict[int, Step | None] = {}
        self.seconds = np.zeros(len(self.rules))  # spent on asking single values, by rule
        self.scan_seconds = 0.0

    @property
    def programs(self) -> Programs:
        """Every condition as far as bitmaps go."""
        return self._programs

    def _reachable(self, condition: Node) -> Node:
        """Holds wherever the condition might, by what is scanned for."""

        def value(predicate: Predicate, upper: bool) -> bool | None:
            number = self._numbers[predicate]
            if number in self._decided:
                return None
            return None if upper and number in self._known else upper

        return settled(condition, value)

    def _step(self, place: int) -> Step | None:
        """How a rule is asked that bitmaps do not decide; None where they do."""
        if place not in self._steps:
            condition = self._conditions[place]
            decided = all(self._numbers[each] in self._decided for each in predicates_of(condition))
            cost = lambda number: 0 if number in self._decided else 1 if number in self._known else 2  # noqa: E731
            self._steps[place] = None if decided else planned(condition, self._numbers, cost)
        return self._steps[place]

    def fired(self, columns: Sequence[Values], count: int) -> tuple[Rows, Rules]:
        """(row, rule) of every rule that fires on one of `count` lines in whose text no keyword stands; by row."""
        begin = time.perf_counter()
        named = [self._named(column, values) for column, values in zip(self.columns, columns, strict=True)]
        bitmaps = Bitmaps(len(self._predicates), count, self._fast)
        for scan, values in zip(self._scans, named, strict=True):
            bitmaps.add(values.codes, values.count, *scan.pairs(values))
        rows, places = bitmaps.left_by(self._programs)
        self.scan_seconds += time.perf_counter() - begin
        return self._sure(rows, places, named, bitmaps, count)

    @staticmethod
    def _named(column: ColumnOf, values: Values) -> Values:
        return values.renamed(dict(column.table)) if column.table else values

    def _sure(
        self, rows: Rows, places: Rules, columns: Sequence[Values], bitmaps: Bitmaps, count: int
    ) -> tuple[Rows, Rules]:
        """Without the rows on which a rule only might have fired. `places` ascend."""
        bounds = np.flatnonzero(np.diff(places)) + 1
        keep = np.ones(len(rows), dtype=np.bool_)
        for start, end in zip([0, *bounds.tolist()], [*bounds.tolist(), len(places)], strict=True):
            if start == end:
                continue
            place = int(places[start])
            step = self._step(place)
            if step is None:
                continue
            begin = time.perf_counter()
            within = np.zeros(count, dtype=np.bool_)
            within[rows[start:end]] = True
            left = holds(step, partial(self._leaf, columns, bitmaps, count), bitmap_of(within))
            kept = np.zeros(count, dtype=np.bool_)
            kept[lines_of(left, count)] = True
            keep[start:end] = kept[rows[start:end]]
            self.seconds[place] += time.perf_counter() - begin
        rows, places = rows[keep], places[keep]
        order = np.argsort(rows, kind="stable")
        return rows[order], self.rules[places[order]]

    def _leaf(self, columns: Sequence[Values], bitmaps: Bitmaps, count: int, number: int, within: Bitmap) -> Bitmap:
        """The lines of `within` where a predicate holds."""
        if number in self._decided:
            return within & bitmaps.of(number)
        if number in self._known:
            within &= bitmaps.of(number)
        if not within:
            return 0
        predicate = self._predicates[number]
        lines = lines_of(within, count)
        answers = np.zeros(count, dtype=np.bool_)
        if isinstance(predicate, SameAs):
            first, second = columns[self._place[predicate.field]], columns[self._place[predicate.other]]
            pairs = np.stack([first.codes[lines], second.codes[lines]], axis=1)
            distinct, inverse = np.unique(pairs, axis=0, return_inverse=True)
            alike = [_are_alike(predicate, first.texts(a), second.texts(b)) for a, b in distinct.tolist()]
            answers[lines] = np.array(alike, dtype=np.bool_)[inverse]
            return bitmap_of(answers)
        values = columns[self._place[fields_of(predicate)[0]]]
        judge = self._judge_of(predicate)
        codes = values.codes[lines]
        distinct, inverse = np.unique(codes, return_inverse=True)
        holding = np.array([any(map(judge, values.texts(code))) for code in distinct.tolist()], dtype=np.bool_)
        answers[lines] = holding[inverse]
        return bitmap_of(answers)

    def named(self, texts: Mapping[str, Texts | None]) -> dict[str, Texts | None]:
        """The same, with values called as rules call them."""
        named = dict(texts)
        for key, column in zip(self.keys, self.columns, strict=True):
            there = named[key]
            if column.table and there is not None:
                table = dict(column.table)
                named[key] = tuple(table.get(text, text) for text in there)
        return named

    def fired_on(self, texts: Mapping[str, Texts | None], line: str) -> Iterator[int]:
        """The rules with keywords that fire on one line, given what it says under each key of a column."""
        told = Line(line, _BEYOND_ASCII.sub(_folded, _lowered(line)))
        for rule, condition in self.wordy:
            if self._truth(condition, texts, told):
                yield rule

    def _truth(self, node: Node, texts: Mapping[str, Texts | None], line: Line) -> bool:
        if isinstance(node, Not):
            return not self._truth(node.node, texts, line)
        if isinstance(node, Leaf):
            return self._is_true(node.predicate, texts, line)
        answers = (self._truth(child, texts, line) for child in node.nodes)
        return all(answers) if isinstance(node, AllOf) else any(answers)

    def _is_true(self, predicate: Any, texts: Mapping[str, Texts | None], line: Line) -> bool:
        keys = fields_of(predicate)
        if not keys and isinstance(predicate, Text):
            return compared(predicate.how, line.text if predicate.cased else line.folded, predicate.text)
        if isinstance(predicate, SameAs):
            return _are_alike(predicate, texts[keys[0]] or (), texts[keys[1]] or ())
        there = texts[keys[0]] if keys else (line.text,)
        if there is None:
            return False
        return type(predicate).__name__ == "Exists" or any(map(self._judge_of(predicate), there))


def _are_alike(predicate: SameAs, first: Texts, second: Texts) -> bool:
    return any(alike(predicate, one, other) for one in first for other in second)
