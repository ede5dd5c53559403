"""Odds as people say them, cuts that keep their budget, and two lanes that are never one."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_evidence import of_priors_alone, row

from lichen.core.belief import MALICIOUS, UNUSUAL
from lichen.decide import (
    Cuts,
    chance_in_words,
    cuts_afterwards,
    enough_verdicts,
    likelihood_in_words,
    odds_in_words,
)
from lichen.decide.policy import conformal_p

PRIOR = math.log(1e-3)


def test_evidence_is_told_apart_from_the_base_rate() -> None:
    words = odds_in_words(math.log(290) + PRIOR, PRIOR)
    assert words == (
        "about 290 times the usual odds; with one attacked window in 1,000 that is 1 in 4 (uncalibrated here)"
    )
    assert odds_in_words(math.log(290) + PRIOR, PRIOR, calibrated_here=True).endswith("that is 1 in 4")


@pytest.mark.parametrize(
    ("log_odds", "words"),
    [
        (math.log(33), "very likely, about 33 to 1"),
        (math.log(30_000), "very likely, about 30,000 to 1"),
        (math.log(4), "likely, about 4 to 1"),
        (0.0, "as likely as not, about even"),
        (math.log(0.29), "unlikely, 1 in 4"),
        (math.log(1e-3), "very unlikely, 1 in 1,000"),
    ],
)
def test_likelihood_comes_before_the_odds(log_odds, words) -> None:
    assert likelihood_in_words(log_odds) == words


def test_evidence_against_and_none_at_all_have_words_too() -> None:
    assert odds_in_words(PRIOR, PRIOR).startswith("about the usual odds;")
    assert odds_in_words(PRIOR - math.log(6), PRIOR).startswith("about 1/6 of the usual odds;")


@given(st.floats(-1e6, 1e6))
def test_no_belief_is_without_words(log_odds) -> None:
    assert chance_in_words(log_odds)
    assert odds_in_words(log_odds, PRIOR)


def test_odds_are_uncalibrated_here_until_answers_of_both_kinds_suffice() -> None:
    assert not enough_verdicts(0, 0)
    assert not enough_verdicts(1, 99)
    assert enough_verdicts(5, 45)


def test_the_cut_of_the_claim_is_the_rank_that_evaluation_names() -> None:
    scores = np.arange(288.0)
    assert Cuts.of(scores, 3, 5).malicious == 285.0  # the ⌊289/96⌋ = 3rd largest
    assert Cuts.of(scores, 3, 5).claimed
    assert not Cuts.of(scores[:120], 3, 5).claimed
    assert Cuts.of(scores[:94], 3, 5).malicious is None
    assert "too few" in Cuts.of((), 3, 5).in_words()


def test_fresh_windows_cross_the_cut_as_often_as_the_budget_says() -> None:
    rng = np.random.default_rng(4)
    crossed = [(rng.normal(size=288) > (Cuts.of(rng.normal(size=288), 3, 5).malicious or 0)).sum() for _ in range(800)]
    assert 2.6 < np.mean(crossed) < 3.3


def test_fresh_windows_are_unusual_as_often_as_p_says() -> None:
    rng = np.random.default_rng(5)
    p = np.concatenate([conformal_p(rng.normal(size=50), rng.normal(size=300)) for _ in range(200)])
    for level in (1 / 96, 0.1, 0.5):
        assert abs((p <= level).mean() - level) < 0.02 + level / 10
    own = rng.normal(size=300)
    assert sorted(conformal_p(own, own, calibrating=True)) == pytest.approx(np.arange(1, 301) / 300)


def test_below_96_calibration_windows_nothing_is_called_unusual() -> None:
    assert conformal_p(np.array([99.0]), np.zeros(95))[0] == 1.0
    assert conformal_p(np.array([99.0]), np.zeros(96))[0] == 1 / 97


def test_cuts_read_afterwards_let_exactly_so_many_over_them() -> None:
    scores = np.random.default_rng(6).normal(size=756)
    for per_day, cut in cuts_afterwards(scores, 63).items():
        assert (scores > cut).sum() == math.floor(per_day * 63 / 24)


def test_the_expected_share_of_false_ones_is_printed_and_gates_nothing() -> None:
    cuts = Cuts.of(np.arange(288.0), 3, 5)
    assert cuts.false_share(288, 0) is None
    assert cuts.false_share(288, 6) == pytest.approx(288 * 3 / 289 / 6)
    assert cuts.false_share(288, 1) == 1.0
    one_a_day = Cuts.of(np.arange(288.0), 1, 5)
    assert 1 - one_a_day.least_false_share(1e-3) == pytest.approx(0.22, abs=0.005)


def test_each_lane_has_its_own_gate() -> None:
    belief = of_priors_alone().beliefs([row("indicator:hashes")], {})[0]
    cuts = Cuts.of((), 3, 5)
    assert cuts.crosses(belief, MALICIOUS)
    assert not cuts.crosses(belief, UNUSUAL)
    odd = msgspec.structs.replace(belief, log_odds=-3.0, unusual_p=1 / 400, unusual_score=5.0)
    assert not cuts.crosses(odd, MALICIOUS)
    assert cuts.crosses(odd, UNUSUAL)
    with pytest.raises(ValueError, match="no lane"):
        cuts.crosses(odd, "other")
