"""Overlays: an answer changes what its scope says, where it says, and can be taken back bit for bit."""

from __future__ import annotations

import msgspec
import pytest
from made_case import ATTACKED, MEMBERS, NODES, RULE_ID, TWIN, VICTIM, Case, evidence_of, placed, taught
from made_events import day_of_work
from test_credit import credited

from lichen.core.change import Overlay
from lichen.core.verdict import Verdict
from lichen.learn.overlay import in_words, node_of_scope, nodes_of, overlays_of


def laid(case: Case, answer: str, scope: str, **pattern: str) -> tuple[Overlay, ...]:
    return overlays_of(credited(case, answer, scope, **pattern), scope, NODES, MEMBERS.__getitem__, 0.05)


def test_a_subject_s_nodes_are_read_from_its_own_events(case: Case) -> None:
    batches = credited(case).again.batches
    assert nodes_of(VICTIM, batches) == NODES
    assert nodes_of(VICTIM.__class__("user", "alice"), batches) == ("alice", "users", "fleet")
    assert nodes_of(VICTIM.__class__("workload", "nobody"), batches) == ("nobody", "fleet")


@pytest.mark.parametrize(
    ("scope", "node"), [("alert", "orders-1"), ("subject", "orders-1"), ("pattern", "group orders")]
)
def test_nothing_widens_a_scope(case: Case, scope: str, node: str) -> None:
    pattern = {"process.file.path": "/usr/bin/curl"} if scope == "pattern" else {}
    assert {overlay.node for overlay in laid(case, "benign-expected", scope, **pattern)} == {node}
    assert {overlay.node for overlay in laid(case, "malicious", scope)} <= {node}
    assert node_of_scope("pattern", ("alone", "fleet")) == "alone"


def test_a_benign_answer_quiets_its_own_values_on_its_own_subject_only(case: Case) -> None:
    overlays = laid(case, "benign-expected", "alert")
    before = {row.key: row.score_nats for row in evidence_of(case)}
    after = {row.key: row.score_nats for row in evidence_of(case, overlays)}
    changed = {key: after[key] - before[key] for key in after if after[key] != before[key]}
    assert {(subject, window) for (subject, window, _), by in changed.items() if by < -1} == {(VICTIM, ATTACKED)}
    assert {subject for subject, _, _ in changed} == {VICTIM}
    assert sum(change < -3 for change in changed.values()) >= 3


def test_a_detector_that_was_wrong_is_softened_upward_by_a_share(case: Case) -> None:
    parts = {(overlay.detector, overlay.node): overlay for overlay in laid(case, "detector-wrong", "alert")}
    assert [parts[RULE_ID, node].benign_fired for node in NODES] == [1.0, 1 / 3, 1 / 3, 1 / 4]
    assert [parts["profile.pair", node].epsilon for node in NODES] == [0.05, 0.05 / 3, 0.05 / 3, 0.05 / 4]


def test_a_malicious_answer_is_laid_on_the_malicious_side(case: Case) -> None:
    attack = [event for event in case.events if event.view["subject.workload"] == VICTIM.name and event.time > ATTACKED]
    case.models["profile.pair"] = taught({"it": case.models["profile.pair"]}, attack * 9)["it"]
    overlays = {overlay.detector: overlay for overlay in laid(case, "malicious", "alert")}
    assert overlays["profile.pair"].side == "malicious:T1059.004"
    assert RULE_ID not in overlays
    louder = evidence_of(case, tuple(overlays.values()))
    before = {row.key: row.score_nats for row in evidence_of(case)}
    assert any(row.detector == "profile.pair" and row.score_nats > before[row.key] for row in louder)
    assert all(row.score_nats >= before[row.key] - 1e-12 for row in louder)


def test_unsure_lays_nothing(case: Case) -> None:
    assert laid(case, "unsure", "alert") == ()


def test_undone_the_same_counts_score_bit_for_bit_as_if_it_had_never_been(case: Case) -> None:
    answers, verdict = case.store.answers, Verdict(0, case.alert.uid, "benign-expected", "alert", "ada", ATTACKED)
    answers.answer(verdict, laid(case, "benign-expected", "pattern", **{"process.file.path": "/usr/bin/curl"}))
    never = evidence_of(case, answers.overlays())
    _, change = answers.answer(verdict, laid(case, "benign-expected", "alert"))
    assert change is not None
    assert evidence_of(case, answers.overlays()) != never
    answers.undo(change.id, "ada", ATTACKED)
    assert evidence_of(case, answers.overlays()) == never


def test_undone_after_later_learning_nothing_learned_since_is_lost(case: Case) -> None:
    answers, verdict = case.store.answers, Verdict(0, case.alert.uid, "benign-expected", "alert", "ada", ATTACKED)
    _, change = answers.answer(verdict, laid(case, "benign-expected", "alert"))
    before = evidence_of(case)
    case.models = taught(case.models, placed(day_of_work(seed=123, count=400)))
    never = evidence_of(case)
    assert never != before
    assert change is not None
    answers.undo(change.id, "ada", ATTACKED)
    assert evidence_of(case, answers.overlays()) == never


def test_an_overlay_is_told_in_words() -> None:
    overlay = Overlay("profile.pair", "orders-1", {f"v{i}": 1.0 for i in range(5)})
    assert in_words(overlay) == "v0, v1, v2 and 2 more becomes expected on orders-1"
    condemned = msgspec.structs.replace(overlay, values={"sh": 1.0}, side="malicious:T1059")
    assert in_words(condemned) == "sh is learned as an attack's on orders-1"
    assert in_words(Overlay(RULE_ID, "orders-1", benign_fired=1.0)).endswith("firing on orders-1 counts less")
    assert TWIN != VICTIM
