"""The proof beside the rule: a hit, a miss and a near-miss for each, run by `rule test`.

`NAME.test.yaml` stands beside `NAME.yml`:

    hit:
      - {Image: /usr/bin/python3, TargetFilename: /usr/bin/.update}
    miss:
      - {Image: /usr/bin/python3, TargetFilename: /tmp/x}
    near_miss:
      - {Image: /usr/bin/dpkg, TargetFilename: /usr/bin/curl.dpkg-new}

Each case is one line of a shape: fields and their values. The key `raw` is the text that keywords search; left out, it
is the values, blank between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from lichen.core.batch import Batch, Shape, Stream
from lichen.core.errors import RuleError
from lichen.core.ocsf import view_of
from lichen.detect.rules.event_fields import text_of
from lichen.detect.rules.judging import NamedList
from lichen.detect.rules.rule_file import Document, line_of, read_documents
from lichen.detect.rules.ruleset import COMPANION, RuleSet
from lichen.detect.rules.sigma_compile import Rule
from lichen.detect.rules.sigma_match import Matcher

KINDS = {"hit": True, "miss": False, "near_miss": False}  # and whether the rule must fire


@dataclass(frozen=True, slots=True)
class Case:
    """One line that a rule must fire on, or must not."""

    kind: str
    place: str
    fields: Mapping[str, str]
    raw: str

    @property
    def must_fire(self) -> bool:
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case and what came of it."""

    rule: Rule
    case: Case
    fired: bool

    @property
    def passed(self) -> bool:
        return self.fired == self.case.must_fire


def companion_of(rule: Rule) -> Path:
    """Where the cases of a rule stand."""
    return rule.path.with_name(rule.path.stem + COMPANION)


def cases_of(rule: Rule) -> Iterator[Case | RuleError]:
    """The cases of a rule, or what is wrong with them: those of its companion, else those that a signature born here
    carries in itself, under the key `lichen`."""
    path = companion_of(rule)
    if path.exists():
        yield from read_cases(path)
        return
    for document in read_documents(rule.path):
        if isinstance(document, Document) and document.line == rule.line:
            own = document.data.get("lichen")
            if isinstance(own, dict) and own.get("hit"):
                for kind in KINDS:
                    if own.get(kind):
                        yield from _cases_of(document, "lichen", kind)
                return
    remedy = f"add {path.name} with a hit, a miss and a near_miss"
    yield RuleError("no companion file", place=f"{rule.path}:{rule.line}", remedy=remedy)


def read_cases(path: Path, text: str | None = None) -> Iterator[Case | RuleError]:
    """The cases of a companion file, or what is wrong with it."""
    for document in read_documents(path, text):
        if isinstance(document, RuleError):
            yield document
            continue
        for kind in dict.fromkeys([*KINDS, *map(str, document.data)]):
            yield from _cases_of(document, kind)


def _cases_of(document: Document, *keys: str) -> Iterator[Case | RuleError]:
    kind, node = keys[-1], document.child(*keys)
    place = document.place(document.line_at(*keys))
    if kind not in KINDS:
        yield RuleError(f"{kind!r} is no kind of case", place=place, remedy=f"use {', '.join(KINDS)}")
        return
    cases: Any = document.data
    for key in keys:
        cases = cases.get(key) or []
    cases = [cases] if isinstance(cases, dict) else cases
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        yield RuleError(f"no {kind} in the form of fields", place=place, remedy="add a mapping of fields to values")
        return
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for case, where in zip(cases, nodes, strict=True):
        fields = {str(key): text_of(value) for key, value in case.items() if key != "raw" and value is not None}
        raw = str(case.get("raw", " ".join(fields.values())))
        yield Case(kind, document.place(line_of(where)), fields, raw)


def run_cases(rule: Rule, cases: Iterable[Case], lists: Mapping[str, NamedList] | None = None) -> list[Outcome]:
    """Runs the rule on each case, by the same matcher that runs it on events."""
    listed = list(cases)
    rows = Matcher([rule], lists).match(_batch(rule, listed)).rows if listed else {}
    fired = set(rows[0].tolist()) if 0 in rows else set()
    return [Outcome(rule, case, i in fired) for i, case in enumerate(listed)]


def _batch(rule: Rule, cases: list[Case]) -> Batch:
    names = sorted({name for case in cases for name in case.fields} | set(rule.fields)) or ["raw"]
    columns: dict[str, Any] = {
        name: pa.array([case.fields.get(name) for case in cases], pa.large_string()) for name in names
    }
    count = len(cases)
    view = view_of({"class_uid": pa.array([0] * count, pa.int32())}, count)
    texts = pa.array([case.raw for case in cases], pa.large_string())
    shape = Shape(rule.source, pa.RecordBatch.from_pydict(columns))
    return Batch(Stream("", "companion", "test"), "other", texts, np.arange(count), view, (shape,))


def prove_rules(
    folders: Iterable[Path], lists: Mapping[str, NamedList] | None = None, pipelines: Sequence[Path] = ()
) -> tuple[list[Outcome], list[RuleError]]:
    """Every case of every rule in the folders, and every fault: a rule refused, a companion absent or unreadable."""
    outcomes: list[Outcome] = []
    places = list(folders)
    rules = RuleSet.load(places, pipelines).with_lists(lists or {})
    faults = list(rules.refused)
    for rule in rules.rules:
        read = list(cases_of(rule))
        faults.extend(each for each in read if isinstance(each, RuleError))
        outcomes.extend(run_cases(rule, (each for each in read if isinstance(each, Case)), lists))
    known = {companion_of(rule) for rule in rules.rules}
    for place in places:
        for path in place.rglob(f"*{COMPANION}") if place.is_dir() else ():
            if path not in known and not any(str(path).removesuffix(COMPANION) in fault.place for fault in faults):
                faults.append(RuleError("a companion of no rule", place=str(path), remedy="name it after its rule"))
    return outcomes, faults
