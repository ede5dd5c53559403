"""Arms share everything but what they listen to; what is saved decides as before; many windows take little time."""

import math
import time

import msgspec
import numpy as np
import pytest
from made_evidence import LENGTH, MINUTES, ORDERS, PRIORS, START, active, benign, decider, row, workload

from lichen.core.errors import ModelError
from lichen.decide import ARMS, Calibration, Cuts, Decider, Head, RuleRates, Table

SETTLED = decider()
LOUD = [
    row("profile.pair", 6.0, cause="exec a b", new=3),
    row("profile.path", 2.5, new=30),
    row("profile.process", 2.0, new=12),
    row("profile.destination", 4.0, cause="net b c 443", new=1),
    row("profile.rate", 4.0),
    row("classifier.behaviour", 4.0, cause="exec a b"),
    row("rule:shell", cause="exec a b"),
]


def nats_of(belief, family: str) -> float:
    return sum(line.nats for line in belief.ledger if line.family == family)


def test_each_arm_listens_to_its_own_and_keeps_the_width_term() -> None:
    everything = SETTLED.beliefs(LOUD, {})[0]
    families = {"rules": "rules", "generative": "normal", "discriminative": "attacks"}
    width = -math.log((1 + 12 + 30 + 1) / 8)
    for arm, family in families.items():
        belief = SETTLED.in_arm(arm).beliefs(LOUD, {})[0]
        assert nats_of(belief, family) == nats_of(everything, family) > 0
        assert {line.family for line in belief.ledger} <= {"start", family, "width", "cap"}
        assert nats_of(belief, "width") == pytest.approx(width, abs=1e-9)
    with pytest.raises(ModelError, match="no arm"):
        SETTLED.in_arm("both")
    assert set(ARMS) == {*families, "all"}


def test_within_a_group_the_loudest_counts_and_groups_add() -> None:
    belief = SETTLED.beliefs(LOUD, {})[0]
    counted = [line.detector for line in belief.ledger if line.nats > 0 and line.detector]
    assert counted == ["rule:shell", "profile.pair", "profile.destination", "profile.rate", "classifier.behaviour"]


def test_the_width_term_is_free_up_to_seven_and_bounded_at_three() -> None:
    def width(new: int) -> float:
        return nats_of(SETTLED.beliefs([row("profile.path", 1.0, new=new)], {})[0], "width")

    assert width(7) == 0.0
    assert width(15) == pytest.approx(-math.log(2), abs=1e-9)
    assert width(10**6) == -3.0


def test_one_cause_counts_once_over_what_is_normal_here() -> None:
    def nats(cause: str) -> list[float]:
        rows = [row("profile.path", 5.0, cause="exec a b"), row("profile.route", 4.0, cause=cause)]
        rows.append(row("profile.destination", 2.5, cause="net a c 1"))
        ledger = SETTLED.beliefs(rows, {})[0].ledger
        return [line.nats for line in ledger if line.detector in ("profile.route", "profile.destination")]

    assert [each > 0 for each in nats("http GET /x ")] == [True, False]
    assert [each > 0 for each in nats("exec a b")] == [True, False]  # destination has a cause of its own
    assert sum(nats("exec a b")) < sum(nats("http GET /x "))


def test_one_sensor_alone_says_no_more_than_the_calibration_supports_where_two_cover_the_subject() -> None:
    rows = [
        row("profile.pair", 6.0, cause="exec a b"),
        row("profile.destination", 6.0, cause="net b c 443"),
        row("profile.rate", 6.0, cause="http GET /x "),
    ]
    cap = math.log(SETTLED.calibration.windows + 1)
    free = SETTLED.beliefs(rows, {})[0]
    one = SETTLED.beliefs(rows, {}, sensors={ORDERS: {"exec": "auditd", "net": "auditd"}})[0]
    two = SETTLED.beliefs(rows, {}, sensors={ORDERS: {"exec": "auditd", "net": "auditd", "http": "access"}})[0]
    assert one.log_odds == free.log_odds  # a single sensor covers it: nothing to set against it
    rate = next(line.nats for line in two.ledger if line.detector == "profile.rate")
    assert two.log_odds - SETTLED.start == pytest.approx(cap + rate, abs=1e-9)
    assert next(line.nats for line in two.ledger if line.group == "sensor") < 0


