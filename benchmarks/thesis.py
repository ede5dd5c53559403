"""Both tables of docs/evaluation.md on the judges, with SigmaHQ's Linux, web and auditd rules in the rules arm.

Everything is fitted on benign-fit, benign-calibrate and learn; the rival is named from learn, out of fold, before a
judge is opened. Run: `make thesis`.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import msgspec
import numpy as np
import public_data

from lichen import assemble, catalogue
from lichen.collect.offered import offered
from lichen.config import Settings
from lichen.core.batch import Batch, LogSource
from lichen.core.time import from_text, to_text
from lichen.decide.window import Table
from lichen.detect.rules import RulesDetector, RuleSet, load_indicators
from lichen.evaluate.metrics import carried_steps, found_steps, kind_weighed_share, permutation_check, sign_flip
from lichen.evaluate.replay import labelled_rows, replay
from lichen.evaluate.session import JUDGES, Step
from lichen.evaluate.tables import ArmRow, Judged, arm_row, over, ranking, render_claim, render_ranking
from lichen.run import fit
from lichen.run.public_sets import request_examples
from lichen.run.recorded import MINUTES, Recorded, open_session

ARMS = ("all", "rules", "generative", "discriminative")
SINGLE = ARMS[1:]
BAR_IN_REACH, BAR_FALSE = 0.70, 11
WANTED = ("webserver", "proxy", "dns")


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def rules_with_sigmahq() -> RulesDetector:
    """The rules that ship and SigmaHQ's for Linux, web, proxy and DNS, with the indicator lists."""
    ours = RuleSet.load([catalogue.content("rules")])
    if not public_data.available("02_sigma"):
        print("SigmaHQ's rules are absent (LICHEN_PUBLIC_DATA): the rules arm is ours alone")
        return assemble.rules_of(Settings(window_minutes=MINUTES))
    theirs = RuleSet.load([public_data.unpacked("02_sigma")])
    fitting = [r for r in theirs.rules if r.source.product == "linux" or r.source.category in WANTED]
    lists, _ = load_indicators([catalogue.content("indicators")])
    print(f"rules: {len(ours.rules)} ours, {len(fitting)} of SigmaHQ's for Linux, web, proxy and DNS")
    return RulesDetector(RuleSet((*ours.rules, *fitting), ours.refused), lists, MINUTES)


def public() -> list[tuple[str, str]]:
    """What the classifier learns from beside the lab."""
    if not all(map(public_data.available, ("03_httpparams", "03_crs"))):
        print("HttpParams and CRS are absent (LICHEN_PUBLIC_DATA): the classifier learns from the lab alone")
        return []
    return request_examples(public_data.PLACE)


def could_fire(rules: RulesDetector, sessions: list[Recorded]) -> None:
    """How many of SigmaHQ's Linux process and auditd rules can fire in the lab at all."""
    told = offered(batch for recorded in sessions for batch in recorded.batches)
    fields = {name for of_source in told.fields.values() for name in of_source}
    wanted = (LogSource("linux", "process_creation"), LogSource("linux", None, "auditd"))
    chosen = [rule for rule in rules.rules.rules if rule.source in wanted]
    able = [rule for rule in chosen if rules.rules.can_fire(rule, told.sources, fields)]
    print(f"Linux process and auditd rules whose log source and fields the lab has: {len(able)} of {len(chosen)}")


def step_hits(attacked: Recorded, rules: RulesDetector) -> None:
    """For each step, how many of SigmaHQ's rules could fire on its events (log source and fields are there), and how
    many of all rules did on one of those sampled."""
    result = replay(attacked.batches, [rules], attacked.session, MINUTES)
    fired: Counter[str] = Counter()
    for row in result.evidence.values():
        for step in {result.labelled[i] for i in row.sample_event_ids if i in result.labelled}:
            fired[step] += 1
    own: dict[str, list[Batch]] = {step.id: [] for step in attacked.session.steps}
    for batch in attacked.batches:
        rows = labelled_rows(batch, attacked.session)
        for step in sorted(set(rows.values())):
            own[step].append(batch.take(np.array(sorted(r for r, s in rows.items() if s == step), dtype=np.int64)))
    ours = catalogue.content("rules")
    theirs = [rule for rule in rules.rules.rules if ours not in rule.path.parents]
    could = {}
    for step, batches in own.items():
        told = offered(batches)
        could[step] = sum(
            any(rules.rules.can_fire(rule, [source], told.fields[source]) for source in told.sources) for rule in theirs
        )
    told_of_each = ", ".join(f"{step.id} {could[step.id]}/{fired[step.id]}" for step in attacked.session.steps)
    print(f"SigmaHQ's rules that could fire on each step / rules that did: {told_of_each}")


