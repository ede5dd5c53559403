"""Rules are weighed against their whole family, moved by what was silent, and every answer can be taken back."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_evidence import LENGTH, MINUTES, ORDERS, PRIORS, START, of_priors_alone, row, workload

from lichen.core.belief import MALICIOUS
from lichen.core.change import Overlay
from lichen.core.errors import ConfigError, ModelError
from lichen.decide import Calibration, Cuts, Decider, Priors, RuleRates, Table, alerts

MANY = {f"{level}-{i}": level for level, n in (("critical", 29), ("high", 153), ("medium", 100)) for i in range(n)}
SILENT = {(workload(i), START + w * LENGTH): 9 for i in range(12) for w in range(24)}  # 288 windows


def weight(rates: RuleRates, detector: str, places=None) -> float:
    return float(rates.weights(Table.collect([row(detector)], {}), places)[0])


def test_by_priors_alone_the_levels_weigh_what_was_simulated() -> None:
    worth = {level.level: level for level in RuleRates.of_priors(PRIORS, MANY).per_level()}
    assert [round(worth[name].nats, 2) for name in ("critical", "high", "medium")] == [4.64, 0.65, 0.0]
    assert worth["critical"].family_rate == pytest.approx(29e-4)


def test_288_silent_windows_make_the_same_hits_weigh_more() -> None:
    worth = {level.level: level for level in RuleRates.of_priors(PRIORS, MANY).counted([], SILENT).per_level()}
    # SCIENCE says 7.3, 3.4, 1.4; the formula gives log(.3 · 308 / (20 · 29e-4)) = 7.37 for the first
    assert [round(worth[name].nats, 2) for name in ("critical", "high", "medium")] == [7.37, 3.39, 1.39]
    assert worth["critical"].silent == 29


def test_a_lone_known_hash_alerts_under_the_priors() -> None:
    decider = of_priors_alone()
    hit = row("indicator:hashes", cause="exec /usr/sbin/cron /tmp/x", because="ran a file whose hash is on a list")
    belief = decider.beliefs([hit], {})[0]
    assert 1 / (1 + math.exp(-belief.log_odds)) == pytest.approx(0.968, abs=0.001)
    found = alerts([belief], Cuts.of((), PRIORS.false_crossings_a_day, MINUTES), evidence=[hit])
    assert [(alert.lane, alert.subject) for alert in found] == [(MALICIOUS, ORDERS)]


def test_a_lone_known_hash_still_alerts_at_the_default_window_of_an_hour() -> None:
    rates = RuleRates.of_priors(PRIORS.at(60), MANY)
    belief = Decider.of(PRIORS, Calibration(), rates, 60).beliefs([row("indicator:hashes")], {})[0]
    assert alerts([belief], Cuts.of((), 3, 60))


def test_a_lone_critical_rule_of_a_small_family_is_likelier_than_not() -> None:
    rates = RuleRates.of_priors(PRIORS, {"one": "critical"})
    belief = Decider.of(PRIORS, Calibration(), rates, MINUTES).beliefs([row("rule:one")], {})[0]
    assert belief.log_odds == pytest.approx(math.log(1e-3 * 0.3 / 1e-4), abs=1e-6)


def test_the_rarest_hit_counts_and_a_second_adds_nothing() -> None:
    decider = of_priors_alone()
    alone = decider.beliefs([row("rule:shell")], {})[0]
    both = decider.beliefs([row("rule:shell"), row("rule:drop"), row("rule:curl")], {})[0]
    assert both.log_odds == alone.log_odds
    assert [line.nats > 0 for line in both.ledger if line.group == "rules"] == [True, False, False]
    assert both.ledger[2].weight_nats > 0  # told all the same


def test_the_larger_of_rules_and_indicators_counts() -> None:
    both = of_priors_alone().beliefs([row("rule:shell"), row("indicator:hashes")], {})[0]
    assert both.log_odds == of_priors_alone().beliefs([row("indicator:hashes")], {})[0].log_odds


def test_a_rule_that_fires_on_benign_windows_loses_its_weight() -> None:
    rates = RuleRates.of_priors(PRIORS, MANY)
    noisy = [row("rule:high-3", subject=workload(i), window=w) for i in range(12) for w in range(0, 24, 2)]
    moved = rates.counted(noisy, SILENT)
    assert moved.rate("rule:high-3") == pytest.approx((20 * 1e-3 + 144) / 308)
    assert weight(moved, "rule:high-3") == 0.0
    assert weight(moved, "rule:high-4") > 3


def test_a_rule_noisy_in_one_namespace_keeps_more_of_its_weight_elsewhere() -> None:
    places = {workload(i): ("group web",) if i < 6 else ("group db",) for i in range(12)}
    noisy = [row("rule:high-3", subject=workload(i), window=w) for i in range(6) for w in range(0, 24, 2)]
    rates = RuleRates.of_priors(PRIORS, MANY).counted(noisy, SILENT, places)
    web, db, fleet = (rates.rate("rule:high-3", path) for path in (("group web",), ("group db",), ()))
    assert db < fleet < web
    assert rates.rate("rule:high-4", ("group db",)) == rates.rate("rule:high-4")  # silence is counted once


def test_a_hit_that_was_counted_is_judged_without_itself() -> None:
    hit = row("rule:high-3", subject=workload(1), window=2)
    rates = RuleRates.of_priors(PRIORS, MANY).counted([hit], SILENT)
    here = rates.weights(Table.collect([hit], SILENT), calibrating=True)[0]
    assert here > weight(rates, "rule:high-3") + 0.2
    assert here == weight(rates, "rule:high-4")  # as much as the next first hit of its level will weigh, to the bit


def test_silence_does_not_make_an_indicator_list_rarer_and_a_false_hit_makes_it_commoner() -> None:
    rates = RuleRates.of_priors(PRIORS, MANY).counted([], SILENT)
    assert weight(rates, "indicator:tor") == pytest.approx(math.log(0.3 / 1e-5))
    false = [row("indicator:tor", subject=workload(i), window=3) for i in range(5)]
    moved = RuleRates.of_priors(PRIORS, MANY).counted(false, SILENT)
    assert weight(moved, "indicator:tor") < 3
    assert weight(moved, "indicator:hashes") == pytest.approx(math.log(0.3 / 1e-5))


def test_only_rules_that_can_fire_here_make_the_family() -> None:
    able = [rule for rule in MANY if rule.startswith("critical")][:3]
    few = RuleRates.of_priors(PRIORS, MANY, can_fire=able)
    assert weight(few, "rule:critical-0") == pytest.approx(math.log(0.3 / 3e-4))
    assert weight(few, "rule:critical-9") == pytest.approx(math.log(0.3 / 4e-4))  # it fired, so it stands with them


def test_a_rule_of_which_no_level_is_known_is_an_error() -> None:
    with pytest.raises(ModelError, match="rule:stranger"):
        weight(RuleRates.of_priors(PRIORS, MANY), "rule:stranger")


overlays = st.lists(
    st.builds(
        Overlay,
        detector=st.sampled_from(["rule:high-3", "rule:critical-0", "indicator:tor", "profile.pair"]),
        node=st.sampled_from(["fleet", "group web", "orders-2"]),
        benign_fired=st.floats(0, 40),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(overlays, st.integers(0, 5))
def test_undoing_an_answer_restores_the_rates_bit_for_bit(answers, which) -> None:
    places = {ORDERS: ("group web",)}
    before = RuleRates.of_priors(PRIORS, MANY).counted([row("rule:high-3")], SILENT, places)
    undone = answers[: which % len(answers)] + answers[which % len(answers) + 1 :]
    rules = ("rule:high-3", "rule:critical-0", "indicator:tor")
    for kept in ([], undone):
        again = before.with_overlays(answers).with_overlays(kept)
        assert again == before.with_overlays(kept)
        assert [weight(again, r, places) for r in rules] == [
            weight(before.with_overlays(kept), r, places) for r in rules
        ]
    assert before.with_overlays(answers).with_overlays([]) == before


def test_an_answer_quietens_a_rule_at_its_node_and_nowhere_else() -> None:
    before = RuleRates.of_priors(PRIORS, MANY)
    after = before.with_overlays([Overlay("rule:critical-0", "orders-2", benign_fired=20.0)])
    elsewhere = Table.collect([row("rule:critical-0", subject=workload(7))], {})
    assert weight(after, "rule:critical-0") == 0.0
    assert after.weights(elsewhere)[0] == before.weights(elsewhere)[0]
    # of the rules as rare as critical-1 there is one fewer at that node now
    assert weight(after, "rule:critical-1") == pytest.approx(math.log(0.3 / 28e-4))


def test_steps_teach_how_often_an_attack_fires_a_rare_rule() -> None:
    rates = RuleRates.of_priors(PRIORS, MANY)
    steps = {(workload(i), START): [f"s-{i}"] for i in range(10)}
    hits = [row("rule:critical-0", subject=workload(i)) for i in range(6)]
    taught = rates.taught([*hits, row("rule:medium-0", subject=workload(8))], {}, steps)
    assert taught.hits_a_step == (3 + 6, 7 + 4)
    assert taught.hit_rate == pytest.approx(9 / 20)


def test_the_rarity_baseline_ranks_windows_by_their_rarest_rule() -> None:
    rates = RuleRates.of_priors(PRIORS, MANY).counted([], SILENT)
    table = Table.collect([row("rule:medium-0", window=1), row("rule:high-0", window=1), row("rule:medium-1")], {})
    quiet = Table.collect([], {(ORDERS, START): 1})
    assert rates.rarity(table)[1] > rates.rarity(table)[0] > rates.rarity(quiet)[0] == 0.0


def test_priors_scale_with_the_length_of_a_window() -> None:
    hour = PRIORS.at(60)
    assert hour.prior_odds == pytest.approx(1.001**12 - 1)
    assert hour.rule_false_rate["critical"] == pytest.approx(1 - (1 - 1e-4) ** 12)
    assert hour.rule_false_rate["informational"] < 1
    assert PRIORS.at(MINUTES) is PRIORS
    assert hour.false_rate_of(3) == pytest.approx(1 / 8)


def test_priors_that_cannot_be_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="prior_odds"):
        Priors.of({**{f: getattr(PRIORS, f) for f in PRIORS.__struct_fields__}, "prior_odds": 2.0})


def test_a_rule_that_came_after_the_calibration_weighs_by_its_level_alone() -> None:
    rates = RuleRates.of_priors(PRIORS, MANY).counted([], SILENT)
    joined = rates.with_rules({**MANY, "stranger": "high"})
    assert joined.rate("rule:stranger") == PRIORS.rule_false_rate["high"] > joined.rate("rule:high-0")
    assert joined.rate("rule:high-0") == rates.rate("rule:high-0")
    assert 0 < weight(joined, "rule:stranger") < weight(rates, "rule:high-0")
    assert rates.with_rules(MANY) is rates


def test_a_decider_beside_later_rules_keeps_its_version() -> None:
    decider = of_priors_alone()
    known = decider.knowing({"stranger": "critical"})
    assert known.version == decider.version
    assert known.with_overlays([]).rates.later == ("rule:stranger",)
    assert known.beliefs([row("rule:stranger")], {})[0].log_odds > decider.start
