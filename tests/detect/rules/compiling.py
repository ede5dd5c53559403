"""Short ways to a rule and to what it says of one record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from near import batch_of

from lichen.core.batch import LogSource
from lichen.core.errors import RuleError
from lichen.detect.rules import Rule
from lichen.detect.rules.sigma_compile import compile_file
from lichen.detect.rules.sigma_match import Matcher

SOURCE = LogSource("linux", "process_creation", None)
HEAD = """\
title: a rule
id: 6f1d0c53-5c1e-4f0b-9b1c-9d5f6d2f7a10
logsource:
    product: linux
    category: process_creation
detection:
"""
DETECTION_LINE = HEAD.count("\n") + 1  # the first line below `detection:`


def rule_of(detection: str) -> Rule:
    """The rule with this detection, given as YAML with four blanks before each line."""
    compiled = next(compile_file(Path("a.yml"), HEAD + detection))
    assert isinstance(compiled, Rule), compiled
    return compiled


def fault_of(detection: str) -> RuleError:
    """Why the rule with this detection is refused."""
    compiled = next(compile_file(Path("a.yml"), HEAD + detection))
    assert isinstance(compiled, RuleError), compiled
    return compiled


def item_fires(item: str, value: Any, field: str = "f", text: str = "") -> bool:
    """Whether a rule with the one item fires on a record with the one field."""
    return fires(f"    selection:\n        {item}\n    condition: selection\n", {field: value}, text)


def fires(detection: str, event: dict[str, Any], text: str = "") -> bool:
    """Whether the rule fires on the record."""
    return 0 in Matcher([rule_of(detection)]).match(batch_of(SOURCE, [event], [text])).rows
