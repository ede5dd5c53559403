"""The two tables of docs/evaluation.md: the claim (cuts fixed before) and the ranking (cuts read afterwards)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lichen.core.belief import Belief
from lichen.evaluate.metrics import Count, false_crossings, found_steps, kind_weighed_share
from lichen.evaluate.replay import Replay
from lichen.evaluate.session import Session

CROSSINGS_A_DAY = 96  # one in 96 windows of 5 minutes is 3 per 24 hours: 288 windows make a day
AFTERWARDS = (0, 1, 3)  # false crossings per 24 subject-hours at which the ranking is read


@dataclass(frozen=True, slots=True)
class Judged:
    """A session's beliefs under one arm, with what is needed to count them."""

    session: Session
    replay: Replay
    beliefs: Sequence[Belief]


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm at one cut: which steps it found (step -> strongest belief) and its false crossings on benign time."""

    arm: str
    cut: float
    found: Mapping[str, Belief]
    session: Session
    false: Count
    false_beliefs: Sequence[Belief] = field(default_factory=tuple)

    @property
    def in_reach(self) -> float:
        """Share of the steps in reach, kinds weighed equally."""
        return kind_weighed_share(self.found, self.session, in_reach_only=True)

    @property
    def of_all(self) -> float:
        """Share of all steps, kinds weighed equally."""
        return kind_weighed_share(self.found, self.session, in_reach_only=False)


def claim_cut(beliefs: Sequence[Belief], session: Session) -> float:
    """The ⌊(n+1)/96⌋-th largest log-odds of n counting windows: 3 false crossings per 24 subject-hours expected."""
    values = sorted((belief.log_odds for belief in beliefs if belief.subject in session.counting), reverse=True)
    rank = (len(values) + 1) // CROSSINGS_A_DAY
    return values[rank - 1] if rank else math.inf


def over(beliefs: Sequence[Belief], cut: float) -> list[Belief]:
    """Beliefs above a cut."""
    return [belief for belief in beliefs if belief.log_odds > cut]


def unusual(beliefs: Sequence[Belief]) -> list[Belief]:
    """Beliefs in the unusual lane: conformal p ≤ 1/96."""
    return [belief for belief in beliefs if belief.unusual_p <= 1 / CROSSINGS_A_DAY]


def arm_row(arm: str, cut: float, attacked: Judged, held: Judged, minutes: int, lane: str = "malicious") -> ArmRow:
    """What an arm found in the attacked session, and its false crossings in `held`, above the cut."""
    found_in = unusual(attacked.beliefs) if lane == "unusual" else over(attacked.beliefs, cut)
    false_in = unusual(held.beliefs) if lane == "unusual" else over(held.beliefs, cut)
    false = false_crossings(false_in, held.session, held.replay, minutes)
    return ArmRow(
        arm=arm,
        cut=cut,
        found=found_steps(found_in, attacked.session, attacked.replay),
        session=attacked.session,
        false=Count(len(false), held.session.subject_hours),
        false_beliefs=tuple(false),
    )


def cut_for(held: Judged, per_day: float, minutes: int) -> float:
    """The lowest cut at which `held` has at most `per_day` false crossings per 24 subject-hours, read afterwards."""
    false = false_crossings(held.beliefs, held.session, held.replay, minutes)
    values = sorted((belief.log_odds for belief in false), reverse=True)
    allowed = int(per_day * held.session.subject_hours / 24)
    return values[allowed] if allowed < len(values) else -math.inf


def ranking(arm: str, attacked: Judged, held: Judged, minutes: int) -> list[ArmRow]:
    """An arm at 0, 1 and 3 false crossings per 24 subject-hours, each cut read afterwards."""
    return [arm_row(arm, cut_for(held, rate, minutes), attacked, held, minutes) for rate in AFTERWARDS]


def render_claim(rows: Sequence[ArmRow]) -> str:
    """The claim as a text table."""
    total = len(rows[0].session.steps)
    reach = sum(step.in_reach for step in rows[0].session.steps)
    lines = [f"{'arm':<30} {'cut':>6}  found in reach   of all steps   false crossings on benign-held"]
    for row in rows:
        hits = sum(row.session.step(step).in_reach for step in row.found)
        lines.append(
            f"{row.arm:<30} {row.cut:>6.2f}  {row.in_reach:>5.0%} ({hits:>2}/{reach})   "
            f"{row.of_all:>4.0%} ({len(row.found):>2}/{total})   {row.false}"
        )
    return "\n".join(lines)


def render_ranking(rows: Mapping[str, Sequence[ArmRow]]) -> str:
    """The ranking as a text table."""
    total = len(next(iter(rows.values()))[0].session.steps)
    lines = [f"steps of {total} found at … false per 24 subject-hours (cuts read afterwards)"]
    lines.append(f"{'arm':<30} " + " ".join(f"{rate:>6}" for rate in AFTERWARDS))
    lines += [f"{arm:<30} " + " ".join(f"{len(row.found):>6}" for row in three) for arm, three in rows.items()]
    return "\n".join(lines)
