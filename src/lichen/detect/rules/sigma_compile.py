"""From a Sigma rule to a condition of our own algebra: exactly, or refused with place, fault and remedy.

pySigma parses the rule and its condition (Sigma specification 2.1); the tree is then read here, beside the YAML nodes
that know the lines. What is not supported is an error, never ignored.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sigma.conditions import ConditionAND, ConditionIdentifier, ConditionNOT, ConditionOR, ConditionSelector
from sigma.exceptions import SigmaError
from sigma.modifiers import reverse_modifier_mapping
from sigma.rule import SigmaRule
from sigma.rule.detection import SigmaDetection, SigmaDetectionItem

from lichen.core.batch import LogSource
from lichen.core.errors import RuleError
from lichen.detect.rules.algebra import AllOf, AnyOf, Node, Not, fields_of, joined, predicates_of
from lichen.detect.rules.modifiers import DASHES_LIMIT, SUPPORTED, Unfit, condition_of
from lichen.detect.rules.rule_file import Document, line_of, read_documents

LEVELS = ("informational", "low", "medium", "high", "critical")
STAGES = ("stable", "shadow")
_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)")
_WORD = re.compile(r"[\w*-]+")
_OPTION = re.compile(r"\B[-/]\b")  # each multiplies what pySigma expands `windash` to by five
_CONDITIONS = "use names, and, or, not, 1 of NAME*, all of NAME*, all of them"
_OPERATORS = {"and", "or", "not", "of", "1", "any", "all", "them"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule. `level` is one of LEVELS (low where the rule says none), `techniques` as T1059.004, `source`
    what it reads, `condition` what it says of one line of a shape, `text` the YAML document it came from."""

    id: str
    title: str
    level: str
    techniques: tuple[str, ...]
    source: LogSource
    path: Path
    line: int
    stage: str
    condition: Node
    fields: tuple[str, ...]
    falsepositives: tuple[str, ...]
    description: str

    @property
    def detector(self) -> str:
        """The name under which its evidence goes."""
        return f"rule:{self.id}" if self.stage == "stable" else f"shadow:{self.id}"


class _Fault(Exception):
    def __init__(self, line: int, fault: str, remedy: str) -> None:
        super().__init__(fault)
        self.line, self.fault, self.remedy = line, fault, remedy


def compile_file(path: Path, text: str | None = None) -> Iterator[Rule | RuleError]:
    """Every rule of a file (or of `text` as if it stood there), or the reason why it is refused."""
    for document in read_documents(path, text):
        yield document if isinstance(document, RuleError) else compile_rule(document)


def compile_rule(document: Document) -> Rule | RuleError:
    """One rule, or the reason why it is refused."""
    try:
        _check_keys(document)
        return _rule(document, _parsed(document))
    except _Fault as found:
        return RuleError(found.fault, place=document.place(found.line), remedy=found.remedy)
    except RecursionError:
        return RuleError("nested too deeply", place=document.place(), remedy="write it flatter")
    except Exception as error:  # pySigma raises many kinds on YAML that is no rule; none may end the program
        fault = f"pySigma cannot read it: {type(error).__name__}: {error}"
        return RuleError(fault, place=document.place(), remedy="compare it with a rule of content/rules")


def _check_keys(document: Document) -> None:
    data, line = document.data, document.line
    for key, what in (("correlation", "a correlation"), ("filter", "a filter"), ("action", "a rule collection")):
        if key in data:
            raise _Fault(document.line_at(key), f"{what} is not supported", "write a rule for each case")
    if not isinstance(data.get("detection"), dict):
        raise _Fault(line, "no detection", "add detection: with a selection and a condition")
    if "timeframe" in data["detection"]:
        where = document.line_at("detection", "timeframe")
        raise _Fault(where, "timeframe belongs to the old aggregation syntax", "leave it out, or write a correlation")
    if data.get("stage", "stable") not in STAGES:
        raise _Fault(document.line_at("stage"), f"no stage {data['stage']!r}", f"use one of {', '.join(STAGES)}")


