"""Whether beliefs are worth what they claim, on simulated estates [S], through the code that ships (lichen.decide).

    python benchmarks/belief.py                 24 estates, half a minute
    python benchmarks/belief.py --estates 240   the full check

Prints the mean of each e-value on benign windows that nothing was set on (bar: ≤ 1.1 pooled), claimed against real
nats, false crossings at the cut that was fixed before, steps found at 0, 1 and 3 false crossings per 24 subject-hours
for all arms, the textbook sum beside them, and the permutation check (bar: .5 ± .02). Exits 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from estates import CALIBRATE, HELD, MINUTES, STEPS, SUBJECTS, Estate, Session

from lichen.core.entity import Subject
from lichen.decide import ARMS, Calibration, Cuts, Decider, Priors, RuleRates, Table, cuts_afterwards
from lichen.decide.groups import group_of
from lichen.decide.head import cross_fit, training_kinds

PRIORS = Path(__file__).parent.parent / "settings" / "priors.yml"
HOURS = SUBJECTS * HELD * MINUTES / 60
EDGES = np.array([-9, -2, -1, 0, 0.5, 1, 2, 3, 4, 5, 6, 8, 40.0])
PERMUTATIONS = 200
AFTERWARDS = (0.0, 1.0, 3.0)


@dataclass
class Result:
    """What all estates gave, arm by arm."""

    e: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    worst_e: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    found: dict[str, list[list[int]]] = field(default_factory=lambda: defaultdict(list))
    false: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    at_claim: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    at_even: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    benign: dict[str, np.ndarray] = field(default_factory=lambda: defaultdict(lambda: np.zeros(len(EDGES) - 1)))
    attacked: dict[str, np.ndarray] = field(default_factory=lambda: defaultdict(lambda: np.zeros(len(EDGES) - 1)))
    claimed: dict[str, np.ndarray] = field(default_factory=lambda: defaultdict(lambda: np.zeros(len(EDGES) - 1)))
    permuted: list[float] = field(default_factory=list)
    auc: list[float] = field(default_factory=list)
    unusual_false: list[int] = field(default_factory=list)
    unusual_found: list[int] = field(default_factory=list)
    not_left_out: list[int] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--estates", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    result = check(arguments.estates, arguments.seed, PERMUTATIONS)
    tell(result, arguments.estates)
    missed = [name for name, holds in bars(result).items() if not holds]
    print("\nBars missed: " + ", ".join(missed) if missed else "\nAll bars hold.")
    return 1 if missed else 0


def check(estates: int, seed: int, permutations: int) -> Result:
    """Simulate so many estates and gather what beliefs did in each."""
    result = Result()
    for number in range(estates):
        judge_estate(Estate(seed * 10_000 + number), result, -(-permutations // estates))
    return result


def bars(result: Result) -> dict[str, bool]:
    """The bars of this check, and whether they hold."""
    means = [float(np.mean(values)) for values in result.e.values()]
    over = list(false_by_arm(result)["all"])
    return {
        "mean e-value ≤ 1.1": max(means) <= 1.1,
        "permuted AUC .5 ± .02": abs(float(np.mean(result.permuted)) - 0.5) <= 0.02,
        "false crossings at the cut ≤ 3.6 per 24 subject-hours": over[0] <= 3.6,
        "honest to 4 nats": all(claim - real < 1.0 for claim, real in curve(result, "all") if claim <= 4),
    }


def judge_estate(estate: Estate, result: Result, permutations: int) -> None:
    """Calibrate, learn and judge one estate under every arm."""
    calibrate, learn = estate.benign(CALIBRATE), estate.attacked()
    held, judge = estate.benign(HELD), estate.attacked()
    priors = Priors.of(yaml.safe_load(PRIORS.read_text(encoding="utf-8")))
    calibration = Calibration.fit(calibrate.evidence, calibrate.activity)
    rates = RuleRates.of_priors(priors, estate.levels).counted(calibrate.evidence, calibrate.activity)
    steps = {window: [f"{kind} {window}" for kind in kinds] for window, kinds in learn.kinds.items()}
    rates = rates.taught(learn.evidence, learn.activity, steps)
    decider = Decider.of(priors, calibration, rates, MINUTES)
    benign, attacked = Table.collect(held.evidence, held.activity), Table.collect(judge.evidence, judge.activity)
    for detector, mean in calibration.mean_e(benign).items():
        result.e[detector].append(mean.pooled)
        result.worst_e[detector].append(mean.worst)
    for arm in ARMS:
        heads, table = decider.in_arm(arm).trained(learn.evidence, learn.activity, learn.kinds)
        settled = decider.in_arm(arm, heads.head).settled(calibrate.evidence, calibrate.activity)
        judge_arm(arm, settled, benign, attacked, judge, result)
        if arm == "all":
            lanes(settled, calibrate, benign, attacked, judge, result)
            result.permuted += permuted(settled, table, learn, estate.rng, permutations)
    textbook_arm(decider, calibrate, benign, attacked, judge, result)


def judge_arm(arm: str, decider: Decider, benign: Table, attacked: Table, judge: Session, result: Result) -> None:
    """Steps found and false crossings of one arm, at the cut fixed before and at cuts read afterwards."""
    scored, truth = decider.score(benign), decider.score(attacked)
    is_attack = hostile(attacked, judge)
    shown = labelled(attacked, truth.weights, truth.rule_weights, arm)
    cut = decider.cuts.malicious if decider.cuts and decider.cuts.malicious is not None else np.inf
    count(arm, scored.log_odds, truth.log_odds, is_attack & shown, cut, result)
    bins(arm, scored.log_odds - decider.start, truth.log_odds - decider.start, is_attack, result)
    if arm == "all":
        bins("all, as shown", scored.shown - decider.start, truth.shown - decider.start, is_attack, result)
        result.auc.append(auc(truth.log_odds, is_attack))


def textbook_arm(
    decider: Decider, calibrate: Session, benign: Table, attacked: Table, judge: Session, result: Result
) -> None:
    """The textbook sum beside them: every detector's clipped score and every fired rule's log(.3 / its false rate)."""
    before = textbook(decider, Table.collect(calibrate.evidence, calibrate.activity))
    cut = Cuts.of(before, decider.priors.false_crossings_a_day, MINUTES).malicious
    t_benign, t_attacked = textbook(decider, benign), textbook(decider, attacked)
    is_attack = hostile(attacked, judge)
    count("textbook", t_benign, t_attacked, is_attack, np.inf if cut is None else cut, result)
    bins("textbook", t_benign - decider.start, t_attacked - decider.start, is_attack, result)


def textbook(decider: Decider, table: Table) -> np.ndarray:
    """log π + Σ_d max(0, s_d) + Σ over fired rules log(.3 / E[FPR]); windows drift by how much they hold."""
    total = decider.start + np.where(table.evidence >= 0, np.maximum(0.0, table.score), 0.0).sum(axis=1)
    for row, k in zip(table.fired_at.tolist(), table.fired.tolist(), strict=True):
        total[row] += max(0.0, np.log(0.3 / decider.rates.rate(table.rows[k].detector)))
    return total


def count(arm: str, benign: np.ndarray, attacked: np.ndarray, findable: np.ndarray, cut: float, result: Result) -> None:
    """Found and false at the claim's cut, at even odds, and at the cuts read afterwards."""
    afterwards = [cuts_afterwards(benign, HOURS)[rate] for rate in AFTERWARDS]
    result.found[arm].append([int((findable & (attacked > each)).sum()) for each in (cut, *afterwards)])
    result.at_claim[arm].append(int((benign > cut).sum()))
    result.at_even[arm].append(int((benign > 0).sum()))


