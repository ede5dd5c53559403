"""A program: all rules of one log source, run over lines by distinct projection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from lichen.core.batch import Batch, Rows, Shape
from lichen.detect.rules.algebra import (
    AllOf,
    Compare,
    Exists,
    Leaf,
    Listed,
    Node,
    Not,
    Predicate,
    SameAs,
    Within,
    fields_of,
    predicates_of,
    settled,
)
from lichen.detect.rules.casing import fold
from lichen.detect.rules.columns import Column, Ids, needle_of
from lichen.detect.rules.event_fields import column_of, texts_of
from lichen.detect.rules.judging import Judge, compared
from lichen.detect.rules.keywords import Found, decoded
from lichen.detect.rules.misses import Bitmap, Misses, Step, guards_of, holds, lines_of, planned
from lichen.detect.rules.sigma_compile import Rule

VERDICTS_LIMIT = 1 << 17  # projections remembered
VALUES_LIMIT = 32 << 20  # characters of distinct values remembered, with 64 for the keeping of each
MISSES_LIMIT = 8192  # lines judged at once

ValueOf = Callable[[str], tuple[str, ...] | None]  # the texts of a field: several in a list


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a projection means: rules that fire, and rules that do if the text of the record agrees."""

    sure: tuple[int, ...] = ()
    maybe: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A rule as it is run. Where `certain` is False, `step` holds wherever the rule might, and `condition` decides."""

    rule: int
    step: Step
    guards: tuple[frozenset[int], ...]
    certain: bool
    condition: Node


class _Words:
    """The distinct sets of keywords found in texts: a column like any other (0: none)."""

    def __init__(self) -> None:
        self.hits: list[frozenset[int]] = [frozenset()]
        self._ids: dict[frozenset[int], int] = {frozenset(): 0}

    def id_of(self, found: frozenset[int]) -> int:
        if found not in self._ids:
            self._ids[found] = len(self.hits)
            self.hits.append(found)
        return self._ids[found]


class Program:
    """Rules that read one log source; `routed` gives their numbers. Predicates are numbered across the rule set."""

    def __init__(
        self,
        routed: Sequence[tuple[int, Rule]],
        numbers: Mapping[Predicate, int],
        predicates: Sequence[Predicate],
        judges: Mapping[int, Judge],
    ) -> None:
        self._numbers, self._predicates, self._judges = numbers, predicates, judges
        used = list(dict.fromkeys(each for _, rule in routed for each in predicates_of(rule.condition)))
        self._fields = sorted({field for each in used for field in fields_of(each)})
        self._place = {field: place for place, field in enumerate(self._fields)}
        self._columns = [
            Column([(numbers[each], each) for each in used if fields_of(each) == (field,)], judges)
            for field in self._fields
        ]
        self._scanned = {numbers[each] for each in used if needle_of(each) is not None}
        self._words_used = frozenset(numbers[each] for each in used if not fields_of(each)) & self._scanned
        self._plans = [plan for number, rule in routed if (plan := self._planned(number, rule.condition)) is not None]
        self.resets = 0
        self._forget()

    @property
    def keywords(self) -> bool:
        """Whether any rule looks for keywords by scanning the text."""
        return bool(self._words_used)

    @property
    def remembered(self) -> int:
        """How many distinct projections are remembered now."""
        return len(self._verdicts)

    def _forget(self) -> None:
        for column in self._columns:
            column.reset()
        self._words = _Words()
        self._verdicts: dict[bytes, int] = {}
        self._outcomes: list[Outcome] = [Outcome()]
        self._outcome_ids: dict[Outcome, int] = {Outcome(): 0}

    def _planned(self, number: int, condition: Node) -> Plan | None:
        def if_unread(predicate: Predicate, upper: bool) -> bool | None:
            return upper if self._is_unread(predicate) else None

        reachable = settled(condition, if_unread)
        certain = not any(self._is_unread(each) for each in predicates_of(condition))
        step = planned(reachable, self._numbers, self._cost)
        return Plan(number, step, tuple(guards_of(step, self._scanned.__contains__)), certain, condition)

    def _is_unread(self, predicate: Predicate) -> bool:
        """A keyword that is not scanned for: too short, or a pattern. It is asked of single texts, at the end."""
        return not fields_of(predicate) and needle_of(predicate) is None

    def _cost(self, number: int) -> int:
        predicate = self._predicates[number]
        if number in self._scanned or isinstance(predicate, Exists):
            return 0
        return 1 if isinstance(predicate, Compare | Within | Listed) else 2

    def match(self, batch: Batch, shape: Shape, found: Found) -> tuple[dict[int, Rows], npt.NDArray[np.bool_]]:
        """The lines on which each rule fires, by rule number; and which lines have any field that is read."""
        if len(self._verdicts) > VERDICTS_LIMIT or sum(column.size for column in self._columns) > VALUES_LIMIT:
            self.resets += 1
            self._forget()
        ids = self._projected(batch, shape, found)
        verdicts = self._judged(ids)
        fired: dict[int, list[Rows]] = {}
        lines = np.flatnonzero(verdicts)
        for each in np.unique(verdicts[lines]).tolist():
            outcome, there = self._outcomes[each], lines[verdicts[lines] == each]
            for rule in outcome.sure:
                fired.setdefault(rule, []).append(there)
            for place in outcome.maybe:
                agreeing = [line for line in there.tolist() if self._agrees(self._plans[place], batch, shape, line)]
                if agreeing:
                    fired.setdefault(self._plans[place].rule, []).append(np.array(agreeing, dtype=np.int64))
        present = (ids[:, :-1] != 0).any(axis=1)
        return {rule: np.concatenate(parts) for rule, parts in fired.items()}, present

    def _projected(self, batch: Batch, shape: Shape, found: Found) -> Ids:
        """Ids of the values that rules read, a row a line; the last column is the set of keywords in its text."""
        ids = np.zeros((shape.fields.num_rows, len(self._fields) + 1), dtype=np.int32)
        for place, field in enumerate(self._fields):
            column = column_of(shape.fields, field)
            if column is not None:
                ids[:, place] = self._columns[place].ids_of(column)
        words = {place: self._words.id_of(kept) for place, each in found.items() if (kept := each & self._words_used)}
        if words:
            texts = len(batch) if shape.keywords is None else len(shape.keywords)
            of_text = np.zeros(texts, dtype=np.int32)
            of_text[list(words)] = list(words.values())
            of_events = shape.keywords is None and shape.event is not None
            ids[:, -1] = of_text[shape.event] if of_events else of_text
        return ids

    def _judged(self, ids: Ids) -> npt.NDArray[np.int64]:
        """The outcome of each line; projections never seen before are judged together."""
        keys: list[Any] = ids.view(np.dtype((np.void, ids.itemsize * ids.shape[1]))).ravel().tolist()
        verdicts = np.fromiter(map(self._verdicts.get, keys, repeat(-1)), dtype=np.int64, count=len(keys))
        fresh: dict[bytes, int] = {}
        for line in np.flatnonzero(verdicts < 0).tolist():
            fresh.setdefault(keys[line], line)
        if not fresh:
            return verdicts
        lines = np.fromiter(fresh.values(), dtype=np.int64, count=len(fresh))
        outcomes: list[int] = []
        for start in range(0, len(lines), MISSES_LIMIT):
            outcomes.extend(self._outcomes_of(ids[lines[start : start + MISSES_LIMIT]]))
        self._verdicts.update(zip(fresh, outcomes, strict=True))
        return np.fromiter(map(self._verdicts.__getitem__, keys), dtype=np.int64, count=len(keys))

    def _outcomes_of(self, ids: Ids) -> list[int]:
        misses = Misses(ids, [*self._columns, self._words])
        sure: list[list[int]] = [[] for _ in range(len(ids))]
        maybe: dict[int, list[int]] = {}
        leaf = partial(self._leaf, misses)
        for place, plan in enumerate(self._plans):
            if any(guard.isdisjoint(misses.scanned) for guard in plan.guards):
                continue
            bitmap = holds(plan.step, leaf, misses.everywhere)
            for line in lines_of(bitmap, len(ids)).tolist() if bitmap else ():
                if plan.certain:
                    sure[line].append(plan.rule)
                else:
                    maybe.setdefault(line, []).append(place)
        return [self._outcome_id(tuple(each), tuple(maybe.get(line, ()))) for line, each in enumerate(sure)]

    def _outcome_id(self, sure: tuple[int, ...], maybe: tuple[int, ...]) -> int:
        if not sure and not maybe:
            return 0
        outcome = Outcome(sure, maybe)
        if outcome not in self._outcome_ids:
            self._outcome_ids[outcome] = len(self._outcomes)
            self._outcomes.append(outcome)
        return self._outcome_ids[outcome]

    def _leaf(self, misses: Misses, number: int, within: Bitmap) -> Bitmap:
        """The lines of `within` where a predicate holds."""
        if number in self._scanned:
            return within & misses.of_scanned(number)
        predicate = self._predicates[number]
        place = self._place[fields_of(predicate)[0]]
        if isinstance(predicate, Exists):
            return within & misses.of_existing(place)
        if isinstance(predicate, SameAs):
            other = self._place[predicate.other]
            return misses.of_pairs(place, other, partial(self._are_alike, predicate, place, other), within)
        return misses.of_judged(place, self._columns[place], number, within)

    def _are_alike(self, predicate: SameAs, place: int, other: int, first: int, second: int) -> bool:
        if not first or not second:
            return False
        values, others = self._columns[place].texts_of_id(first), self._columns[other].texts_of_id(second)
        return any(_alike(predicate, value, each) for value in values for each in others)

    def _agrees(self, plan: Plan, batch: Batch, shape: Shape, line: int) -> bool:
        """Whether a rule that reads texts itself fires on one line."""
        event = line if shape.event is None else int(shape.event[line])
        raw = batch.text[event] if shape.keywords is None else shape.keywords[line]
        text = decoded(raw.as_py())

        def value(field: str) -> tuple[str, ...] | None:
            column = column_of(shape.fields.slice(line, 1), field)
            return None if column is None else texts_of(column[0].as_py())

        def truth(node: Node) -> bool:
            if isinstance(node, Not):
                return not truth(node.node)
            if isinstance(node, Leaf):
                return self._is_true(node.predicate, value, text)
            return all(map(truth, node.nodes)) if isinstance(node, AllOf) else any(map(truth, node.nodes))

        return truth(plan.condition)

    def _is_true(self, predicate: Predicate, value: ValueOf, text: str) -> bool:
        """Whether one predicate holds of one line."""
        if isinstance(predicate, Exists):
            return value(predicate.field) is not None
        if isinstance(predicate, SameAs):
            first, second = value(predicate.field) or (), value(predicate.other) or ()
            return any(_alike(predicate, one, other) for one in first for other in second)
        there = (text,) if predicate.field is None else value(predicate.field)
        return there is not None and any(map(self._judges[self._numbers[predicate]], there))


def _alike(predicate: SameAs, first: str, second: str) -> bool:
    if predicate.cased:
        return compared(predicate.how, first, second)
    return compared(predicate.how, fold(first), fold(second))
