"""Rule collections: `action: global`, `reset` and `repeat` give the documents of a file what they have in common.

What a document says itself wins over what it takes from `global` or repeats; only an id is never handed on, since it
stands for one rule. Nodes are joined as the data are, so that every fault still shows its own line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import yaml

from lichen.core.errors import RuleError
from lichen.detect.rules.rule_file import UNFOLDED_LIMIT, Document, values_in

ACTIONS = ("global", "reset", "repeat")


def collected(documents: Iterable[Document | RuleError]) -> Iterator[Document | RuleError]:
    """The rules of a file, each whole; those after more than UNFOLDED_LIMIT values were handed on are refused."""
    common: Document | None = None
    before: Document | None = None
    handed_on = 0
    for document in documents:
        if isinstance(document, RuleError):
            yield document
            continue
        action = document.data.get("action")
        taken = before if action == "repeat" else common if action is None else None
        handed_on += values_in(taken.node) if taken is not None else 0
        if handed_on > UNFOLDED_LIMIT:
            limit, remedy = str(UNFOLDED_LIMIT), "split the file, or repeat less"
            yield RuleError("the file hands on too many values", place=document.place(), limit=limit, remedy=remedy)
            return
        if action is None:
            whole = document
            if common is not None and "correlation" not in document.data and "filter" not in document.data:
                whole = joined(document, common)
            before = whole
            yield whole
        elif action == "global":
            common = before = document
        elif action == "reset":
            common = None
        elif action == "repeat" and before is not None:
            before = joined(document, before)
            yield before
        else:
            place = document.place(document.line_at("action"))
            fault = f"no action {action!r}" if action not in ACTIONS else "nothing to repeat"
            yield RuleError(fault, place=place, remedy=f"use one of {', '.join(ACTIONS)}, repeat after a rule")


def joined(own: Document, taken: Document) -> Document:
    """A document with what it takes from another; its own values win, mappings are joined."""
    data, node = _joined(_without(own), _without(taken, also="id"))
    return replace(own, data=data, node=node)


def _without(document: Document, also: str = "action") -> tuple[dict[str, Any], yaml.MappingNode]:
    left_out = {"action", also}
    data = {key: value for key, value in document.data.items() if key not in left_out}
    pairs = [pair for pair in document.node.value if pair[0].value not in left_out]
    return data, _mapping(document.node, pairs)


def _joined(
    own: tuple[dict[str, Any], yaml.MappingNode], taken: tuple[dict[str, Any], yaml.MappingNode]
) -> tuple[dict[str, Any], yaml.MappingNode]:
    data, pairs = dict(own[0]), list(own[1].value)
    places = {key: place for place, key in enumerate(data)}
    for (key, value), pair in zip(taken[0].items(), taken[1].value, strict=True):
        if key not in data:
            data[key] = value
            pairs.append(pair)
            continue
        name, below = pairs[places[key]]
        both = isinstance(data[key], dict) and isinstance(value, dict)
        if both and isinstance(below, yaml.MappingNode) and isinstance(pair[1], yaml.MappingNode):
            data[key], below = _joined((data[key], below), (value, pair[1]))
            pairs[places[key]] = (name, below)
    return data, _mapping(own[1], pairs)


def _mapping(like: yaml.MappingNode, pairs: list[Any]) -> yaml.MappingNode:
    return yaml.MappingNode(like.tag, pairs, like.start_mark, like.end_mark, like.flow_style)