def bins(arm: str, benign: np.ndarray, attacked: np.ndarray, is_attack: np.ndarray, result: Result) -> None:
    """Benign and attacked windows by what was claimed of them, in nats over the starting odds."""
    result.benign[arm] += np.histogram(benign, EDGES)[0]
    result.attacked[arm] += np.histogram(attacked[is_attack], EDGES)[0]
    both = np.concatenate([benign, attacked[is_attack]])
    result.claimed[arm] += np.histogram(both, EDGES, weights=both)[0]


def lanes(decider: Decider, calibrate: Session, benign: Table, attacked: Table, judge: Session, result: Result) -> None:
    """The unusual lane, and what false crossings a cut would give that counts each window in its own rates."""
    scored, truth = decider.score(benign), decider.score(attacked)
    result.unusual_false.append(int((scored.unusual_p <= 1 / 96).sum()))
    result.unusual_found.append(int(((truth.unusual_p <= 1 / 96) & hostile(attacked, judge)).sum()))
    again = decider.score(Table.collect(calibrate.evidence, calibrate.activity))
    cut = Cuts.of(again.log_odds, decider.priors.false_crossings_a_day, MINUTES).malicious
    result.not_left_out.append(int((scored.log_odds > (np.inf if cut is None else cut)).sum()))


