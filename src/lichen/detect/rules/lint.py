"""`rule lint` and `rule list`: what stands in the way of a rule, and what rules there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from lichen.core.errors import RuleError
from lichen.detect.rules.algebra import ALWAYS, NEVER, fields_of, predicates_of
from lichen.detect.rules.columns import needle_of
from lichen.detect.rules.companions import cases_of
from lichen.detect.rules.rule_file import Document, read_documents
from lichen.detect.rules.ruleset import RuleSet
from lichen.detect.rules.sigma_compile import Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: an `error` keeps the rule from running, a `warning` does not."""

    severity: str
    place: str
    fault: str
    remedy: str


def lint_rules(folders: Iterable[Path], companions: bool = False) -> list[Finding]:
    """Every fault of the rules in the folders, with place and remedy; `companions` asks for their test files too."""
    rules = RuleSet.load(folders)
    found = [Finding("error", each.place, each.fault, each.remedy) for each in rules.refused]
    for rule in rules.rules:
        found.extend(_warnings(rule))
        if companions:
            faults = (each for each in cases_of(rule) if isinstance(each, RuleError))
            found.extend(Finding("warning", each.place, each.fault, each.remedy) for each in faults)
    return found


def list_rules(rules: RuleSet) -> list[dict[str, str]]:
    """A row a rule: what `rule list` prints."""
    return [
        {
            "id": rule.id,
            "level": rule.level,
            "stage": rule.stage,
            "source": " ".join(filter(None, (rule.source.product, rule.source.category, rule.source.service))),
            "techniques": " ".join(rule.techniques),
            "title": rule.title,
            "path": _place(rule),
        }
        for rule in sorted(rules.rules, key=lambda rule: (str(rule.path), rule.line))
    ]


def _place(rule: Rule) -> str:
    return f"{rule.path}:{rule.line}"


def _warnings(rule: Rule) -> Iterator[Finding]:
    place = _place(rule)
    if not rule.falsepositives:
        yield Finding("warning", place, "no falsepositives", "say in a sentence what benign thing could fire it")
    if not rule.techniques:
        yield Finding("warning", place, "no ATT&CK technique", "tag it, as attack.t1059.004")
    if rule.condition in (ALWAYS, NEVER):
        yield Finding("warning", place, "it fires always or never", "mend the condition")
    for each in predicates_of(rule.condition):
        if not fields_of(each) and needle_of(each) is None:
            yield Finding("warning", place, "a keyword that reads every text whole", "name a field, or a longer text")
            break
    for document in read_documents(rule.path):
        if isinstance(document, Document) and document.line == rule.line:
            yield from _unused(document)


def _unused(document: Document) -> Iterator[Finding]:
    """Detections that the condition does not name."""
    detection = document.data["detection"]
    conditions = detection["condition"]
    text = " ".join(conditions) if isinstance(conditions, list) else str(conditions)
    patterns = ["*" if word == "them" else word for word in text.replace("(", " ").replace(")", " ").split()]
    for name in detection:
        if name != "condition" and not any(_fits(name, pattern) for pattern in patterns):
            line = document.line_at("detection", name)
            fault = f"the condition does not name {name}"
            yield Finding("warning", document.place(line), fault, "name it, or take it out")


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern.replace("[", "[[]"))
