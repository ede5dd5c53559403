"""Simulated estates for benchmarks/belief.py: scores as detectors give them, with benign bursts, and known attacks.

[S] Nothing here was recorded. An estate has 13 subjects, windows of 5 minutes, benign bursts (deploys, backups, admin
shells) 2.4 per 24 subject-hours, 150 rules, and 30 attack steps of 10 kinds in each attacked session. Subjects differ
in how busy they are and how often they do something new; what is new in one detector of a group is new in the others
too; bursts touch many things at once, attacks few.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lichen.core.entity import Subject
from lichen.core.evidence import Evidence

MINUTES = 5
WINDOW = MINUTES * 60 * 1_000_000
SUBJECTS, STEPS, BURSTS_A_DAY, RULES = 13, 30, 2.4, 150
CALIBRATE, HELD, ATTACKED = 24, 59, 24  # windows a subject: 26, 64 and 26 subject-hours

GROUPS = {"exec": ("process", "pair", "path"), "net": ("destination", "route", "sequence")}
USUAL = {"process": 5.0, "pair": 7.0, "path": 14.0, "destination": 4.0, "route": 9.0, "sequence": 11.0}
LEVELS = {
    "critical": (10, 1e-4),
    "high": (45, 1e-3),
    "medium": (60, 1e-2),
    "low": (25, 0.1),
    "informational": (10, 0.3),
}

# kind: P(it shows in exec, net, rate, classifier), P(some rule names it)
KINDS = {
    "scan": (0.0, 0.4, 0.8, 0.3, 0.35),
    "command-injection": (0.9, 0.7, 0.1, 0.7, 0.5),
    "download-and-run": (0.9, 0.8, 0.1, 0.6, 0.5),
    "drop-in-bin": (0.8, 0.0, 0.0, 0.2, 0.4),
    "overwrite-binary": (0.6, 0.0, 0.0, 0.1, 0.4),
    "cron-persistence": (0.7, 0.0, 0.0, 0.3, 0.4),
    "credential-read": (0.5, 0.0, 0.0, 0.3, 0.3),
    "ssh-guess": (0.1, 0.5, 0.8, 0.0, 0.15),
    "object-enumeration": (0.0, 0.6, 0.6, 0.3, 0.0),
    "exfiltration": (0.1, 0.5, 0.8, 0.2, 0.0),
}
Window = tuple[Subject, int]
Rng = np.random.Generator


@dataclass
class Session:
    """Evidence of one recording, its active windows, and of the attacked ones their kinds and steps."""

    evidence: list[Evidence] = field(default_factory=list)
    activity: dict[Window, int] = field(default_factory=dict)
    kinds: dict[Window, frozenset[str]] = field(default_factory=dict)
    bursts: set[Window] = field(default_factory=set)


@dataclass
class Habits:
    """What is usual for one subject: distinct values a window by detector, new acts a window by group."""

    usual: dict[str, float]
    new_acts: dict[str, float]
    classifier: float


class Estate:
    """13 subjects with their habits, and 150 rules with their true benign rates."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.subjects = [Subject("workload", f"w-{i:02}") for i in range(SUBJECTS)]
        self.habits = [self._habits() for _ in self.subjects]
        self.levels = {f"{level}-{i}": level for level, (n, _) in LEVELS.items() for i in range(n)}
        self.rules = list(self.levels)
        rate = np.array([LEVELS[level][1] for level in self.levels.values()])
        never = self.rng.random(RULES) < 0.6
        self.benign_rate = np.where(never, 0.0, np.minimum(0.5, rate * self.rng.lognormal(-0.7, 1.2, RULES)))
        serious = [i for i, level in enumerate(self.levels.values()) if level in ("critical", "high", "medium")]
        self.rules_of = {kind: self.rng.choice(serious, 6, replace=False) for kind in KINDS}
        self.start = 0

    def _habits(self) -> Habits:
        busy, curious = self.rng.lognormal(0, 0.6), self.rng.lognormal(0, 0.7)
        quiet = self.rng.random(len(USUAL)) < 0.2
        usual = {d: rate * busy * (0.05 if q else 1.0) for (d, rate), q in zip(USUAL.items(), quiet, strict=True)}
        new_acts = {"exec": 0.03 * busy * curious, "net": 0.03 * busy * curious}
        return Habits(usual, new_acts, self.rng.normal(-2.5, 0.4))

    def benign(self, windows: int) -> Session:
        """A benign recording of so many windows a subject."""
        return self._record(windows, {})

    def attacked(self) -> Session:
        """An attacked recording: STEPS steps, three a kind, each in a window of its own."""
        chosen = self.rng.choice(SUBJECTS * (ATTACKED - 2), STEPS, replace=False)
        kinds = [kind for kind in KINDS for _ in range(STEPS // len(KINDS))]
        return self._record(ATTACKED, dict(zip(chosen.tolist(), kinds, strict=True)))

    def _record(self, windows: int, steps: dict[int, str]) -> Session:
        session, rng = Session(), self.rng
        start, self.start = self.start, self.start + windows + 10
        for i, subject in enumerate(self.subjects):
            burst = rng.random(windows) < BURSTS_A_DAY / 288
            burst[1:] |= burst[:-1] & (rng.random(windows - 1) < 0.3)
            for w in range(windows):
                kind = steps.get(i * (ATTACKED - 2) + w - 1) if 0 < w < ATTACKED - 1 else None
                window = (subject, (start + w) * WINDOW)
                session.activity[window] = 1 + int(rng.poisson(20))
                if kind:
                    session.kinds[window] = frozenset({kind})
                if burst[w]:
                    session.bursts.add(window)
                session.evidence += self._window(window, self.habits[i], bool(burst[w]), kind)
        return session

    def _window(self, window: Window, habits: Habits, burst: bool, kind: str | None) -> list[Evidence]:
        rng, shows = self.rng, KINDS[kind] if kind else (0.0,) * 5
        rows, size = [], rng.lognormal(3.0, 0.8) if burst else 0.0
        for at, (group, detectors) in enumerate(GROUPS.items()):
            acts = rng.normal(2.2, 1.1, rng.poisson(habits.new_acts[group]))
            if burst:
                many = rng.poisson(size if group == "exec" else size * 0.25 * (rng.random() < 0.6))
                acts = np.concatenate([acts, rng.normal(2.0, 1.0, many)])
            attack = rng.normal(3.2, 1.2, 1 + rng.geometric(0.6)) if rng.random() < shows[at] else np.empty(0)
            for detector in detectors:
                rows += self._profile(window, habits, detector, acts, attack)
        rows.append(self._rate(window, burst, rng.random() < shows[2]))
        rows.append(self._classifier(window, habits, burst, rng.random() < shows[3]))
        return rows + self._fired(window, burst, kind)

    def _profile(
        self, window: Window, habits: Habits, name: str, acts: np.ndarray, attack: np.ndarray
    ) -> list[Evidence]:
        """The greatest score over values already known (few of them rare) and over new acts, seen by most detectors."""
        rng = self.rng
        known = int(rng.poisson(habits.usual[name]))
        usual = np.where(rng.random(known) < 0.03, rng.normal(0.3, 0.8, known), rng.normal(-2.2, 0.6, known))
        new = acts[rng.random(len(acts)) < 0.8]
        new = new + rng.normal(0, 0.4, len(new))
        hostile = attack[rng.random(len(attack)) < 0.75]
        hostile = hostile + rng.normal(0, 0.4, len(hostile))
        scores = np.concatenate([usual, new, hostile])
        if not len(scores):
            return []
        label = len(hostile) > 0 and hostile.max() >= np.sort(scores)[-8:].min()
        return [_row(window, f"profile.{name}", scores.max(), known, len(new) + len(hostile), label)]

    def _rate(self, window: Window, burst: bool, attack: bool) -> Evidence:
        """−log mid-p of the oddest of six counters, less log 6; heavier than it should be, as real counters are."""
        score = 1.25 * self.rng.exponential(1.0, 6).max() - np.log(6)
        score = max(
            score, self.rng.normal(2.5, 1.0) if burst else score, self.rng.normal(3.5, 1.2) if attack else score
        )
        return _row(window, "profile.rate", score, 6, 0, attack)

    def _classifier(self, window: Window, habits: Habits, burst: bool, attack: bool) -> Evidence:
        score = self.rng.normal(habits.classifier + (1.5 if burst else 0.0), 0.9, 6).max()
        hostile = self.rng.normal(2.4, 1.4) if attack else -6.0
        return _row(window, "classifier.behaviour", max(score, hostile), 6, 0, attack)

    def _fired(self, window: Window, burst: bool, kind: str | None) -> list[Evidence]:
        rate = np.minimum(0.6, self.benign_rate * (12.0 if burst else 0.9))
        fired = set(np.flatnonzero(self.rng.random(RULES) < rate).tolist())
        hostile: set[int] = set()
        if kind and self.rng.random() < KINDS[kind][4]:
            some = self.rng.choice(self.rules_of[kind], min(6, 1 + self.rng.poisson(0.7)), replace=False)
            hostile = set(some.tolist())
        return [_row(window, f"rule:{self.rules[i]}", 0.0, 0, 0, i in hostile) for i in sorted(fired | hostile)]


def _row(window: Window, detector: str, score: float, known: int, new: int, attack: bool) -> Evidence:
    return Evidence(
        subject=window[0],
        window=window[1],
        detector=detector,
        score_nats=float(np.clip(score, -6, 6)),
        cause=f"{detector} {'attack' if attack else 'benign'}",
        because=detector,
        first_time=window[1],
        n_events=1,
        version="simulated",
        n_known=known,
        n_new=new,
        sample_event_ids=("attack",) if attack else (),
    )
