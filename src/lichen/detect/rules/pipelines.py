"""Users' own pySigma processing pipelines: fields renamed, conditions added, placeholders given their values.

A pipeline changes pySigma's rule. Detection items that it left alone are compiled as ever; those that it changed are
compiled from what it made of them. What only makes sense for a query (postprocessing, finalizers, query expressions)
is refused: there is no query here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import yaml
from sigma.exceptions import SigmaError
from sigma.modifiers import reverse_modifier_mapping
from sigma.processing.pipeline import ProcessingPipeline
from sigma.processing.transformations.placeholder import (
    ValueListPlaceholderTransformation,
    WildcardPlaceholderTransformation,
)
from sigma.rule import SigmaRule
from sigma.rule.detection import SigmaDetection, SigmaDetectionItem
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
)

from lichen.core.errors import ConfigError
from lichen.core.plain_yaml import plain_yaml
from lichen.detect.rules.algebra import NEVER, AllOf, AnyOf, Exists, How, Leaf, Node, Not, SameAs, TimePart, joined
from lichen.detect.rules.modifiers import PLACEHOLDERS, compared, condition_of, pattern_of, text_of_value, within
from lichen.detect.rules.spellings import Unfit

FILE_LIMIT_BYTES = 1 << 20
NOTHING = "\ue000nothing\ue000"  # what an empty list of values stands for while pySigma holds it
_ONLY_PLACEHOLDERS = (ValueListPlaceholderTransformation, WildcardPlaceholderTransformation)
_FLAGS = {"IGNORECASE": "i", "MULTILINE": "m", "DOTALL": "s"}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline file. `names_only`: it does nothing but give placeholders their values."""

    path: Path
    steps: ProcessingPipeline
    names_only: bool
    digest: str


def load_pipeline(path: Path) -> Pipeline:
    """A pySigma pipeline (YAML). Raises ConfigError with place and remedy."""
    place, remedy = str(path), "compare it with content/pipelines/placeholders.yml"
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", place=place, remedy="check path and permissions"
        ) from error
    if len(text) > FILE_LIMIT_BYTES:
        raise ConfigError("too large", place=place, limit=f"{FILE_LIMIT_BYTES} bytes", remedy="split it")
    try:
        data = plain_yaml(text)
        if not isinstance(data, dict):
            raise ConfigError("not a mapping", place=place, remedy=remedy)
        _refuse_queries(data, place)
        variables = data.get("vars") or {}
        data["vars"] = {name: [NOTHING] if values == [] else values for name, values in variables.items()}
        steps = ProcessingPipeline.from_dict(data)
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}", place=place, remedy=remedy) from error
    except (SigmaError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"pySigma cannot read it: {error}", place=place, remedy=remedy) from error
    for item in steps.items:
        change = item.transformation
        if isinstance(change, ValueListPlaceholderTransformation) and change.include is None and change.exclude is None:
            change.include = sorted(steps.vars)  # what has no value here may be an indicator list
    names_only = all(isinstance(item.transformation, _ONLY_PLACEHOLDERS) for item in steps.items)
    return Pipeline(path, steps, names_only, hashlib.blake2b(text, digest_size=8).hexdigest())


def _refuse_queries(data: dict[str, Any], place: str) -> None:
    for key in ("postprocessing", "finalizers"):
        if data.get(key):
            raise ConfigError(f"{key} change a query, and there is none here", place=place, remedy=f"leave {key} out")