def rival_of(judges: fit.Judges, extra: dict[str, object], attacked: Recorded) -> str:
    """The single arm that finds most on learn at its cut, out of fold by kind of attack."""
    whole, scores, shares = extra["replay"], extra["scores"], {}
    for arm in SINGLE:
        decider = judges.arms[arm]
        table, log_odds = scores[arm]  # type: ignore[index]
        at = {(table.subject_of(row), int(table.window[row])): log_odds[row] for row in range(len(table))}
        cut = decider.cuts.malicious if decider.cuts else 0.0
        beliefs = decider.beliefs(extra["evidence"], whole.activity)  # type: ignore[attr-defined,arg-type]
        crossing = [b for b in beliefs if at[b.subject, b.window] > cut]
        found = found_steps(crossing, attacked.session, whole)  # type: ignore[arg-type]
        shares[arm] = kind_weighed_share(found, attacked.session, in_reach_only=True)
    print("on learn, out of fold, in reach: " + ", ".join(f"{arm} {share:.0%}" for arm, share in shares.items()))
    return max(SINGLE, key=lambda arm: shares[arm])


def tables(
    name: str, attacked: Recorded, held: Recorded, judges: fit.Judges, calibrating: Any, rival: str, times: float
) -> dict[str, set[str]]:
    """Print the claim and the ranking on one judge, at prior odds × times; what each arm found."""
    detectors = judges.detectors()
    of_attacked = replay(attacked.batches, detectors, attacked.session, MINUTES)
    of_held = replay(held.batches, detectors, held.session, MINUTES)
    rows, ranks, pairs = [], {}, {}
    for arm, decider in judges.arms.items():
        if times != 1:
            decider = decider.at_odds(decider.priors.prior_odds * times).settled(*calibrating)
        cut = decider.cuts.malicious
        pair = [
            Judged(each.session, result, decider.beliefs(result.evidence.values(), result.activity))
            for each, result in ((attacked, of_attacked), (held, of_held))
        ]
        pairs[arm] = pair
        rows.append(arm_row(arm + (" (rival)" if arm == rival else ""), cut, *pair, MINUTES))
        if arm == "all":
            rows.append(arm_row("all, unusual lane", float("nan"), *pair, MINUTES, lane="unusual"))
        ranks[arm] = ranking(arm, *pair, MINUTES)
    rarity(judges, of_attacked, of_held, attacked, held, pairs, rows)
    print(f"\n{name}, prior odds × {times:g}: the claim (cuts fixed on benign-calibrate)")
    print(render_claim(rows))
    print(render_ranking(ranks))
    both = {row.arm.split(" (")[0]: set(row.found) for row in rows}
    p = sign_flip(both["all"], both[rival], attacked.session.steps)
    print(f"all together against {rival}: {len(both['all'])} and {len(both[rival])} steps, sign-flip p = {p:.2f}")
    if times == 1:
        told(rows, pairs["all"], attacked)
        if name == JUDGES[0]:
            bars(rows)
    return both


def pooled(found: list[dict[str, set[str]]], steps: list[Step], rival: str) -> None:
    """All together beside the rival over every judge: one judge has too few steps to tell them apart."""
    both = [set().union(*(each[arm] for each in found)) for arm in ("all", rival)]
    p = sign_flip(both[0], both[1], steps)
    counts = f"all together {len(both[0])}, {rival} {len(both[1])}"
    print(f"\nover {len(found)} judges, {len(steps)} steps: {counts}, sign-flip p = {p:.3f}")


