"""Counts, intervals and tests agree with slow references and with what they promise."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from lichen.core.belief import Belief, Line
from lichen.core.entity import Subject
from lichen.evaluate.metrics import (
    Count,
    auc,
    false_crossings,
    found_steps,
    kind_weighed_share,
    permutation_check,
    poisson_interval,
    sign_flip,
)
from lichen.evaluate.replay import Replay
from lichen.evaluate.session import Session, Step
from lichen.evaluate.tables import Judged, arm_row, claim_cut, cut_for

WINDOW = 300_000_000
ORDERS, ADMIN = Subject("workload", "orders-1"), Subject("workload", "admin-1")


def belief(
    subject: Subject, window: int, log_odds: float, samples: tuple[str, ...] = (), weight: float = 1.0
) -> Belief:
    line = Line("a reason", "normal", log_odds, weight_nats=weight, sample_event_ids=samples)
    return Belief(subject, window, log_odds, log_odds, log_odds, log_odds, 1.0, 0.0, (line,), "v")


def session_of(
    steps: tuple[Step, ...] = (), counting: tuple[Subject, ...] = (ORDERS, ADMIN), hours: float = 1.0
) -> Session:
    return Session(Path("."), "made", 0, int(hours * 3.6e9), frozenset(counting), steps)


def step(name: str, kind: str, subject: Subject = ORDERS, in_reach: bool = True) -> Step:
    return Step(name, kind, "variant", "T1059", subject, 0, WINDOW, in_reach, "something")


@pytest.mark.parametrize("n", [0, 1, 3, 11, 40])
def test_poisson_intervals_equal_garwoods(n: int) -> None:
    low, high = poisson_interval(n)
    assert low == pytest.approx(stats.chi2.ppf(0.025, 2 * n) / 2 if n else 0.0, abs=1e-6)
    assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * n + 2) / 2, abs=1e-6)


def test_a_rate_is_told_per_day_of_one_subject() -> None:
    assert Count(3, 36.0).per_day == pytest.approx(2.0)
    assert str(Count(0, 24.0)).startswith("0 in 24 subject-hours (0.0 to 3.7 per 24)")


def test_a_step_is_found_only_by_its_own_subject_with_weight_and_a_sampled_event() -> None:
    session = session_of((step("s1", "scan"),))
    replay = Replay(labelled={"e1": "s1"})
    assert set(found_steps([belief(ORDERS, 0, 2.0, ("e1",))], session, replay)) == {"s1"}
    assert not found_steps([belief(ADMIN, 0, 2.0, ("e1",))], session, replay)
    assert not found_steps([belief(ORDERS, 0, 2.0, ("e2",))], session, replay)
    assert not found_steps([belief(ORDERS, 0, 2.0, ("e1",), weight=0.0)], session, replay)


def test_a_crossing_in_the_window_after_an_attack_is_no_false_one() -> None:
    session, replay = session_of(), Replay(touched={(ORDERS, WINDOW): {"s1"}})
    crossing = [belief(ORDERS, k * WINDOW, 2.0) for k in range(4)]
    assert [b.window // WINDOW for b in false_crossings(crossing, session, replay, 5)] == [0, 3]


def test_a_subject_that_does_not_count_has_no_false_crossing() -> None:
    assert not false_crossings([belief(ADMIN, 0, 9.0)], session_of(counting=(ORDERS,)), Replay(), 5)


def test_kinds_weigh_equally_however_many_steps_they_have() -> None:
    session = session_of(
        (step("a1", "a"), step("a2", "a"), step("a3", "a"), step("b1", "b"), step("c1", "c", in_reach=False))
    )
    assert kind_weighed_share({"a1"}, session, in_reach_only=True) == pytest.approx(1 / 6)
    assert kind_weighed_share({"a1"}, session, in_reach_only=False) == pytest.approx(1 / 9)


def test_sign_flip_is_one_for_equal_arms_and_small_for_a_clean_sweep() -> None:
    session = session_of(tuple(step(f"s{i}", f"kind{i}") for i in range(10)))
    every = {f"s{i}" for i in range(10)}
    assert sign_flip(every, every, session.steps) == 1.0
    assert sign_flip(every, set(), session.steps) == pytest.approx(2 / 1024)
    assert sign_flip(set(), every, session.steps) == pytest.approx(2 / 1024)


def test_auc_counts_ties_half_and_permutations_centre_on_a_half() -> None:
    random = np.random.default_rng(3)
    scores, labels = random.integers(0, 5, 200).astype(float).tolist(), (random.random(200) < 0.2).tolist()
    pairs = [
        (p, q) for p, a in zip(scores, labels, strict=True) if a for q, b in zip(scores, labels, strict=True) if not b
    ]
    assert auc(scores, labels) == pytest.approx(np.mean([(p > q) + 0.5 * (p == q) for p, q in pairs]))
    assert abs(permutation_check(scores, labels) - 0.5) < 0.02
    assert math.isnan(auc([1.0], [True]))


def test_the_claims_cut_is_the_third_largest_of_288_windows() -> None:
    session = session_of()
    beliefs = [belief(ORDERS, k * WINDOW, float(k)) for k in range(288)]
    assert claim_cut(beliefs, session) == 285.0
    assert claim_cut(beliefs[:50], session) == math.inf


def test_a_cut_read_afterwards_has_no_more_false_crossings_than_it_says() -> None:
    random = np.random.default_rng(5)
    held = Judged(
        session_of(hours=24), Replay(), [belief(ORDERS, k * WINDOW, float(random.normal())) for k in range(288)]
    )
    for rate in (0, 1, 3):
        cut = cut_for(held, rate, 5)
        assert arm_row("x", cut, held, held, 5).false.n == 2 * rate
