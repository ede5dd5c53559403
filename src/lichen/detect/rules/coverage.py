"""What the rules could see here: an ATT&CK Navigator layer, and the rules that cannot fire, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lichen.core.batch import LogSource
from lichen.detect.rules.correlation_file import Correlation
from lichen.detect.rules.explain import source_words
from lichen.detect.rules.reach import Seen
from lichen.detect.rules.rule import Rule
from lichen.detect.rules.ruleset import RuleSet

LAYER_VERSION, NAVIGATOR_VERSION, ATTACK_VERSION = "4.5", "5.1.0", "17"
FIELDS_TOLD = 6


@dataclass(frozen=True, slots=True)
class Reach:
    """A rule or correlation and whether it can fire here: `reason` says why not."""

    id: str
    title: str
    level: str
    techniques: tuple[str, ...]
    can_fire: bool
    reason: str = ""


def reach_of(rules: RuleSet, seen: Seen | None) -> list[Reach]:
    """Every rule that speaks, and whether it can fire on what was seen; without `seen` every one can."""
    reasons: dict[str, str] = {}
    for rule in rules.rules:
        reasons[rule.id] = "" if seen is None else _reason(rules, rule, seen)
    for each in rules.correlations:  # those that others name come first
        able = any(not reasons.get(member, "absent") for member in each.members)
        reasons[each.id] = "" if able else "none of its rules can fire"
    every: list[Rule | Correlation] = [*rules.rules, *rules.correlations]
    return [
        Reach(each.id, each.title, each.level, each.techniques, not reasons[each.id], reasons[each.id])
        for each in every
        if each.id not in rules.silent
    ]


def _reason(rules: RuleSet, rule: Rule, seen: Seen) -> str:
    """Why a rule cannot fire on what was seen; nothing where it can."""
    offered = [(LogSource(*(part or None for part in key.split("\t"))), fields) for key, fields in seen.items()]
    read = [(source, frozenset(fields)) for source, fields in offered if source.offers(rule.source)]
    if not read:
        return f"no such log source: {source_words(rule.source)}"
    if any(rules.can_fire(rule, (source,), fields) for source, fields in read):
        return ""
    known = frozenset().union(*(fields for _, fields in read))
    absent = [field for field in rule.fields if field not in known]
    if not absent:
        return "its fields were never seen together"
    more = f" and {len(absent) - FIELDS_TOLD} more" if len(absent) > FIELDS_TOLD else ""
    return f"field never seen: {', '.join(absent[:FIELDS_TOLD])}{more}"


def scores(reach: Sequence[Reach]) -> dict[str, tuple[int, int]]:
    """Of each technique how many rules can fire, and how many there are."""
    found: dict[str, tuple[int, int]] = {}
    for each in reach:
        for technique in each.techniques:
            able, all_ = found.get(technique, (0, 0))
            found[technique] = able + each.can_fire, all_ + 1
    return dict(sorted(found.items()))


def navigator(reach: Sequence[Reach], name: str, here: bool) -> Mapping[str, Any]:
    """The layer: a technique's score is the number of rules that can fire."""
    counted = scores(reach)
    titles: dict[str, list[str]] = {}
    for each in reach:
        for technique in each.techniques:
            titles.setdefault(technique, []).append(each.title if each.can_fire else f"{each.title} ({each.reason})")
    parents = {technique.partition(".")[0] for technique in counted if "." in technique}
    techniques = [
        {
            "techniqueID": technique,
            "score": able,
            "enabled": True,
            "comment": "\n".join(titles[technique][:20]),
            "showSubtechniques": technique in parents,
        }
        for technique, (able, _) in counted.items()
    ]
    techniques += [
        {"techniqueID": parent, "enabled": True, "showSubtechniques": True}
        for parent in sorted(parents - counted.keys())
    ]
    most = max((able for able, _ in counted.values()), default=0)
    return {
        "name": name,
        "versions": {"attack": ATTACK_VERSION, "navigator": NAVIGATOR_VERSION, "layer": LAYER_VERSION},
        "domain": "enterprise-attack",
        "description": f"Score: Sigma rules that can fire {'on what was seen here' if here else 'at all'}.",
        "techniques": techniques,
        "gradient": {"colors": ["#ffffff", "#3d8b6e"], "minValue": 0, "maxValue": max(1, most)},
        "legendItems": [],
        "hideDisabled": False,
    }
