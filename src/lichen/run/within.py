"""Without a baseline: every window of a store beside the others of the same store, by models that never saw it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from lichen import assemble, catalogue
from lichen.assemble import Platform
from lichen.core.change import Overlay
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.decide.alerts import alerts
from lichen.decide.baseline import Within, within_folder
from lichen.decide.rules import RuleRates
from lichen.detect.profiles.fit import fit_benign
from lichen.run import leave_out
from lichen.store.records import Judged


def windows_of(platform: Platform) -> dict[tuple[Subject, int], int]:
    """Own events of every (subject, window) kept."""
    counted: dict[tuple[Subject, int], int] = {}
    for row in platform.store.records.census(detector="activity"):
        key = (row.subject, row.window)
        counted[key] = counted.get(key, 0) + row.seen
    return counted


def compare(platform: Platform, evidence: Sequence[Evidence], overlays: Sequence[Overlay]) -> Within:
    """Beliefs of every window, each compared with the others; rules and indicators weigh by the priors alone."""
    minutes = platform.settings.window_minutes
    levels = {rule.id: rule.level for rule in platform.rules.rules.rules if rule.stage == "stable"}
    priors = assemble.priors_of().at(minutes)
    rates = RuleRates.of_priors(priors, levels).with_overlays(overlays)
    return within_folder(evidence, windows_of(platform), priors, rates, minutes)


def judge_all(platform: Platform) -> None:
    """Judge everything kept under the answers in force, and keep evidence, beliefs and alerts."""
    store, minutes = platform.store, platform.settings.window_minutes
    batches = list(store.lake.batches())
    if not batches:
        return
    overlays = store.answers.overlays()
    evidence = leave_out.evidence(batches, catalogue.profiles(minutes), overlays, minutes)
    others = [row for row in store.records.evidence() if not row.detector.startswith("profile.")]
    found = compare(platform, [*evidence, *others], overlays)
    told = alerts(found.beliefs, found.cuts, evidence=[*evidence, *others])
    store.records.commit(None, (), Judged(evidence=evidence, beliefs=found.beliefs, alerts=told))


def profiles_without(platform: Platform, subject: Subject) -> dict[str, Any]:
    """Profiles that learned everything kept but what one subject did: who judges it when its alert is answered."""
    kept = []
    for batch in platform.store.lake.batches(shapes=False):
        own = pc.equal(batch.column(f"subject.{subject.kind}"), subject.name).fill_null(False)
        rows = np.flatnonzero(~own.to_numpy(zero_copy_only=False))
        if len(rows):
            kept.append(batch.take(rows))
    grown = fit_benign(list(catalogue.profiles(platform.settings.window_minutes).values()), kept)
    return {profile.name: profile for profile in grown}
