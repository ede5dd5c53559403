"""Consequence: what is said before the answer is what happens after it."""

from __future__ import annotations

import msgspec
from made_case import ATTACKED, MEMBERS, NODES, TWIN, VICTIM, Case, evidence_of
from test_credit import credited

from lichen.core.alert import Alert
from lichen.core.change import Change, Overlay
from lichen.core.desk import Consequence
from lichen.core.verdict import Verdict
from lichen.learn.consequence import consequence, let_in
from lichen.learn.overlay import overlays_of

PATTERN = {"subject.group": "orders"}


def asked(
    case: Case, scope: str = "alert", answer: str = "benign-expected", confirmed: tuple[Alert, ...] = ()
) -> tuple[Consequence, tuple[Overlay, ...]]:
    found = credited(case, answer, scope, **(PATTERN if scope == "pattern" else {}))
    overlays = overlays_of(found, scope, NODES, MEMBERS.__getitem__, 0.05)
    recent = list(case.alerts.values())
    told = consequence(
        found,
        scope,
        overlays,
        judging=case.judging,
        in_force=case.store.answers.overlays(),
        court=case.court,
        recent=recent,
        confirmed=confirmed,
    )
    return told, overlays


def test_the_scores_foretold_are_the_scores_that_follow(case: Case) -> None:
    told, overlays = asked(case)
    case.store.answers.answer(Verdict(0, case.alert.uid, "benign-expected", "alert", "ada", ATTACKED), overlays)
    rows = evidence_of(case, case.store.answers.overlays())
    scores = {row.detector: row.score_nats for row in rows if row.subject == VICTIM and row.window == ATTACKED}
    for effect in told.effects:
        if effect.detector.startswith("profile."):
            assert effect.score_after_nats == scores[effect.detector]
    assert len(told.effects) == len(overlays) == 5
    assert sum(effect.score_before_nats - effect.score_after_nats > 3 for effect in told.effects) >= 4


def test_quiet_are_the_alerts_that_would_no_longer_be_raised(case: Case) -> None:
    assert asked(case)[0].quiet == (case.alert.uid,)
    assert set(asked(case, "pattern")[0].quiet) == {case.alert.uid, case.alerts[TWIN].uid}


def test_a_confirmed_attack_that_would_be_hidden_is_named(case: Case) -> None:
    known = msgspec.structs.replace(case.alerts[TWIN], status="malicious")
    assert asked(case, confirmed=(known,))[0].hidden == ()
    told, _ = asked(case, "pattern", confirmed=(known,))
    assert told.hidden == (known.uid,)
    assert "1 known attack would be hidden" in told.summary


def test_it_says_what_stays_and_what_it_would_be_blind_to(case: Case) -> None:
    told, _ = asked(case)
    assert "image orders@1, group orders and fleet stay as before" in told.unchanged
    assert "orders-1 that looks exactly like this" in told.blind_to
    assert "group orders" in asked(case, "pattern")[0].blind_to
    assert "Can be undone exactly" in told.summary
    unsure, _ = asked(case, answer="unsure")
    assert unsure.effects == ()
    assert unsure.summary == "No model changes."


def test_what_a_change_let_in_meanwhile_is_listed_when_it_is_undone(case: Case) -> None:
    _, overlays = asked(case, "pattern")
    change = Change(1, 1, ATTACKED - 1, overlays, "")
    quiet = case.court.again(TWIN, [case.alerts[TWIN].beliefs[0].window], case.bench(overlays)).beliefs
    others = [belief for belief in case.store.records.beliefs() if belief.subject != TWIN]
    listed = let_in(
        change,
        [*quiet, *others],
        judging=case.judging,
        in_force=(),
        court=case.court,
        lane="malicious",
        node_holds=lambda node, subject: node == "group orders",
    )
    assert listed == case.alerts[TWIN].beliefs
