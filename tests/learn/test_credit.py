"""Credit: the ledger judged again is the stored one, and only who was on the wrong side is taught."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from made_case import ATTACKED, MINUTES, RULE_ID, VICTIM, Case, alert_of_beliefs, believe, placed, taught
from made_events import MINUTE, day_of_work

from lichen.core.errors import LichenError
from lichen.core.time import window_start
from lichen.learn.credit import UNCONVINCED_NATS, Credit, credit
from lichen.learn.rescore import differences


def credited(case: Case, answer: str = "benign-expected", scope: str = "alert", **pattern: str) -> Credit:
    court = case.court
    minutes = {"window_minutes": court.window_minutes, "context_minutes": court.context_minutes}
    return credit(case.alert, answer, scope, pattern, court.read, case.bench(), **minutes)


def rows_of(found: Credit, detector: str) -> int:
    return sum(len(rows) for rows in found.rows[detector].values())


def test_the_ledger_judged_again_equals_the_stored_one(case: Case) -> None:
    found = credited(case)
    assert found.differences == ()
    stored = case.store.records.evidence(ATTACKED, ATTACKED + 1, VICTIM)
    assert sorted(found.again.evidence, key=lambda row: row.key) == sorted(stored, key=lambda row: row.key)
    assert found.again.beliefs == case.alert.beliefs
    assert len(stored) == 6


def test_every_window_of_every_subject_is_judged_again_alike(case: Case) -> None:
    court, stored = case.court, case.store.records.evidence()
    for subject in {row.subject for row in stored}:
        windows = {row.window for row in stored if row.subject == subject}
        again = court.again(subject, windows, case.bench())
        own = [row for row in stored if row.subject == subject]
        assert sorted(again.evidence, key=lambda row: row.key) == sorted(own, key=lambda row: row.key)


def test_a_ledger_that_is_not_the_same_any_more_is_told_in_words(case: Case) -> None:
    case.models = taught(case.models, placed(day_of_work(seed=77, count=300)))
    assert credited(case).differences == ()  # the same values were learned: the clipped scores are the same
    attack = [event for event in case.events if event.view["subject.workload"] == VICTIM.name and event.time > ATTACKED]
    case.models = taught(case.models, attack)
    told = credited(case).differences
    assert any("profile.process" in one and "stored 6.0" in one for one in told)
    assert any(one.startswith("the belief is") for one in told)
    assert differences(case.alert.beliefs[0], None)


def test_a_benign_answer_teaches_those_that_spoke_for_malice_and_leaves_the_rest(case: Case) -> None:
    found = credited(case)
    wrong = {share.detector for share in found.responsible}
    assert wrong == {"profile.process", "profile.pair", "profile.path", "profile.destination", RULE_ID}
    assert {share.detector for share in found.shares} - wrong == {"profile.rate"}
    assert all(rows_of(found, name) >= 1 for name in wrong)


def test_the_scope_alert_is_this_cause_s_events_and_no_others(case: Case) -> None:
    found = credited(case)
    moments = {ATTACKED + i * 1_000_000 for i in (1, 2, 3, 4)}
    own = [event for event in case.events if event.view["subject.workload"] == VICTIM.name]
    attack = [event for event in own if event.time in moments]
    wanted = {"profile.pair": attack[:2], "profile.path": attack[:3], "profile.destination": [*attack[:2], attack[3]]}
    for detector, events in wanted.items():
        texts = [
            found.again.batches[number].text[int(row)].as_py()
            for number, rows in found.rows[detector].items()
            for row in rows
        ]
        assert sorted(texts) == sorted(event.text for event in events)


def test_the_scope_subject_is_all_that_the_detector_spoke_for(case: Case) -> None:
    one, all_of_it = credited(case), credited(case, scope="subject")
    assert rows_of(all_of_it, "profile.process") >= rows_of(one, "profile.process") - 2
    for number, rows in all_of_it.rows["profile.process"].items():
        cut = all_of_it.again.batches[number].take(np.asarray(rows))
        evidence, _, _ = case.models["profile.process"].detect(cut, {})
        assert evidence == [] or max(row.score_nats for row in evidence) > 0


def test_the_scope_pattern_is_the_events_with_these_field_values(case: Case) -> None:
    found = credited(case, scope="pattern", **{"process.file.path": "/usr/bin/curl"})
    assert rows_of(found, "profile.process") == 1
    assert rows_of(found, RULE_ID) == 0  # the rule fired for the shell, which does not show the pattern
    with pytest.raises(LichenError, match="no column of the view"):
        credited(case, scope="pattern", image="curl")
    with pytest.raises(LichenError, match="no event of this alert shows"):
        credited(case, scope="pattern", **{"process.file.path": "/usr/bin/true"})


def test_a_malicious_answer_asks_the_silent_ones_too(case: Case) -> None:
    attack = [event for event in case.events if event.view["subject.workload"] == VICTIM.name and event.time > ATTACKED]
    case.models["profile.pair"] = taught({"it": case.models["profile.pair"]}, attack * 9)["it"]
    found = credited(case, "malicious")
    parts = {share.detector: share for share in found.shares}
    assert parts["profile.pair"].wrong
    assert parts["profile.pair"].score_nats < UNCONVINCED_NATS
    assert parts["profile.rate"].wrong
    assert parts["profile.rate"].score_nats <= 0
    assert not parts["profile.process"].wrong
    assert parts["profile.process"].score_nats >= UNCONVINCED_NATS
    assert not parts[RULE_ID].wrong
    assert rows_of(found, "profile.pair") >= 2


def test_an_unsure_answer_teaches_nobody(case: Case) -> None:
    assert credited(case, "unsure").responsible == ()


def test_events_that_are_gone_are_said_to_be_gone(case: Case) -> None:
    elsewhere = msgspec.structs.replace(case.alert, subject=VICTIM.__class__("workload", "nobody"))
    with pytest.raises(LichenError, match="not stored"):
        credit(elsewhere, "unsure", "alert", {}, case.court.read, case.bench(), window_minutes=5, context_minutes=10)


def test_an_alert_of_several_windows_is_judged_again_whole(case: Case) -> None:
    beliefs = [one for one in believe(case.store.records.evidence(), ()) if one.subject == VICTIM][:4]
    far = [one for one in beliefs if one.window != beliefs[1].window]  # a gap between windows
    case.alerts[VICTIM] = alert_of_beliefs(far, case.alert.versions)
    found = credited(case)
    assert found.differences == ()
    assert {belief.window for belief in found.again.beliefs} == {belief.window for belief in far}


def test_the_context_is_read_and_further_back_where_a_sequence_began_earlier(case: Case) -> None:
    first = min(int(batch.times().min()) for batch in credited(case).again.batches)
    assert ATTACKED - 10 * MINUTE <= first < ATTACKED
    bare = replace(case.court, context_minutes=0).again(VICTIM, [ATTACKED], case.bench())
    calls = [time for batch in bare.batches if batch.kind == "http" for time in batch.times().tolist()]
    assert len([time for time in calls if time < ATTACKED]) >= 3
    alone = replace(case.court, context_minutes=0).again(VICTIM, [calls_free_window(case)], case.bench())
    assert min(int(batch.times().min()) for batch in alone.batches) >= calls_free_window(case)


def calls_free_window(case: Case) -> int:
    """A window in which the victim made no call."""
    own = [event for event in case.events if event.view["subject.workload"] == VICTIM.name]
    calls = {window_start(event.time, MINUTES) for event in own if event.kind == "http"}
    return next(w for w in sorted({window_start(event.time, MINUTES) for event in own}) if w not in calls)