def _parsed(document: Document) -> SigmaRule:
    """pySigma's rule. Its errors carry no line, so a fault in the detection is searched for item by item."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's `re` warns of patterns that RE2 takes as they are
        for key, value, line in _items(document.data["detection"], document.child("detection")):
            _check_item(key, value, line)
        data = {**document.data, "detection": _renamed(document.data["detection"])}
        rule = SigmaRule.from_dict(data, collect_errors=True)
    if rule.errors:
        error = rule.errors[0]
        what = next((key for key in document.data if key in str(error).lower()), "title")
        raise _Fault(document.line_at(what), str(error), "mend the rule (Sigma specification 2.1)")
    return rule


def _check_item(key: str | None, value: Any, line: int) -> None:
    """Raises the fault of one detection item, with its line."""
    names = (key or "").split("|")[1:]
    unknown = [name for name in names if name not in SUPPORTED]
    if unknown:
        remedy = f"use only {', '.join(sorted(SUPPORTED))}"
        raise _Fault(line, f"the modifier |{unknown[0]} is not supported", remedy)
    values = value if isinstance(value, list) else [value]
    if "windash" in names and any(len(_OPTION.findall(str(each))) > DASHES_LIMIT for each in values):
        raise _Fault(line, "too many dashes under |windash", f"split the value: at most {DASHES_LIMIT} in one")
    try:
        SigmaDetectionItem.from_mapping(_renamed_key(key), value)
    except SigmaError as error:
        raise _Fault(line, str(error), "mend the value or the modifier (Sigma specification 2.1)") from error
    except (TypeError, AttributeError, ValueError, re.error) as error:
        remedy = "use texts, numbers, booleans or null"
        raise _Fault(line, f"a value that Sigma does not know: {error}", remedy) from error


def _items(data: Any, node: yaml.Node) -> Iterator[tuple[str | None, Any, int]]:
    """Every detection item below `detection:`, with its line: (key with modifiers or None, value or values, line)."""
    if isinstance(data, dict) and isinstance(node, yaml.MappingNode):
        for (name, value), (_, below) in zip(data.items(), node.value, strict=True):
            if name != "condition":
                yield from _items_of(value, below)


def _items_of(data: Any, node: yaml.Node) -> Iterator[tuple[str | None, Any, int]]:
    if isinstance(data, dict) and isinstance(node, yaml.MappingNode):
        for (key, value), (key_node, _) in zip(data.items(), node.value, strict=True):
            yield str(key), value, line_of(key_node)
    elif isinstance(data, list) and isinstance(node, yaml.SequenceNode) and _nests(data):
        for value, below in zip(data, node.value, strict=True):
            yield from _items_of(value, below)
    else:
        yield None, data, line_of(node)


def _nests(data: list[Any]) -> bool:
    return any(isinstance(value, dict | list) for value in data)


def _renamed_key(key: str | None) -> str | None:
    """pySigma knows `utf16le` under its older name only; both mean the same."""
    return None if key is None else "|".join("wide" if part == "utf16le" else part for part in key.split("|"))


def _renamed(data: Any) -> Any:
    if isinstance(data, dict):
        return {_renamed_key(key) if isinstance(key, str) else str(key): _renamed(value) for key, value in data.items()}
    return [_renamed(value) for value in data] if isinstance(data, list) else data


def _rule(document: Document, parsed: SigmaRule) -> Rule:
    names = {}
    for name, detection in parsed.detection.detections.items():
        names[name] = _detection(detection, document.data["detection"][name], document.child("detection", name))
    line = document.line_at("detection", "condition")
    condition = joined(AnyOf, [_condition(each, parsed, names, line) for each in parsed.detection.parsed_condition])
    tags = [str(tag) for tag in parsed.tags]
    return Rule(
        id=str(parsed.id) if parsed.id else document.path.stem,
        title=parsed.title,
        level=parsed.level.name.lower() if parsed.level else "low",
        techniques=tuple(found[1].upper() for tag in tags if (found := _TECHNIQUE.fullmatch(tag))),
        source=LogSource(*(_name(getattr(parsed.logsource, key)) for key in ("product", "category", "service"))),
        path=document.path,
        line=document.line,
        stage=document.data.get("stage", "stable"),
        condition=condition,
        fields=tuple(sorted({field for each in predicates_of(condition) for field in fields_of(each)})),
        falsepositives=tuple(str(each) for each in parsed.falsepositives),
        description=parsed.description or "",
    )


def _name(part: str | None) -> str | None:
    return part.lower() if part else None


def _detection(detection: SigmaDetection, data: Any, node: yaml.Node) -> Node:
    """The condition of one named detection; `data` and `node` are the same in YAML."""
    kind = AllOf if detection.item_linking is ConditionAND else AnyOf
    if isinstance(data, list) and _nests(data) and isinstance(node, yaml.SequenceNode):
        below = zip(detection.detection_items, data, node.value, strict=True)
        return joined(kind, [_detection(item, each, where) for item, each, where in below])
    lines = [line for _, _, line in _items_of(data, node)]
    return joined(kind, [_item(item, line) for item, line in zip(detection.detection_items, lines, strict=True)])


def _item(item: SigmaDetectionItem, line: int) -> Node:
    modifiers = [reverse_modifier_mapping[modifier.__name__] for modifier in item.modifiers]
    try:
        return condition_of(item.field, modifiers, item.original_value or [])
    except Unfit as unfit:
        raise _Fault(line, unfit.fault, unfit.remedy) from unfit


def _condition(parsed: Any, rule: SigmaRule, names: dict[str, Node], line: int) -> Node:
    """One condition of the rule, with the words of its text checked against what pySigma read in it."""
    try:
        tree = parsed.parse(postprocess=False)
    except SigmaError as error:
        raise _Fault(line, f"the condition cannot be read: {error}", _CONDITIONS) from error
    read: set[str] = set()
    node = _branch(tree, rule, names, line, read)
    written = set(_WORD.findall(parsed.condition)) - _OPERATORS
    if written != read - {"them"}:
        odd = ", ".join(sorted(written ^ (read - {"them"})))
        raise _Fault(line, f"the condition reads as something else than it says: {odd}", "rename the detection")
    return node


def _branch(tree: Any, rule: SigmaRule, names: dict[str, Node], line: int, read: set[str]) -> Node:
    if isinstance(tree, ConditionIdentifier):
        read.add(tree.identifier)
        if tree.identifier not in names:
            raise _Fault(line, f"the condition names {tree.identifier!r}, which is not there", "add it, or mend it")
        return names[tree.identifier]
    if isinstance(tree, ConditionSelector):
        read.add(tree.pattern)
        found = [each.identifier for each in tree.resolve_referenced_detections(rule.detection)]
        if not found:
            raise _Fault(line, f"{tree.pattern!r} fits no detection", "add one, or leave it out")
        kind = AllOf if tree.cond_class is ConditionAND else AnyOf
        return joined(kind, [names[name] for name in found])
    below = [_branch(each, rule, names, line, read) for each in tree.args]
    if isinstance(tree, ConditionNOT):
        return Not(below[0])
    if isinstance(tree, ConditionAND | ConditionOR):
        return joined(AllOf if isinstance(tree, ConditionAND) else AnyOf, below)
    raise _Fault(line, f"the condition holds a {type(tree).__name__}", _CONDITIONS)
