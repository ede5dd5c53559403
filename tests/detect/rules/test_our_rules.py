"""Rules of our own: each has its proof beside it, and is read by others as it is by us."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import oracle
import pytest
import yaml
from sigmahq import REPOSITORY

from lichen.detect.rules import RuleSet, load_indicators
from lichen.detect.rules.companions import KINDS, Case, companion_of, prove_rules, read_cases
from lichen.detect.rules.lint import lint_rules

RULES = REPOSITORY / "content" / "rules"
LISTS, REFUSED = load_indicators([REPOSITORY / "content" / "indicators"])
OURS = RuleSet.load([RULES])


def test_every_rule_passes_its_hit_miss_and_near_miss() -> None:
    outcomes, faults = prove_rules([RULES], {each.name: each for each in LISTS})
    assert faults == []
    assert [(each.rule.title, each.case.kind, each.case.place) for each in outcomes if not each.passed] == []
    wanted = {(rule.id, kind) for rule in OURS.rules for kind in KINDS}
    assert {(each.rule.id, each.case.kind) for each in outcomes} == wanted


def test_the_missions_examples_and_more_are_there() -> None:
    names = {rule.path.stem for rule in OURS.rules}
    assert names >= {
        "file_in_system_folder",
        "system_binary_overwritten",
        "connection_to_known_bad_address",
        "connection_to_tor",
        "known_bad_hash",
    }
    assert len(names) >= 10
    assert REFUSED == ()


def test_every_rule_says_what_could_fire_it_wrongly_and_nothing_is_left_to_mend() -> None:
    assert lint_rules([RULES], companions=True) == []
    assert all(len(rule.falsepositives[0].split()) >= 6 for rule in OURS.rules)


@pytest.mark.parametrize("rule", OURS.rules, ids=lambda rule: rule.path.stem)
def test_the_oracle_reads_each_case_as_the_engine_does(rule: object) -> None:
    lists = {each.name: lambda value, each=each: each.finds(value) is not None for each in LISTS}
    path = rule.path  # type: ignore[attr-defined]
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    for case in read_cases(companion_of(rule)):  # type: ignore[arg-type]
        assert isinstance(case, Case)
        assert oracle.fires(text, case.fields, case.raw, lists) == case.must_fire, case


def test_sigma_cli_finds_nothing_wrong_with_them() -> None:
    sigma = Path(sys.executable).with_name("sigma")
    without_network = ["-x", "attacktag", "-x", "d3_fendtag"]  # these two load ATT&CK and D3FEND from elsewhere
    run = subprocess.run([sigma, "check", "-i", *without_network, RULES], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
