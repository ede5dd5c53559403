"""Scan and learn: read logs once, keep them, and say what stands out; or teach the models what is normal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lichen import assemble
from lichen.assemble import Models, Platform
from lichen.config import Settings
from lichen.core.alert import Alert
from lichen.core.batch import Batch
from lichen.core.belief import MALICIOUS
from lichen.core.desk import Health
from lichen.core.doors import Detector
from lichen.core.errors import InputError, LichenError, RuleError
from lichen.run import advance, within
from lichen.run.desk import StoreDesk
from lichen.run.fired import Fired, fired
from lichen.run.lessons import learned_benign, spooled
from lichen.run.local import Admit, Believe, Pipeline
from lichen.run.recorded import refuse_judge
from lichen.store.spool import Spool

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found. `rule_hits`: distinct (rule, subject, window); `standing_out`: windows that no rule names;
    `refused`: rules, filters and places of them that could not be taken."""

    notes: list[str]
    events: int
    dead_letters: int
    rule_hits: int
    fired: list[Fired]
    refused: tuple[RuleError, ...]
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
        if baseline:
            notes += _advanced(platform)
            decider = platform.models.decider
            if decider is not None and decider.cuts is not None and decider.cuts.malicious is None:
                notes.append(f"the baseline is thin: {decider.cuts.in_words()}")
        else:
            within.judge_all(platform)
        kept = platform.store.records
        said = fired(kept.evidence(), platform.rules.rules)
        found = kept.alerts()
        return ScanReport(
            notes=notes,
            events=events,
            dead_letters=dead,
            rule_hits=sum(each.hits for each in said),
            fired=said,
            refused=platform.rules.rules.refused,
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


def _advanced(platform: Platform) -> list[str]:
    """One step of the second reader, and what to say of it: nothing where nothing was to be done."""
    try:
        step = advance.advance(platform)
    except LichenError as fault:  # another process learns; what is due stays due
        return [f"the models did not learn on: {fault}"]
    return [step.words] if step.outcome in (advance.LEARNED, advance.REJECTED) else []


def judging(platform: Platform) -> tuple[list[Detector], Believe, Admit]:
    """Who judges and what is believed and admitted, under the models and answers in force."""
    models = platform.answered()
    return platform.detectors(models), platform.believing(models), platform.admit


def pipeline_of(platform: Platform) -> Pipeline:
    """The platform's detectors in a row, believing under the answers in force."""
    detectors, believe, admit = judging(platform)
    minutes = platform.settings.window_minutes
    return Pipeline(detectors, minutes, platform.store, believe, admit, platform.places.see)


def learn(
    settings: Settings, paths: Sequence[Path], side: str, progress: Progress, notes: list[str] | None = None
) -> dict[str, Any]:
    """Teach a store's models from logs whose side is known; what was learned, for people, and how much could not be
    read. `notes` takes what is said of each file.

    benign: the first 60 % of the time teaches, the rest calibrates and sets the cuts. malicious[:technique]: every
    event teaches the malicious side.
    """
    for path in paths:
        refuse_judge(path)
    platform = assemble.open_platform(settings)
    with platform.store:
        reading = _Reading(platform, paths, [] if notes is None else notes)
        batches = reading.batches(progress)
        if side == "benign":
            with Spool(platform.store.folder) as spool:
                times = spooled(batches, spool, settings.window_minutes)
                models, about = learned_benign(platform, spool, times)
            given = {stream: (last, about["to"]) for stream, last in times.streams.items()}
        else:
            models, about = _learned_attack(platform, batches, side)
            given = {}
        assemble.keep_models(platform.store, models, time.time_ns() // 1000, about, advance.given(given))
        return {**about, "unreadable records": reading.dead_letters}


def _learned_attack(platform: Platform, batches: Iterable[Batch], side: str) -> tuple[Models, dict[str, Any]]:
    """Models whose malicious side knows every event of these."""
    profiles, events = dict(platform.models.profiles), 0
    for batch in batches:
        profiles = {name: profile.learn(batch, side=side) for name, profile in profiles.items()}
        events += len(batch)
    return Models(profiles, platform.models.classifier, platform.models.decider), {"events": events, "side": side}


class _Reading:
    """Every batch of some paths, one at a time, and how many records could not be read."""

    def __init__(self, platform: Platform, paths: Sequence[Path], notes: list[str]) -> None:
        self._platform, self._paths, self._notes = platform, paths, notes
        self.dead_letters = 0

    def batches(self, progress: Progress) -> Iterator[Batch]:
        """The batches. Raises InputError, at the end, where there was none."""
        none = True
        for place, delivery in enumerate(self._platform.source(self._paths, self._notes).read({})):
            self.dead_letters += len(delivery.dead_letters)
            for batch in delivery.batches:
                if len(batch):
                    none = False
                    yield batch
            progress(place + 1, 0)
        if none:
            places = ", ".join(map(str, self._paths))
            raise InputError("no events in what was given", place=places, remedy="lichen doctor PATH says why")
