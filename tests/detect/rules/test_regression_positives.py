"""SigmaHQ's own positives, read by the ordinary way, fire the rules that they were recorded for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from sigmahq import sigmahq

from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import Batch
from lichen.detect.rules import RulesDetector, RuleSet

MAPPINGS = Path(__file__).parents[3] / "content" / "mappings"
POSITIVES = 202
_IDS = re.compile(r"^id: (\S+)", re.MULTILINE)


def events_of(path: Path) -> list[Batch]:
    source = FileSource([path], settings=Settings(), mappings=MAPPINGS, notes=[])
    deliveries = list(source.read({}))
    assert not [letter for delivery in deliveries for letter in delivery.dead_letters], path
    return [batch for delivery in deliveries for batch in delivery.batches]


@pytest.fixture(scope="module")
def positives() -> list[tuple[Path, set[str]]]:
    """Each file of events, and the ids of the rules that its info.yml names."""
    top = sigmahq()[0].parent / "regression_data"
    found = []
    for info in sorted(top.rglob("info.yml")):
        named = yaml.safe_load(info.read_text(encoding="utf-8"))["rule_metadata"]
        found += [(path, {str(rule["id"]) for rule in named}) for path in sorted(info.parent.glob("*.json"))]
    return found


@pytest.fixture(scope="module")
def detector(positives: list[tuple[Path, set[str]]]) -> RulesDetector:
    """The rules that positives were recorded for."""
    wanted = {rule for _, named in positives for rule in named}
    paths = [path for folder in sigmahq() for path in folder.rglob("*.yml")]
    rules = RuleSet.load([path for path in paths if wanted & set(_IDS.findall(path.read_text(encoding="utf-8")))])
    assert not rules.refused
    return RulesDetector(rules)


def test_every_positive_fires_the_rule_that_its_info_names(
    positives: list[tuple[Path, set[str]]], detector: RulesDetector
) -> None:
    assert len(positives) == POSITIVES
    silent = []
    for path, wanted in positives:
        fired = {row.detector for batch in events_of(path) for row in detector.detect(batch, {})[0]}
        silent += [f"{path.parent.name}: {rule}" for rule in wanted if f"rule:{rule}" not in fired]
    assert silent == []


def test_several_pretty_printed_events_in_a_row_are_all_read(positives: list[tuple[Path, set[str]]]) -> None:
    several = 0
    for path, _ in positives:
        count = path.read_text(encoding="utf-8").count('"EventRecordID":')
        assert sum(map(len, events_of(path))) == count, path
        several += count > 1
    assert several == 13
