"""From a Sigma rule to a condition of our own algebra: exactly, or refused with place, fault and remedy.

pySigma parses the rule and its condition (Sigma specification 2.1); the tree is then read in `detections`, beside the
YAML nodes that know the lines. What is not supported is an error, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from lichen.core.errors import RuleError
from lichen.detect.rules.algebra import fields_of, predicates_of
from lichen.detect.rules.collection import collected
from lichen.detect.rules.correlation_file import Correlation, correlation_of
from lichen.detect.rules.detections import (
    STAGES,
    Fault,
    condition_below,
    parsed_rule,
    piped_by,
    source_of,
    techniques_of,
)
from lichen.detect.rules.filters import Filter, filter_of
from lichen.detect.rules.pipelines import Pipeline
from lichen.detect.rules.rule import LEVELS, Rule
from lichen.detect.rules.rule_file import Document, read_documents

__all__ = ["LEVELS", "Compiled", "Rule", "compile_file", "compile_rule"]

Made = TypeVar("Made")


Compiled: TypeAlias = Rule | Correlation | Filter | RuleError


def compile_file(path: Path, text: str | bytes | None = None, pipelines: Sequence[Pipeline] = ()) -> Iterator[Compiled]:
    """Every rule, correlation and filter of a file (or of `text` as if it stood there), or why it is refused."""
    for document in collected(read_documents(path, text)):
        if isinstance(document, RuleError):
            yield document
        elif "correlation" in document.data:
            yield _guarded(document, correlation_of)
        elif "filter" in document.data:
            yield _guarded(document, lambda each: filter_of(each, pipelines))
        else:
            yield compile_rule(document, pipelines)


def compile_rule(document: Document, pipelines: Sequence[Pipeline] = ()) -> Rule | RuleError:
    """One rule, or the reason why it is refused."""
    return _guarded(document, lambda each: _rule(each, pipelines))


def _guarded(document: Document, make: Callable[[Document], Made]) -> Made | RuleError:
    """What `make` makes of a document, or what is wrong with it."""
    try:
        return make(document)
    except Fault as found:
        return RuleError(found.fault, place=document.place(found.line), remedy=found.remedy)
    except RecursionError:
        return RuleError("nested too deeply", place=document.place(), remedy="write it flatter")
    except Exception as error:  # pySigma raises many kinds on YAML that is no rule; none may end the program
        fault = f"pySigma cannot read it: {type(error).__name__}: {error}"
        return RuleError(fault, place=document.place(), remedy="compare it with a rule of content/rules")


def _check_keys(document: Document) -> None:
    data, line = document.data, document.line
    if not isinstance(data.get("detection"), dict):
        raise Fault(line, "no detection", "add detection: with a selection and a condition")
    if "timeframe" in data["detection"]:
        where = document.line_at("detection", "timeframe")
        raise Fault(where, "timeframe belongs to the old aggregation syntax", "leave it out, or write a correlation")
    if data.get("stage", "stable") not in STAGES:
        raise Fault(document.line_at("stage"), f"no stage {data['stage']!r}", f"use one of {', '.join(STAGES)}")


def _rule(document: Document, pipelines: Sequence[Pipeline]) -> Rule:
    _check_keys(document)
    parsed = parsed_rule(document)
    condition = condition_below(document, parsed, piped_by(pipelines, document, parsed))
    return Rule(
        id=str(parsed.id) if parsed.id else document.name,
        title=parsed.title,
        level=parsed.level.name.lower() if parsed.level else "low",
        techniques=techniques_of([str(tag) for tag in parsed.tags]),
        source=source_of(parsed),
        path=document.path,
        line=document.line,
        stage=document.data.get("stage", "stable"),
        condition=condition,
        fields=tuple(sorted({field for each in predicates_of(condition) for field in fields_of(each)})),
        falsepositives=tuple(str(each) for each in parsed.falsepositives),
        description=parsed.description or "",
        name=parsed.name,
        tags=tuple(str(tag) for tag in parsed.tags),
    )
