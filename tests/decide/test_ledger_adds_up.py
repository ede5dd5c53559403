"""The ledger is the belief: to the last bit, by any way of adding, in any order of replay."""

import math
import random

import msgspec
import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made_evidence import LENGTH, ORDERS, START, active, decider, of_priors_alone, row, workload

from lichen.core.belief import Belief
from lichen.decide import Head, adds_up

SETTLED = decider()
HEAD = Head(mean=(0.37, 1.1, 0.7, 1.3, 0.9, 1.05, 0.8))
DETECTORS = [
    *(f"profile.{use}" for use in ("process", "pair", "path", "destination", "route", "sequence", "rate")),
    "classifier.behaviour",
    "rule:shell",
    "rule:drop",
    "indicator:hashes",
    "shadow:new",
]
rows = st.lists(
    st.builds(
        row,
        detector=st.sampled_from(DETECTORS),
        score=st.floats(-9, 9),
        subject=st.sampled_from([workload(1), workload(2)]),
        window=st.integers(0, 2),
        known=st.integers(0, 40),
        new=st.integers(0, 400),
        n_events=st.integers(1, 3),
        cause=st.sampled_from(["", "exec /usr/bin/python3 /bin/sh", "net /bin/sh 10.9.0.0/24 4444"]),
        ids=st.sampled_from([(), ("e1",), ("e1", "e2")]),
    ),
    max_size=30,
)


def every_sum(belief: Belief, shown: bool) -> set[float]:
    nats = [line.nats for line in belief.ledger if shown or line.group != "shown"]
    shuffled = random.Random(1).sample(nats, len(nats))
    forwards = 0.0
    for each in nats:
        forwards += each
    return {forwards, sum(nats), sum(reversed(nats)), sum(shuffled), math.fsum(nats), float(np.sum(np.array(nats)))}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows, st.booleans())
def test_a_ledger_adds_up_to_its_belief_exactly_by_any_way_of_adding(evidence, with_sensors) -> None:
    sensors = {workload(1): {"exec": "auditd", "net": "auditd", "http": "access"}} if with_sensors else None
    for which in (SETTLED, SETTLED.changed(head=HEAD), SETTLED.in_arm("generative", HEAD), of_priors_alone()):
        for belief in which.beliefs(evidence, active(2, 2), sensors=sensors):
            assert every_sum(belief, shown=False) == {belief.log_odds}
            assert every_sum(belief, shown=True) == {belief.shown_log_odds}
            assert adds_up(belief)


@settings(max_examples=40, deadline=None)
@given(rows, st.randoms(use_true_random=False))
@example([row("profile.pair", 0.0, n_events=1), row("profile.pair", 0.0, n_events=1, ids=("e1",))], random.Random(1))
@example([row("profile.pair", 0.0, n_events=1, ids=("e1",)), row("profile.pair", 0.0, n_events=1)], random.Random(1))
def test_the_order_of_replay_changes_nothing(evidence, shuffle) -> None:
    again = shuffle.sample(evidence, len(evidence)) + evidence[:3]
    assert SETTLED.beliefs(again, {}) == SETTLED.beliefs(evidence, {})


def test_a_later_row_of_the_same_key_replaces_the_earlier() -> None:
    first, later = row("profile.pair", 1.0, n_events=1), row("profile.pair", 5.0, n_events=4)
    assert SETTLED.beliefs([later, first], {}) == SETTLED.beliefs([later], {})
    assert SETTLED.beliefs([first], {})[0].log_odds < SETTLED.beliefs([later], {})[0].log_odds


def test_each_line_has_its_words_events_weight_and_nats() -> None:
    said = row("profile.pair", 5.0, because="ran sh under python3, never seen on this image", ids=("e7", "e9"))
    belief = SETTLED.beliefs([said, row("profile.process", 0.5), row("rule:shell")], {})[0]
    line = next(line for line in belief.ledger if line.detector == "profile.pair")
    assert line.label == "Ran sh under python3, never seen on this image"
    assert line.sample_event_ids == ("e7", "e9")
    assert line.score_nats == 5.0
    assert line.techniques == ("T1059.004",)
    assert abs(line.nats - line.weight_nats) < 1e-9  # b = 1: what it weighs is what counts
    quieter = next(line for line in belief.ledger if line.detector == "profile.process")
    assert quieter.nats == 0 != quieter.weight_nats  # of one group only the louder counts; both are told
    assert belief.ledger[0].because == "one attacked window in 1,000"


def test_a_quiet_detector_is_floored_and_its_weight_told_all_the_same() -> None:
    belief = SETTLED.beliefs([row("profile.rate", -5.0)], {})[0]
    assert belief.log_odds == SETTLED.start
    assert next(line for line in belief.ledger if line.detector == "profile.rate").weight_nats < -1


def test_a_silent_window_has_a_belief_and_it_is_the_starting_odds() -> None:
    belief = SETTLED.beliefs([], {(ORDERS, START + LENGTH): 3})[0]
    assert belief.log_odds == belief.shown_log_odds == SETTLED.start
    assert [line.family for line in belief.ledger] == ["start"]


def test_models_together_are_shown_at_what_the_calibration_supports_and_rank_by_all_they_said() -> None:
    loud = [row(f"profile.{use}", 6.0, cause=f"other {use}") for use in ("pair", "destination", "rate")]
    belief = SETTLED.beliefs([*loud, row("classifier.behaviour", 6.0)], {})[0]
    cap = math.log(SETTLED.calibration.windows + 1)
    assert belief.log_odds - SETTLED.start > cap + 1
    assert belief.shown_log_odds - SETTLED.start == np.round(cap * 2**32) / 2**32
    assert belief.ledger[-1].group == "shown"
    assert belief.low < belief.shown_log_odds < belief.high


def test_rules_are_not_bound_by_the_calibration_of_models() -> None:
    belief = of_priors_alone().beliefs([row("indicator:hashes")], {})[0]
    assert belief.shown_log_odds == belief.log_odds


def test_a_saved_ledger_adds_up_too() -> None:
    belief = SETTLED.beliefs([row("profile.pair", 4.0), row("rule:drop")], {})[0]
    again = msgspec.json.decode(msgspec.json.encode(belief), type=Belief)
    assert again == belief
    assert adds_up(again)
