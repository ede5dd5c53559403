"""Reloading: a changed folder is read again in the time its changes take, and a failed reload keeps what was there."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from compiling import HEAD, SOURCE
from near import batch_of
from sigmahq import sigmahq

from lichen.core.errors import ConfigError, RuleError
from lichen.detect.rules import RulesDetector, RuleSet
from lichen.detect.rules.sigma_match import Matcher

BODY = "    selection:\n        f: {}\n    condition: selection\n"


def written(folder: Path, name: str, value: str) -> Path:
    path = folder / f"{name}.yml"
    path.write_text(HEAD.replace("id: 6f1d0c53-5c1e-4f0b-9b1c-9d5f6d2f7a10\n", "") + BODY.format(value))
    return path


def fires(detector: RulesDetector, value: str) -> bool:
    evidence, _, _ = detector.detect(batch_of(SOURCE, [{"f": value}], [""]), {})
    return bool(evidence)


def test_what_changed_is_in_force_and_the_old_detector_is_as_it_was(tmp_path: Path) -> None:
    written(tmp_path, "one", "a")
    old = RulesDetector(RuleSet.load([tmp_path]))
    written(tmp_path, "one", "b")
    written(tmp_path, "two", "c")
    new = old.reloaded()
    assert [fires(new, value) for value in "abc"] == [False, True, True]
    assert [fires(old, value) for value in "abc"] == [True, False, False]
    assert new.version != old.version


def test_a_reload_that_would_lose_a_rule_says_why_and_loses_none(tmp_path: Path) -> None:
    path = written(tmp_path, "one", "a")
    old = RulesDetector(RuleSet.load([tmp_path]))
    path.write_text("title: [")
    with pytest.raises(RuleError, match="the rules before stay in force") as raised:
        old.reloaded()
    assert raised.value.place.startswith(str(path))
    assert fires(old, "a")


def test_what_was_refused_before_does_not_stop_a_reload(tmp_path: Path) -> None:
    written(tmp_path, "one", "a")
    (tmp_path / "bad.yml").write_text("title: [")
    old = RulesDetector(RuleSet.load([tmp_path]))
    written(tmp_path, "two", "c")
    assert fires(old.reloaded(), "c")


def test_a_pipeline_at_fault_stops_a_reload(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    written(tmp_path / "rules", "one", "a")
    pipeline = tmp_path / "mine.yml"
    pipeline.write_text("name: mine\n")
    old = RulesDetector(RuleSet.load([tmp_path / "rules"], [pipeline]))
    pipeline.write_text("[")
    with pytest.raises(ConfigError, match="not YAML"):
        old.reloaded()


def test_a_changed_folder_of_thousands_of_rules_is_in_force_within_three_seconds(tmp_path: Path) -> None:
    for folder in sigmahq():
        shutil.copytree(folder, tmp_path / folder.name)
    old = RuleSet.load([tmp_path])
    changed = [rule.path for rule in old.rules][::400]
    for path in changed:
        path.write_text(path.read_text(encoding="utf-8").replace("condition:", "# changed\n    condition:", 1))
    began = time.process_time()
    new = old.reloaded()
    Matcher(new.rules)
    assert time.process_time() - began < 3
    assert len(new.rules) == len(old.rules) >= 3100
