"""Without a baseline a folder is compared within itself: unusual, a list to read, and no claim of malice."""

import math

import numpy as np
import pytest
from made_evidence import LENGTH, LEVELS, MINUTES, ORDERS, PRIORS, START, active, benign, row, workload

from lichen.core.belief import MALICIOUS, UNUSUAL
from lichen.decide import RuleRates, Table, adds_up, alerts, within_folder
from lichen.decide.baseline import NEAR, neighbours, p_within, weights_within
from lichen.decide.calibrate import strata_edges

RATES = RuleRates.of_priors(PRIORS, LEVELS)


def compared(rows, activity):
    return within_folder(rows, activity, PRIORS, RATES, MINUTES)


def test_a_window_is_compared_with_all_but_its_subjects_near_ones() -> None:
    rows = [each for each in benign(2, 4, 30) if each.window % (3 * LENGTH)]  # gaps in time
    table = Table.collect(rows, {})
    near = neighbours(table, MINUTES)
    weights, d = weights_within(table, near)[0], table.detectors.index("profile.pair")
    stratum = np.searchsorted(strata_edges(table.known[:, d]), table.known[:, d])
    score = np.random.default_rng(1).normal(size=len(table))
    p = p_within(score, near)
    for i in range(len(table)):
        apart = [
            j
            for j in range(len(table))
            if table.subject[j] != table.subject[i] or abs(table.window[j] - table.window[i]) > NEAR * LENGTH
        ]
        alike = [j for j in apart if stratum[j] == stratum[i]]
        total = sum(math.exp(table.score[j, d]) for j in alike) + math.exp(table.score[i, d])
        assert weights[i, d] == pytest.approx(table.score[i, d] - math.log(total / (len(alike) + 1)), abs=1e-9)
        others = sum(score[j] >= score[i] for j in apart)
        assert p[i] == (pytest.approx((1 + others) / (len(apart) + 1)) if len(apart) >= 96 else 1.0)


def test_what_repeats_within_the_half_hour_does_not_hide_itself() -> None:
    rows, activity = benign(4), active()
    repeated = [row("profile.pair", 6.0, workload(3), w, n_events=9) for w in range(8, 12)]
    found = {(b.subject, b.window): b for b in compared([*rows, *repeated], activity).beliefs}
    alone = {(b.subject, b.window): b for b in compared([*rows, repeated[0]], activity).beliefs}
    key = (workload(3), START + 8 * LENGTH)
    assert found[key].unusual_p <= 1 / 96
    assert found[key].unusual_score > alone[key].unusual_score - 0.1


def test_models_set_the_unusual_lane_alone_and_claim_no_malice() -> None:
    odd = [row(f"profile.{use}", 6.0, workload(3), 8, n_events=9) for use in ("pair", "destination", "rate")]
    within = compared([*benign(4), *odd], active())
    found = alerts(within.beliefs, within.cuts)
    assert (found[0].lane, found[0].subject) == (UNUSUAL, workload(3))
    assert all(alert.lane == UNUSUAL for alert in found)
    belief = found[0].beliefs[0]
    assert belief.log_odds == pytest.approx(math.log(1e-3), abs=1e-9)
    assert next(line for line in belief.ledger if line.detector == "profile.pair").weight_nats > 2
    assert all(adds_up(each) for each in within.beliefs)


def test_a_known_hash_needs_no_baseline() -> None:
    within = compared([row("indicator:hashes")], {})
    assert [alert.lane for alert in alerts(within.beliefs, within.cuts)] == [MALICIOUS]
    assert alerts(within.beliefs, within.cuts)[0].subject == ORDERS


def test_below_a_thousand_windows_it_is_called_a_list_to_read() -> None:
    small = compared(benign(4), active())
    assert small.words == "compared within this folder, 312 windows: a list to read, little better than chance"
    large = compared(benign(4, 12, 90), active(12, 90))
    assert large.words == "compared within this folder, 1,080 windows"


def test_the_list_to_read_names_a_subject_once_strongest_first() -> None:
    uses = ("pair", "destination", "rate")
    odd = [row(f"profile.{use}", 6.0, workload(3), w, n_events=9) for w in (2, 20) for use in uses]
    odd.append(row("profile.pair", 4.0, workload(5), 9, n_events=9))
    listed = compared([*benign(4), *odd], active()).to_read(5)
    subjects = [belief.subject for belief in listed]
    assert subjects[0] == workload(3)
    assert len(subjects) == len(set(subjects)) == 5
    assert [b.unusual_score for b in listed] == sorted((b.unusual_score for b in listed), reverse=True)


def test_an_empty_folder_shows_nothing() -> None:
    assert compared([], {}).beliefs == []
