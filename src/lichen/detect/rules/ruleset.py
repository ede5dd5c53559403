"""A rule set: every rule of some folders, compiled, and what was refused with the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from lichen.core.batch import LogSource
from lichen.core.errors import RuleError
from lichen.detect.rules.algebra import NEVER, Listed, Predicate, fields_of, predicates_of, settled
from lichen.detect.rules.sigma_compile import Rule, compile_file

COMPANION = ".test.yaml"  # ends the name of a file of cases; other Sigma tools read `*.yml` only


@dataclass(frozen=True)
class RuleSet:
    """Rules by path, and the refused with place, fault and remedy. An id stands for one rule: the first one read."""

    rules: tuple[Rule, ...]
    refused: tuple[RuleError, ...] = ()

    @classmethod
    def load(cls, folders: Iterable[Path]) -> RuleSet:
        """Every rule in files and folders (`*.yml`, `*.yaml`, at any depth). Nothing is raised: what cannot be read or
        compiled is in `refused`."""
        compiled: list[Rule | RuleError] = []
        for path in rule_files(folders):
            if path.exists():
                compiled.extend(compile_file(path))
            else:
                compiled.append(RuleError("no such file or folder", place=str(path), remedy="mend the path"))
        return cls.of(compiled)

    @classmethod
    def of(cls, compiled: Iterable[Rule | RuleError]) -> RuleSet:
        """Rules compiled elsewhere (`compile_file` takes text too), and the refused among them."""
        rules: dict[str, Rule] = {}
        refused: list[RuleError] = []
        for each in compiled:
            if isinstance(each, RuleError):
                refused.append(each)
            elif each.id in rules:
                other = rules[each.id]
                fault = f"the id {each.id} is taken by {other.path}:{other.line}"
                remedy = "give it an id of its own, or load one of the two"
                refused.append(RuleError(fault, place=f"{each.path}:{each.line}", remedy=remedy))
            else:
                rules[each.id] = each
        return cls(tuple(rules.values()), tuple(refused))

    def joined(self, other: RuleSet) -> RuleSet:
        """The rules of both; of two with one id the first stays."""
        return RuleSet.of([*self.rules, *self.refused, *other.rules, *other.refused])

    def staged(self, stage: str) -> RuleSet:
        """The same rules, all in the stage `stable` or `shadow`."""
        return RuleSet(tuple(replace(rule, stage=stage) for rule in self.rules), self.refused)

    def with_lists(self, names: Collection[str]) -> RuleSet:
        """The rules that can run with these indicator lists; one that reads another list moves to `refused`."""
        kept, refused = [], list(self.refused)
        for rule in self.rules:
            read = (each.name for each in predicates_of(rule.condition) if isinstance(each, Listed))
            absent = [name for name in read if name not in names]
            if absent:
                remedy = f"load a list of that name (loaded: {', '.join(sorted(names)) or 'none'})"
                fault = f"%{absent[0]}% names no indicator list"
                refused.append(RuleError(fault, place=f"{rule.path}:{rule.line}", remedy=remedy))
            else:
                kept.append(rule)
        return RuleSet(tuple(kept), tuple(refused))

    @cached_property
    def digest(self) -> str:
        """What the rules say, in 16 hexadecimal digits; independent of their order."""
        said = sorted(f"{rule.id}\0{rule.stage}\0{rule.level}\0{rule.source}\0{rule.condition}" for rule in self.rules)
        return hashlib.blake2b("\0\0".join(said).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def can_fire(self, rule: Rule, sources: Iterable[LogSource], fields: Collection[str]) -> bool:
        """Whether a rule could fire here: one of the log sources seen is what it reads, and with only these fields ever
        having a value its condition can still hold."""
        if not any(source.offers(rule.source) for source in sources):
            return False

        def possible(predicate: Predicate, upper: bool) -> bool:
            present = all(field in fields for field in fields_of(predicate))
            return upper if present else False

        return settled(rule.condition, possible) != NEVER


def rule_files(places: Iterable[Path]) -> Iterator[Path]:
    """The rule files in files and folders, in the order of their names; companions are no rules."""
    for place in places:
        if place.is_dir():
            found = (path for path in place.rglob("*") if path.suffix in (".yml", ".yaml") and path.is_file())
            yield from sorted(path for path in found if not path.name.endswith(COMPANION))
        else:
            yield place
