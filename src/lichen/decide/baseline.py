"""No baseline yet: each window of a folder against the others of that folder. Unusual it may be; no claim of malice.

A window is compared with every other but those of its own subject within ±6 windows: what repeats would hide itself.
Rules and indicators need no baseline; under the priors alone they still reach the malicious lane.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lichen.core.belief import Belief
from lichen.core.evidence import Evidence
from lichen.core.time import MICROSECONDS
from lichen.decide.answered import Answered, Means, classifiers_of
from lichen.decide.calibrate import Calibration, strata_edges
from lichen.decide.combine import terms
from lichen.decide.decider import Decider
from lichen.decide.groups import arm_named
from lichen.decide.policy import LEAST_FOR_UNUSUAL, Cuts
from lichen.decide.priors import Priors
from lichen.decide.rules import Places, RuleRates
from lichen.decide.window import Activity, Flags, Floats, Rows, Table

NEAR = 6  # windows of the same subject left out on either side
ENOUGH = 1000  # windows below which what stands out is near chance, and is called a list to read


@dataclass(frozen=True, slots=True)
class Within:
    """What a folder shows without a baseline: a belief a window, the cuts of both lanes, and what it rests on."""

    beliefs: list[Belief]
    cuts: Cuts
    windows: int

    @property
    def words(self) -> str:
        """What the comparison rests on, for people."""
        doubt = ": a list to read, little better than chance" if self.windows < ENOUGH else ""
        return f"compared within this folder, {self.windows:,} windows{doubt}"

    def to_read(self, most: int = 10) -> list[Belief]:
        """The windows that stand out most, at most one a subject and only where a model found anything odd."""
        ranked = sorted(self.beliefs, key=lambda belief: (-belief.unusual_score, belief.subject, belief.window))
        first = {belief.subject: belief for belief in reversed(ranked) if belief.unusual_score > 0}
        return [belief for belief in ranked if first.get(belief.subject) is belief][:most]


def within_folder(
    evidence: Iterable[Evidence],
    activity: Activity,
    priors: Priors,
    rates: RuleRates,
    minutes: int,
    places: Places | None = None,
    per_day: float | None = None,
    answered: Answered | None = None,
) -> Within:
    """Beliefs of a folder that nothing is known of. `evidence` must come from models that learned no window that they
    scored (fitted on the folder with these windows left out, or shipped). `answered`: the answers on classifiers."""
    table = Table.collect(evidence, activity)
    near = neighbours(table, minutes)
    weights, means = weights_within(table, near)
    if answered:
        table, weights = answered.applied(table, weights, means, places)
    decider = Decider.of(priors, Calibration(windows=len(table)), rates, minutes).changed(models_claim=False)
    rule_weights = rates.weights(table, places)
    found = terms(table, weights, rule_weights).within(arm_named(decider.arm))
    scored = decider.scored(table, weights, rule_weights, found)
    scored.unusual_p[:] = p_within(scored.unusual_score, near)
    budget = priors.false_crossings_a_day if per_day is None else per_day
    return Within(decider.told(scored), Cuts.of((), budget, minutes), len(table))


def neighbours(table: Table, minutes: int) -> list[tuple[Rows, Rows]]:
    """Pairs (windows, their neighbours): same subject, at most NEAR windows apart; each list of pairs one distance in
    rows. A table is ordered by subject and time, so none lies further than NEAR rows away."""
    reach = NEAR * minutes * 60 * MICROSECONDS
    pairs = []
    for shift in range(1, min(NEAR, len(table) - 1) + 1):
        here, there = np.arange(len(table) - shift), np.arange(shift, len(table))
        close = table.subject[here] == table.subject[there]
        close &= table.window[there] - table.window[here] <= reach
        pairs += [(here[close], there[close]), (there[close], here[close])]
    return pairs


def weights_within(table: Table, near: Sequence[tuple[Rows, Rows]]) -> tuple[Floats, Means]:
    """w of every window and detector against the windows of its stratum elsewhere in the folder, and what classifiers'
    were weighed by."""
    weights = np.zeros(table.score.shape)
    means = {d: (np.zeros(len(table)), np.zeros(len(table))) for d in classifiers_of(table)}
    kinds, modelled = np.array(table.kinds(), dtype=object), table.modelled()
    for d in range(len(table.detectors)):
        for kind in set(kinds.tolist()):
            rows: Flags = (kinds == kind) & modelled
            if (table.evidence[rows, d] >= 0).any():
                stratum = np.where(rows, np.searchsorted(strata_edges(table.known[rows, d]), table.known[:, d]), -1)
                others, counts = _others(table.score[:, d], stratum, near)
                mean = (others + np.exp(table.score[:, d])) / np.maximum(counts, 1.0)
                weights[rows, d] = (table.score[:, d] - np.log(mean))[rows]
                if d in means:
                    means[d][0][rows], means[d][1][rows] = others[rows], counts[rows]
    return weights, means


def _others(score: Floats, stratum: Rows, near: Sequence[tuple[Rows, Rows]]) -> tuple[Floats, Floats]:
    """Σ e^s of the windows that each window is compared with, and their number with itself."""
    e = np.exp(score)
    inside = stratum >= 0
    place = np.where(inside, stratum, 0)
    sums = np.bincount(place, weights=e * inside)[place]
    counts: Floats = np.bincount(place, weights=inside * 1.0)[place].astype(np.float64)
    for here, there in near:
        same = (stratum[here] == stratum[there]) & inside[here]
        sums[here[same]] -= e[there[same]]  # within one list of pairs each window stands once
        counts[here[same]] -= 1.0
    return np.maximum(0.0, sums - e), counts  # the window itself is left out, and comes back as the one that is judged


def p_within(score: Floats, near: Sequence[tuple[Rows, Rows]]) -> Floats:
    """Conformal p of each window's score among the windows that it may be compared with; 1 where there are fewer than
    LEAST_FOR_UNUSUAL of them."""
    n = len(score)
    at_least = (n - np.searchsorted(np.sort(score), score, side="left")).astype(np.float64)  # itself counted: the 1
    counts = np.full(n, float(n))
    for here, there in near:
        at_least[here] -= score[there] >= score[here]
        counts[here] -= 1.0
    return np.where(counts > LEAST_FOR_UNUSUAL, at_least / np.maximum(counts, 1.0), 1.0)
