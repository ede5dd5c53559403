"""Golden cases: every mistake that Sigma engines are known for, and every disagreement ever found, by name.

`tests/golden/NAME/case.yml`: a rule, the records that it fires on and those that it does not; `raw` is a record's text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import oracle
import pytest
import yaml
from near import batch_of

from lichen.core.batch import LogSource
from lichen.detect.rules import Rule
from lichen.detect.rules.sigma_compile import compile_file
from lichen.detect.rules.sigma_match import Matcher

CASES = sorted((Path(__file__).parents[2] / "golden").glob("*/case.yml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_the_case_holds_for_the_engine_and_for_the_oracle(path: Path) -> None:
    case: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    rule = next(compile_file(path, yaml.safe_dump(case["rule"], allow_unicode=True)))
    assert isinstance(rule, Rule), rule
    assert case["hit"]
    assert case["miss"]
    for kind in ("hit", "miss"):
        for record in case[kind]:
            event = {name: value for name, value in record.items() if name != "raw"}
            text = record.get("raw", "")
            assert oracle.fires(case["rule"], event, text) is (kind == "hit"), record
            found = Matcher([rule]).match(batch_of(LogSource("test"), [event], [text])).rows
            assert (0 in found) is (kind == "hit"), record


def test_there_is_a_case_for_each_known_mistake() -> None:
    assert len(CASES) >= 9
