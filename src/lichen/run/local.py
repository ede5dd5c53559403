"""The loop on one machine: every delivery is judged, believed and kept, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lichen.core.alert import Alert
from lichen.core.batch import Batch, DeadLetter, Delivery
from lichen.core.belief import Belief
from lichen.core.census import ACTIVITY, CensusRow, activity_of
from lichen.core.doors import Detector
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.time import DAY
from lichen.store.records import Judged
from lichen.store.store import Store

Window = tuple[Subject, int]
Believe = Callable[[Iterable[Evidence], Mapping[Window, int]], Sequence[Belief]]
"""Beliefs of the windows that the evidence and the activity (own events a window) are about."""
EvidenceOf = Callable[[Iterable[Window]], Sequence[Evidence]]
"""All evidence of some windows, whoever kept it."""
Admit = Callable[[Sequence[Belief], EvidenceOf], Sequence[Alert]]
"""Alerts of the beliefs that cross a lane's cut, whole days at a time."""

HOUR = 3_600_000_000  # µs
OPEN_HOURS = 26  # windows this far behind the newest are let go from hand; a later event fetches them from the store


@dataclass(slots=True)
class OpenWindows:
    """Evidence and activity of the open windows: each delivery is believed with all that came before."""

    evidence: dict[Window, dict[str, Evidence]] = field(default_factory=dict)
    activity: dict[Window, dict[tuple[str, int], int]] = field(default_factory=dict)

    def take(self, evidence: Iterable[Evidence], census: Iterable[CensusRow]) -> set[Window]:
        """Add what a delivery gave; which windows it touched."""
        touched: set[Window] = set()
        for row in evidence:
            self.evidence.setdefault((row.subject, row.window), {})[row.detector] = row
            touched.add((row.subject, row.window))
        for counted in census:
            if counted.detector == ACTIVITY:
                window = (counted.subject, counted.window)
                self.activity.setdefault(window, {})[counted.stream, counted.start] = counted.seen
                touched.add(window)
        return touched

    def rows(self, windows: Iterable[Window]) -> list[Evidence]:
        """All evidence of these windows."""
        return [row for window in windows for row in self.evidence.get(window, {}).values()]

    def counted(self, windows: Iterable[Window]) -> dict[Window, int]:
        """Own events of these windows."""
        return {window: sum(self.activity[window].values()) for window in windows if window in self.activity}

    def let_go(self, before: int) -> None:
        """Forget windows that started before a time (µs UTC)."""
        for held in (self.evidence, self.activity):
            for window in [window for window in held if window[1] < before]:
                del held[window]


class Pipeline:
    """Detectors in a row, what is believed of their evidence, and (if there is a store) everything kept with the
    position it belongs to.

    `believe` and `admit` give nothing where nothing was calibrated here yet: evidence is kept all the same. `see` is
    shown every batch before it is believed.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        minutes: int,
        store: Store | None,
        believe: Believe,
        admit: Admit,
        see: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        self.detectors, self.minutes, self.store = tuple(detectors), minutes, store
        self.believe, self.admit, self.see = believe, admit, see
        self.open = OpenWindows()
        self.newest = 0
        self.events = 0
        self.dead_letters: list[DeadLetter] = []
        self.beliefs: dict[Window, Belief] = {}
        self._gathered: set[Window] = set()
        self.memories: dict[str, Any] = {
            detector.name: store.records.memory(detector.name, detector.memory_type) if store else {}
            for detector in self.detectors
        }

    def renew(self, detectors: Sequence[Detector], believe: Believe, admit: Admit) -> None:
        """Judge by other versions, or under other answers, from the next delivery on; what is in hand stays."""
        self.detectors, self.believe, self.admit = tuple(detectors), believe, admit

    def take(self, delivery: Delivery) -> set[Window]:
        """Judge, believe and keep one delivery. Killed anywhere in here, the source delivers it again."""
        evidence, census, memories = self._detect(delivery.batches)
        self._fetch_late(evidence)
        touched = self.open.take(evidence, census)
        beliefs = self.believe(self.open.rows(touched), self.open.counted(touched)) if touched else []
        self.beliefs.update({(belief.subject, belief.window): belief for belief in beliefs})
        alerts = self.admit(self._days_of(beliefs), self.evidence_of)
        if self.store is not None:
            self.store.keep(delivery, Judged(evidence, census, memories, beliefs, alerts))
        self.memories = memories
        self.events += sum(len(batch) for batch in delivery.batches)
        self.dead_letters.extend(delivery.dead_letters)
        self.newest = max([self.newest, *(window for _, window in touched)])
        self.open.let_go(self.newest - OPEN_HOURS * HOUR)
        return touched

    def run(self, deliveries: Iterable[Delivery]) -> Iterator[Delivery]:
        """Take every delivery; each is handed on once it is kept."""
        for delivery in deliveries:
            self.take(delivery)
            yield delivery

    def alerts(self) -> Sequence[Alert]:
        """Alerts of everything believed so far in this run."""
        return self.admit(list(self.beliefs.values()), self.evidence_of)

    def evidence_of(self, windows: Iterable[Window]) -> list[Evidence]:
        """All evidence of these windows: in hand, or from the store."""
        rows: list[Evidence] = []
        for subject, window in windows:
            if (subject, window) in self.open.evidence or self.store is None:
                rows += self.open.rows([(subject, window)])
            else:
                rows += self.store.records.evidence(window, window + 1, subject)
        return rows

    def _detect(self, batches: Sequence[Batch]) -> tuple[list[Evidence], list[CensusRow], dict[str, Any]]:
        latest: dict[Any, Evidence] = {}
        census: list[CensusRow] = []
        memories = dict(self.memories)
        for batch in batches:
            self.see(batch)
            census.extend(activity_of(batch, self.minutes))
            for detector in self.detectors:
                rows, counted, memories[detector.name] = detector.detect(batch, memories[detector.name])
                latest.update((row.key, row) for row in rows)
                census.extend(counted)
        return list(latest.values()), census, memories

    def _fetch_late(self, evidence: Iterable[Evidence]) -> None:
        """Windows that were let go, or kept by an earlier process, come back from the store with all their rows."""
        if self.store is None:
            return
        for subject, window in {(row.subject, row.window) for row in evidence} - self.open.evidence.keys():
            end = window + 1
            kept = self.store.records
            self.open.take(kept.evidence(window, end, subject), kept.census(window, end, subject, ACTIVITY))

    def _days_of(self, beliefs: Sequence[Belief]) -> list[Belief]:
        """These beliefs with all others of the same subjects and days, an earlier process's too: an alert gathers a
        day."""
        days = {(belief.subject, belief.window - belief.window % DAY) for belief in beliefs}
        if self.store is not None:
            for subject, day in days - self._gathered:
                for kept in self.store.records.beliefs(day, day + DAY, subject):
                    self.beliefs.setdefault((subject, kept.window), kept)
            self._gathered |= days
        return [
            belief for (subject, window), belief in self.beliefs.items() if (subject, window - window % DAY) in days
        ]
