"""Pipelines: fields renamed, conditions added, placeholders given values; whatever is left alone stays exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from compiling import HEAD, SOURCE
from near import batch_of

from lichen.core.batch import LogSource
from lichen.core.errors import ConfigError, RuleError
from lichen.detect.rules import Rule
from lichen.detect.rules.pipelines import load_pipeline
from lichen.detect.rules.sigma_compile import compile_file
from lichen.detect.rules.sigma_match import Matcher

PLACEHOLDERS = {"transformations": [{"type": "value_placeholders"}]}


def compiled(tmp_path: Path, detection: str, *pipelines: dict[str, Any]) -> Rule | RuleError:
    steps = []
    for i, pipeline in enumerate(pipelines):
        path = tmp_path / f"{i}.yml"
        path.write_text(yaml.safe_dump({"name": "test", "priority": 1, **pipeline}))
        steps.append(load_pipeline(path))
    made = next(compile_file(Path("a.yml"), HEAD + detection, steps))
    assert isinstance(made, Rule | RuleError)
    return made


def fires(rule: Rule | RuleError, event: dict[str, Any], source: LogSource = SOURCE) -> bool:
    assert isinstance(rule, Rule), rule
    return 0 in Matcher([rule]).match(batch_of(source, [event], [""])).rows


def item(written: str) -> str:
    return f"    selection:\n        {written}\n    condition: selection\n"


@pytest.mark.parametrize(
    ("written", "hit", "miss"),
    [
        ("f|expand: '%hosts%'", "DC-17", "xDC-1"),
        ("f|contains|expand: '%hosts%'", "to srv1.", "to srv2."),
        ("f|expand|contains: '%hosts%'", "to srv1.", "to srv2."),
        ("f|endswith|expand: '-%hosts%'", "x-SRV1", "srv1"),
        ("f|expand: 'a-%hosts%-%n%'", "a-srv1-7", "a-srv1-8"),
        ("f|re|expand: '^%hosts%$'", "srv1", "srv12"),
    ],
)
def test_a_placeholder_stands_for_each_of_its_values(tmp_path: Path, written: str, hit: str, miss: str) -> None:
    rule = compiled(tmp_path, item(written), {"vars": {"hosts": ["srv1", "dc-*"], "n": 7}, **PLACEHOLDERS})
    assert fires(rule, {"f": hit})
    assert not fires(rule, {"f": miss})


def test_an_empty_list_stands_for_nothing(tmp_path: Path) -> None:
    nothing = {"vars": {"known": []}, **PLACEHOLDERS}
    assert not fires(compiled(tmp_path, item("f|contains|expand: '%known%'"), nothing), {"f": "known"})
    filtered = (
        "    s:\n        f: a\n    filter:\n        g|contains|expand: '%known%'\n    condition: s and not filter\n"
    )
    assert fires(compiled(tmp_path, filtered, nothing), {"f": "a", "g": "x"})


def test_without_values_a_placeholder_is_refused_or_the_name_of_an_indicator_list(tmp_path: Path) -> None:
    other = {"vars": {"else": ["x"]}, **PLACEHOLDERS}
    refused = compiled(tmp_path, item("f|contains|expand: '%known%'"), other)
    assert isinstance(refused, RuleError)
    assert "%known%" in refused.fault
    listed = compiled(tmp_path, item("f|expand: '%known%'"), other)
    assert isinstance(listed, Rule)
    assert "Listed" in str(listed.condition)


def test_the_first_pipeline_that_knows_a_placeholder_gives_its_values(tmp_path: Path) -> None:
    mine, shipped = {"vars": {"known": ["a"]}, **PLACEHOLDERS}, {"vars": {"known": [], "more": ["b"]}, **PLACEHOLDERS}
    assert fires(compiled(tmp_path, item("f|expand: '%known%'"), mine, shipped), {"f": "a"})
    assert fires(compiled(tmp_path, item("f|expand: '%more%'"), mine, shipped), {"f": "b"})


def test_fields_are_renamed_and_values_stay_exact(tmp_path: Path) -> None:
    mapping = {"transformations": [{"type": "field_name_mapping", "mapping": {"f": "process.command_line"}}]}
    rule = compiled(tmp_path, item("f|utf16|base64|contains: id"), mapping)
    plain = next(compile_file(Path("a.yml"), HEAD + item("process.command_line|utf16|base64|contains: id")))
    assert isinstance(rule, Rule)
    assert isinstance(plain, Rule)
    assert rule.condition == plain.condition
    several = {"transformations": [{"type": "field_name_mapping", "mapping": {"f": ["g", "h"]}}]}
    either = compiled(tmp_path, item("f|startswith: ab"), several)
    assert fires(either, {"h": "abc"})
    assert not fires(either, {"f": "abc"})


def test_conditions_are_added_and_log_sources_changed(tmp_path: Path) -> None:
    added = {
        "transformations": [
            {"type": "add_condition", "conditions": {"index": "prod"}},
            {"type": "change_logsource", "product": "mine", "category": "starts"},
        ]
    }
    rule = compiled(tmp_path, item("f: a"), added)
    assert isinstance(rule, Rule)
    assert rule.source == LogSource("mine", "starts", None)
    assert fires(rule, {"f": "a", "index": "prod"}, rule.source)
    assert not fires(rule, {"f": "a", "index": "test"}, rule.source)


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ([{"type": "rule_failure", "message": "not for us"}], "not for us"),
        ([{"type": "query_expression_placeholders", "expression": "{field} lookup {id}"}], "SigmaQueryExpression"),
        ([{"type": "drop_detection_item"}], "nothing of selection"),
    ],
)
def test_what_a_pipeline_makes_impossible_is_refused_with_its_reason(
    tmp_path: Path, steps: list[dict[str, Any]], fault: str
) -> None:
    refused = compiled(tmp_path, item("f|expand: '%x%'"), {"transformations": steps})
    assert isinstance(refused, RuleError)
    assert fault in refused.fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[", "not YAML"),
        ("- a", "not a mapping"),
        ("name: x\nfinalizers: [{type: concat}]", "finalizers"),
        ("name: x\npostprocessing: [{type: embed}]", "postprocessing"),
        ("name: x\ntransformations: [{type: nowhere}]", "nowhere"),
        ("name: x\nsurprise: 1", "surprise"),
    ],
)
def test_a_pipeline_that_cannot_be_read_ends_with_place_and_remedy(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=fault) as raised:
        load_pipeline(path)
    assert raised.value.place == str(path)
    assert raised.value.remedy
    with pytest.raises(ConfigError, match="cannot be read"):
        load_pipeline(tmp_path / "absent.yml")
