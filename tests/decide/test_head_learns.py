"""The head learns from few attacked windows, never far from 1, and never judges a kind of attack that it saw."""

import math

import numpy as np
import pytest
from made_evidence import LENGTH, ORDERS, START, active, benign, decider, row, workload

from lichen.decide import Head, Table
from lichen.decide.groups import TERMS
from lichen.decide.head import cross_fit, signed, training_kinds


def windows(seed: int = 0, attacked: int = 30, n: int = 300, worth: float = 1.0):
    """Terms of n windows; the attacked ones speak in exec, and what they say is worth `worth` times its claim."""
    rng = np.random.default_rng(seed)
    terms = np.zeros((n, len(TERMS)))
    terms[:, 1] = np.maximum(0, rng.normal(-1, 1, n))
    positive = np.zeros(n, dtype=bool)
    positive[:attacked] = True
    terms[positive, 1] += rng.exponential(2.0 * worth, attacked)
    terms[:, 5] = rng.uniform(0, 0.5, n)
    return terms, positive


def test_without_an_attacked_window_the_head_is_its_prior() -> None:
    terms, _ = windows()
    assert Head.fit(terms, np.zeros(len(terms), dtype=bool)) == Head()
    assert Head().mean == (0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_the_head_stands_at_the_top_of_its_posterior_and_its_spread_is_the_curvature_there() -> None:
    terms, positive = windows()
    head = Head.fit(terms, positive)
    x, offset = signed(terms), math.log(30 / 270)
    sd = np.array([1.0, *(0.3 for _ in TERMS)])

    def height(b) -> float:
        z = offset + x @ b
        prior = ((b - np.array(Head().mean)) / sd) ** 2
        return float((z * positive - np.logaddexp(0, z)).sum() - prior.sum() / 2)

    top, step = np.array(head.mean), 1e-4
    eye = np.eye(len(top)) * step
    slopes = [(height(top + e) - height(top - e)) / (2 * step) for e in eye]
    assert np.abs(slopes).max() < 1e-4
    curvature = [
        [
            (height(top + a + b) - height(top + a - b) - height(top - a + b) + height(top - a - b)) / (4 * step**2)
            for b in eye
        ]
        for a in eye
    ]
    assert np.linalg.inv(-np.array(curvature)) == pytest.approx(np.array(head.covariance), abs=2e-4)


def test_what_attacks_never_show_loses_worth_and_with_few_answers_none_strays_far_from_1() -> None:
    rng = np.random.default_rng(3)
    terms, positive = windows(3)
    terms[:, 4] = np.where(positive, 0.0, rng.exponential(1.0, len(terms)))  # a classifier that speaks only when benign
    head = Head.fit(terms, positive)
    assert head.worth[TERMS.index("classifier")] < 0.6 < head.worth[TERMS.index("exec")]
    assert head.worth[TERMS.index("net")] == pytest.approx(1.0)  # it never spoke
    assert (head.attacked, head.benign) == (30, 270)
    of_five = Head.fit(*windows(3, attacked=5))
    assert (np.abs(of_five.worth - 1) < 2 * 0.3).all()


def test_spread_falls_as_attacked_windows_are_added_and_grows_with_what_is_said() -> None:
    few, many = Head.fit(*windows(attacked=5)), Head.fit(*windows(attacked=60))
    said = np.zeros((1, len(TERMS)))
    said[0, 1] = 4.0
    assert many.spread(said)[0] < few.spread(said)[0] < Head().spread(said)[0]
    assert Head().spread(said)[0] == pytest.approx(math.hypot(1.0, 4 * 0.3))


def test_a_kind_of_attack_is_judged_by_a_head_that_never_saw_it() -> None:
    terms, positive = windows()
    kinds = [frozenset({f"kind-{i % 3}"}) if attacked else frozenset() for i, attacked in enumerate(positive)]
    heads = cross_fit(terms, kinds, np.ones(len(kinds), dtype=bool))
    assert set(heads.by_kind) == {"kind-0", "kind-1", "kind-2"}
    for i in range(30):
        assert heads.of(i).attacked == 20
        assert heads.of(i) is heads.by_kind[f"kind-{i % 3}"]
    changed = terms.copy()
    changed[0, 1] = 50.0  # a window of kind-0 cannot move the head that judges it
    assert cross_fit(changed, kinds, np.ones(len(kinds), dtype=bool)).by_kind["kind-0"] == heads.by_kind["kind-0"]
    assert cross_fit(changed, kinds, np.ones(len(kinds), dtype=bool)).head != heads.head
    benign_folds = {heads.fold[i] for i in range(30, 300)}
    assert benign_folds == set(heads.by_kind)


def test_the_window_after_an_attack_teaches_nothing() -> None:
    table = Table.collect([], {(ORDERS, START + w * LENGTH): 1 for w in range(4)} | {(workload(9), START): 1})
    kinds, use = training_kinds(table, {(ORDERS, START + LENGTH): {"scan"}}, 5)
    assert kinds == [frozenset(), frozenset({"scan"}), frozenset(), frozenset(), frozenset()]
    assert use.tolist() == [True, True, False, True, True]
    passed_on = training_kinds(table, {(ORDERS, START + LENGTH): ()}, 5)[1]
    assert passed_on.tolist() == [True, False, False, True, True]


def test_a_decider_trains_on_an_attacked_recording_and_judges_it_out_of_fold() -> None:
    settled = decider()
    rows = benign(9)
    attacked = {(workload(i), START + (2 + i) * LENGTH): {f"kind-{i % 4}"} for i in range(12)}
    rows += [row("profile.pair", 5.0, subject, (start - START) // LENGTH, n_events=9) for subject, start in attacked]
    heads, table = settled.trained(rows, active(), attacked)
    assert (heads.head.attacked, heads.head.benign) == (12, 312 - 24)
    log_odds = settled.out_of_fold(table, heads)
    places = table.places()
    hit = [places[window] for window in attacked]
    assert np.median(log_odds[hit]) > np.quantile(log_odds, 0.95)
    for window, kinds in list(attacked.items())[:3]:
        by_hand = settled.changed(head=heads.by_kind[min(kinds)]).score(table).log_odds
        assert log_odds[places[window]] == by_hand[places[window]]
