"""Weights are conformal e-values: mean 1 on benign windows, and never louder than the calibration can support."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_evidence import LENGTH, ORDERS, START, active, benign, row, workload

from lichen.core.entity import Subject
from lichen.core.errors import ModelError
from lichen.decide import Calibration, Table
from lichen.decide.calibrate import LEAST, Scale, strata_edges


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-6, 6), st.integers(0, 30)), min_size=1, max_size=200), st.floats(-50, 50))
def test_a_weight_never_exceeds_the_log_of_its_stratum_and_one(windows, score) -> None:
    scale = Scale.fit(np.array([s for s, _ in windows]), np.array([k for _, k in windows]))
    for known in (0, 7, 30, 99):
        sums, counts = scale.at(np.array([known]))
        weight = score - math.log((sums[0] + math.exp(score)) / (counts[0] + 1))
        assert weight <= math.log(counts[0] + 1) + 1e-9


def test_weights_in_a_table_keep_the_bound_of_their_own_stratum() -> None:
    calibration = Calibration.fit(benign(), active())
    loud = [row("profile.pair", 6.0, workload(i), known=known) for i, known in enumerate((0, 5, 8, 300))]
    weights = calibration.weights(Table.collect(loud, {}))[:, 0]
    counts = [stratum.windows for stratum in calibration.scales["profile.pair"]["workload"].strata]
    assert len(counts) == 3
    assert (weights <= np.log(max(counts) + 1)).all()
    assert (weights > 2).all()


def test_the_mean_e_value_of_calibration_windows_left_out_of_their_own_sum_is_1() -> None:
    rows, activity = benign(), active()
    calibration = Calibration.fit(rows, activity)
    for mean in calibration.mean_e(Table.collect(rows, activity), calibrating=True).values():
        assert mean.pooled == pytest.approx(1.0, abs=1e-9)
        assert mean.worst >= 1.0


def test_the_mean_e_value_of_fresh_exchangeable_windows_is_about_1() -> None:
    found: dict[str, list[float]] = {}
    for seed in range(12):
        calibration = Calibration.fit(benign(seed), active())
        table = Table.collect(benign(100 + seed), active())
        for detector, mean in calibration.mean_e(table).items():
            found.setdefault(detector, []).append(mean.pooled)
    assert len(found) == 8
    assert 0.95 < np.mean(list(found.values())) < 1.05
    assert max(float(np.mean(values)) for values in found.values()) <= 1.1


def test_the_worst_subject_is_named() -> None:
    rows = [row("profile.pair", 3.0 if i == 4 else -3.0, workload(i), w) for i in range(6) for w in range(20)]
    table = Table.collect(rows, {})
    mean = Calibration.of(table).mean_e(table, calibrating=True)["profile.pair"]
    assert mean.worst_subject == workload(4)
    assert mean.worst > 5


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=300))
def test_every_stratum_holds_thirty_windows_or_there_is_only_one(known) -> None:
    values = np.array(known)
    edges = strata_edges(values)
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    assert len(counts) <= 3
    assert len(counts) == 1 or counts.min() >= LEAST


def test_a_stratum_is_chosen_by_what_was_known_and_never_by_what_the_window_brings_new() -> None:
    calibration = Calibration.fit(benign(), active())
    few, many = row("profile.pair", 4.0, known=2, new=0), row("profile.pair", 4.0, known=2, new=90)
    weigh = lambda evidence: calibration.weights(Table.collect([evidence], {}))[0, 0]  # noqa: E731
    assert weigh(few) == weigh(many)


def test_where_a_detector_is_mostly_silent_a_first_word_weighs_more() -> None:
    chatty = [row("profile.pair", 3.0, workload(i), w, known=0) for i in range(12) for w in range(26)]
    silent = [evidence for k, evidence in enumerate(chatty) if k % 13 == 0]
    said = Table.collect([row("profile.pair", 3.0, known=0)], {})
    loud = Calibration.fit(silent, active()).weights(said)[0, 0]
    assert loud > Calibration.fit(chatty, active()).weights(said)[0, 0] + 2


def test_hosts_that_no_model_speaks_of_do_not_count_as_silent() -> None:
    host = Subject("host", "n1")
    hosts = {(host, START + w * LENGTH): 50 for w in range(500)}
    assert Calibration.fit(benign(), {**active(), **hosts}) == Calibration.fit(benign(), active())


def test_users_and_workloads_are_calibrated_apart() -> None:
    users = [row("profile.rate", 4.0, Subject("user", f"u{i}"), w) for i in range(12) for w in range(26)]
    both = Calibration.fit([*benign(), *users], active())
    workloads = Calibration.fit(benign(), active())
    said = Table.collect([row("profile.rate", 4.0)], {})
    place = both.weights(said).shape[1] - 1
    assert both.weights(said)[0, place] == workloads.weights(said)[0, place]
    assert set(both.scales["profile.rate"]) == {"", "user", "workload"}


def test_without_calibration_windows_nothing_weighs() -> None:
    assert Calibration().weights(Table.collect([row("profile.pair", 6.0)], {}))[0, 0] == 0.0


def test_a_score_is_clipped_and_one_that_is_no_number_is_refused() -> None:
    assert Table.collect([row("profile.pair", math.inf)], {}).score[0, 0] == 6.0
    with pytest.raises(ModelError, match=r"profile\.pair.*no number"):
        Table.collect([row("profile.pair", math.nan)], {})


def test_a_detector_without_a_group_is_an_error_and_shadow_rules_are_ignored() -> None:
    with pytest.raises(ModelError, match=r"profile\.proces\b"):
        Table.collect([row("profile.proces", 1.0)], {})
    table = Table.collect([row("shadow:new")], {})
    assert (len(table), table.detectors, len(table.fired)) == (1, (), 0)


def test_a_table_is_ordered_by_subject_and_time_and_holds_silent_windows() -> None:
    table = Table.collect([row("rule:shell", window=3), row("profile.pair", 1.0, window=1)], {(ORDERS, START): 4})
    assert table.window.tolist() == [START, START + LENGTH, START + 3 * LENGTH]
    assert table.evidence[:, 0].tolist() == [-1, 1, -1]
    assert table.score[0, 0] == -6.0
    assert table.fired_at.tolist() == [2]
