"""Filters: exceptions of your own to many rules at once, kept apart from the rules so that updates never lose them.

A Sigma filter (specification 2.1) joins its condition to that of every rule it names, as pySigma does: the filter says
what may pass, so an exception is written `condition: not selection`. Two keys of ours, on top or under `custom:`:
`owner`, who answers for it, and `expires` (a date), after which it is reported and no longer applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from lichen.core.batch import LogSource
from lichen.core.errors import RuleError
from lichen.detect.rules.algebra import ALWAYS, AllOf, Node, Predicate, fields_of, joined, predicates_of, settled
from lichen.detect.rules.detections import Fault, condition_below, parsed_rule, piped_by, source_of
from lichen.detect.rules.pipelines import Pipeline
from lichen.detect.rules.rule import Rule
from lichen.detect.rules.rule_file import Document, line_of

ANY_RULE = "any"


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled filter. `rules`: ids or names with the line of each, none for any rule of the log source; `condition`:
    what may pass."""

    id: str
    title: str
    source: LogSource
    rules: tuple[tuple[str, int], ...]
    condition: Node
    path: Path
    line: int
    owner: str | None = None
    expires: date | None = None

    def has_expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and self.expires < today


def filter_of(document: Document, pipelines: Sequence[Pipeline] = ()) -> Filter:
    """The filter of a document. Raises Fault."""
    said = document.data["filter"]
    if not isinstance(said, dict):
        raise Fault(document.line_at("filter"), "no filter in the form of a mapping", "see docs/sigma.md")
    if not isinstance(said.get("condition"), str):
        raise Fault(document.line_at("filter"), "a filter has exactly one condition", "write condition: not selection")
    rules = _rules(document, said)
    as_rule = _as_rule(document, said)
    parsed = parsed_rule(as_rule)
    condition = condition_below(as_rule, parsed, piped_by(pipelines, as_rule, parsed))
    if not _lets_others_pass(condition):
        remedy = "write condition: not selection; a filter says what may pass"
        raise Fault(document.line_at("filter", "condition"), "it would silence its rules on every other event", remedy)
    return Filter(
        id=str(parsed.id) if parsed.id else document.name,
        title=parsed.title,
        source=source_of(parsed),
        rules=rules,
        condition=condition,
        path=document.path,
        line=document.line,
        owner=_custom(document, "owner"),
        expires=_expires(document),
    )


def _rules(document: Document, said: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    line, named = document.line_at("filter", "rules"), said.get("rules")
    if named == [] or (isinstance(named, str) and named.lower() == ANY_RULE):
        return ()
    if isinstance(named, str):
        return ((named, line),)
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise Fault(line, "a filter names its rules", "write rules: with ids or names, or rules: any")
    node = document.child("filter", "rules")
    lines = [line_of(each) for each in node.value] if isinstance(node, yaml.SequenceNode) else [line] * len(named)
    return tuple(zip(named, lines, strict=True))


def _as_rule(document: Document, said: dict[str, Any]) -> Document:
    """The same document with the filter where a rule has its detection."""
    detection = {name: value for name, value in said.items() if name != "rules"}
    pairs = []
    for key, below in document.node.value:
        if key.value == "filter" and isinstance(below, yaml.MappingNode):
            kept = [pair for pair in below.value if pair[0].value != "rules"]
            key = yaml.ScalarNode(key.tag, "detection", key.start_mark, key.end_mark)
            below = yaml.MappingNode(below.tag, kept, below.start_mark, below.end_mark)
        pairs.append((key, below))
    data = {"detection" if key == "filter" else key: value for key, value in document.data.items()}
    node = yaml.MappingNode(document.node.tag, pairs, document.node.start_mark, document.node.end_mark)
    return replace(document, data={**data, "detection": detection}, node=node)


def _lets_others_pass(condition: Node) -> bool:
    """Whether an event that has nothing of what the filter names passes."""

    def absent(predicate: Predicate, upper: bool) -> bool:
        return False

    return settled(condition, absent) == ALWAYS


def _custom(document: Document, key: str) -> str | None:
    custom = document.data.get("custom")
    value = document.data.get(key, custom.get(key) if isinstance(custom, dict) else None)
    return None if value is None else str(value)


def _expires(document: Document) -> date | None:
    written = _custom(document, "expires")
    if written is None:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        line = max(document.line_at("expires"), document.line_at("custom", "expires"))
        raise Fault(line, f"{written!r} is no date", "write expires: 2027-06-30") from error


def filtered(rules: Sequence[Rule], filters: Sequence[Filter]) -> tuple[list[Rule], list[RuleError]]:
    """The rules with their filters joined, and the filters that cannot be applied, each with its place."""
    found = list(rules)
    faults = []
    for each in filters:
        if not each.rules:
            found = [_with(rule, each) if rule.source.offers(each.source) else rule for rule in found]
            continue
        for reference, line in each.rules:
            places = [i for i, rule in enumerate(found) if reference in (rule.id, rule.name)]
            fault = _fault(reference, each, found, places)
            if fault is not None:
                faults.append(RuleError(fault, place=f"{each.path}:{line}", remedy="mend the filter, or take it out"))
            for i in places if fault is None else ():
                found[i] = _with(found[i], each)
    return found, faults


def _fault(reference: str, each: Filter, rules: Sequence[Rule], places: Sequence[int]) -> str | None:
    if not places:
        return f"the filter {each.title!r} names the rule {reference}, which is not there"
    if not rules[places[0]].source.offers(each.source):
        return f"the filter {each.title!r} reads another log source than the rule {reference}"
    return None


def _with(rule: Rule, each: Filter) -> Rule:
    condition = joined(AllOf, [rule.condition, each.condition])
    fields = {*rule.fields, *fields_below(each.condition)}
    return replace(rule, condition=condition, fields=tuple(sorted(fields)))


def fields_below(node: Node) -> set[str]:
    """The fields that a condition reads."""
    return {field for each in predicates_of(node) for field in fields_of(each)}
