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
from lichen.core.evidence import Evidence, cause_of
from lichen.detect.rules.correlation import Correlator, Firing, rows_of
from lichen.detect.rules.files.baseline import Baseline
from lichen.detect.rules.hits import Hits, HitsMemory, Told, census_of, fold_hits, fold_told, whom
from lichen.detect.rules.indicators import IndicatorList
from lichen.detect.rules.overwrites import overwrites
from lichen.detect.rules.reach import able, with_seen
from lichen.detect.rules.ruleset import Places, RuleSet
from lichen.detect.rules.sightings import sightings
from lichen.detect.rules.sigma_match import Matcher


class RulesDetector:
    """A Detector (core.doors): one row per fired rule or indicator list and (subject, window).

    A correlation's row is of the subject of the event that completed it, its samples are the events that made it, and
    its `n_events` counts completed windows. Rules that only serve correlations say nothing themselves.
    `rule:<id>`, `shadow:<id>` for rules in the shadow stage (decide ignores them) and `indicator:<list>`, all with
    score 0: what a hit is worth, only `decide` says. The census of all of them is called `rules`. A rule that reads an
    indicator list that is not given is in `rules.refused`.
    """

    name = "rules"
    memory_type: Any = HitsMemory

    def __init__(
        self,
        rules: RuleSet,
        indicators: Sequence[IndicatorList] = (),
        minutes: int = 60,
        baseline: Baseline | None = None,
    ) -> None:
        lists = {each.name: each for each in indicators}
        self.rules, self.indicators, self.minutes = rules.with_lists(lists), tuple(indicators), minutes
        self._matcher = Matcher(self.rules.rules, lists)
        self._correlator = Correlator(self.rules.rules, self.rules.correlations)
        self.baseline = baseline
        self.version = _version(self.rules, self.indicators, minutes, baseline)

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
            if rule.id in self.rules.silent:
                continue
            hits.append(Hits(rule.detector, rows, _Always(rule.title), rule.techniques))
            if rule.stage == "stable":
                fired[rows] = True
        for each in (*sightings(batch, self.indicators), *overwrites(batch, self.baseline)):
            hits.append(each)
            fired[each.rows] = True
            reach = reach | fired
        about = whom(batch, self.minutes)
        evidence, after = fold_hits(hits, batch, about, memory, self.version)
        firings, after = self._correlator.correlate(batch, matches.rows, about, after)
        told = [each for each in firings if each.correlation.id not in self.rules.silent]
        if told:
            fired[rows_of(each for each in told if each.correlation.stage == "stable")] = True
            more, after = fold_told(_told(batch, told), self.minutes, after, self.version)
            evidence += more
        after = {**after, "seen": with_seen(memory.get("seen", {}), batch)}
        return evidence, census_of(self.name, batch, about, reach, fired, matches.blank), after

    def able(self, memory: Memory) -> tuple[str, ...]:
        """Ids of the rules that can fire on what this memory has seen."""
        return able(self.rules, memory.get("seen", {}))

    def reloaded(
        self,
        places: Places | None = None,
        indicators: Sequence[IndicatorList] | None = None,
        baseline: Baseline | None = None,
    ) -> RulesDetector:
        """A detector of the same places (or of others) as they are now; what is not given stays as it was. Memory can
        be carried over. Raises RuleError or ConfigError where the old one is to be kept."""
        lists = self.indicators if indicators is None else indicators
        return RulesDetector(self.rules.reloaded(places), lists, self.minutes, baseline or self.baseline)


def _told(batch: Batch, firings: Sequence[Firing]) -> list[Told]:
    rows = rows_of(firings)
    causes = dict(zip(rows, cause_of(batch, rows), strict=True))
    return [
        Told(
            each.correlation.detector,
            each.item.subject,
            each.item.time,
            causes[each.row],
            each.because,
            each.samples,
            each.correlation.techniques,
        )
        for each in firings
    ]


@dataclass(frozen=True, slots=True)
class _Always:
    """The same words for every event."""

    words: str

    def __call__(self, row: int) -> str:
        return self.words


def _version(rules: RuleSet, indicators: Sequence[IndicatorList], minutes: int, baseline: Baseline | None) -> str:
    """What was in force, in 12 hexadecimal digits: rules as they were compiled, lists by what they hold."""
    digest = hashlib.blake2b(digest_size=6)
    digest.update(f"{minutes}\0{rules.digest}".encode())
    for each in indicators:
        digest.update(f"\0{each.name}\0{each.digest}".encode())
    if baseline is not None:
        digest.update(f"\0baseline\0{baseline.digest}".encode())
    return digest.hexdigest()
