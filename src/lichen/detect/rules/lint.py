"""`rule lint` and `rule list`: what stands in the way of a rule, and what rules there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from lichen.core.errors import RuleError
from lichen.detect.rules.algebra import ALWAYS, NEVER, fields_of, predicates_of
from lichen.detect.rules.collection import collected
from lichen.detect.rules.columns import needle_of
from lichen.detect.rules.companions import cases_of
from lichen.detect.rules.correlation_file import Correlation
from lichen.detect.rules.filters import Filter
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


def lint_rules(
    folders: Iterable[Path], companions: bool = False, pipelines: Sequence[Path] = (), filters: Sequence[Path] = ()
) -> list[Finding]:
    """Every fault of the rules and filters in the folders, with place and remedy; `companions` asks for their test
    files too."""
    rules = RuleSet.load(folders, pipelines, filters)
    found = [Finding("error", each.place, each.fault, each.remedy) for each in rules.refused]
    for rule in rules.rules:
        found.extend(_warnings(rule))
        if companions:
            faults = (each for each in cases_of(rule) if isinstance(each, RuleError))
            found.extend(Finding("warning", each.place, each.fault, each.remedy) for each in faults)
    found.extend(_of_filter(each, expired=False) for each in rules.filters if not (each.owner and each.expires))
    found.extend(_of_filter(each, expired=True) for each in rules.expired)
    return found


def _of_filter(each: Filter, expired: bool) -> Finding:
    place = f"{each.path}:{each.line}"
    if expired:
        return Finding(
            "warning", place, f"the filter expired on {each.expires} and is not applied", "renew or remove it"
        )
    return Finding("warning", place, "a filter without owner and expiry", "add owner: and expires: (a date)")


def list_rules(rules: RuleSet) -> list[dict[str, str]]:
    """A row a rule and correlation: what `rule list` prints."""
    every: list[Rule | Correlation] = [*rules.rules, *rules.correlations]
    return [
        {
            "id": each.id,
            "level": each.level,
            "stage": each.stage,
            "source": _source(each),
            "techniques": " ".join(each.techniques),
            "title": each.title,
            "path": _place(each),
        }
        for each in sorted(every, key=lambda each: (str(each.path), each.line))
    ]


def _source(each: Rule | Correlation) -> str:
    if isinstance(each, Correlation):
        return f"correlation of {len(each.members)}"
    return " ".join(filter(None, (each.source.product, each.source.category, each.source.service)))


def _place(rule: Rule | Correlation) -> str:
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
    for document in collected(read_documents(rule.path)):
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