class Piped:
    """A rule that pipelines were applied to, and which of its detection items they left alone."""

    def __init__(self, pipelines: Sequence[Pipeline], rule: SigmaRule) -> None:
        """Applies the pipelines, in order. Raises SigmaError."""
        self._written: dict[tuple[int, ...], tuple[list[SigmaType], list[SigmaType], str]] = {}
        for detection in rule.detection.detections.values():
            for item in _items(detection):
                values, original = list(item.value), list(item.original_value or ())
                self._written[tuple(map(id, values))] = (values, original, repr(values))
        for each in pipelines:
            each.steps.apply(rule)

    def condition(self, item: SigmaDetectionItem) -> Node:
        """The condition of one detection item. Raises Unfit."""
        modifiers = [reverse_modifier_mapping[modifier.__name__] for modifier in item.modifiers]
        _, original, said = self._written.get(tuple(map(id, item.value)), ([], [], ""))
        if said == repr(item.value):
            return condition_of(item.field, modifiers, original)
        kind = AllOf if "all" in modifiers else AnyOf
        node = joined(kind, [_value_condition(item.field, value) for value in item.value])
        return Not(node) if "neq" in modifiers else node


def _items(detection: SigmaDetection) -> Iterator[SigmaDetectionItem]:
    for each in detection.detection_items:
        if isinstance(each, SigmaDetection):
            yield from _items(each)
        else:
            yield each


def wanted_for(pipelines: Sequence[Pipeline], has_placeholders: bool) -> list[Pipeline]:
    """The pipelines that can change anything of a rule."""
    return [each for each in pipelines if has_placeholders or not each.names_only]


def _value_condition(field: str | None, value: SigmaType) -> Node:
    """The condition of one value as pySigma's modifiers and the pipeline made it."""
    if isinstance(value, SigmaExpansion):
        return joined(AnyOf, [_value_condition(field, each) for each in value.values])
    if _holds_nothing(value):
        return NEVER
    if isinstance(value, SigmaString):
        if value.contains_placeholder():
            raise Unfit("a placeholder that no pipeline gives a value", PLACEHOLDERS)
        return text_of_value(field, value, isinstance(value, SigmaCasedString))
    if isinstance(value, SigmaRegularExpression):
        flags = "".join(sorted(_FLAGS[flag.name] for flag in value.flags))
        return pattern_of(field, flags, str(value.regexp.to_plain(True)))
    if field is None:
        if isinstance(value, SigmaNumber | SigmaBool):
            return text_of_value(field, value, False)
        raise Unfit(f"a {type(value).__name__} as a keyword", "name a field")
    for kind, compile_ in _OF_FIELDS:
        if isinstance(value, kind):
            return compile_(field, value)
    raise Unfit(f"a pipeline made a {type(value).__name__}", "leave that step out: there is no query here")


def _holds_nothing(value: SigmaType) -> bool:
    text = value.regexp if isinstance(value, SigmaRegularExpression) else value
    return isinstance(text, SigmaString) and any(isinstance(part, str) and NOTHING in part for part in text.s)


def _reference(field: str, value: Any) -> Node:
    if value.starts_with and value.ends_with:
        how = How.CONTAINS
    else:
        how = How.STARTS if value.starts_with else How.ENDS if value.ends_with else How.IS
    return Leaf(SameAs(field, value.field, how))


_OF_FIELDS: tuple[tuple[type, Callable[[str, Any], Node]], ...] = (
    (SigmaNull, lambda field, value: Not(Leaf(Exists(field)))),
    (SigmaExists, lambda field, value: Leaf(Exists(field)) if value.exists else Not(Leaf(Exists(field)))),
    (SigmaCIDRExpression, lambda field, value: within(field, ip_network(value.cidr))),
    (SigmaCompareExpression, lambda field, value: compared(field, value.op.name.lower(), value.number.number)),
    (SigmaFieldReference, _reference),
    (
        SigmaTimestampPart,
        lambda field, value: Leaf(TimePart(field, value.timestamp_part.name.lower(), int(value.number))),
    ),
    (SigmaNumber, lambda field, value: text_of_value(field, value, False)),
    (SigmaBool, lambda field, value: text_of_value(field, value, False)),
)


def digest_of(pipelines: Iterable[Pipeline]) -> str:
    """What the pipelines say, in their order."""
    return "\0".join(each.digest for each in pipelines)
