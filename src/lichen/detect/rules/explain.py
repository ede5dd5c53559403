"""Why a rule fired on an event or did not: clause by clause, each judged by the matcher that judges every event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from lichen.core.batch import Batch, LogSource, Shape, Stream
from lichen.core.errors import RuleError
from lichen.core.ocsf import view_of
from lichen.detect.rules.algebra import AllOf, AnyOf, Leaf, Node, Not, fields_of
from lichen.detect.rules.at_line import as_lines, shortened, values_at
from lichen.detect.rules.collection import collected
from lichen.detect.rules.detections import Fault, named_below, parsed_rule, piped_by
from lichen.detect.rules.filters import ANY_RULE, Filter
from lichen.detect.rules.in_words import words_of
from lichen.detect.rules.judging import NamedList
from lichen.detect.rules.pipelines import load_pipeline
from lichen.detect.rules.rule import Rule
from lichen.detect.rules.rule_file import read_documents
from lichen.detect.rules.sigma_match import Matcher

SHOWN = 12  # alternatives of one field that are told; those that hold come first
LINES_LIMIT = 256  # of one event that are looked at


@dataclass(frozen=True, slots=True)
class FieldTest:
    """One test of a clause, or a word that joins those below it (`depth`); `seen`: the values that the line has."""

    depth: int
    says: str
    holds: bool
    seen: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Clause:
    """A named detection of the rule, or a filter that applies to it (`part`: detection, filter, condition)."""

    part: str
    name: str
    holds: bool
    tests: tuple[FieldTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a rule fires on an event, and by which of its clauses. `reads` what it reads, `offers` what the event
    is offered as; where the two do not meet it cannot fire, and `clauses` say what would be if they did."""

    rule: str
    title: str
    place: str
    fires: bool
    reads: str
    offers: tuple[str, ...]
    meets: bool
    lines: int
    clauses: tuple[Clause, ...]


def parts_of(rule: Rule, pipelines: Sequence[Path] = ()) -> tuple[dict[str, Node], str]:
    """The named detections of a rule and its condition as it is written. Raises RuleError."""
    for document in collected(read_documents(rule.path)):
        if isinstance(document, RuleError):
            raise document
        if document.line != rule.line:
            continue
        try:
            parsed = parsed_rule(document)
            named = named_below(
                document, parsed, piped_by([load_pipeline(each) for each in pipelines], document, parsed)
            )
        except Fault as fault:
            raise RuleError(fault.fault, place=document.place(fault.line), remedy=fault.remedy) from fault
        written = document.data["detection"]["condition"]
        return named, " | ".join(map(str, written)) if isinstance(written, list) else str(written)
    raise RuleError("the rule is not there any more", place=f"{rule.path}:{rule.line}", remedy="load the rules again")


def applying(rule: Rule, filters: Sequence[Filter]) -> list[Filter]:
    """The filters that are joined to a rule."""
    called = {rule.id, rule.name}
    return [
        each
        for each in filters
        if rule.source.offers(each.source) and (not each.rules or any(name in called for name, _ in each.rules))
    ]


