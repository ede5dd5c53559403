"""An answer on a classifier moves its weight at that node and for those causes, and nothing else anywhere."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_evidence import LEVELS, MINUTES, ORDERS, PRIORS, active, benign, row, workload

from lichen.core.change import Overlay, without_mark
from lichen.core.entity import Subject
from lichen.decide import Calibration, Decider, RuleRates, Table, adds_up, within_folder
from lichen.decide.answered import Answered, filled, means_of

NAME, SHELL, CURL = "classifier.behaviour", "exec python3 sh", "exec sh curl"
PLACES = {workload(i): ("group orders", f"image orders@{i % 2}") for i in range(12)}
QUIET = [
    row(NAME, float(np.random.default_rng(i * 100 + w).normal(-2, 1)), workload(i), w)
    for i in range(12)
    for w in range(26)
]
RATES = RuleRates.of_priors(PRIORS, LEVELS)
DECIDER = Decider.of(PRIORS, Calibration.fit([*benign(), *QUIET], active()), RATES, MINUTES)


def spoke(nats, cause=SHELL, subject=ORDERS, others=()):
    said = row(NAME, nats, subject, window=30, cause=cause, because=f"reads of {cause}")
    words = tuple(f"reads of {name}" for name, _ in others)
    return msgspec.structs.replace(said, others=words, others_nats=others)


def called_benign(nats=4.0, node=ORDERS.name, cause=SHELL, fired=1.0):
    return Overlay(NAME, node, {cause: nats}, benign_fired=fired)


def weight(overlays, *rows, places=None):
    scored = DECIDER.with_overlays(overlays).score(Table.collect(rows, {}), places=places)
    return scored.weights[:, scored.table.detectors.index(NAME)].tolist()


def test_the_same_window_weighs_nothing_and_a_louder_one_what_it_is_louder_by() -> None:
    assert weight((), spoke(4.0))[0] > 3.5
    assert weight([called_benign()], spoke(4.0))[0] == pytest.approx(0.0, abs=1e-12)
    assert weight([called_benign()], spoke(5.5))[0] == pytest.approx(1.5, abs=1e-12)
    assert weight([called_benign()], spoke(2.0))[0] == pytest.approx(-2.0, abs=1e-12)


def test_no_other_subject_cause_or_detector_is_touched_by_a_bit() -> None:
    others = [spoke(4.0, CURL), spoke(4.0, SHELL, workload(7)), row("profile.pair", 5.0, window=30)]
    before, after = (
        DECIDER.with_overlays(laid).beliefs(others, {}) for laid in ((), (called_benign(), called_benign(node="other")))
    )
    assert [msgspec.structs.replace(belief, version="") for belief in after] == [
        msgspec.structs.replace(belief, version="") for belief in before
    ]


def test_a_second_cause_is_not_hidden_behind_the_one_that_was_answered() -> None:
    both = spoke(4.0, others=((CURL, 3.0), ("exec sh id", 0.5)))
    belief = DECIDER.with_overlays([called_benign()]).beliefs([both], {})[0]
    (line,) = [line for line in belief.ledger if line.detector == NAME]
    assert (line.cause, line.because, line.score_nats) == (CURL, f"reads of {CURL}", 3.0)
    assert line.weight_nats == weight((), spoke(3.0, CURL))[0]
    assert line.nats == pytest.approx(line.weight_nats, abs=1e-9)
    assert adds_up(belief)


def test_an_answer_at_a_group_reaches_its_subjects_and_nobody_else() -> None:
    elsewhere = Subject("workload", "gateway-1")
    places = {**PLACES, elsewhere: ("group gateway",)}
    laid = [called_benign(node="group orders")]
    here, there = (weight(laid, spoke(4.0, subject=subject), places=places)[0] for subject in (workload(9), elsewhere))
    assert here == pytest.approx(0.0, abs=1e-12)
    assert there == weight((), spoke(4.0, subject=elsewhere), places=places)[0]
    assert DECIDER.with_overlays(laid).needs_places
    assert not DECIDER.needs_places


def test_what_is_shared_out_upward_weakens_by_its_share() -> None:
    bare = weight((), spoke(4.0))[0]
    mean = math.exp(4.0 - bare)
    shared = weight([called_benign(node="fleet", fired=0.25)], spoke(4.0))[0]
    assert shared == pytest.approx(4.0 - math.log(0.25 * math.exp(4.0) + 0.75 * mean), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-6, 6), st.floats(0, 3), st.booleans()), max_size=6),
    st.floats(-6, 6),
    st.randoms(use_true_random=False),
)
def test_no_answer_makes_anything_weigh_more_and_their_order_is_the_same(answers, nats, chance) -> None:
    laid = [called_benign(a, "group orders" if up else ORDERS.name, fired=fired) for a, fired, up in answers]
    bare, found = weight((), spoke(nats))[0], weight(laid, spoke(nats), places=PLACES)[0]
    assert found <= bare + 1e-12
    assert weight([*laid, called_benign(3.0)], spoke(nats), places=PLACES)[0] <= found + 1e-12
    again = list(laid)
    chance.shuffle(again)
    assert weight(again, spoke(nats), places=PLACES)[0] == found


def test_undone_everything_scores_as_if_it_had_never_been_bit_for_bit() -> None:
    rows = [*benign(5), *QUIET, spoke(4.0), spoke(2.0, CURL)]
    under = DECIDER.with_overlays([called_benign(), Overlay("rule:shell", ORDERS.name, benign_fired=1.0)])
    assert under.with_overlays(()).beliefs(rows, active()) == DECIDER.beliefs(rows, active())
    assert under.with_overlays(()).version == DECIDER.version
    assert without_mark(under.version) == DECIDER.version
    assert under.version != DECIDER.version


def test_answers_are_saved_with_the_decider_and_an_old_one_has_none(tmp_path) -> None:
    under = DECIDER.with_overlays([called_benign()])
    under.save(tmp_path / "decide.json")
    assert Decider.load(tmp_path / "decide.json").version == under.version
    old = {name: value for name, value in msgspec.to_builtins(DECIDER).items() if name != "answers"}
    (tmp_path / "old.json").write_bytes(msgspec.json.encode(old))
    assert Decider.load(tmp_path / "old.json").version == DECIDER.version


def test_a_mean_is_filled_by_the_loudest_answers_and_never_lowered() -> None:
    assert filled(2.0, []) == 2.0
    assert filled(2.0, [(1.0, 1.0)]) == 2.0
    assert filled(2.0, [(8.0, 0.5), (4.0, 1.0)]) == 0.5 * 8 + 0.5 * 4
    assert filled(2.0, [(8.0, 1.0), (4.0, 1.0)]) == 8.0


def test_where_nothing_is_calibrated_nothing_is_moved() -> None:
    table = Table.collect([spoke(4.0)], {})
    means = means_of(Calibration(), table)
    found, weights = Answered.of([called_benign()]).applied(table, np.zeros((1, 1)), means, None)
    assert weights.tolist() == [[0.0]]
    assert found.rows == list(table.rows)


def test_without_a_baseline_the_answer_counts_too() -> None:
    rows = [*QUIET, spoke(5.0)]

    def unusual(*laid):
        found = within_folder(rows, active(), PRIORS, RATES, MINUTES, answered=Answered.of(laid))
        return next(b for b in found.beliefs if b.subject == ORDERS and b.window == rows[-1].window)

    assert unusual().unusual_score > 3
    assert unusual(called_benign(5.0)).unusual_score == 0
    assert unusual(called_benign(5.0, "orders-5")) == unusual()
