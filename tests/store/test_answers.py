"""Answers: verdicts, changes, their exact undoing, signatures, and the trail of who did it."""

from __future__ import annotations

import msgspec
import pytest
import sqlalchemy as sa
from made_events import START
from made_findings import ORDERS, alert_of, evidence_of, verdict_of

from lichen.core.change import Overlay
from lichen.core.signature import Signature
from lichen.store import schema
from lichen.store.answers import Answers
from lichen.store.records import Judged, Records

QUIET = Overlay("profile.pair", "orders-2", {"python3.11 sh": 2.0}, {"python<n> sh": 2.0})
RULE = Overlay("rule:7", "orders-2", benign_fired=1.0)


@pytest.fixture
def answers(records: Records) -> Answers:
    records.commit(None, [], Judged([evidence_of()], alerts=[alert_of()]))
    return Answers(records.reading, records.writing)


def test_a_verdict_makes_a_change_and_undoing_it_leaves_the_overlays_bit_equal(answers: Answers) -> None:
    answers.answer(verdict_of(alert_of()), [RULE], "rule 7 is expected on orders-2")
    before = answers.overlays()
    verdict, change = answers.answer(verdict_of(alert_of()), [QUIET], "sh under python3 becomes expected")
    assert change is not None
    assert (verdict.id, change.verdict, change.id) == (2, 2, 2)
    assert answers.overlays() == (*before, QUIET)
    assert answers.overlays(but=change.id) == before
    undone = answers.undo(change.id, "ada", START + 99)
    assert undone.undone
    assert answers.overlays() == before
    assert answers.undo(change.id, "ada", START + 100) == undone
    assert [change.undone for change in answers.changes()] == [False, True]


def test_undo_touches_nothing_but_the_change_its_alert_and_the_trail(answers: Answers, records: Records) -> None:
    _, change = answers.answer(verdict_of(alert_of()), [QUIET])
    assert change is not None
    tables = [table for table in schema._TABLES.sorted_tables if table.name not in ("audit", "change", "alert")]

    def content() -> list[object]:
        with records.reading.begin() as connection:
            return [connection.execute(sa.select(table)).all() for table in tables]

    before = content()
    answers.undo(change.id, "ada", START + 99)
    assert content() == before


def test_undone_the_alert_says_the_answer_before_or_is_open_again(answers: Answers, records: Records) -> None:
    uid = alert_of().uid

    def status() -> tuple[str, list[str]]:
        with records.reading.begin() as connection:
            row = connection.execute(sa.select(schema.alert.c.status, schema.alert.c.causes)).one()
        return row.status, msgspec.json.decode(row.causes)

    untouched = status()
    _, first = answers.answer(verdict_of(alert_of()), [QUIET])
    answered = status()
    assert answered[0] == "benign-expected"
    _, second = answers.answer(verdict_of(alert_of(), "malicious"), [RULE])
    assert first is not None
    assert second is not None
    answers.undo(second.id, "ada", START + 1)
    assert status() == answered
    answers.undo(first.id, "ada", START + 2)
    assert status() == untouched == ("open", [])
    answers.answer(verdict_of(alert_of(), "unsure"))
    answers.undo(first.id, "ada", START + 3)  # undone before: nothing changes
    assert records.alert(uid).status == "unsure"


def test_changes_count_in_the_order_of_their_ids(answers: Answers) -> None:
    for overlay in (QUIET, RULE, QUIET):
        answers.answer(verdict_of(alert_of()), [overlay])
    answers.undo(2, "ada", START)
    assert answers.overlays() == (QUIET, QUIET)
    assert answers.overlays("rule:7") == ()


def test_an_unsure_verdict_is_kept_and_changes_nothing(answers: Answers, records: Records) -> None:
    verdict, change = answers.answer(verdict_of(alert_of(), "unsure"))
    assert change is None
    assert answers.verdicts(alert_of().uid) == [verdict]
    assert answers.changes() == []
    assert records.alert(alert_of().uid).status == "unsure"


def test_unknown_alerts_changes_and_signatures_raise(answers: Answers) -> None:
    with pytest.raises(KeyError):
        answers.answer(verdict_of(alert_of(subject=ORDERS.__class__("user", "nobody"))))
    with pytest.raises(KeyError):
        answers.undo(9, "ada", START)
    with pytest.raises(KeyError):
        answers.promote("nothing", "ada", START)
    assert answers.trail() == []


def test_a_promoted_signature_stays_promoted_when_it_is_proposed_again(answers: Answers) -> None:
    atoms = (("Image", "endswith", "/sh"),)
    signature = Signature("s1", "sh", "title: sh", atoms, 3, 0, 900, alert_of().uid, {"Image": "/bin/sh"}, {}, {})
    answers.put_signature(signature, "ada", START)
    assert answers.signatures() == [signature]
    assert answers.promote("s1", "ada", START + 1).stage == "stable"
    answers.put_signature(signature, "ada", START + 2)
    assert [found.stage for found in answers.signatures()] == ["stable"]


def test_the_trail_says_who_did_what_and_nobody_can_change_it(answers: Answers, records: Records) -> None:
    answers.answer(verdict_of(alert_of()), [QUIET], "a 'quoted' \0 summary")
    answers.undo(1, "eve", START + 7, "a mistake")
    answers.note("ada", START + 8, "learn", "profile.pair", "v2")
    told = [(line.by, line.action, line.what) for line in answers.trail()]
    uid = alert_of().uid
    assert told == [
        ("ada", "verdict", uid),
        ("ada", "change", "1"),
        ("eve", "undo", "1"),
        ("ada", "learn", "profile.pair"),
    ]
    assert answers.trail()[1].body == "a 'quoted' \0 summary"
    assert answers.trail(after=3)[0].action == "learn"
    for statement in ("UPDATE audit SET by = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(sa.exc.DatabaseError, match="append-only"), records.writing.begin() as connection:
            connection.exec_driver_sql(statement)
