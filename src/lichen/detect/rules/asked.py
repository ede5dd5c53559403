"""Rules that a person asks for: by id, by name, by title or by path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lichen.core.errors import RuleError
from lichen.detect.rules.correlation_file import Correlation
from lichen.detect.rules.rule import Rule
from lichen.detect.rules.ruleset import RuleSet


def rule_asked(rules: RuleSet, said: str) -> Rule:
    """The one rule that is meant. Raises RuleError where none or several are, or where it is a correlation."""
    found = every_asked(rules, said)
    if len(found) > 1:
        which = ", ".join(each.id for each in found[:5])
        raise RuleError(f"{len(found)} rules are called so", place=said, remedy=f"give an id: {which}")
    (only,) = found
    if isinstance(only, Correlation):
        members = ", ".join(only.members) or "none"
        raise RuleError("a correlation, which no single event fires", place=said, remedy=f"ask for one of: {members}")
    return only


def every_asked(rules: RuleSet, said: str) -> Sequence[Rule | Correlation]:
    """Every rule and correlation that is meant: of a path all that stand there. Raises RuleError where none is."""
    every: list[Rule | Correlation] = [*rules.rules, *rules.correlations]
    for means in (_by_id, _by_title, _by_path):
        found = [each for each in every if means(each, said)]
        if found:
            return found
    refused = [each for each in rules.refused if said and said in each.place]
    if refused:
        raise refused[0]
    raise RuleError("no rule has this id, title or path", place=said, remedy="lichen rule list shows them")


def _by_id(each: Rule | Correlation, said: str) -> bool:
    return said in (each.id, getattr(each, "name", None))


def _by_title(each: Rule | Correlation, said: str) -> bool:
    return each.title.casefold() == said.casefold()


def _by_path(each: Rule | Correlation, said: str) -> bool:
    place = Path(said)
    own = each.path.resolve()
    return each.path == place or own == place.resolve() or place.resolve() in own.parents or each.path.stem == said
