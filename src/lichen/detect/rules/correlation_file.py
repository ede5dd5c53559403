"""Correlation rules as they are written: checked, and bound to the rules that they name.

Follows the Sigma correlation specification 2.1. pySigma checks the keys that all rules have; conditions are read here,
since it takes one bound only and the specification allows ranges (`gt` with `lte`).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.exceptions import SigmaError

from lichen.detect.rules.algebra import AllOf, AnyOf, Exists, Leaf, Node, Not
from lichen.detect.rules.detections import STAGES, Fault, techniques_of
from lichen.detect.rules.rule_file import Document

TEMPORAL = ("temporal", "temporal_ordered")
MEASURED = ("value_sum", "value_avg", "value_median", "value_percentile", "value_min", "value_max")
KINDS = ("event_count", "value_count", *TEMPORAL, *MEASURED)
BOUNDS = ("gt", "gte", "lt", "lte", "eq", "neq")
KEYS = frozenset({"type", "rules", "generate", "group-by", "timespan", "aliases", "condition"})
SERIES_ITEMS = 4096  # events that one group of a correlation remembers; a count beyond could never be reached
MEMBERS = 64
_OPERATOR = re.compile(r"\b(?:AND|OR|NOT)\b")
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation rule. `references` are ids or names as written, `members` the ids they stand for (bound later).

    `bounds`: all must hold of what is measured; `presence`: which members must have an event, as a condition on
    Exists(reference) (None: bounds decide); `span` in microseconds; `aliases`: alias -> reference -> field.
    """

    id: str
    title: str
    level: str
    techniques: tuple[str, ...]
    path: Path
    line: int
    stage: str
    kind: str
    references: tuple[str, ...]
    span: int
    group_by: tuple[str, ...]
    bounds: tuple[tuple[str, float], ...]
    presence: Node | None
    fields: tuple[str, ...]
    percentile: float
    aliases: Mapping[str, Mapping[str, str]]
    generate: bool
    falsepositives: tuple[str, ...]
    description: str
    name: str | None = None
    members: tuple[str, ...] = ()

    @property
    def detector(self) -> str:
        """The name under which its evidence goes."""
        return f"rule:{self.id}" if self.stage == "stable" else f"shadow:{self.id}"

    def field_of(self, name: str, member: int) -> str:
        """The field of a member's events that `name` stands for."""
        return self.aliases.get(name, {}).get(self.references[member], name)

    @property
    def said(self) -> str:
        """What it says, for digests."""
        parts = (self.kind, self.members, self.span, self.group_by, self.bounds, self.presence, self.fields)
        return f"{parts}{self.percentile}{sorted((a, sorted(m.items())) for a, m in self.aliases.items())}"


def correlation_of(document: Document) -> Correlation:
    """The correlation of a document. Raises Fault."""
    said = document.data["correlation"]
    if not isinstance(said, dict):
        raise Fault(document.line_at("correlation"), "no correlation in the form of a mapping", "see docs/sigma.md")
    for key in said:
        if key not in KEYS:
            raise Fault(document.line_at("correlation", str(key)), f"no key {key!r}", f"use {', '.join(sorted(KEYS))}")
    if document.data.get("stage", "stable") not in STAGES:
        raise Fault(document.line_at("stage"), f"no stage {document.data['stage']!r}", f"use {', '.join(STAGES)}")
    kind = said.get("type")
    if kind not in KINDS:
        raise Fault(document.line_at("correlation", "type"), f"no correlation type {kind!r}", f"use {', '.join(KINDS)}")
    parsed = _parsed(document, said)
    presence = _presence(document, said, kind)
    references = _references(document, parsed)
    correlation = Correlation(
        id=str(parsed.id) if parsed.id else document.name,
        title=parsed.title,
        level=parsed.level.name.lower() if parsed.level else "low",
        techniques=techniques_of([str(tag) for tag in parsed.tags]),
        path=document.path,
        line=document.line,
        stage=document.data.get("stage", "stable"),
        kind=kind,
        references=references,
        span=parsed.timespan.seconds * _SECOND,
        group_by=tuple(parsed.group_by or ()),
        bounds=() if presence is not None else _bounds(document, said, kind, len(references)),
        presence=presence,
        fields=_fields(document, said, kind),
        percentile=_percentile(document, said, kind),
        aliases=_aliases(document, parsed, references),
        generate=parsed.generate,
        falsepositives=tuple(str(each) for each in parsed.falsepositives),
        description=parsed.description or "",
        name=parsed.name,
    )
    return replace(correlation, presence=_all_present(correlation)) if kind == "temporal_ordered" else correlation


