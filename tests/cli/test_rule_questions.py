"""`scan --hits` and `rule explain`, `test --junit`, `backtest`, `coverage`, `tune`: on real files and a real store."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "run"))

from answered_store import ID, RULE, answer, line, rules_in, scanned

Run = Callable[..., tuple[int, str, str]]


def test_hits_are_one_line_each_and_keep_no_store(run: Run, tmp_path: Path) -> None:
    rules_in(tmp_path)
    long = f"/admin/{'x' * 2000}"
    lines = [line(8, "/admin/a", "curl"), line(9, "/index.html", "curl"), line(10, long, "curl")]
    (tmp_path / "access.log").write_text("".join([*lines, "no line of a log\n"]))
    code, out, err = run("scan", "--hits", "access.log", "--rules", "rules", "--fail-on", "rule")
    found = [json.loads(each) for each in out.splitlines()]
    own = [each for each in found if each["rule"] == ID]
    assert code == 1
    assert own[0] == {
        "type": "hit",
        "rule": ID,
        "title": "Somebody looks at the administration",
        "level": "high",
        "tags": ["attack.t1190", "attack.initial-access"],
        "source_file": "access.log",
        "event_id": own[0]["event_id"],
        "time": "2026-11-24T08:00:00.000000Z",
        "stage": "stable",
        "fields": {"cs-uri-stem": "/admin/a", "cs-user-agent": "curl"},
    }
    assert len(own) == 2
    assert len(own[1]["fields"]["cs-uri-stem"]) < 600
    assert f"{len(found)} hits of" in err
    assert "1 unreadable record" in err
    assert not (tmp_path / ".lichen").exists()


def test_hits_without_any_end_with_0_and_strict_with_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(line(9, "/index.html", "firefox") + "no line of a log\n")
    assert run("scan", "--hits", "access.log", "--fail-on", "rule")[:2] == (0, "")
    assert run("scan", "--hits", "access.log", "--strict")[0] == 1
    assert run("scan", "--hits", "access.log", "--fail-on", "unusual")[0] == 3
    assert run("scan", "--hits", "access.log", "--output", "table")[0] == 3


def test_a_correlation_is_a_hit_that_names_its_events(run: Run, tmp_path: Path) -> None:
    many = (
        "title: Again and again\nid: 22222222-2222-4333-8444-555555555555\nlevel: high\n"
        f"correlation: {{type: event_count, rules: [{ID}], group-by: [c-ip], timespan: 5m, condition: {{gte: 3}}}}\n"
    )
    (rules_in(tmp_path) / "many.yml").write_text(many)
    (tmp_path / "access.log").write_text("".join(line(8, "/admin/a", "curl", second=i) for i in range(3)))
    out = run("scan", "--hits", "access.log", "--rules", "rules")[1]
    (told,) = [each for each in map(json.loads, out.splitlines()) if each["title"] == "Again and again"]
    assert told["because"] == "Again and again: 3 events within 5m"
    assert len(told["events"]) == 3


def explained(run: Run, *arguments: str, code: int = 0) -> dict[str, dict[str, object]]:
    ended, out, err = run("rule", "explain", *arguments)
    assert ended == code, err
    told: dict[str, dict[str, object]] = json.loads(out)
    return told


def test_each_clause_says_what_it_saw(run: Run, tmp_path: Path) -> None:
    rules_in(tmp_path)
    told = explained(run, ID, '{"cs-uri-stem": "/admin/x", "cs-user-agent": "HealthCheck/2"}', "--rules", "rules")
    assert told["fires"] is False
    holds = {(each["part"], each["name"]): each["holds"] for each in told["clauses"]}  # type: ignore[index]
    assert holds == {
        ("detection", "selection"): True,
        ("detection", "filter"): True,
        ("condition", "selection and not filter"): False,
    }
    (test,) = told["clauses"][0]["tests"]  # type: ignore[index]
    assert test == {"depth": 0, "says": "cs-uri-stem starts with '/admin'", "holds": True, "seen": ["/admin/x"]}
    told = explained(run, "Somebody looks at the administration", '{"cs-uri-stem": "/admin/x"}', "--rules", "rules")
    assert told["fires"] is True
    assert told["clauses"][1]["tests"][0]["seen"] is None  # type: ignore[index]


def test_a_filter_that_applies_is_a_clause_of_its_own(run: Run, tmp_path: Path) -> None:
    rules_in(tmp_path)
    (tmp_path / "filters").mkdir()
    (tmp_path / "filters" / "own.yml").write_text(
        "title: our own\nowner: web team\nexpires: 2099-01-01\nlogsource: {category: webserver}\n"
        f"filter: {{rules: [{ID}], selection: {{c-ip: 203.0.113.9}}, condition: not selection}}\n"
    )
    event = '{"cs-uri-stem": "/admin/x", "c-ip": "203.0.113.9"}'
    told = explained(run, "rules/admin.yml", event, "--filters", "filters")
    assert told["fires"] is False
    (clause,) = [each for each in told["clauses"] if each["part"] == "filter"]  # type: ignore[index]
    assert clause["name"] == "our own (own.yml, web team, until 2099-01-01)"
    assert clause["holds"] is False
    assert [each["says"] for each in clause["tests"]] == ["not", "c-ip is '203.0.113.9'"]


def test_log_sources_that_do_not_meet_are_told_first(run: Run, tmp_path: Path) -> None:
    rules_in(tmp_path)
    (tmp_path / "auth.log").write_text(
        "Nov 24 08:00:00 web-1 sshd[9]: Failed password for root from 203.0.113.9 port 4 ssh2\n"
    )
    code, out, _ = run("rule", "explain", ID, "auth.log", "--rules", "rules", "--output", "table")
    assert code == 0
    lines = out.splitlines()
    assert "The log sources do not meet: the rule reads category webserver" in " ".join(lines[:4])
    assert lines[-1] == "It does not fire."


def test_an_event_of_the_store_and_a_file_are_explained_alike(run: Run, tmp_path: Path) -> None:
    scanned(tmp_path, [line(8, "/admin/a", "curl")])
    (hit,) = [
        each
        for each in map(json.loads, run("scan", "--hits", "access.log", "--rules", "rules")[1].splitlines())
        if each["rule"] == ID
    ]
    chosen = ("--rules", "rules", "--store", "store")
    stored = explained(run, ID, hit["event_id"], *chosen)
    assert stored["fires"] is True
    assert stored["clauses"] == explained(run, ID, "access.log", *chosen)["clauses"]


@pytest.mark.parametrize(
    ("event", "told"),
    [("nothing.json", "no event"), ("[1]", "no event"), ("{broken", "not JSON"), ("0" * 32, "no event of this id")],
)
def test_an_event_that_is_none_is_a_fault_with_a_remedy(run: Run, tmp_path: Path, event: str, told: str) -> None:
    scanned(tmp_path, [line(8, "/", "curl")])
    code, out, err = run("rule", "explain", ID, event, "--rules", "rules", "--store", "store")
    assert (code, out) == (3, "")
    assert told in err
    assert "remedy: " in err
    assert run("rule", "explain", "no such rule", "{}")[0] == 2


def test_junit_holds_what_xml_cannot(run: Run, tmp_path: Path) -> None:
    rules_in(tmp_path)
    (tmp_path / "rules" / "admin.yml").write_text(
        RULE.replace("Somebody", '"<b> & \\x01 Somebody').replace("istration", 'istration"')
    )
    cases = 'hit:\n  - {cs-uri-stem: "</failure>\\x02"}\nmiss:\n  - {cs-uri-stem: /}\n'
    (tmp_path / "rules" / "admin.test.yaml").write_text(cases)
    code, _, _ = run("rule", "test", "rules", "--junit", "junit.xml")
    assert code == 2
    suites = ElementTree.fromstring((tmp_path / "junit.xml").read_bytes())
    counted = [suites.get(name) for name in ("tests", "failures", "errors")]
    assert counted == ["3", "1", "1"]  # the error: there is no near-miss
    failure = suites.find(".//failure")
    assert failure is not None
    assert failure.text == "cs-uri-stem: </failure>\ufffd"
    assert suites[0].get("name") == "<b> & \ufffd Somebody looks at the administration"
    assert run("rule", "test", "rules", "--junit", "nowhere/junit.xml")[0] == 3


def test_a_rule_is_backtested_by_its_title(run: Run, tmp_path: Path) -> None:
    settings = scanned(tmp_path, [line(8, "/admin/a", "curl"), line(9, "/admin/b", "curl")])
    answer(settings, 8, "malicious")
    asked = ("rule", "backtest", "Somebody looks at the administration", "--store", "store", "--rules", "rules")
    code, out, _ = run(*asked)
    told = json.loads(out)
    assert code == 0
    assert told["hits_on"] == {"malicious": 1, "none": 1}
    assert json.loads(run(*asked, "--since", "2026-11-24T09:00:00Z")[1])["hits"] == 1
    assert run(*asked, "--since", "yesterday")[0] == 3
    assert run("rule", "backtest", "--store", "nowhere")[0] == 3


def test_coverage_is_a_layer_that_the_navigator_reads(run: Run, tmp_path: Path) -> None:
    scanned(tmp_path, [line(8, "/admin/a", "curl")])
    chosen = ("--rules", "rules", "--output")
    every = json.loads(run("rule", "coverage", *chosen, "navigator")[1])
    assert every["versions"]["layer"] == "4.5"
    assert every["domain"] == "enterprise-attack"
    scores = {each["techniqueID"]: each.get("score", 0) for each in every["techniques"]}
    here = json.loads(run("rule", "coverage", *chosen, "navigator", "--store", "store")[1])
    seen = {each["techniqueID"]: each.get("score", 0) for each in here["techniques"]}
    assert 0 < seen["T1190"] <= scores["T1190"]
    assert seen["T1003.001"] == 0 < scores["T1003.001"]
    rows = [json.loads(each) for each in run("rule", "coverage", *chosen, "ndjson", "--store", "store")[1].splitlines()]
    reasons = {each["title"]: each["reason"] for each in rows if each["type"] == "rule"}
    assert reasons["Somebody looks at the administration"] == ""
    assert any(each.startswith("no such log source: product windows") for each in reasons.values())


def test_a_field_that_was_never_seen_is_why_a_rule_cannot_fire(run: Run, tmp_path: Path) -> None:
    scanned(tmp_path, [line(8, "/admin/a", "curl")])
    blind = RULE.replace("1111-2222", "1111-3333").replace("cs-uri-stem", "cs-nothing").replace("Somebody", "Nobody")
    (tmp_path / "rules" / "blind.yml").write_text(blind)
    out = run("rule", "coverage", "--rules", "rules", "--store", "store", "--output", "ndjson")[1]
    rows = [json.loads(each) for each in out.splitlines()]
    (row,) = [each for each in rows if each.get("title") == "Nobody looks at the administration"]
    assert (row["can_fire"], row["reason"]) == (False, "field never seen: cs-nothing")


def test_a_tuned_filter_is_written_and_keeps_the_rule_quiet(run: Run, tmp_path: Path) -> None:
    lines = [line(8, "/admin/a", "backup"), line(9, "/admin/b", "curl")]
    settings = scanned(tmp_path, lines)
    answer(settings, 8, "benign-expected")
    answer(settings, 9, "malicious")
    asked = ("rule", "tune", ID, "--store", "store", "--rules", "rules")
    code, out, _ = run(*asked, "--write", "filters", "--owner", "web team", "--output", "table")
    assert code == 0
    assert "All 2 known attacks" in out
    assert "owner: web team" in out
    hits = run("scan", "--hits", "access.log", "--rules", "rules", "--filters", "filters")[1].splitlines()
    assert [each["fields"]["cs-uri-stem"] for each in map(json.loads, hits) if each["rule"] == ID] == ["/admin/b"]


def test_a_filter_that_would_hide_an_attack_is_refused(run: Run, tmp_path: Path) -> None:
    settings = scanned(tmp_path, [line(8, "/admin/a", "curl"), line(9, "/admin/a", "curl")])
    answer(settings, 8, "benign-expected")
    uid = answer(settings, 9, "malicious")
    asked = ("rule", "tune", ID, "--store", "store", "--rules", "rules", "--write", "filters")
    code, out, _ = run(*asked)
    assert code == 1
    assert uid in json.loads(out)["lost"][0]["why"]
    assert not (tmp_path / "filters").exists()