def test_unusual_is_scored_without_rules_and_only_on_enough_windows() -> None:
    loud = SETTLED.beliefs(LOUD, {})[0]
    without = SETTLED.beliefs([each for each in LOUD if not each.detector.startswith("rule:")], {})[0]
    assert loud.unusual_score == without.unusual_score
    assert loud.unusual_p == 1 / 313
    assert decider(subjects=3, windows=20).beliefs(LOUD, {})[0].unusual_p == 1.0


def test_calibration_windows_cross_their_own_cut_as_often_as_was_asked() -> None:
    rows, activity = benign(), active()
    scored = SETTLED.score(Table.collect(rows, activity), calibrating=True)
    assert SETTLED.cuts is not None
    assert SETTLED.cuts.malicious is not None
    assert (scored.log_odds > SETTLED.cuts.malicious).sum() <= 3
    fresh = [decider(seed).score(Table.collect(benign(50 + seed), activity)) for seed in range(8)]
    cuts = [decider(seed).cuts.malicious for seed in range(8)]
    crossed = [(each.log_odds > cut).sum() for each, cut in zip(fresh, cuts, strict=True)]
    assert np.mean(crossed) <= 5


def test_other_starting_odds_shift_beliefs_and_change_no_rank() -> None:
    rows, activity = benign(3), active()
    table = Table.collect(rows, activity)
    base, more = SETTLED.score(table).log_odds, SETTLED.at_odds(1e-2).score(table).log_odds
    assert np.allclose(more - base, math.log(10), atol=1e-9)
    assert SETTLED.at_odds(1e-2).cuts is None


def test_what_is_saved_decides_as_before_bit_for_bit(tmp_path) -> None:
    path = tmp_path / "decider.json"
    SETTLED.save(path)
    again = Decider.load(path)
    assert again == SETTLED
    assert again.version == SETTLED.version
    assert again.beliefs(LOUD, {}) == SETTLED.beliefs(LOUD, {})
    path.write_text("{}")
    with pytest.raises(ModelError, match=r"decider\.json"):
        Decider.load(path)


def test_a_version_changes_with_whatever_decides() -> None:
    heads = SETTLED.changed(head=Head(mean=(0.1, *(1.0 for _ in range(6)))))
    assert len({SETTLED.version, heads.version, SETTLED.in_arm("rules").version, SETTLED.at_odds(0.01).version}) == 4
    assert SETTLED.beliefs(LOUD, {})[0].version == SETTLED.version


def test_an_hour_is_decided_by_an_hours_priors() -> None:
    rates = RuleRates.of_priors(PRIORS.at(60), {"shell": "critical"})
    hourly = Decider.of(PRIORS, Calibration(), rates, 60)
    assert math.exp(hourly.start) == pytest.approx(1.001**12 - 1)
    assert Decider.of(PRIORS.at(60), Calibration(), rates, 60) == hourly


def test_thirty_thousand_windows_are_ranked_in_seconds() -> None:
    windows = 3000
    once = [msgspec.structs.replace(each, subject=workload(i)) for i in range(10) for each in LOUD]
    rows = [msgspec.structs.replace(each, window=START + w * LENGTH) for w in range(windows) for each in once]
    begun = time.process_time()
    scored = SETTLED.score(Table.collect(rows, {}))
    assert len(scored.log_odds) == 10 * windows
    assert time.process_time() - begun < 5  # 0.4 s on the machine it was written on
    told = SETTLED.told(scored, np.array([0, 17]))
    assert [belief.log_odds for belief in told] == scored.log_odds[[0, 17]].tolist()


def test_without_enough_benign_windows_there_is_no_cut() -> None:
    few = decider(subjects=2, windows=10)
    assert few.cuts == Cuts(None, 3 / 288, 20, 3.0, MINUTES)
