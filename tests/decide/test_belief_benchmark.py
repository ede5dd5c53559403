"""The check on simulated estates, in a small form: beliefs are worth what they claim, and the textbook sum is not."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def checked():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import belief

        yield belief, belief.check(estates=10, seed=3, permutations=200)
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_each_e_value_has_a_mean_of_1_on_benign_windows_that_set_nothing(checked) -> None:
    _, result = checked
    means = {detector: float(np.mean(values)) for detector, values in result.e.items()}
    assert len(means) == 8
    assert 0.85 < np.mean(list(means.values())) <= 1.1
    assert max(means.values()) <= 1.3  # ten estates; 1.1 is the bar of the full check


def test_claims_are_honest_up_to_four_nats_and_those_of_the_textbook_are_not(checked) -> None:
    belief, result = checked
    assert all(claim - real < 1.2 for claim, real in belief.curve(result, "all") if claim <= 4)
    assert max(claim - real for claim, real in belief.curve(result, "textbook")) > 5


def test_the_cut_that_was_fixed_before_keeps_its_budget(checked) -> None:
    belief, result = checked
    per_day = belief.false_by_arm(result)
    assert all(per_day[arm][0] <= 4.0 for arm in ("rules", "generative", "discriminative", "all"))
    assert per_day["textbook"][1] > 20 * max(0.1, per_day["all"][1])  # at even odds


def test_all_together_beats_each_arm_where_a_few_false_crossings_are_allowed(checked) -> None:
    _, result = checked
    at_three = {arm: float(np.mean(result.found[arm], axis=0)[3]) for arm in result.found}
    assert at_three["all"] == max(at_three.values())


def test_shuffled_labels_teach_nothing(checked) -> None:
    _, result = checked
    assert len(result.permuted) >= 200
    assert abs(float(np.mean(result.permuted)) - 0.5) <= 0.02
    assert np.mean(result.auc) > 0.8
