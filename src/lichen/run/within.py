"""Without a baseline: every window of a store beside the others of the same store, by models that never saw it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow.compute as pc

from lichen import assemble, catalogue
from lichen.assemble import Platform
from lichen.core.change import Overlay
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.decide.alerts import alerts
from lichen.decide.answered import Answered
from lichen.decide.baseline import Within, within_folder
from lichen.decide.rules import RuleRates
from lichen.detect.profiles.schooling import School
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
    rules = platform.rules
    able = rules.able(platform.store.records.memory(rules.name, rules.memory_type))
    priors = assemble.priors_of().at(minutes)
    rates = RuleRates.of_priors(priors, rules.rules.levels, able).with_overlays(overlays)
    answered, counted = Answered.of(overlays), windows_of(platform)
    places = None
    if rates.overlays or answered:
        places = platform.places.over({row.subject for row in evidence} | {subject for subject, _ in counted})
    return within_folder(evidence, counted, priors, rates, minutes, places, answered=answered)


def judge_all(platform: Platform) -> None:
    """Judge everything kept under the answers in force, and keep evidence, beliefs and alerts."""
    store, minutes = platform.store, platform.settings.window_minutes
    if not store.records.counts()["events"]:
        return
    overlays = store.answers.overlays()
    again = partial(store.lake.batches, shapes=False)
    evidence = leave_out.evidence(again, catalogue.profiles(minutes), overlays, minutes)
    others = [row for row in store.records.evidence() if not row.detector.startswith("profile.")]
    found = compare(platform, [*evidence, *others], overlays)
    told = alerts(found.beliefs, found.cuts, evidence=[*evidence, *others])
    store.records.commit(None, (), Judged(evidence=evidence, beliefs=found.beliefs, alerts=told))


def profiles_without(platform: Platform, subject: Subject) -> dict[str, Any]:
    """Profiles that learned everything kept but what one subject did: who judges it when its alert is answered."""
    school = School(list(catalogue.profiles(platform.settings.window_minutes).values()))
    for batch in platform.store.lake.batches(shapes=False):
        own = pc.equal(batch.column(f"subject.{subject.kind}"), subject.name).fill_null(False)
        school.take(batch.take(np.flatnonzero(~own.to_numpy(zero_copy_only=False))))
    return {profile.name: profile for profile in school.grown()}
