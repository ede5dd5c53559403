"""Evidence, windows and deciders made for the tests of decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.decide import Calibration, Decider, Priors, RuleRates

MINUTES = 5
LENGTH = MINUTES * 60 * 1_000_000
START = 1_795_478_400_000_000  # 2026-11-24T00:00:00Z
ORDERS = Subject("workload", "orders-2")
PRIORS = Priors.of(yaml.safe_load((Path(__file__).parents[2] / "settings" / "priors.yml").read_text(encoding="utf-8")))
LEVELS = {"shell": "critical", "drop": "high", "curl": "medium", "cron": "low"}
PROFILES = ("process", "pair", "path", "destination", "route", "sequence", "rate")
Activity = dict[tuple[Subject, int], int]


def workload(number: int) -> Subject:
    return Subject("workload", f"orders-{number}")


def row(
    detector: str,
    score: float = 0.0,
    subject: Subject = ORDERS,
    window: int = 0,
    cause: str = "",
    because: str = "",
    known: int = 5,
    new: int = 0,
    n_events: int = 1,
    ids: tuple[str, ...] = (),
) -> Evidence:
    """A row of evidence; `window` counts windows from START."""
    return Evidence(
        subject=subject,
        window=START + window * LENGTH,
        detector=detector,
        score_nats=score,
        cause=cause or f"other {detector}",
        because=because or f"said by {detector}",
        first_time=START + window * LENGTH + 7,
        n_events=n_events,
        version="v1",
        n_known=known,
        n_new=new,
        sample_event_ids=ids,
        techniques=("T1059.004",) if score > 3 else (),
    )


def active(subjects: int = 12, windows: int = 26) -> Activity:
    return {(workload(i), START + w * LENGTH): 10 for i in range(subjects) for w in range(windows)}


def benign(seed: int = 0, subjects: int = 12, windows: int = 26) -> list[Evidence]:
    """Exchangeable benign evidence of every profile and one classifier, some windows of each silent."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(subjects):
        for w in range(windows):
            for name in (*(f"profile.{use}" for use in PROFILES), "classifier.behaviour"):
                if rng.random() < 0.8:
                    score, known = float(rng.normal(-1, 1.0)), int(rng.poisson(6))
                    rows.append(row(name, score, workload(i), w, known=known, new=int(rng.random() < 0.05)))
            if rng.random() < 0.02:
                rows.append(row("rule:curl", 0.0, workload(i), w))
    return rows


def decider(seed: int = 0, subjects: int = 12, windows: int = 26) -> Decider:
    """A decider settled on benign evidence."""
    rows, activity = benign(seed, subjects, windows), active(subjects, windows)
    rates = RuleRates.of_priors(PRIORS, LEVELS).counted(rows, activity)
    return Decider.of(PRIORS, Calibration.fit(rows, activity), rates, MINUTES).settled(rows, activity)


def of_priors_alone() -> Decider:
    """A decider to which nothing has been shown."""
    return Decider.of(PRIORS, Calibration(), RuleRates.of_priors(PRIORS, LEVELS), MINUTES)