def rarity(judges, of_attacked, of_held, attacked, held, pairs, rows) -> None:  # type: ignore[no-untyped-def]
    """The rules arm by ascending benign frequency, at the cut that benign-calibrate's windows give it."""
    scored = []
    for each, result, pair in ((attacked, of_attacked, pairs["rules"][0]), (held, of_held, pairs["rules"][1])):
        table = Table.collect(result.evidence.values(), result.activity)
        value = judges.arms["rules"].rates.rarity(table)
        at = {(table.subject_of(i), int(table.window[i])): float(value[i]) for i in range(len(table))}
        beliefs = [msgspec.structs.replace(b, log_odds=at[b.subject, b.window]) for b in pair.beliefs]
        scored.append(Judged(each.session, result, beliefs))
    ranked = ranking("rules by rarity", *scored, MINUTES)
    rows.append(ranked[-1])


def told(rows, pair, attacked: Recorded) -> None:  # type: ignore[no-untyped-def]
    """What was missed, what was false, and whether labels leak."""
    found = rows[0].found
    missed = [s for s in attacked.session.steps if s.id not in found]
    print(
        "missed by all together: "
        + ", ".join(f"{s.id} ({s.kind}{'' if s.in_reach else ', out of reach'})" for s in missed)
    )
    carried = carried_steps(over(pair[0].beliefs, rows[0].cut), pair[0].replay)
    print(f"right subject named: {len(found)} of the {len(carried)} steps that any crossing carries")
    for lane, row in (("malicious", rows[0]), ("unusual", rows[1])):
        for belief in row.false_beliefs:
            line = max(belief.ledger, key=lambda line: line.nats)
            print(f"false, {lane}: {belief.subject} at {to_text(belief.window)[11:16]}: {line.because}")
            print(f"    marked there: {marked(pair[1].session, belief) or 'nothing'}")
    touched = pair[0].replay.touched
    scores = [b.log_odds for b in pair[0].beliefs]
    mean = permutation_check(scores, [(b.subject, b.window) in touched for b in pair[0].beliefs])
    print(f"permutation check: mean AUC {mean:.3f} ({'held' if abs(mean - 0.5) <= 0.02 else 'MISSED'})")


def bars(rows: list[ArmRow]) -> None:
    """The claim's bars, which are for the first judge alone: a later one is too small to set any."""
    share, false = rows[0].in_reach, [rows[0].false.n, rows[1].false.n]
    allowed = BAR_FALSE if rows[0].false.subject_hours < 50 else 18
    print(
        f"bar: in reach {share:.0%} of {BAR_IN_REACH:.0%} {'held' if share >= BAR_IN_REACH else 'MISSED'}; "
        f"false in each lane {false} of {allowed} {'held' if max(false) <= allowed else 'MISSED'}"
    )


def marked(session, belief) -> str:  # type: ignore[no-untyped-def]
    """The benign work that the recorder marked on a subject in a window or within the one before it."""
    start, end = belief.window - MINUTES * 60_000_000, belief.window + MINUTES * 60_000_000
    own = [m for m in session.markers if m["subject"] == belief.subject.name]
    return ", ".join(m["what"] for m in own if start <= from_text(str(m["at"])) < end)


def main() -> int:
    lab = catalogue.lab()
    fit_on, calibrate_on, learn = (open_session(lab / name) for name in ("benign-fit", "benign-calibrate", "learn"))
    rules = rules_with_sigmahq()
    could_fire(rules, [fit_on, calibrate_on, learn])
    judges, extra = fit.fit_judges(fit.learn_all(fit_on, learn, public()), calibrate_on, learn, rules, say, ARMS)
    for level in judges.decider.rates.per_level():
        print(
            f"  {level.level:<14} {level.rules:>4} rules, {level.silent:>4} silent: G {level.family_rate:.1e}, "
            f"{level.nats:.2f} nats"
        )
    rival = rival_of(judges, extra, learn)
    print(f"the rival, named before any judge is opened: {rival}")
    held = open_session(lab / "benign-held")
    found: list[dict[str, set[str]]] = []
    steps: list[Step] = []
    for name in JUDGES:
        attacked = open_session(lab / name)
        step_hits(attacked, rules)
        for times in (1.0, 10.0, 0.1):
            both = tables(name, attacked, held, judges, extra["calibrating"], rival, times)
            found += [both] if times == 1 else []
        steps += attacked.session.steps
    pooled(found, steps, rival)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