def permuted(
    decider: Decider, table: Table, learn: Session, rng: np.random.Generator, permutations: int
) -> list[float]:
    """AUC of out-of-fold beliefs against labels that were shuffled before anything learned from them: within each fold,
    then averaged (pooled over folds it is biased to .48: each fold's head leans away from what it left out)."""
    kinds, _ = training_kinds(table, learn.kinds, MINUTES)
    values = decider.table_terms(table).values
    everything = np.ones(len(kinds), dtype=bool)
    found = []
    for _ in range(permutations):
        shuffled = [kinds[i] for i in rng.permutation(len(kinds))]
        positive = np.array([bool(kind) for kind in shuffled])
        heads = cross_fit(values, shuffled, everything)
        each = []
        for name, head in heads.by_kind.items():
            rows = np.array([fold == name for fold in heads.fold])
            each.append(auc(decider.changed(head=head).log_odds(values[rows]), positive[rows]))
        found.append(float(np.mean(each)))
    return found


def hostile(table: Table, session: Session) -> np.ndarray:
    places, marked = table.places(), np.zeros(len(table), dtype=bool)
    marked[[places[window] for window in session.kinds]] = True
    return marked


def labelled(table: Table, weights: np.ndarray, rule_weights: np.ndarray, arm: str) -> np.ndarray:
    """Windows in which evidence of positive weight within the arm names an event of the attack."""
    marked = np.zeros(len(table), dtype=bool)
    columns = [d for d, name in enumerate(table.detectors) if group_of(name) in ARMS[arm]]
    for row, d in zip(*np.nonzero((table.evidence >= 0) & (weights > 0)), strict=True):
        marked[row] |= d in columns and bool(table.rows[table.evidence[row, d]].sample_event_ids)
    if "rules" in ARMS[arm]:
        for place in np.flatnonzero(rule_weights > 0).tolist():
            marked[table.fired_at[place]] |= bool(table.rows[table.fired[place]].sample_event_ids)
    return marked


def auc(score: np.ndarray, positive: np.ndarray) -> float:
    """P(an attacked window scores above a benign one), ties half."""
    ranked = np.sort(score[~positive])
    below = np.searchsorted(ranked, score[positive], side="left")
    upto = np.searchsorted(ranked, score[positive], side="right")
    return float((below + upto).mean() / 2 / max(1, len(ranked)))


def false_by_arm(result: Result) -> dict[str, tuple[float, float]]:
    """False crossings per 24 subject-hours at the claim's cut and at even odds."""
    return {
        arm: (24 / HOURS * float(np.mean(result.at_claim[arm])), 24 / HOURS * float(np.mean(result.at_even[arm])))
        for arm in result.at_claim
    }


