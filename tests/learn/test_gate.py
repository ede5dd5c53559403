"""The gate: bounds on one answer, one analyst, one entity; and canaries that no change may lose."""

from __future__ import annotations

import msgspec
from made_case import ATTACKED, TWIN, VICTIM, Case
from test_consequence import asked

from lichen.core.change import Change, Overlay
from lichen.core.time import DAY
from lichen.core.verdict import Verdict
from lichen.learn.gate import Bounds, admit, canaries, check, within_bounds
from lichen.learn.rescore import Bench

VERDICT = Verdict(0, "a1", "benign-expected", "alert", "ada", ATTACKED)
WIDE = Overlay("profile.path", "orders-1", {f"/v/{i}": float(i) for i in range(99)}, {"/v/": 99.0}, epsilon=0.4)


def made(by: str, alert: str, time: int = ATTACKED, undone: bool = False) -> tuple[Verdict, Change]:
    return Verdict(1, alert, "benign-expected", "alert", by, time), Change(1, 1, time, (WIDE,), "", undone)


def test_one_label_teaches_a_bounded_number_of_values_the_most_frequent_ones() -> None:
    fired = Overlay("rule:7", "orders-1", benign_fired=99)
    found = within_bounds(VERDICT, [WIDE, fired], [], str, Bounds(values_a_label=10))
    assert set(found.overlays[0].values) == {f"/v/{i}" for i in range(89, 99)}
    assert found.overlays[0].epsilon == 0.05
    assert found.overlays[1].benign_fired == 3.0
    assert found.notes == ("profile.path learns the 10 most frequent of 99 values only",)


def test_an_analyst_and_an_entity_have_a_bound_a_day() -> None:
    bounds = Bounds(changes_an_analyst_a_day=2, changes_an_entity_a_day=3)
    own = [made("ada", "b"), made("ada", "c")]
    assert within_bounds(VERDICT, [WIDE], own, str, bounds).overlays == ()
    assert "ada" in within_bounds(VERDICT, [WIDE], own, str, bounds).notes[0]
    spared = [made("ada", "b", ATTACKED - DAY), made("ada", "c", undone=True), made("ada", "d")]
    assert len(within_bounds(VERDICT, [WIDE], spared, str, bounds).overlays) == 1
    of_entity = [made(by, "a1") for by in ("bob", "eve", "joe")]
    assert within_bounds(VERDICT, [WIDE], of_entity, str, bounds).overlays == ()
    assert within_bounds(VERDICT, [], of_entity, str, bounds).notes == ()


def test_the_canaries_are_the_confirmed_attacks_and_last_week_s_quiet_windows(case: Case) -> None:
    beliefs, alerts = case.store.records.beliefs(), list(case.alerts.values())
    known = canaries([case.alert], beliefs, alerts, ATTACKED + DAY)
    assert [one.name for one in known if one.attack] == [case.alert.uid]
    quiet = [one for one in known if not one.attack]
    assert len(quiet) > 20
    loud = {(alert.subject, belief.window) for alert in alerts for belief in alert.beliefs}
    assert (VICTIM, ATTACKED) in loud
    assert not {(one.subject, one.windows[0]) for one in quiet} & loud
    assert canaries([case.alert], beliefs[::-1], alerts, ATTACKED + DAY) == known
    assert not any(not one.attack for one in canaries([], beliefs, alerts, ATTACKED + 30 * DAY))


def test_a_change_that_loses_a_confirmed_attack_is_rolled_back_exactly(case: Case) -> None:
    answers, attack = case.store.answers, msgspec.structs.replace(case.alerts[TWIN], status="malicious")
    known = canaries([attack], case.store.records.beliefs(), list(case.alerts.values()), ATTACKED + DAY)[:8]
    for scope, passes in (("alert", True), ("pattern", False)):
        _, overlays = asked(case, scope)
        before = answers.overlays()

        def make(overlays: tuple[Overlay, ...] = overlays) -> Change:
            verdict = msgspec.structs.replace(VERDICT, alert=case.alert.uid)
            change = answers.answer(verdict, overlays)[1]
            assert change is not None
            return change

        change, passage = admit(
            make,
            lambda number: answers.undo(number, "gate", ATTACKED),
            lambda before=before: check(known, case.bench(before), case.bench(answers.overlays()), case.court),
        )
        assert passage.passed is passes
        assert change.undone is not passes
        assert answers.overlays() == ((*before, *overlays) if passes else before)
        assert passage.lost == (() if passes else (attack.uid,))


def test_a_change_that_makes_quiet_windows_alert_does_not_pass(case: Case) -> None:
    known = canaries([], case.store.records.beliefs(), list(case.alerts.values()), ATTACKED + DAY)[:4]
    loud = case.bench()
    shifted = Bench(loud.detectors, lambda evidence: [_loud(belief) for belief in loud.believe(evidence)])
    passage = check(known, loud, shifted, case.court)
    assert not passage.passed
    assert len(passage.false) == 4
    assert check(known, loud, shifted, case.court, false_allowed=4).passed


def _loud(belief: object) -> object:
    return msgspec.structs.replace(belief, log_odds=9.0)  # type: ignore[type-var]
