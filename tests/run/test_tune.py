"""Tuning: the smallest filter that covers what was answered as expected, and none that hides a known attack."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml
from answered_store import ID, answer, line, scanned

from lichen import assemble
from lichen.config import Settings
from lichen.core.errors import InputError
from lichen.detect.rules import RuleSet
from lichen.detect.rules.asked import rule_asked
from lichen.run.backtest import Answered
from lichen.run.hits import Tally, hits
from lichen.run.tune import Proposal, filter_file, tune
from lichen.store.store import Store

TODAY = dt.date(2026, 11, 24)


def proposed(settings: Settings) -> Proposal:
    with Store(settings.store) as store:
        rule = rule_asked(assemble.rules_of(settings, store).rules, ID)
        answered = Answered(store.records.alerts(), settings.window_minutes)
        return tune(rule, store.lake.batches, answered, {}, "web team", TODAY)


def test_a_filter_covers_the_expected_events_and_the_attack_still_fires(tmp_path: Path) -> None:
    benign = [line(8, f"/admin/backup{i}", "backup*tool?", "203.0.113.9", i) for i in range(3)]
    attack = [line(9, "/admin/shell", "curl", "203.0.113.9")]
    other = [line(10, "/admin/users", "firefox", "203.0.113.9")]
    settings = scanned(tmp_path, benign + attack + other)
    answer(settings, 8, "benign-expected")
    answer(settings, 9, "malicious")
    proposal = proposed(settings)
    assert proposal.atoms == (("cs-user-agent", "backup*tool?"),)
    assert (proposal.covers, proposal.kept, proposal.hides_unanswered, proposal.lost) == (3, 2, 0, ())
    told = yaml.safe_load(proposal.sigma)
    assert told["owner"] == "web team"
    assert told["expires"] == "2027-02-22"
    assert told["filter"]["rules"] == [ID]
    path = filter_file(proposal, tmp_path / "filters")
    tuned = settings.model_copy(update={"filters": (tmp_path / "filters",)})
    assert RuleSet.load(settings.rules, filters=[path]).refused == ()
    fired = [hit.fields["cs-uri-stem"] for hit in hits(tuned, [tmp_path / "access.log"], Tally()) if hit.rule == ID]
    assert fired == ["/admin/shell", "/admin/users"]


def test_a_value_is_added_until_no_known_attack_has_them_all(tmp_path: Path) -> None:
    benign = [line(8, "/admin/a", "curl", "203.0.113.9"), line(8, "/admin/a", "curl", "203.0.113.9", 1)]
    attacks = [line(9, "/admin/b", "curl", "203.0.113.9"), line(9, "/admin/a", "wget", "203.0.113.9")]
    settings = scanned(tmp_path, benign + attacks)
    answer(settings, 8, "benign-expected")
    answer(settings, 9, "malicious")
    assert set(proposed(settings).atoms) == {("cs-uri-stem", "/admin/a"), ("cs-user-agent", "curl")}


def test_no_filter_is_proposed_where_an_attack_looks_the_same(tmp_path: Path) -> None:
    settings = scanned(tmp_path, [line(8, "/admin/a", "curl"), line(9, "/admin/a", "curl")])
    answer(settings, 8, "benign-expected")
    uid = answer(settings, 9, "malicious")
    proposal = proposed(settings)
    assert proposal.sigma == ""
    assert [each.why for each in proposal.lost] == [f"alert {uid}, confirmed as malicious"]
    assert proposal.lost[0].fields["cs-uri-stem"] == "/admin/a"


def test_the_rules_own_hit_is_a_known_attack(tmp_path: Path) -> None:
    agents = "curl/8.5"
    settings = scanned(tmp_path, [line(8, "/admin/login", agents, "198.51.100.7"), line(8, "/admin/x", agents)])
    answer(settings, 8, "benign-expected")
    proposal = proposed(settings)
    case = next(iter((tmp_path / "rules").glob("*.test.yaml")))
    assert ("cs-user-agent", agents) not in proposal.atoms
    assert proposal.kept == 1
    case.write_text(
        case.read_text().replace("hit:\n", "hit:\n  - {cs-uri-stem: /admin/a, cs-method: GET, sc-status: 200}\n", 1)
    )
    assert ("cs-method", "GET") not in proposed(settings).atoms


def test_without_an_answer_there_is_nothing_to_tune_from(tmp_path: Path) -> None:
    settings = scanned(tmp_path, [line(8, "/admin/a", "curl")])
    answer(settings, 8, None)
    with pytest.raises(InputError, match="benign-expected"):
        proposed(settings)
