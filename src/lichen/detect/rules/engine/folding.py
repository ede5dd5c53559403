"""Rules folded onto a kind of line: what the kind itself says is settled, and only the rest is left to be judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from lichen.detect.rules.algebra import (
    NEVER,
    AllOf,
    AnyOf,
    Exists,
    Leaf,
    Node,
    Not,
    Predicate,
    SameAs,
    fields_of,
    joined,
    predicates_of,
    settled,
)
from lichen.detect.rules.engine.routes import Reading, distinct
from lichen.detect.rules.judging import Judge
from lichen.detect.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """What rules of a kind read: a field of the line, by the line's own name; `table` says what values are called."""

    name: str
    table: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Folded:
    """A rule on a kind. `condition` reads columns (their keys stand where field names stood) and the line's text."""

    rule: int
    condition: Node


@dataclass(frozen=True, slots=True)
class Folding:
    """All rules that can fire on a kind, and the columns that they read by key."""

    rules: tuple[Folded, ...]
    columns: Mapping[str, ColumnOf]


def folded(
    rules: Sequence[Rule],
    readings: Iterable[Reading],
    constants: Mapping[str, str | None],
    judge: Mapping[Predicate, Judge] | Any,
) -> Folding:
    """The rules that may fire on lines that are read in these ways and say `constants` under these names.

    `judge(predicate)` gives the judge of one predicate.
    """
    columns: dict[str, ColumnOf] = {}
    by_rule: dict[int, list[Node]] = {}
    for reading in distinct(tuple(readings)):
        for number, rule in enumerate(rules):
            if reading.source.offers(rule.source):
                node = settled(_renamed(rule.condition, reading, columns), _known(constants, columns, judge))
                if node != NEVER:
                    by_rule.setdefault(number, []).append(node)
    kept = tuple(Folded(number, joined(AnyOf, nodes)) for number, nodes in by_rule.items())
    read = {key for each in kept for predicate in predicates_of(each.condition) for key in fields_of(predicate)}
    return Folding(kept, {key: column for key, column in columns.items() if key in read})


ABSENT = "\0"  # the key of a column that no line of the kind has


def _renamed(node: Node, reading: Reading, columns: dict[str, ColumnOf]) -> Node:
    """The condition with the keys of columns for field names; `columns` grows by those that are new."""

    def key_of(name: str) -> str:
        own = reading.name_of(name)
        if own is None:
            return ABSENT
        table = reading.values.get(name)
        column = ColumnOf(own, tuple(sorted(table.items())) if table else ())
        key = f"{own}\0{name}" if table else own
        columns[key] = column
        return key

    def walk(node: Node) -> Node:
        if isinstance(node, Leaf):
            predicate: Any = node.predicate
            new = {
                each.name: key_of(getattr(predicate, each.name))
                for each in fields(predicate)
                if each.name in ("field", "other") and getattr(predicate, each.name) is not None
            }
            return Leaf(replace(predicate, **new)) if new else node
        if isinstance(node, Not):
            return Not(walk(node.node))
        return type(node)(tuple(map(walk, node.nodes)))

    return walk(node)


def _known(constants: Mapping[str, str | None], columns: Mapping[str, ColumnOf], judge: Any) -> Any:
    """What is known of a predicate before any line is read."""

    def text(key: str) -> str | None:
        said = constants[columns[key].name]
        return dict(columns[key].table).get(said, said) if said is not None else None

    def value(predicate: Predicate, upper: bool) -> bool | None:
        keys = fields_of(predicate)
        if ABSENT in keys:
            return False
        if not keys or any(columns[key].name not in constants for key in keys):
            return None
        if isinstance(predicate, SameAs):
            return None
        there = text(keys[0])
        if isinstance(predicate, Exists):
            return there is not None
        return there is not None and bool(judge(predicate)(there))

    return value


def without_words(node: Node) -> Node:
    """The condition on a line in whose text no keyword stands."""
    return settled(node, lambda predicate, upper: None if fields_of(predicate) else False)


def reads_words(node: Node) -> bool:
    """Whether the condition asks for keywords in the text of the line."""
    return any(not fields_of(predicate) for predicate in predicates_of(node))


__all__ = ["ABSENT", "AllOf", "ColumnOf", "Folded", "Folding", "folded", "reads_words", "without_words"]
