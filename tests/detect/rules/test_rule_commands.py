"""What `rule lint`, `rule list` and `rule test` say."""

from __future__ import annotations

from pathlib import Path

from compiling import HEAD

from lichen.detect.rules import RuleSet
from lichen.detect.rules.companions import prove_rules
from lichen.detect.rules.lint import lint_rules, list_rules

GOOD = HEAD + "    selection:\n        f|endswith: /sh\n    condition: selection\n"
TAGGED = GOOD + "tags:\n    - attack.t1059\nfalsepositives:\n    - Administrators.\nlevel: high\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_lint_names_errors_and_warnings_with_place_and_remedy(tmp_path: Path) -> None:
    write(tmp_path, "bad.yml", GOOD.replace("endswith", "endwith").replace("6f1d", "7f1d"))
    write(tmp_path, "good.yml", GOOD.replace("    condition", "    unused:\n        g: x\n    condition"))
    found = {(Path(each.place).name, each.severity, each.fault) for each in lint_rules([tmp_path])}
    assert found == {
        ("bad.yml:8", "error", "the modifier |endwith is not supported"),
        ("good.yml:1", "warning", "no falsepositives"),
        ("good.yml:1", "warning", "no ATT&CK technique"),
        ("good.yml:9", "warning", "the condition does not name unused"),
    }
    assert all(each.remedy for each in lint_rules([tmp_path]))


def test_lint_is_silent_about_a_rule_with_nothing_to_mend(tmp_path: Path) -> None:
    write(tmp_path, "good.yml", TAGGED)
    assert lint_rules([tmp_path]) == []
    assert [each.fault for each in lint_rules([tmp_path], companions=True)] == ["no companion file"]


def test_lint_warns_of_keywords_that_read_every_text_whole(tmp_path: Path) -> None:
    write(tmp_path, "slow.yml", TAGGED.replace("        f|endswith: /sh", "        '|re': 'a+b'"))
    assert [each.fault for each in lint_rules([tmp_path])] == ["a keyword that reads every text whole"]


def test_lint_reads_the_rules_of_a_collection_with_what_they_take_from_it(tmp_path: Path) -> None:
    own_id = "-5c1e-4f0b-9b1c-9d5f6d2f7a10"
    members = "".join(f"---\nid: {each * 8}{own_id}\ndetection: {{{each}: {{g: x}}}}\n" for each in "ab")
    write(tmp_path, "two.yml", "action: global\n" + TAGGED + members)
    found = {each.fault for each in lint_rules([tmp_path]) if each.severity == "warning"}
    assert found == {"the condition does not name a", "the condition does not name b"}


def test_one_id_is_one_rule(tmp_path: Path) -> None:
    write(tmp_path, "a.yml", TAGGED)
    write(tmp_path, "sub/b.yaml", TAGGED)
    rules = RuleSet.load([tmp_path])
    assert [rule.path.name for rule in rules.rules] == ["a.yml"]
    assert "is taken by" in rules.refused[0].fault
    assert RuleSet.load([tmp_path / "nowhere"]).refused[0].fault == "no such file or folder"


def test_list_gives_a_row_a_rule(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yml", TAGGED)
    assert list_rules(RuleSet.load([tmp_path])) == [
        {
            "id": "6f1d0c53-5c1e-4f0b-9b1c-9d5f6d2f7a10",
            "level": "high",
            "stage": "stable",
            "source": "linux process_creation",
            "techniques": "T1059",
            "title": "a rule",
            "path": f"{path}:1",
        }
    ]


def test_a_case_that_comes_out_wrong_fails_and_says_where(tmp_path: Path) -> None:
    write(tmp_path, "a.yml", TAGGED)
    cases = "hit:\n  - {f: /bin/sh}\n  - {f: /bin/ls}\nmiss: {f: x}\nnear_miss:\n  - {f: /bin/ssh, raw: text}\n"
    write(tmp_path, "a.test.yaml", cases)
    outcomes, faults = prove_rules([tmp_path])
    assert faults == []
    assert [(each.case.kind, Path(each.case.place).name, each.passed) for each in outcomes] == [
        ("hit", "a.test.yaml:2", True),
        ("hit", "a.test.yaml:3", False),
        ("miss", "a.test.yaml:4", True),
        ("near_miss", "a.test.yaml:6", True),
    ]


def test_what_is_missing_beside_a_rule_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, "a.yml", TAGGED)
    write(tmp_path, "b.yml", TAGGED.replace("6f1d", "7f1d"))
    write(tmp_path, "b.test.yaml", "hit:\n  - {f: /bin/sh}\nmiss: []\nmaybe: {f: x}\n")
    write(tmp_path, "c.test.yaml", "hit: {f: x}\n")
    _, faults = prove_rules([tmp_path])
    assert sorted(each.fault for each in faults) == [
        "'maybe' is no kind of case",
        "a companion of no rule",
        "no companion file",
        "no miss in the form of fields",
        "no near_miss in the form of fields",
    ]


def test_a_signature_carries_its_cases_in_itself(tmp_path: Path) -> None:
    own = "lichen:\n    alert: abc\n    hit: {f: /bin/sh}\n    miss: {f: x}\n    near_miss: {}\n"
    write(tmp_path, "a.yml", TAGGED + own)
    outcomes, faults = prove_rules([tmp_path])
    assert faults == []
    assert [(each.case.kind, each.passed) for each in outcomes] == [("hit", True), ("miss", True)]


def test_sets_are_joined_and_staged(tmp_path: Path) -> None:
    first = RuleSet.load([write(tmp_path, "a.yml", TAGGED)])
    second = RuleSet.load([write(tmp_path, "b.yml", TAGGED.replace("6f1d", "7f1d"))]).staged("shadow")
    both = first.joined(second).joined(first)
    assert [rule.stage for rule in both.rules] == ["stable", "shadow"]
    assert [fault.fault.split(" is taken")[0] for fault in both.refused] == [f"the id {first.rules[0].id}"]
    assert both.digest != first.digest
