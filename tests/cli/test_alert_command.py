"""`lichen alert`, `model` and `signature`: tables and NDJSON, answers that say first what they change."""

from __future__ import annotations

import json
from collections.abc import Callable

from desk_for_pages import DeskForPages

Run = Callable[..., tuple[int, str, str]]


def uid_of(desk: DeskForPages, name: str) -> str:
    return next(alert.uid for alert in desk.alerts() if alert.subject.name == name)


def test_in_a_pipe_each_line_is_one_alert(run: Run, desk: DeskForPages) -> None:
    code, out, err = run("alert", "list")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert err == ""
    assert [row["subject"]["name"] for row in rows[:2]] == ["orders-7", "admin-1"]
    assert {row["lane"] for row in rows} == {"malicious", "unusual"}
    assert sum(line["nats"] for line in rows[0]["beliefs"][0]["ledger"]) == rows[0]["beliefs"][0]["log_odds"]


def test_a_table_keeps_the_lanes_apart(run: Run, desk: DeskForPages) -> None:
    code, out, _ = run("alert", "list", "--output", "table")
    assert code == 0
    malicious, unusual = out.split("Unusual: no claim of malice, worth a look (2)")
    assert "Malicious (5)" in malicious
    assert "82 to 1" in malicious
    assert "gateway-10" not in malicious
    assert "once in 120 days" in unusual
    assert "uncalibrated here" in unusual


def test_a_lane_or_a_state_can_be_asked_for_alone(run: Run, desk: DeskForPages) -> None:
    desk.answer(uid_of(desk, "orders-7"), "benign-expected", "alert", "alice", {})
    assert len(run("alert", "list", "--lane", "unusual")[1].splitlines()) == 2
    assert len(run("alert", "list", "--status", "all")[1].splitlines()) == 7
    assert len(run("alert", "list", "--status", "BenignPositive")[1].splitlines()) == 1


def test_an_alert_is_shown_with_its_ledger_on_an_axis(run: Run, desk: DeskForPages) -> None:
    code, out, _ = run("alert", "show", "--output", "table")
    assert code == 0
    for told in ("orders-7 ran bash under dash", "very likely, about 82 to 1", "× 60", "÷ 1.5", "even", "◆",
                 "none in 9 hours over 24 replicas", "├ connect 198.51.100.23:4444"):  # fmt: skip
        assert told in out, told
    lines = out.splitlines()
    bars = [line for line in lines if "█" in line]
    assert len(bars) == 6
    assert bars[1].index("█") < bars[2].index("█") < bars[3].index("█")


def test_an_alert_is_found_by_how_its_id_begins(run: Run, desk: DeskForPages) -> None:
    uid = uid_of(desk, "batch-1")
    assert json.loads(run("alert", "show", uid[:7])[1])["uid"] == uid
    code, _, err = run("alert", "show", "zz")
    assert code == 3
    assert "no alert has this id" in err
    assert "lichen alert list" in err


def test_a_verdict_says_first_what_it_would_change(run: Run, desk: DeskForPages) -> None:
    uid = uid_of(desk, "orders-7")
    code, out, _ = run("alert", "verdict", uid, "expected", "--dry-run")
    assert code == 3  # no name of a verdict
    asked = ("alert", "verdict", uid, "benign-expected", "--scope", "subject", "--dry-run")
    code, out, _ = run(*asked, "--output", "table")
    assert code == 0
    assert "This will change" in out
    assert "becomes expected on orders-7" in out
    assert "× 60 → × 4.1" in out
    assert "0 known attacks would be hidden" in out
    assert json.loads(run(*asked)[1])["type"] == "consequence"
    assert desk.verdicts == []


def test_a_verdict_is_never_given_unasked(run: Run, desk: DeskForPages) -> None:
    code, _, err = run("alert", "verdict", uid_of(desk, "orders-7"), "malicious")
    assert code == 3
    assert "--yes" in err
    assert desk.verdicts == []


def test_a_verdict_and_its_undo(run: Run, desk: DeskForPages) -> None:
    uid = uid_of(desk, "orders-7")
    code, out, _ = run("alert", "verdict", uid[:8], "TruePositive", "--yes", "--by", "alice", "--note", "real")
    assert code == 0
    given = json.loads(out)
    assert given["verdict"]["answer"] == "malicious"
    assert given["verdict"]["by"] == "alice"
    assert given["consequence"]["hidden"] == []
    assert desk.alert(uid).status == "malicious"
    assert run("model", "undo", str(given["change"]["id"]))[0] == 0
    assert desk.changes()[0].undone
    code, _, err = run("model", "undo", "99")
    assert code == 3
    assert "lichen model changes" in err


def test_a_pattern_needs_its_fields_and_fields_their_pattern(run: Run, desk: DeskForPages) -> None:
    uid = uid_of(desk, "orders-7")
    for wrong in (["--scope", "pattern"], ["--pattern", "a=b"], ["--scope", "pattern", "--pattern", "nothing"]):
        assert run("alert", "verdict", uid, "malicious", "--yes", *wrong)[0] == 3
    fields = ["--pattern", "process.file.path=/usr/bin/bash", "--pattern", "process.cmd_line=bash -c a=b"]
    assert run("alert", "verdict", uid, "malicious", "--yes", "--scope", "pattern", *fields)[0] == 0
    assert desk.verdicts[0].pattern == {"process.file.path": "/usr/bin/bash", "process.cmd_line": "bash -c a=b"}


def test_models_and_changes_are_listed(run: Run, desk: DeskForPages) -> None:
    assert "No answer has changed a model yet." in run("model", "changes", "--output", "table")[1]
    desk.answer(uid_of(desk, "orders-7"), "benign-expected", "alert", "alice", {})
    assert "41,220 events, 1,440 windows, 61 subjects" in run("model", "list", "--output", "table")[1]
    assert "in force" in run("model", "changes", "--output", "table")[1]
    assert len(json.loads(run("model", "show", "profile.pair")[1])["changes"]) == 1
    assert run("model", "show", "profile.none")[0] == 3


def test_a_signature_is_proposed_listed_and_promoted(run: Run, desk: DeskForPages) -> None:
    desk.answer(uid_of(desk, "orders-7"), "malicious", "alert", "alice", {})
    code, out, _ = run("signature", "propose", uid_of(desk, "orders-7"), "--output", "table")
    assert code == 0
    assert "0 of 41,220 benign events: at most 1 in 14,000 (95 %)" in out
    assert "    ParentImage|endswith: /dash" in out  # the rule can be copied as it stands
    assert json.loads(run("signature", "list")[1])["stage"] == "shadow"
    assert json.loads(run("signature", "promote", "s1")[1])["stage"] == "stable"
    code, _, err = run("signature", "promote", "none")
    assert code == 3
    assert "lichen signature list" in err
