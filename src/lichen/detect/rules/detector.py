"""The rules detector: rules and indicators over a batch, as evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lichen.core.batch import Batch
from lichen.core.census import CensusRow
from lichen.core.doors import Memory
from lichen.core.evidence import Evidence
from lichen.detect.rules.hits import Hits, HitsMemory, census_of, fold_hits, whom
from lichen.detect.rules.indicators import IndicatorList
from lichen.detect.rules.ruleset import RuleSet
from lichen.detect.rules.sightings import sightings
from lichen.detect.rules.sigma_match import Matcher


class RulesDetector:
    """A Detector (core.doors): one row per fired rule or indicator list and (subject, window).

    `rule:<id>`, `shadow:<id>` for rules in the shadow stage (decide ignores them) and `indicator:<list>`, all with
    score 0: what a hit is worth, only `decide` says. The census of all of them is called `rules`. A rule that reads an
    indicator list that is not given is in `rules.refused`.
    """

    name = "rules"
    memory_type: Any = HitsMemory

    def __init__(self, rules: RuleSet, indicators: Sequence[IndicatorList] = (), minutes: int = 60) -> None:
        lists = {each.name: each for each in indicators}
        self.rules, self.indicators, self.minutes = rules.with_lists(lists), tuple(indicators), minutes
        self._matcher = Matcher(self.rules.rules, lists)
        self.version = _version(self.rules, self.indicators, minutes)

    def detect(self, batch: Batch, memory: Memory) -> tuple[list[Evidence], list[CensusRow], Memory]:
        """Evidence and census of a batch, and the memory after it; nothing given is changed."""
        if not len(batch):
            return [], [], memory
        matches = self._matcher.match(batch)
        fired = np.zeros(len(batch), dtype=np.bool_)
        reach = matches.reach
        hits = []
        for number, rows in matches.rows.items():
            rule = self.rules.rules[number]
            hits.append(Hits(rule.detector, rows, _Always(rule.title), rule.techniques))
            if rule.stage == "stable":
                fired[rows] = True
        for each in sightings(batch, self.indicators):
            hits.append(each)
            fired[each.rows] = True
            reach = reach | fired
        about = whom(batch, self.minutes)
        evidence, after = fold_hits(hits, batch, about, memory, self.version)
        return evidence, census_of(self.name, batch, about, reach, fired, matches.blank), after


@dataclass(frozen=True, slots=True)
class _Always:
    """The same words for every event."""

    words: str

    def __call__(self, row: int) -> str:
        return self.words


def _version(rules: RuleSet, indicators: Sequence[IndicatorList], minutes: int) -> str:
    """What was in force, in 12 hexadecimal digits: rules as they were compiled, lists by what they hold."""
    digest = hashlib.blake2b(digest_size=6)
    digest.update(f"{minutes}\0{rules.digest}".encode())
    for each in indicators:
        digest.update(f"\0{each.name}\0{each.digest}".encode())
    return digest.hexdigest()
