"""SigmaHQ's own positives, from the rule's side: each event, under the names that rules use, fires its rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml
from near import batch_of
from sigmahq import sigmahq

from lichen.detect.rules import RuleSet
from lichen.detect.rules.sigma_match import Matcher


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The objects of a file, which may hold several in a row."""
    decoder, place = json.JSONDecoder(), 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        found, place = decoder.raw_decode(text, place)
        yield found


def fields_of(document: dict[str, Any]) -> dict[str, Any]:
    """System and EventData side by side, blanks taken out of names as the specification says (`Source Name`)."""
    found: dict[str, Any] = {}

    def walk(inner: dict[str, Any]) -> None:
        for name, value in inner.items():
            if isinstance(value, dict):
                found.update({name: value["#text"]} if "#text" in value else {})
                walk(value)
            else:
                found.setdefault(name.replace(" ", ""), value)

    walk(document)
    provider = document.get("Event", {}).get("System", {}).get("Provider", {})
    return {**found, "Provider_Name": provider.get("#attributes", provider).get("Name")}


def written(value: Any) -> Any:
    return value if value is None or isinstance(value, str | list) else str(value)


def test_every_positive_of_sigmahq_fires_its_own_rule() -> None:
    rules = {rule.id: rule for rule in RuleSet.load(sigmahq()).rules}
    silent, asked = [], 0
    for info in sorted((sigmahq()[0].parent / "regression_data").rglob("info.yml")):
        wanted = [each["id"] for each in yaml.safe_load(info.read_text(encoding="utf-8"))["rule_metadata"]]
        for path in sorted(info.parent.glob("*.json")):
            events = [fields_of(each) for each in documents(path.read_text(encoding="utf-8-sig"))]
            lines = [{name: written(value) for name, value in event.items()} for event in events]
            several = {name for line in lines for name, value in line.items() if isinstance(value, list)}
            for line in lines:
                line.update({n: [str(each) for each in line[n]] for n in several if isinstance(line.get(n), list)})
                line.update({n: [line[n]] for n in several if isinstance(line.get(n), str)})
            asked += 1
            for rule in (rules[name] for name in wanted):
                batch = batch_of(rule.source, lines, [json.dumps(event) for event in events])
                if 0 not in Matcher([rule]).match(batch).rows:
                    silent.append(rule.path.name)
    assert silent == []
    assert asked == 202
