"""Rules are compiled exactly or refused with place, fault and remedy."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from compiling import DETECTION_LINE, HEAD, fault_of, rule_of

from lichen.core.batch import LogSource
from lichen.core.errors import RuleError
from lichen.detect.rules import Rule
from lichen.detect.rules.sigma_compile import compile_file

PLAIN = "    selection:\n        f: a\n    condition: selection\n"


def test_a_rule_knows_its_id_level_techniques_source_stage_and_fields() -> None:
    text = HEAD + "    selection:\n        f|contains: a\n        g: null\n    condition: selection\n"
    text += "tags:\n    - attack.execution\n    - attack.t1059.004\n    - attack.t1105\nlevel: high\nstage: shadow\n"
    rule = next(compile_file(Path("a.yml"), text))
    assert isinstance(rule, Rule)
    assert rule.techniques == ("T1059.004", "T1105")
    assert rule.source == LogSource("linux", "process_creation", None)
    assert (rule.level, rule.stage, rule.fields) == ("high", "shadow", ("f", "g"))
    assert rule.detector == "shadow:6f1d0c53-5c1e-4f0b-9b1c-9d5f6d2f7a10"


def test_a_rule_without_id_is_named_by_its_file_and_without_level_is_low() -> None:
    text = "title: a rule\nlogsource:\n    product: linux\ndetection:\n" + PLAIN
    rule = next(compile_file(Path("folder/from_my_pen.yml"), text))
    assert isinstance(rule, Rule)
    assert (rule.id, rule.level) == ("from_my_pen", "low")


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("f|nearly: a", "|nearly"),
        ("f|hour: 24", "no hour is 24"),
        ("f|hour|contains: 3", "Modifier"),
        ("f|contains|startwith: a", "|startwith"),
        ("f|re: '(?<=a)b'", "linear time"),
        ("f|re: '(a)\\1'", "linear time"),
        ("f|re: 'a{1,2000}'", "linear time"),
        ("f|re: '('", "Regular expression"),
        ("f|re|startswith: a", "|re with |startswith"),
        ("f|cidr: 10.0.0.1/8", "CIDR"),
        ("f|cidr: 10.0.0", "CIDR"),
        ("f|cidr|contains: 10.0.0.0/8", "Modifier"),
        ("f|gt: many", "Modifier"),
        ("f|contains: 5", "Modifier"),
        ("f|i: a", "Modifier"),
        ("f|base64: 'a*'", "wildcards"),
        ("f|exists: perhaps", "Modifier"),
        ("f|fieldref: 'a*'", "wildcards"),
        ("f|expand: 'x%list%'", "no pipeline gives %list% a value"),
        ("f|contains|expand: '%list%'", "no pipeline gives %list% a value"),
        ("f|expand: 'list'", "without a %placeholder%"),
        ("f|windash|contains: '-a -b -c -d -e -f -g -h -i -j -k -l'", "dashes"),
        ("f: []", "empty list"),
        ("f: 2026-11-24", "Unsupported type"),
        ("f: [[a]]", "Unsupported type"),
        ("f: {g: a}", "Unsupported type"),
        ("'|startswith': a", "needs a field"),
        ("'|cidr': 10.0.0.0/8", "needs a field"),
    ],
)
def test_what_cannot_be_matched_exactly_is_refused_with_its_line(item: str, fault: str) -> None:
    before = "    other:\n        g: b\n    selection:\n        h: c\n"
    error = fault_of(f"{before}        {item}\n    condition: 1 of them\n")
    assert fault in error.fault
    assert error.place == f"a.yml:{DETECTION_LINE + 4}"
    assert error.remedy


@pytest.mark.parametrize(
    ("detection", "line", "fault"),
    [
        ("    selection:\n        f: a\n    condition: selection and filter\n", 2, "'filter'"),
        ("    selection:\n        f: a\n    condition: selection and not 1 of filter_*\n", 2, "'filter_*' fits no"),
        ("    selection:\n        f: a\n    condition: 2 of selection*\n", 2, "cannot be read"),
        ("    selection:\n        f: a\n    condition: selection | count() > 3\n", 2, "pipe"),
        ("    _pad:\n        f: a\n    not_pad:\n        f: b\n    condition: not_pad\n", 4, "something else"),
        ("    selection:\n        f: a\n    timeframe: 5m\n    condition: selection\n", 2, "timeframe"),
        ("    selection:\n        f: a\n        f: b\n    condition: selection\n", 2, "'f' twice"),
        ("    selection: null\n    condition: selection\n", 0, "null as a keyword"),
    ],
)
def test_a_condition_that_says_something_else_than_it_means_is_refused(detection: str, line: int, fault: str) -> None:
    error = fault_of(detection)
    assert fault in error.fault
    assert error.place == f"a.yml:{DETECTION_LINE + line}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("title: [", "not YAML"),
        ("- title: a", "a mapping"),
        ("title: a\nlogsource: {product: linux}\n", "no detection"),
        ("title: a\ncorrelation: {type: event_count}\n", "without rule references"),
        ("title: a\ncorrelation: {type: event_sum}\n", "no correlation type 'event_sum'"),
        ("action: globular\ntitle: a\n", "no action 'globular'"),
        ("action: repeat\ntitle: a\n", "nothing to repeat"),
        (HEAD + PLAIN + "stage: brave\n", "no stage 'brave'"),
        (HEAD + PLAIN + "level: enormous\n", "level"),
        (HEAD + PLAIN + "date: someday\n", "date"),
        (HEAD.replace("6f1d0c53", "not-one") + PLAIN, "UUID"),
        ("title: a\ndetection:\n" + PLAIN, "log source"),
        ("? [a, b]\n: c\n", "no plain text"),
        ("\x00", "not YAML"),
    ],
)
def test_a_file_that_is_no_rule_is_refused_with_its_place(text: str, fault: str) -> None:
    error = next(compile_file(Path("a.yml"), text))
    assert isinstance(error, RuleError)
    assert fault in error.fault
    assert error.place.startswith("a.yml")
    assert error.exit_code == 2


def test_one_bad_rule_of_a_file_leaves_the_others_standing() -> None:
    bad = HEAD.replace("6f1d0c53", "7f1d0c53") + "    selection:\n        f|nearly: a\n    condition: selection\n"
    compiled = list(compile_file(Path("a.yml"), f"{HEAD}{PLAIN}---\n{bad}---\n"))
    assert [type(each) for each in compiled] == [Rule, RuleError]


def test_aliases_that_multiply_without_end_are_refused_at_once() -> None:
    lines = ["title: a", "x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]" for i in range(1, 12)]
    error = next(compile_file(Path("a.yml"), "\n".join(lines)))
    assert isinstance(error, RuleError)
    assert error.limit == "10000"


def test_a_rule_nested_without_end_is_refused() -> None:
    nested = "[" * 5000 + "]" * 5000
    error = next(compile_file(Path("a.yml"), f"{HEAD}    selection: {nested}\n    condition: selection\n"))
    assert isinstance(error, RuleError)


def test_several_conditions_are_alternatives() -> None:
    either = rule_of("    a:\n        f: x\n    b:\n        f: y\n    condition: [a, b]\n")
    assert either.condition == rule_of("    a:\n        f: [x, y]\n    condition: a\n").condition


def test_a_selector_means_the_same_names_however_many_stars_it_has_and_takes_no_time() -> None:
    detections = "    sel_a:\n        f: x\n    sel_b:\n        f: y\n    other:\n        f: z\n"
    plain = rule_of(f"{detections}    condition: 1 of sel_*\n")
    began = time.process_time()
    assert rule_of(f"{detections}    condition: 1 of sel_{'*' * 60}\n").condition == plain.condition
    assert rule_of(f"{detections}    condition: 1 of {'*_' + '*' * 60}\n").condition == plain.condition
    assert "fits no detection" in fault_of(f"{detections}    condition: 1 of {'*' * 60}x\n").fault
    assert "fits no detection" in fault_of(f"{'    ' + 'a' * 60}: {{f: x}}\n    condition: 1 of {'*a' * 30}x\n").fault
    assert time.process_time() - began < 1


def test_documents_of_aliases_have_one_account_for_the_file() -> None:
    lines = ["title: a", "x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]" for i in range(1, 4)]
    one = "\n".join(lines) + "\n---\n"
    compiled = list(compile_file(Path("a.yml"), one * 200))
    assert len(compiled) < 20
    assert isinstance(compiled[-1], RuleError)
    assert compiled[-1].fault == "too many values"


def test_a_plain_file_of_many_rules_is_not_refused_for_its_size() -> None:
    rules = f"{HEAD}{PLAIN}---\n" * 2000
    assert all(isinstance(each, Rule) for each in compile_file(Path("a.yml"), rules))


def test_windash_on_many_values_is_refused_before_it_is_spelled_out() -> None:
    values = ", ".join(f"' -a{i} -b -c -d'" for i in range(50))
    fault = fault_of(f"    selection:\n        f|windash: [{values}]\n    condition: selection\n")
    assert fault.place == f"a.yml:{DETECTION_LINE + 1}"
    assert "20000 spellings" in fault.fault
