"""A rule set: every rule of some folders, compiled, and what was refused with the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from lichen.core.batch import LogSource
from lichen.core.errors import RuleError
from lichen.detect.rules.algebra import NEVER, Listed, Predicate, fields_of, predicates_of, settled
from lichen.detect.rules.binding import bound, silent
from lichen.detect.rules.compiled_files import compiled_file
from lichen.detect.rules.correlation_file import Correlation
from lichen.detect.rules.filters import Filter, filtered
from lichen.detect.rules.pipelines import load_pipeline
from lichen.detect.rules.sigma_compile import Compiled, Rule

COMPANION = ".test.yaml"  # ends the name of a file of cases; other Sigma tools read `*.yml` only


@dataclass(frozen=True, slots=True)
class Places:
    """Where a rule set comes from: folders and files of rules, pipelines in their order, folders of filters."""

    rules: tuple[Path, ...] = ()
    pipelines: tuple[Path, ...] = ()
    filters: tuple[Path, ...] = ()


@dataclass(frozen=True)
class RuleSet:
    """Rules by path, and the refused with place, fault and remedy. An id stands for one rule: the first one read.

    `correlations` are bound, those that others name first; `expired`: filters whose last day is over, not applied.
    """

    rules: tuple[Rule, ...]
    refused: tuple[RuleError, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    filters: tuple[Filter, ...] = ()
    expired: tuple[Filter, ...] = ()
    places: Places | None = None

    @classmethod
    def load(
        cls,
        folders: Iterable[Path],
        pipelines: Sequence[Path] = (),
        filters: Sequence[Path] = (),
        today: date | None = None,
    ) -> RuleSet:
        """Every rule in files and folders (`*.yml`, `*.yaml`, at any depth), and filters, which are read from their own
        folders only. What cannot be read or compiled is in `refused`; a pipeline at fault raises ConfigError."""
        places = Places(tuple(folders), tuple(pipelines), tuple(filters))
        steps = [load_pipeline(path) for path in places.pipelines]
        compiled: list[Compiled] = []
        for wanted, kept_apart in ((places.rules, False), (places.filters, True)):
            for path in rule_files(wanted):
                if not path.exists():
                    compiled.append(RuleError("no such file or folder", place=str(path), remedy="mend the path"))
                    continue
                found = compiled_file(path, steps)
                compiled += [each if isinstance(each, Filter) is kept_apart else _misplaced(each) for each in found]
        return replace(cls.of(compiled, today), places=places)

    @classmethod
    def of(cls, compiled: Iterable[Compiled], today: date | None = None) -> RuleSet:
        """Rules compiled elsewhere (`compile_file` takes text too), and the refused among them; filters are joined to
        the rules they name, correlations bound to theirs."""
        taken: dict[str, Rule | Correlation] = {}
        filters: list[Filter] = []
        refused: list[RuleError] = []
        for each in compiled:
            if isinstance(each, RuleError):
                refused.append(each)
            elif isinstance(each, Filter):
                filters.append(each)
            elif each.id in taken:
                other = taken[each.id]
                fault = f"the id {each.id} is taken by {other.path}:{other.line}"
                remedy = "give it an id of its own, or load one of the two"
                refused.append(RuleError(fault, place=f"{each.path}:{each.line}", remedy=remedy))
            else:
                taken[each.id] = each
        now = datetime.now(UTC).date() if today is None else today
        expired = tuple(each for each in filters if each.has_expired(now))
        in_force = tuple(each for each in filters if not each.has_expired(now))
        rules, faults = filtered([each for each in taken.values() if isinstance(each, Rule)], in_force)
        correlations, more = bound(rules, [each for each in taken.values() if isinstance(each, Correlation)])
        return cls(tuple(rules), (*refused, *faults, *more), correlations, in_force, expired)

    def joined(self, other: RuleSet) -> RuleSet:
        """The rules of both; of two with one id the first stays."""
        every: list[Compiled] = [*self.rules, *self.correlations, *self.refused]
        every += [*other.rules, *other.correlations, *other.refused]
        filters, expired = (*self.filters, *other.filters), (*self.expired, *other.expired)
        return replace(RuleSet.of(every), filters=filters, expired=expired, places=self.places)

    def staged(self, stage: str) -> RuleSet:
        """The same rules, all in the stage `stable` or `shadow`."""
        rules = tuple(replace(rule, stage=stage) for rule in self.rules)
        return replace(self, rules=rules, correlations=tuple(replace(each, stage=stage) for each in self.correlations))

    def with_lists(self, names: Collection[str]) -> RuleSet:
        """The rules that can run with these indicator lists; one that reads another list moves to `refused`."""
        kept, refused = [], list(self.refused)
        for rule in self.rules:
            read = (each.name for each in predicates_of(rule.condition) if isinstance(each, Listed))
            absent = [name for name in read if name not in names]
            if absent:
                loaded = ", ".join(sorted(names)) or "none"
                remedy = f"load a list of that name (loaded: {loaded}), or give it values in a pipeline (docs/sigma.md)"
                fault = f"%{absent[0]}% names no indicator list"
                refused.append(RuleError(fault, place=f"{rule.path}:{rule.line}", remedy=remedy))
            else:
                kept.append(rule)
        if len(kept) == len(self.rules):
            return self
        correlations, more = bound(kept, self.correlations)
        return replace(self, rules=tuple(kept), refused=(*refused, *more), correlations=correlations)

    def reloaded(self, places: Places | None = None) -> RuleSet:
        """The same places (or others) read again; files that did not change are not compiled again.

        Raises RuleError, naming the first of them, where anything is refused that was not refused before: the old set
        is then the one to keep. ConfigError where a pipeline is at fault.
        """
        places = places or self.places or Places()
        found = RuleSet.load(places.rules, places.pipelines, places.filters)
        known = {(each.place, each.fault) for each in self.refused}
        worse = [each for each in found.refused if (each.place, each.fault) not in known]
        if worse:
            more = f" (and {len(worse) - 1} more)" if len(worse) > 1 else ""
            fault = f"{worse[0].fault}{more}; the rules before stay in force"
            raise RuleError(fault, place=worse[0].place, remedy=worse[0].remedy, limit=worse[0].limit)
        return found

    @cached_property
    def levels(self) -> Mapping[str, str]:
        """The level of each rule and correlation in the stage `stable`, by id."""
        every: list[Rule | Correlation] = [*self.rules, *self.correlations]
        return {each.id: each.level for each in every if each.stage == "stable"}

    @cached_property
    def silent(self) -> frozenset[str]:
        """Ids of rules that only serve correlations and say nothing themselves."""
        return silent(self.correlations)

    @cached_property
    def digest(self) -> str:
        """What the rules say, in 16 hexadecimal digits; independent of their order."""
        said = [f"{rule.id}\0{rule.stage}\0{rule.level}\0{rule.source}\0{rule.condition}" for rule in self.rules]
        said += [f"{each.id}\0{each.stage}\0{each.level}\0{each.said}\0{each.generate}" for each in self.correlations]
        return hashlib.blake2b("\0\0".join(sorted(said)).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def can_fire(self, rule: Rule, sources: Iterable[LogSource], fields: Collection[str]) -> bool:
        """Whether a rule could fire here: one of the log sources seen is what it reads, and with only these fields ever
        having a value its condition can still hold."""
        if not any(source.offers(rule.source) for source in sources):
            return False

        def possible(predicate: Predicate, upper: bool) -> bool:
            present = all(field in fields for field in fields_of(predicate))
            return upper if present else False

        return settled(rule.condition, possible) != NEVER


def _misplaced(each: Compiled) -> RuleError:
    if isinstance(each, RuleError):
        return each
    place = f"{each.path}:{each.line}"
    if isinstance(each, Filter):
        return RuleError("a filter among rules", place=place, remedy="move it to a folder of the setting `filters`")
    return RuleError("a rule among filters", place=place, remedy="move it to a folder of the setting `rules`")


def rule_files(places: Iterable[Path]) -> Iterator[Path]:
    """The rule files in files and folders, in the order of their names; companions are no rules."""
    for place in places:
        if place.is_dir():
            found = (path for path in place.rglob("*") if path.suffix in (".yml", ".yaml") and path.is_file())
            yield from sorted(path for path in found if not path.name.endswith(COMPANION))
        else:
            yield place
