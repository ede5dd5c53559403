"""Found, false and how sure: the counts of docs/evaluation.md with their intervals and tests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lichen.core.belief import Belief
from lichen.core.entity import Subject
from lichen.evaluate.replay import Replay
from lichen.evaluate.session import Session, Step


@dataclass(frozen=True, slots=True)
class Count:
    """A number of false crossings over an exposure, with its exact 95 % Poisson interval, all per 24 subject-hours."""

    n: int
    subject_hours: float

    @property
    def per_day(self) -> float:
        return 24 * self.n / self.subject_hours if self.subject_hours else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        low, high = poisson_interval(self.n)
        return 24 * low / self.subject_hours, 24 * high / self.subject_hours

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.n} in {self.subject_hours:.0f} subject-hours ({low:.1f} to {high:.1f} per 24)"


def poisson_interval(n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact (Garwood) interval of a Poisson mean after seeing n, by bisection on the distribution function."""
    tail = (1 - level) / 2

    def cumulative(mean: float, k: int) -> float:
        if k < 0:
            return 0.0
        return math.fsum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(k + 1))

    def solve(target: float, k: int) -> float:
        low, high = 1e-9, 10.0 + 4 * n
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if cumulative(middle, k) > target else (low, middle)
        return (low + high) / 2

    return (0.0 if n == 0 else solve(1 - tail, n - 1)), solve(tail, n)


def found_steps(crossing: Iterable[Belief], session: Session, replay: Replay) -> dict[str, Belief]:
    """Steps that these crossings find: on the step's subject, evidence of weight > 0 whose sampled events include one
    labelled with the step. Step id -> the strongest belief that found it."""
    subject_of = {step.id: step.subject for step in session.steps}
    found: dict[str, Belief] = {}
    for belief in sorted(crossing, key=lambda b: -b.log_odds):
        for step in _carried(belief, replay):
            if subject_of.get(step) == belief.subject:
                found.setdefault(step, belief)
    return found


def carried_steps(crossing: Iterable[Belief], replay: Replay) -> set[str]:
    """Steps of which these crossings sample an event, on whichever subject: beside what is found, how often the right
    subject is named."""
    return {step for belief in crossing for step in _carried(belief, replay)}


def _carried(belief: Belief, replay: Replay) -> Iterator[str]:
    for line in belief.ledger:
        if line.weight_nats > 0:
            yield from (replay.labelled[i] for i in line.sample_event_ids if i in replay.labelled)


def false_crossings(crossing: Iterable[Belief], session: Session, replay: Replay, minutes: int) -> list[Belief]:
    """Crossings of counting subjects with no labelled event of that subject in the window or the one before."""
    before = minutes * 60_000_000
    return [
        belief
        for belief in crossing
        if belief.subject in session.counting
        and (belief.subject, belief.window) not in replay.touched
        and (belief.subject, belief.window - before) not in replay.touched
    ]


def kind_weighed_share(found: Iterable[str], session: Session, in_reach_only: bool) -> float:
    """Share of steps found, kinds weighed equally."""
    chosen = [step for step in session.steps if step.in_reach or not in_reach_only]
    hit = set(found)
    shares = []
    for kind in sorted({step.kind for step in chosen}):
        members = [step.id in hit for step in chosen if step.kind == kind]
        shares.append(sum(members) / len(members))
    return float(np.mean(shares)) if shares else math.nan


def sign_flip(ours: set[str], theirs: set[str], steps: Sequence[Step], rounds: int = 20_000, seed: int = 1) -> float:
    """Two-sided p of the difference in steps found, signs flipped by kind (exact where there are ≤ 14 kinds). `steps`:
    those of one session, or of several with the same kinds under the same names."""
    differences: dict[str, int] = {}
    for step in steps:
        differences[step.kind] = differences.get(step.kind, 0) + (step.id in ours) - (step.id in theirs)
    d = np.array([value for value in differences.values() if value], dtype=float)
    if not len(d):
        return 1.0
    if len(d) <= 14:
        signs = 1 - 2 * ((np.arange(2 ** len(d))[:, None] >> np.arange(len(d))) & 1)
    else:
        signs = np.random.default_rng(seed).choice([-1, 1], size=(rounds, len(d)))
    return float(np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-9))


def auc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Area under the ROC curve with ties counted half."""
    values, truth = np.asarray(scores, dtype=float), np.asarray(labels, dtype=bool)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n_true = int(truth.sum())
    n_false = len(truth) - n_true
    if not n_true or not n_false:
        return math.nan
    return float((ranks[truth].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))


def permutation_check(scores: Sequence[float], labels: Sequence[bool], rounds: int = 200, seed: int = 7) -> float:
    """Mean AUC over label permutations: .5 ± .02 unless something leaks."""
    random = np.random.default_rng(seed)
    truth = np.asarray(labels, dtype=bool)
    return float(np.mean([auc(scores, random.permutation(truth).tolist()) for _ in range(rounds)]))


def windows_of(replay: Replay, subjects: Iterable[Subject]) -> list[tuple[Subject, int]]:
    """The (subject, window)s with own events, of the given subjects."""
    wanted = set(subjects)
    return [key for key in replay.activity if key[0] in wanted]
