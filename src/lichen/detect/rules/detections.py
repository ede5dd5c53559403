"""Detections and conditions: what stands below `detection:` becomes a condition, and every fault keeps its line."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import yaml
from sigma.conditions import ConditionAND, ConditionIdentifier, ConditionNOT, ConditionOR, ConditionSelector
from sigma.exceptions import SigmaError
from sigma.modifiers import reverse_modifier_mapping
from sigma.rule import SigmaRule
from sigma.rule.detection import SigmaDetection, SigmaDetectionItem

from lichen.core.batch import LogSource
from lichen.detect.rules.algebra import AllOf, AnyOf, Node, Not, joined
from lichen.detect.rules.modifiers import SUPPORTED, condition_of
from lichen.detect.rules.pipelines import Piped, Pipeline, wanted_for
from lichen.detect.rules.rule_file import Document, line_of
from lichen.detect.rules.spellings import DASHES, DASHES_LIMIT, Unfit

STAGES = ("stable", "shadow")
_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)")
_WORD = re.compile(r"[\w*-]+")
_OPTION = re.compile(r"\B[-/]\b")  # each multiplies what pySigma expands `windash` to by five
SPELLINGS_LIMIT = 20_000  # of one rule
_CONDITIONS = "use names, and, or, not, 1 of NAME*, all of NAME*, all of them"
_OPERATORS = {"and", "or", "not", "of", "1", "any", "all", "them"}


class Fault(Exception):
    """What is wrong on a line of a rule file, and the remedy."""

    def __init__(self, line: int, fault: str, remedy: str) -> None:
        super().__init__(fault)
        self.line, self.fault, self.remedy = line, fault, remedy


def parsed_rule(document: Document) -> SigmaRule:
    """pySigma's rule. Its errors carry no line, so a fault in the detection is searched for item by item."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's `re` warns of patterns that RE2 takes as they are
        made = 0
        for key, value, line in _items(document.data["detection"], document.child("detection")):
            made += _spellings(key, value)
            if made > SPELLINGS_LIMIT:
                fault = f"|windash makes more than {SPELLINGS_LIMIT} spellings of the values"
                raise Fault(line, fault, "split the rule, or write fewer dashes into its values")
            _check_item(key, value, line)
        data = {**document.data, "detection": _renamed(document.data["detection"])}
        rule = SigmaRule.from_dict(data, collect_errors=True)
    if rule.errors:
        error = rule.errors[0]
        what = next((key for key in document.data if key in str(error).lower()), "title")
        raise Fault(document.line_at(what), str(error), "mend the rule (Sigma specification 2.1)")
    return rule


def piped_by(pipelines: Sequence[Pipeline], document: Document, parsed: SigmaRule) -> Piped | None:
    """Applies the pipelines that can change anything of a rule; None where there is none. Raises Fault."""
    keys = (key or "" for key, _, _ in _items(document.data["detection"], document.child("detection")))
    wanted = wanted_for(pipelines, any("expand" in key.split("|") for key in keys)) if pipelines else []
    if not wanted:
        return None
    try:
        return Piped(wanted, parsed)
    except SigmaError as error:
        remedy = f"mend the pipeline ({', '.join(str(each.path) for each in wanted)})"
        raise Fault(document.line_at("detection"), f"a pipeline refuses it: {error}", remedy) from error


def techniques_of(tags: Iterable[str]) -> tuple[str, ...]:
    """ATT&CK techniques among tags, as T1059.004."""
    return tuple(found[1].upper() for tag in tags if (found := _TECHNIQUE.fullmatch(tag)))


def condition_below(document: Document, parsed: SigmaRule, piped: Piped | None) -> Node:
    """What the rule says of one record; `piped` where pipelines were applied since it was read. Raises Fault."""
    names = named_below(document, parsed, piped)
    line = document.line_at("detection", "condition")
    return joined(AnyOf, [_condition(each, parsed, names, line) for each in parsed.detection.parsed_condition])


def named_below(document: Document, parsed: SigmaRule, piped: Piped | None) -> dict[str, Node]:
    """The condition of each named detection. Raises Fault."""
    said: Mapping[str, Any] = document.data["detection"]
    names = {}
    for name, detection in parsed.detection.detections.items():
        if piped is not None:
            names[name] = _piped(piped, detection, name, document.line_at("detection", name))
        else:
            names[name] = _detection(detection, said[name], document.child("detection", name))
    return names


def source_of(parsed: SigmaRule) -> LogSource:
    """The log source that a rule reads."""
    return LogSource(*(_name(getattr(parsed.logsource, key)) for key in ("product", "category", "service")))