def curve(result: Result, arm: str) -> list[tuple[float, float]]:
    """(nats claimed, nats real) of each bin that holds attacked and benign windows enough to tell."""
    benign, attacked = result.benign[arm], result.attacked[arm]
    points = []
    for claim, b, a in zip(result.claimed[arm], benign, attacked, strict=True):
        if min(a, b) >= 5:
            real = np.log((a / attacked.sum()) / (b / benign.sum()))
            points.append((float(claim / (a + b)), float(real)))
    return points


def tell(result: Result, estates: int) -> None:
    """Print everything."""
    print(f"Beliefs on {estates} simulated estates [S] of {SUBJECTS} subjects, {MINUTES}-minute windows\n")
    print("Mean e-value on held benign windows (1 is honest; bar ≤ 1.1 pooled)")
    for detector, values in sorted(result.e.items()):
        worst = np.mean(result.worst_e[detector])
        print(f"  {detector:24} {np.mean(values):5.2f}   worst subject of an estate {worst:5.2f}")
    for arm in ("all", "all, as shown", "textbook"):
        print(f"\nClaimed and real nats over the starting odds: {arm}")
        print("  " + "  ".join(f"{claim:5.1f} → {real:4.1f}" for claim, real in curve(result, arm)))
    print(f"\n{'':16}{'false per 24 subject-hours':>28}   steps found of {STEPS}, mean")
    print(f"{'':16}{'claim (3)':>14}{'even odds':>14}   {'claim':>7}{'0':>7}{'1':>7}{'3':>7} a day")
    for arm, (claim, even) in false_by_arm(result).items():
        found = np.mean(result.found[arm], axis=0)
        print(f"{arm:16}{claim:14.2f}{even:14.2f}   " + "".join(f"{each:7.1f}" for each in found))
    against(result)
    families()
    days = HOURS / 24
    print(
        f"\nUnusual lane at p ≤ 1/96: {np.mean(result.unusual_false) / days:.2f} false per 24 subject-hours, "
        f"{np.mean(result.unusual_found):.1f} of {STEPS} attacked windows"
    )
    print(
        f"Were calibration windows not left out of their own weights, the cut would give "
        f"{np.mean(result.not_left_out) / days:.2f} false per 24 subject-hours"
    )
    print(
        f"AUC over windows of judge: {np.mean(result.auc):.3f}; labels permuted: {np.mean(result.permuted):.3f} "
        f"± {np.std(result.permuted):.3f} over {len(result.permuted)} (bar .5 ± .02)"
    )


def families() -> None:
    """G of a hit by level, for 29 critical, 153 high and 100 medium rules: by priors alone, and after 288 silent
    windows."""
    priors = Priors.of(yaml.safe_load(PRIORS.read_text(encoding="utf-8")))
    sizes = {"critical": 29, "high": 153, "medium": 100}
    rates = RuleRates.of_priors(priors, {f"{level}-{i}": level for level, n in sizes.items() for i in range(n)})
    silent = {(Subject("workload", f"w-{i}"), w): 1 for i in range(12) for w in range(24)}
    for name, each in (("priors alone", rates), ("288 silent windows", rates.counted([], silent))):
        worth = ", ".join(f"{w.level} G {w.family_rate:.2g} ({w.nats:.2f} nats)" for w in each.per_level())
        print(f"A hit by level, {name}: {worth}")


def against(result: Result) -> None:
    """All together against the best single arm, chosen afterwards in each estate."""
    found = {arm: np.array(values) for arm, values in result.found.items()}
    best = np.max([found[arm] for arm in ARMS if arm != "all"], axis=0)
    difference = found["all"] - best
    words = "".join(f"{each:+7.1f}" for each in difference.mean(axis=0))
    print(f"{'all − best arm':44}   {words}   (sd {', '.join(f'{each:.1f}' for each in difference.std(axis=0))})")
    lost = ", ".join(f"{100 * each:.0f} %" for each in (found["textbook"] < best).mean(axis=0))
    print(f"The textbook sum finds less than the best single arm in {lost} of estates")


if __name__ == "__main__":
    sys.exit(main())
