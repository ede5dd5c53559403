"""Every rule hit in logs, one after the other: no store, no models, and no more in memory than one delivery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from lichen import assemble, catalogue
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import Batch, Rows
from lichen.core.errors import RuleError
from lichen.core.time import to_text
from lichen.detect.rules import IndicatorList, RulesDetector
from lichen.detect.rules.at_line import first_lines, matched_fields
from lichen.detect.rules.correlation import Correlator
from lichen.detect.rules.hits import whom
from lichen.detect.rules.ruleset import RuleSet
from lichen.detect.rules.sigma_match import Matcher


class Hit(msgspec.Struct, frozen=True):
    """A rule and an event on which it fired. `fields`: what the rule reads, as it stands at the line that fired;
    `events`: of a correlation, the events that made it; `because`: what it counted."""

    rule: str
    title: str
    level: str
    tags: tuple[str, ...]
    source_file: str
    event_id: str
    time: str
    stage: str
    fields: Mapping[str, str] = {}
    because: str = ""
    events: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """What was read and found so far."""

    events: int = 0
    hits: int = 0
    dead_letters: int = 0
    rules: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    refused: tuple[RuleError, ...] = ()


class HitReader:
    """Rules and correlations, ready to say of each batch which events they fire on."""

    def __init__(self, rules: RuleSet, lists: Sequence[IndicatorList], minutes: int) -> None:
        self.rules, self.minutes = rules, minutes
        self.matcher = Matcher(rules.rules, {each.name: each for each in lists})
        self.correlator = Correlator(rules.rules, rules.correlations)

    @classmethod
    def of(cls, detector: RulesDetector) -> HitReader:
        """The rules of a detector."""
        return cls(detector.rules, detector.indicators, detector.minutes)

    def read(self, batch: Batch, memory: Mapping[str, Any]) -> tuple[list[Hit], Mapping[str, Any]]:
        """The hits of a batch in the order of its events, and what correlations remember after it."""
        if not len(batch):
            return [], memory
        silent = self.rules.silent
        matched = self.matcher.match(batch).rows
        loud = {rule: rows for rule, rows in matched.items() if self.rules.rules[rule].id not in silent}
        fired = [each for each in first_lines(self.matcher, batch, loud) if each[0] in loud]
        ids = dict(zip([row for _, row, _, _ in fired], batch.event_ids(row for _, row, _, _ in fired), strict=True))
        times = batch.times()
        found = []
        for number, row, shape, line in fired:
            rule = self.rules.rules[number]
            told = (batch.stream.place, ids[row], to_text(int(times[row])), rule.stage)
            hit = Hit(rule.id, rule.title, rule.level, rule.tags, *told, matched_fields(rule, shape, line))
            found.append((row, hit))
        if self.rules.correlations:
            more, memory = self._correlated(batch, matched, memory)
            found += more
        return [hit for _, hit in sorted(found, key=lambda each: each[0])], memory

    def _correlated(
        self, batch: Batch, matched: Mapping[int, Rows], memory: Mapping[str, Any]
    ) -> tuple[list[tuple[int, Hit]], Mapping[str, Any]]:
        firings, after = self.correlator.correlate(batch, matched, whom(batch, self.minutes), memory)
        found = []
        for each in firings:
            rule = each.correlation
            if rule.id in self.rules.silent:
                continue
            (event_id,) = batch.event_ids([each.row])
            tags = tuple(f"attack.{technique.lower()}" for technique in rule.techniques)
            told = (batch.stream.place, event_id, to_text(each.item.time), rule.stage)
            events = tuple(sample for _, sample in each.samples)
            found.append((each.row, Hit(rule.id, rule.title, rule.level, tags, *told, {}, each.because, events)))
        return found, after


def hits(settings: Settings, paths: Sequence[Path], tally: Tally) -> Iterator[Hit]:
    """Every hit in files and folders, as they are read; `tally` grows with it. Raises LichenError as a scan does."""
    detector = assemble.rules_of(settings)
    tally.refused = detector.rules.refused
    reader = HitReader.of(detector)
    source = FileSource(
        paths,
        settings=settings,
        inventory=assemble.inventory_of(settings),
        mappings=catalogue.content("mappings"),
        notes=tally.notes,
    )
    memory: Mapping[str, Any] = {}
    for delivery in source.read({}):
        tally.dead_letters += len(delivery.dead_letters)
        for batch in delivery.batches:
            tally.events += len(batch)
            found, memory = reader.read(batch, memory)
            for hit in found:
                tally.hits += 1
                tally.rules.add(hit.rule)
                yield hit
