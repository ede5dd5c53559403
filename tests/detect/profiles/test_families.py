"""The closed-form families are calibrated and exact."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lichen.detect.profiles.families import BetaBernoulli, GammaPoisson, NegativeBinomial, log_student_tail

ROUNDS, DRAWS = 2000, 99


def uniform_p(ranks: list[int]) -> float:
    """p of the ranks (0 … DRAWS) being uniform, by chi-square over 20 bins."""
    counts, _ = np.histogram(ranks, bins=20, range=(0, DRAWS + 1))
    return float(stats.chisquare(counts).pvalue)


def test_beta_bernoulli_passes_simulation_based_calibration() -> None:
    """Talts et al. 2018: the rank of the truth among posterior draws is uniform."""
    random = np.random.default_rng(20261124)
    ranks = []
    for _ in range(ROUNDS):
        prior = BetaBernoulli(3.0, 7.0)
        truth = prior.sample(random, 1)[0]
        posterior = prior.after(float(random.binomial(25, truth)), 25.0)
        ranks.append(int((posterior.sample(random, DRAWS) < truth).sum()))
    assert uniform_p(ranks) > 1e-3


def test_gamma_poisson_passes_simulation_based_calibration() -> None:
    random = np.random.default_rng(20261125)
    ranks = []
    for _ in range(ROUNDS):
        prior = GammaPoisson(2.0, 0.5)
        truth = prior.sample(random, 1)[0]
        exposure = float(random.uniform(0.5, 6.0))
        posterior = prior.after(float(random.poisson(truth * exposure)), exposure)
        ranks.append(int((posterior.sample(random, DRAWS) < truth).sum()))
    assert uniform_p(ranks) > 1e-3


def test_a_posterior_that_counts_twice_fails_the_calibration() -> None:
    """The check can fail: the same data counted twice is overconfident."""
    random = np.random.default_rng(1)
    ranks = []
    for _ in range(ROUNDS):
        prior = GammaPoisson(2.0, 0.5)
        truth = prior.sample(random, 1)[0]
        count = float(random.poisson(truth * 3.0))
        posterior = prior.after(count, 3.0).after(count, 3.0)
        ranks.append(int((posterior.sample(random, DRAWS) < truth).sum()))
    assert uniform_p(ranks) < 1e-6


@given(st.floats(0.05, 200), st.floats(0.1, 50), st.integers(0, 400))
def test_negative_binomial_mid_p_equals_scipy(mean: float, size: float, y: int) -> None:
    ours = NegativeBinomial(mean, size)
    theirs = stats.nbinom(size, size / (size + mean))
    expected = theirs.sf(y) + 0.5 * theirs.pmf(y)
    if expected > 1e-280:
        assert ours.log_mid_p(y) == pytest.approx(math.log(expected), rel=1e-6, abs=1e-6)


@given(st.floats(-30, 30), st.floats(1, 200))
def test_students_tail_equals_scipy(t: float, freedom: float) -> None:
    assert log_student_tail(t, freedom) == pytest.approx(float(stats.t(freedom).logsf(t)), rel=1e-6, abs=1e-9)


def test_far_tails_stay_finite_and_fall() -> None:
    tail = NegativeBinomial(3.0, 4.0)
    values = [tail.log_mid_p(y) for y in (10, 100, 1000, 10_000)]
    assert all(math.isfinite(v) for v in values)
    assert values == sorted(values, reverse=True)


def test_the_predictive_of_a_gamma_is_the_negative_binomial() -> None:
    random = np.random.default_rng(3)
    family = GammaPoisson(4.0, 2.0)
    draws = random.poisson(family.sample(random, 200_000) * 1.5)
    predictive = family.predictive(1.5)
    for y in range(8):
        assert math.exp(predictive.log_p(y)) == pytest.approx(float((draws == y).mean()), abs=0.005)


def test_nothing_expected_makes_anything_impossible() -> None:
    assert NegativeBinomial(0.0, 1.0).log_mid_p(1) == -math.inf
    assert NegativeBinomial(0.0, 1.0).log_mid_p(0) == pytest.approx(math.log(0.5))
