"""What a rule says: tests of single fields, joined by all, any and not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias


class Wild(Enum):
    """The two wildcards of Sigma."""

    ANY = "*"  # none or more characters
    ONE = "?"  # exactly one


class How(Enum):
    """How a text stands in a value."""

    IS = "is"
    CONTAINS = "contains"
    STARTS = "starts"
    ENDS = "ends"


Piece: TypeAlias = str | Wild


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Text:
    """The value is, contains, starts or ends with `text`, which is folded unless `cased`. A field of None is the whole
    text of the record."""

    field: str | None
    how: How
    text: str
    cased: bool = False


@dataclass(frozen=True, slots=True)
class Glob:
    """The whole value matches the pieces: texts (folded unless `cased`) and wildcards."""

    field: str | None
    pieces: tuple[Piece, ...]
    cased: bool = False


@dataclass(frozen=True, slots=True)
class Regex:
    """The pattern (RE2 syntax, flags in front) is found somewhere in the value."""

    field: str | None
    pattern: str


@dataclass(frozen=True, slots=True)
class Within:
    """The value is an address of the network; an IPv4 address mapped into IPv6 counts as IPv4."""

    field: str
    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Compare:
    """The value is a decimal number that stands in `relation` (gt, gte, lt, lte) to `number`."""

    field: str
    relation: str
    number: float


@dataclass(frozen=True, slots=True)
class TimePart:
    """The `part` (minute, hour, day, week, month, year) of the time that the value is, as it is written there, is
    `number`."""

    field: str
    part: str
    number: int


@dataclass(frozen=True, slots=True)
class SameAs:
    """The value is, contains, starts or ends with the value of the field `other` of the same record."""

    field: str
    other: str
    how: How
    cased: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """The value is on the indicator list of this name."""

    field: str
    name: str


Predicate: TypeAlias = Exists | Text | Glob | Regex | Within | Compare | TimePart | SameAs | Listed


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single predicate as a condition."""

    predicate: Predicate


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of the conditions holds; `AllOf(())` always does."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions holds; `AnyOf(())` never does."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    node: Node


Node: TypeAlias = Leaf | AllOf | AnyOf | Not

ALWAYS, NEVER = AllOf(()), AnyOf(())


def joined(kind: type[AllOf] | type[AnyOf], nodes: Iterable[Node]) -> Node:
    """The nodes under one `kind`, without needless nesting or repetition; a single node stays itself."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.nodes if isinstance(node, kind) else [node])
    unique = tuple(dict.fromkeys(flat))
    return unique[0] if len(unique) == 1 else kind(unique)


def predicates_of(node: Node) -> Iterator[Predicate]:
    """Every predicate below a node, as often as it stands there."""
    if isinstance(node, Leaf):
        yield node.predicate
    elif isinstance(node, Not):
        yield from predicates_of(node.node)
    else:
        for child in node.nodes:
            yield from predicates_of(child)


def fields_of(predicate: Predicate) -> tuple[str, ...]:
    """The fields that a predicate reads; none for a keyword."""
    if isinstance(predicate, SameAs):
        return predicate.field, predicate.other
    return () if predicate.field is None else (predicate.field,)


def settled(node: Node, value: Callable[[Predicate, bool], bool | None], upper: bool = True) -> Node:
    """The node with some predicates replaced by what `value(predicate, upper)` says of them; None leaves one standing.

    `upper` is False below an odd number of `not`: a `value` that answers `upper` for what is unknown gives a condition
    that holds wherever the node might.
    """
    if isinstance(node, Leaf):
        known = value(node.predicate, upper)
        return node if known is None else (ALWAYS if known else NEVER)
    if isinstance(node, Not):
        inner = settled(node.node, value, not upper)
        return NEVER if inner == ALWAYS else ALWAYS if inner == NEVER else Not(inner)
    absorbing, neutral = (NEVER, ALWAYS) if isinstance(node, AllOf) else (ALWAYS, NEVER)
    children = [settled(child, value, upper) for child in node.nodes]
    if absorbing in children:
        return absorbing
    return joined(type(node), (child for child in children if child != neutral))