def _parsed(document: Document, said: dict[str, Any]) -> SigmaCorrelationRule:
    """pySigma's reading of everything but bounds, which are read here."""
    plain = dict(said)
    if said["type"] in ("value_min", "value_max"):  # of the specification, not yet of pySigma
        plain["type"] = "value_sum"
    if isinstance(plain.get("condition"), dict):
        plain["condition"] = {"gte": 1, **{k: v for k, v in plain["condition"].items() if k in ("field",)}}
    elif isinstance(plain.get("condition"), str):
        plain["condition"] = _lowered(plain["condition"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return SigmaCorrelationRule.from_dict({**document.data, "correlation": plain})
        except SigmaError as error:
            raise Fault(document.line_at("correlation"), str(error), "see docs/sigma.md") from error


def _references(document: Document, parsed: SigmaCorrelationRule) -> tuple[str, ...]:
    named = [each.reference for each in parsed.rules or ()] or parsed.condition.get_referenced_rules()
    line = document.line_at("correlation", "rules")
    if not all(isinstance(each, str) for each in named) or len(set(named)) < len(named):
        raise Fault(line, "rules are named once each, by id or name", "mend the list")
    if len(named) > MEMBERS:
        raise Fault(line, f"{len(named)} rules", f"name at most {MEMBERS}, or chain correlations")
    return tuple(named)


def _bounds(document: Document, said: dict[str, Any], kind: str, rules: int) -> tuple[tuple[str, float], ...]:
    condition, line = said.get("condition"), document.line_at("correlation", "condition")
    if condition is None:
        return (("gte", rules),)
    found = []
    for key, value in condition.items():
        where = document.line_at("correlation", "condition", str(key))
        if key in BOUNDS:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Fault(where, f"{value!r} is no number", "write a number")
            if kind in ("event_count", "value_count") and not 0 <= value <= SERIES_ITEMS:
                raise Fault(where, f"{value} events are more than are remembered", f"use at most {SERIES_ITEMS}")
            found.append((key, value))
        elif key not in ("field", "percentile"):
            raise Fault(where, f"no bound {key!r}", f"use {', '.join(BOUNDS)}, field, percentile")
    if not found:
        raise Fault(line, "a condition without a bound", f"add one of {', '.join(BOUNDS)}")
    if kind == "temporal_ordered" and found not in ([("gte", rules)], [("eq", rules)]):
        raise Fault(line, "temporal_ordered asks for all its rules, in order", "leave the condition out")
    return tuple(found)


def _presence(document: Document, said: dict[str, Any], kind: str) -> Node | None:
    """A condition in words (`a and not b`) as a condition on which members have an event."""
    condition = said.get("condition")
    if not isinstance(condition, str):
        return None
    line = document.line_at("correlation", "condition")
    node = _node(SigmaExtendedCorrelationCondition(_lowered(condition)).parsed)
    if kind == "temporal_ordered" and not _is_conjunction(node):
        raise Fault(line, "an order has no meaning under or and not", "join the rules by and, or use temporal")
    return node


def _lowered(condition: str) -> str:
    """The condition with its operators as pySigma writes them; the specification shows them in capitals too."""
    return _OPERATOR.sub(lambda found: found[0].lower(), condition)


def _node(parsed: Any) -> Node:
    if isinstance(parsed, SigmaRuleReference):
        return Leaf(Exists(parsed.reference))
    below = tuple(_node(each) for each in parsed.args)
    if isinstance(parsed, CorrelationConditionNOT):
        return Not(below[0])
    return AllOf(below) if isinstance(parsed, CorrelationConditionAND) else AnyOf(below)


def _is_conjunction(node: Node) -> bool:
    return isinstance(node, Leaf) or (isinstance(node, AllOf) and all(map(_is_conjunction, node.nodes)))


def _all_present(correlation: Correlation) -> Node:
    return AllOf(tuple(Leaf(Exists(reference)) for reference in correlation.references))


def _fields(document: Document, said: dict[str, Any], kind: str) -> tuple[str, ...]:
    condition = said.get("condition")
    named = condition.get("field") if isinstance(condition, dict) else None
    fields = tuple(map(str, named)) if isinstance(named, list) else () if named is None else (str(named),)
    line = document.line_at("correlation", "condition", "field")
    if kind in ("event_count", *TEMPORAL):
        if fields:
            raise Fault(line, f"{kind} reads no field", "use value_count, or leave field out")
    elif not fields or (kind in MEASURED and len(fields) > 1):
        raise Fault(line, f"{kind} needs {'one' if kind in MEASURED else 'a'} field", "add field: NAME")
    return fields


def _percentile(document: Document, said: dict[str, Any], kind: str) -> float:
    condition = said.get("condition")
    value = condition.get("percentile") if isinstance(condition, dict) else None
    line = document.line_at("correlation", "condition", "percentile")
    if kind == "value_median":
        return 50.0
    if kind != "value_percentile":
        if value is not None:
            raise Fault(line, f"{kind} has no percentile", "use value_percentile, or leave it out")
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise Fault(line, "value_percentile needs a percentile", "add percentile: 95 (0 to 100)")
    return float(value)


def _aliases(document: Document, parsed: SigmaCorrelationRule, references: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for alias in parsed.aliases:
        line = document.line_at("correlation", "aliases", alias.alias)
        found[alias.alias] = {}
        for reference, field in alias.mapping.items():
            if reference.reference not in references:
                fault = f"the alias {alias.alias} names {reference.reference}, which is none of its rules"
                raise Fault(line, fault, "write the name as it stands under rules")
            if not isinstance(field, str):
                raise Fault(line, f"{field!r} is no field", "write a field's name")
            found[alias.alias][reference.reference] = field
    return found
