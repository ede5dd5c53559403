"""Binding: correlations find the rules that they name, and know what to carry for those that name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from lichen.core.errors import RuleError
from lichen.detect.rules.correlation_file import Correlation
from lichen.detect.rules.rule import Rule


def bound(
    rules: Sequence[Rule], correlations: Sequence[Correlation]
) -> tuple[tuple[Correlation, ...], list[RuleError]]:
    """The correlations with their members, those that others name first; and those that cannot be bound, and why."""
    named = _names([*rules, *correlations])
    members = {each.id: tuple(named.get(reference, ("",))[0] for reference in each.references) for each in correlations}
    by_id = {each.id: each for each in correlations}
    faults: dict[str, RuleError] = {}
    for each in correlations:
        for reference in each.references:
            if len(named.get(reference, ())) != 1:
                several = "is the name of several rules" if named.get(reference) else "is not there, or was refused"
                faults[each.id] = _refused(each, f"the rule {reference} {several}", "name a rule that is loaded, by id")
                break
    while True:  # what names a refused correlation is refused too
        worse = [
            each
            for each in correlations
            if each.id not in faults and any(member in faults for member in members[each.id])
        ]
        if not worse:
            break
        for each in worse:
            reference = next(m for m in members[each.id] if m in faults)
            faults[each.id] = _refused(each, f"the rule {reference} was refused", "mend that one first")
    sound = {each.id: [m for m in members[each.id] if m in by_id] for each in correlations if each.id not in faults}
    try:
        order = list(TopologicalSorter(sound).static_order())
    except CycleError as error:
        for name in set(error.args[1]):
            faults[name] = _refused(
                by_id[name], "correlations that name each other in a circle", "take one reference out"
            )
        again, more = bound(rules, [each for each in correlations if each.id not in faults])
        return again, [*faults.values(), *more]
    return tuple(replace(by_id[name], members=members[name]) for name in order), list(faults.values())


def _names(every: Iterable[Rule | Correlation]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for each in every:
        for name in dict.fromkeys(filter(None, (each.id, each.name))):
            found[name] = (*found.get(name, ()), each.id)
    return found


def _refused(each: Correlation, fault: str, remedy: str) -> RuleError:
    return RuleError(fault, place=f"{each.path}:{each.line}", remedy=remedy)


def silent(correlations: Sequence[Correlation]) -> frozenset[str]:
    """Ids of rules that only serve correlations: named by one, and by none that says `generate: true`."""
    named = {member for each in correlations for member in each.members}
    return frozenset(named - {member for each in correlations if each.generate for member in each.members})


def carried(correlations: Sequence[Correlation]) -> Mapping[str, tuple[str, ...]]:
    """For each correlation, what those that name it read of its events, directly or through others."""
    wanted: dict[str, set[str]] = {each.id: set() for each in correlations}
    for each in reversed(correlations):  # those that name others come first now
        for member, child in enumerate(each.members):
            if child in wanted:
                names = (*each.group_by, *each.fields)
                wanted[child].update(each.field_of(name, member) for name in names)
                wanted[child].update(each.field_of(name, member) for name in wanted[each.id])
    return {name: tuple(sorted(names)) for name, names in wanted.items()}
