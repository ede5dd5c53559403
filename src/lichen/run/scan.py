"""Scan and learn: read logs once, keep them, and say what stands out; or teach the models what is normal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np

from lichen import assemble
from lichen.assemble import Models, Platform
from lichen.config import Settings
from lichen.core.alert import Alert
from lichen.core.batch import Batch
from lichen.core.belief import MALICIOUS
from lichen.core.census import activity_of
from lichen.core.desk import Health
from lichen.core.entity import Subject
from lichen.core.errors import InputError
from lichen.core.evidence import Evidence
from lichen.core.time import window_start
from lichen.decide.calibrate import Calibration
from lichen.decide.decider import Decider
from lichen.decide.rules import RuleRates
from lichen.detect.profiles.fit import fit_benign
from lichen.run import within
from lichen.run.desk import StoreDesk
from lichen.run.local import Pipeline

Progress = Callable[[int, int], None]
LEARNED_SHARE = 0.6  # of the time that `learn` is given; the rest calibrates, since no model may judge what taught it


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found. `rule_hits`: distinct (rule, subject, window); `standing_out`: windows that no rule names."""

    notes: list[str]
    events: int
    dead_letters: int
    rule_hits: int
    alerts: list[Alert]
    standing_out: int
    windows: int
    baseline: bool
    health: Health


def scan(settings: Settings, paths: Sequence[Path], *, progress: Progress = lambda done, total: None) -> ScanReport:
    """Read what the store does not hold yet, judge it, keep it, and report on everything kept."""
    platform = assemble.open_platform(settings)
    with platform.store:
        notes: list[str] = []
        events, dead = read_all(platform, paths, notes, progress)
        baseline = platform.models.decider is not None
        if not baseline:
            within.judge_all(platform)
        kept = platform.store.records
        rule_rows = [row for row in kept.evidence() if row.detector.startswith(("rule:", "indicator:"))]
        found = kept.alerts()
        return ScanReport(
            notes=notes,
            events=events,
            dead_letters=dead,
            rule_hits=len({row.key for row in rule_rows}),
            alerts=found,
            standing_out=sum(len(alert.beliefs) for alert in found if alert.lane != MALICIOUS),
            windows=len(within.windows_of(platform)),
            baseline=baseline,
            health=StoreDesk(platform).health(),
        )


def read_all(platform: Platform, paths: Sequence[Path], notes: list[str], progress: Progress) -> tuple[int, int]:
    """Take every delivery of these paths; how many events and dead letters came."""
    pipeline = pipeline_of(platform)
    source = platform.source(paths, notes)
    for place, _ in enumerate(pipeline.run(source.read(platform.store.records.positions()))):
        progress(place + 1, 0)
    return pipeline.events, len(pipeline.dead_letters)


def pipeline_of(platform: Platform) -> Pipeline:
    """The platform's detectors in a row, believing under the answers in force."""
    models = platform.answered()
    decider = models.decider
    return Pipeline(
        platform.detectors(models),
        platform.settings.window_minutes,
        platform.store,
        (lambda evidence, activity: []) if decider is None else decider.beliefs,
        platform.admit,
    )


def learn(settings: Settings, paths: Sequence[Path], side: str, progress: Progress) -> dict[str, Any]:
    """Teach a store's models from logs whose side is known; what was learned, for people.

    benign: the first 60 % of the time teaches, the rest calibrates and sets the cuts. malicious[:technique]: every
    event teaches the malicious side.
    """
    platform = assemble.open_platform(settings)
    with platform.store:
        batches = _read(platform, paths, progress)
        if side == "benign":
            models, about = learned_benign(platform, batches)
        else:
            taught = {n: reduce(partial(_taught, side), batches, p) for n, p in platform.models.profiles.items()}
            models = Models(taught, platform.models.classifier, platform.models.decider)
            about = {"events": sum(map(len, batches)), "side": side}
        assemble.keep_models(platform.store, models, time.time_ns() // 1000, about)
        return about


def _taught(side: str, profile: Any, batch: Batch) -> Any:
    return profile.learn(batch, side=side)


def _read(platform: Platform, paths: Sequence[Path], progress: Progress) -> list[Batch]:
    batches: list[Batch] = []
    for place, delivery in enumerate(platform.source(paths, []).read({})):
        batches.extend(batch for batch in delivery.batches if len(batch))
        progress(place + 1, 0)
    if not batches:
        places = ", ".join(map(str, paths))
        raise InputError("no events in what was given", place=places, remedy="lichen doctor PATH says why")
    return batches


def learned_benign(platform: Platform, batches: Sequence[Batch]) -> tuple[Models, dict[str, Any]]:
    """Models that learned the earlier part and were calibrated on the later one."""
    minutes = platform.settings.window_minutes
    times = np.concatenate([batch.times() for batch in batches])
    border = int(window_start(int(np.quantile(times, LEARNED_SHARE)), minutes))
    earlier, later = (
        [batch.take(np.flatnonzero(chosen)) for batch in batches if (chosen := (batch.times() < border) == first).any()]
        for first in (True, False)
    )
    grown = fit_benign(list(platform.models.profiles.values()), earlier)
    profiles = {profile.name: profile for profile in grown}
    models = Models(profiles, platform.models.classifier, None)
    decider = settled(platform, models, later, minutes)
    about = {
        "events": int((times < border).sum()),
        "from": int(times.min()),
        "to": border,
        "calibration windows": decider.calibration.windows,
        "side": "benign",
    }
    return Models(profiles, models.classifier, decider), about


def settled(platform: Platform, models: Models, batches: Sequence[Batch], minutes: int) -> Decider:
    """A decider whose weights, rule rates and cuts come from these benign events."""
    latest: dict[Any, Evidence] = {}
    activity: dict[tuple[Subject, int], int] = {}
    memories: dict[str, Any] = {}
    for batch in batches:
        for counted in activity_of(batch, minutes):
            key = (counted.subject, counted.window)
            activity[key] = activity.get(key, 0) + counted.seen
        for detector in platform.detectors(models):
            rows, _, memories[detector.name] = detector.detect(batch, memories.get(detector.name, {}))
            latest.update((row.key, row) for row in rows)
    evidence = list(latest.values())
    levels = {rule.id: rule.level for rule in platform.rules.rules.rules if rule.stage == "stable"}
    priors = assemble.priors_of().at(minutes)
    rates = RuleRates.of_priors(priors, levels).counted(evidence, activity)
    base = Decider.of(priors, Calibration.fit(evidence, activity), rates, minutes)
    return base.settled(evidence, activity)
