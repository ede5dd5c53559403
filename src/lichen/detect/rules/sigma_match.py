"""Matching batches against rules: route by log source, project onto the fields that are read, remember every verdict.

A line of a shape is projected onto the fields that the rules of its log source read (and the keywords found in its
text). Each distinct projection is judged once; its verdict is remembered under the ids of its values, which are exact,
so that no crafted collision can hide an event. What was never seen before is gathered and judged in columns (misses).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichen.core.batch import Batch, LogSource, Rows
from lichen.detect.rules.algebra import Exists, SameAs, fields_of, predicates_of
from lichen.detect.rules.judging import NamedList, judge_of
from lichen.detect.rules.keywords import Found, Keywords
from lichen.detect.rules.program import Program
from lichen.detect.rules.sigma_compile import Rule


@dataclass(frozen=True, slots=True)
class Matches:
    """`rows[i]`: ascending event rows on which rule i of the matcher fires. `reach`: events that any rule reads;
    `blank`: those of them that have none of the fields read."""

    rows: dict[int, Rows]
    reach: npt.NDArray[np.bool_]
    blank: npt.NDArray[np.bool_]


class Matcher:
    """Compiled rules, ready for batches. Its memory of verdicts is a cache: it never changes what matches. Raises
    KeyError if a rule reads an indicator list that is not among `lists`."""

    def __init__(self, rules: Sequence[Rule], lists: Mapping[str, NamedList] | None = None) -> None:
        self.rules = tuple(rules)
        lists = lists or {}
        self._predicates = list(dict.fromkeys(each for rule in rules for each in predicates_of(rule.condition)))
        self._numbers = {predicate: number for number, predicate in enumerate(self._predicates)}
        self._judges = {
            number: judge_of(predicate, lists)
            for number, predicate in enumerate(self._predicates)
            if not isinstance(predicate, Exists | SameAs)
        }
        keywords = [(number, each) for number, each in enumerate(self._predicates) if not fields_of(each)]
        self._keywords = Keywords(keywords, self._judges)
        self._programs: dict[LogSource, Program | None] = {}

    @property
    def resets(self) -> int:
        """How often the memory of a log source was full and let go."""
        return sum(program.resets for program in self._programs.values() if program is not None)

    @property
    def remembered(self) -> int:
        """How many distinct projections are remembered now."""
        return sum(program.remembered for program in self._programs.values() if program is not None)

    def match(self, batch: Batch) -> Matches:
        """Which rules fire on which events of a batch."""
        parts: dict[int, list[Rows]] = {}
        reach = np.zeros(len(batch), dtype=np.bool_)
        read = np.zeros(len(batch), dtype=np.bool_)
        scans: dict[int, Found] = {}
        for shape in batch.shapes:
            program = self._program(shape.source)
            if program is None or not shape.fields.num_rows:
                continue
            texts = batch.text if shape.keywords is None else shape.keywords
            if program.keywords and id(texts) not in scans:
                scans[id(texts)] = self._keywords.found_in(texts)
            fired, present = program.match(batch, shape, scans.get(id(texts), {}))
            reach[shape.events_of(np.arange(shape.fields.num_rows))] = True
            read[shape.events_of(np.flatnonzero(present))] = True
            for rule, lines in fired.items():
                parts.setdefault(rule, []).append(shape.events_of(lines))
        rows = {rule: np.unique(np.concatenate(each)) for rule, each in sorted(parts.items())}
        return Matches(rows, reach, reach & ~read)

    def _program(self, source: LogSource) -> Program | None:
        if source not in self._programs:
            routed = [(i, rule) for i, rule in enumerate(self.rules) if source.offers(rule.source)]
            program = Program(routed, self._numbers, self._predicates, self._judges) if routed else None
            self._programs[source] = program
        return self._programs[source]