def explain(
    rule: Rule,
    batch: Batch,
    *,
    filters: Sequence[Filter] = (),
    lists: Mapping[str, NamedList] | None = None,
    pipelines: Sequence[Path] = (),
) -> Explanation:
    """Why the rule (its filters joined) fires on the one event of the batch, or does not. Raises RuleError."""
    named, written = parts_of(rule, pipelines)
    parts = [("detection", name, node) for name, node in named.items()]
    parts += [("filter", f"{each.title} ({_whose(each)})", each.condition) for each in applying(rule, filters)]
    parts.append(("condition", written, rule.condition))
    nodes = list(dict.fromkeys(below for _, _, node in parts for below in _below(node)))
    offers = [shape.source for shape in batch.shapes if shape.fields.num_rows]
    meets = any(source.offers(rule.source) for source in offers)
    tops = [node for _, _, node in parts]
    best, lines = _nearest(rule, batch, nodes, tops, lists or {}, meets)
    told = tuple(_clause(part, name, node, best) for part, name, node in parts)
    fires = meets and rule.condition in best.true
    place = f"{rule.path}:{rule.line}"
    offered = tuple(dict.fromkeys(map(source_words, offers)))
    return Explanation(rule.id, rule.title, place, fires, source_words(rule.source), offered, meets, lines, told)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A line: the nodes that are true of it, and what its fields hold."""

    true: frozenset[Node]
    values: Mapping[str, tuple[str, ...]]


def _nearest(
    rule: Rule,
    batch: Batch,
    nodes: Sequence[Node],
    tops: Sequence[Node],
    lists: Mapping[str, NamedList],
    meets: bool,
) -> tuple[_Judged, int]:
    """The line of the event that the rule fires on, else the one that comes nearest; and how many lines there were."""
    matcher = Matcher([replace(rule, id=str(i), condition=node) for i, node in enumerate(nodes)], lists)
    fields = {field for node in nodes if isinstance(node, Leaf) for field in fields_of(node.predicate)}
    best, rank, count = _Judged(frozenset(), {}), (-1, -1), 0
    for shape in batch.shapes:
        if meets and not shape.source.offers(rule.source):
            continue
        read = as_lines(batch, shape if meets else replace(shape, source=_meeting(rule.source)))
        read = read.take(np.arange(min(len(read), LINES_LIMIT)))
        true: list[set[Node]] = [set() for _ in range(len(read))]
        for number, rows in matcher.match(read).rows.items():
            for row in rows.tolist():
                true[row].add(nodes[number])
        count += len(read)
        for line, held in enumerate(true):
            near = (len(tops) if tops[-1] in held else sum(node in held for node in tops), len(held))
            if near > rank:
                best, rank = _Judged(frozenset(held), values_at(read.shapes[0], line, sorted(fields))), near
    return best, count


def _meeting(source: LogSource) -> LogSource:
    return LogSource(source.product or "any", source.category or "any", source.service or "any")


def _below(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Not):
        yield from _below(node.node)
    elif isinstance(node, AllOf | AnyOf):
        for each in node.nodes:
            yield from _below(each)


def _clause(part: str, name: str, node: Node, judged: _Judged) -> Clause:
    tests = () if part == "condition" else tuple(_tests(node, 0, judged))
    return Clause(part, name, node in judged.true, tests)


def _tests(node: Node, depth: int, judged: _Judged) -> Iterator[FieldTest]:
    holds = node in judged.true
    if isinstance(node, Leaf):
        fields = fields_of(node.predicate)
        seen = judged.values.get(fields[0]) if fields else None
        told = None if seen is None else tuple(shortened(each) for each in seen[:SHOWN])
        yield FieldTest(depth, words_of(node.predicate), holds, told)
        return
    if isinstance(node, Not):
        yield FieldTest(depth, "not", holds)
        yield from _tests(node.node, depth + 1, judged)
        return
    alternative = isinstance(node, AnyOf)  # what decides comes first: here what holds, else what does not
    many = len(node.nodes) > SHOWN
    ranked = sorted(node.nodes, key=lambda each: (each in judged.true) is not alternative) if many else node.nodes
    yield FieldTest(depth, "any of" if alternative else "all of", holds)
    for each in ranked[:SHOWN]:
        yield from _tests(each, depth + 1, judged)
    if len(ranked) > SHOWN:
        hold = sum(each in judged.true for each in ranked[SHOWN:])
        yield FieldTest(depth + 1, f"and {len(ranked) - SHOWN} more, of which {hold or 'none'} hold", bool(hold))


def _whose(each: Filter) -> str:
    until = f", until {each.expires}" if each.expires else ""
    return f"{each.path.name}, {each.owner or 'no owner'}{until}{'' if each.rules else f', {ANY_RULE} rule'}"


def source_words(source: LogSource) -> str:
    """A log source in words."""
    parts = zip(("product", "category", "service"), (source.product, source.category, source.service), strict=True)
    return ", ".join(f"{name} {value}" for name, value in parts if value) or "any"


def fields_as_event(rule: Rule, fields: Mapping[str, object], raw: str) -> Batch:
    """One event that has these fields, offered as the rule reads it; `raw` is what keywords search."""
    columns = {name: pa.array([value]) for name, value in fields.items() if value is not None} or {"raw": pa.nulls(1)}
    shape = Shape(_meeting(rule.source), pa.RecordBatch.from_pydict(columns))
    view = view_of({"class_uid": pa.array([0], pa.int32())}, 1)
    text = pa.array([raw], pa.large_string())
    return Batch(Stream("", "given", "given"), "other", text, np.zeros(1, dtype=np.int64), view, (shape,))