def _name(part: str | None) -> str | None:
    return part.lower() if part else None


def _check_item(key: str | None, value: Any, line: int) -> None:
    """Raises the fault of one detection item, with its line."""
    names = (key or "").split("|")[1:]
    unknown = [name for name in names if name not in SUPPORTED]
    if unknown:
        remedy = f"use only {', '.join(sorted(SUPPORTED))}"
        raise Fault(line, f"the modifier |{unknown[0]} is not supported", remedy)
    values = value if isinstance(value, list) else [value]
    if "windash" in names and any(len(_OPTION.findall(str(each))) > DASHES_LIMIT for each in values):
        raise Fault(line, "too many dashes under |windash", f"split the value: at most {DASHES_LIMIT} in one")
    try:
        SigmaDetectionItem.from_mapping(_renamed_key(key), value)
    except SigmaError as error:
        raise Fault(line, str(error), "mend the value or the modifier (Sigma specification 2.1)") from error
    except (TypeError, AttributeError, ValueError, re.error) as error:
        remedy = "use texts, numbers, booleans or null"
        raise Fault(line, f"a value that Sigma does not know: {error}", remedy) from error


def _spellings(key: str | None, value: Any) -> int:
    """How many texts `windash` makes of a detection item's values."""
    if "windash" not in (key or "").split("|"):
        return 0
    values = value if isinstance(value, list) else [value]
    return sum(len(DASHES) ** min(DASHES_LIMIT, len(_OPTION.findall(str(each)))) for each in values)


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


def _piped(piped: Piped, detection: SigmaDetection, name: str, line: int) -> Node:
    """The condition of a detection that pipelines may have changed: its shape is no longer that of the file."""
    kind = AllOf if detection.item_linking is ConditionAND else AnyOf
    if not detection.detection_items:
        raise Fault(line, f"the pipelines leave nothing of {name}", "drop less, or leave the rule out")
    below = []
    for item in detection.detection_items:
        if isinstance(item, SigmaDetection):
            below.append(_piped(piped, item, name, line))
            continue
        try:
            below.append(piped.condition(item))
        except Unfit as unfit:
            raise Fault(line, unfit.fault, unfit.remedy) from unfit
    return joined(kind, below)


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
        raise Fault(line, unfit.fault, unfit.remedy) from unfit


def _condition(parsed: Any, rule: SigmaRule, names: dict[str, Node], line: int) -> Node:
    """One condition of the rule, with the words of its text checked against what pySigma read in it."""
    try:
        tree = parsed.parse(postprocess=False)
    except SigmaError as error:
        raise Fault(line, f"the condition cannot be read: {error}", _CONDITIONS) from error
    read: set[str] = set()
    node = _branch(tree, rule, names, line, read)
    written = set(_WORD.findall(parsed.condition)) - _OPERATORS
    if written != read - {"them"}:
        odd = ", ".join(sorted(written ^ (read - {"them"})))
        raise Fault(line, f"the condition reads as something else than it says: {odd}", "rename the detection")
    return node


def selected(pattern: str, names: Iterable[str]) -> list[str]:
    """The detections that a selector means, as pySigma says, but in linear time: its own reading of `1 of ****x` takes
    exponential time. What a filter adds begins with `_` and is meant only by patterns that do, too."""
    glob = "*" if pattern == "them" else pattern
    return [name for name in names if fnmatchcase(name, glob) and (pattern[:1] == "_" or name[:1] != "_")]


def _branch(tree: Any, rule: SigmaRule, names: dict[str, Node], line: int, read: set[str]) -> Node:
    if isinstance(tree, ConditionIdentifier):
        read.add(tree.identifier)
        if tree.identifier not in names:
            raise Fault(line, f"the condition names {tree.identifier!r}, which is not there", "add it, or mend it")
        return names[tree.identifier]
    if isinstance(tree, ConditionSelector):
        read.add(tree.pattern)
        found = selected(tree.pattern, rule.detection.detections)
        if not found:
            raise Fault(line, f"{tree.pattern!r} fits no detection", "add one, or leave it out")
        kind = AllOf if tree.cond_class is ConditionAND else AnyOf
        return joined(kind, [names[name] for name in found])
    below = [_branch(each, rule, names, line, read) for each in tree.args]
    if isinstance(tree, ConditionNOT):
        return Not(below[0])
    if isinstance(tree, ConditionAND | ConditionOR):
        return joined(AllOf if isinstance(tree, ConditionAND) else AnyOf, below)
    raise Fault(line, f"the condition holds a {type(tree).__name__}", _CONDITIONS)
