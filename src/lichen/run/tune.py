"""Tuning a rule: from answers of "benign, expected" a Sigma filter, proven to lose no attack that is known.

The filter is the smallest conjunction of field values that all those events share; it is refused if an event of an
alert that was confirmed as malicious, or one of the rule's own hits beside it, would pass no more.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import yaml

from lichen.core.batch import Batch, Shape
from lichen.core.errors import InputError, LichenError, RuleError
from lichen.detect.rules.at_line import first_lines, values_at
from lichen.detect.rules.casing import fold
from lichen.detect.rules.companions import Case, cases_of, run_cases
from lichen.detect.rules.filters import Filter, filtered
from lichen.detect.rules.judging import NamedList
from lichen.detect.rules.rule import Rule
from lichen.detect.rules.sigma_compile import compile_file
from lichen.detect.rules.sigma_match import Matcher
from lichen.run.backtest import Answered, subjects_of

BENIGN, MALICIOUS = "benign-expected", "malicious"
EXPIRES_DAYS = 90
ATOMS, LONGEST = 20, 4  # candidate values, and how many may stand in one filter
VALUE_LIMIT = 512  # characters; a longer value makes no filter that a person can read
_NAMESPACE = uuid.UUID("6f1d7c0a-8f0e-5f5e-9c53-0d3a3c1e5a12")
_PASSING = re.compile(  # fields whose value says nothing of the next time
    r"(?:^|[._])(?:pid|ppid|ses|time|timestamp|date|seq|serial|offset|port)$|guid|uuid|id$|time$|port$", re.I
)
Atom = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lost:
    """A known attack that a filter would hide."""

    what: str  # an event id, or where the hit case stands
    why: str  # the alert, or the rule's own hit
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A filter and what it would do. `sigma` is empty where it is refused: then `lost` says what it would hide."""

    rule: str
    title: str
    atoms: tuple[Atom, ...]
    sigma: str
    covers: int  # events of benign-expected alerts, all of them
    kept: int  # events of confirmed alerts and hit cases, all of which still fire
    hides_unanswered: int  # other hits in the store that it would hide too
    lost: tuple[Lost, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class _Ground:
    """What the store says of a rule: the values that all benign hits share, and of the other hits which they have."""

    benign: int = 0
    shared: dict[str, str] | None = None
    alerts: set[str] = field(default_factory=set)
    attacks: list[tuple[frozenset[str], Lost]] = field(default_factory=list)
    attack_events: int = 0
    others: Counter[frozenset[str]] = field(default_factory=Counter)


def tune(
    rule: Rule,
    read: Callable[[], Iterable[Batch]],
    answered: Answered,
    lists: Mapping[str, NamedList],
    owner: str,
    today: dt.date,
) -> Proposal:
    """A proposal for a rule, or why there is none. `read()` gives the store's batches, anew each time.

    Raises InputError where no benign-expected answer is about an event on which the rule fires.
    """
    matcher = Matcher([rule], lists)
    ground = _ground(matcher, read(), answered)
    if not ground.benign:
        fault = "no alert answered as benign-expected has an event on which it fires"
        raise InputError(fault, place=rule.id, remedy="lichen alert verdict UID benign-expected, then again")
    cases = [case for case in cases_of(rule) if isinstance(case, Case) and case.must_fire]
    _compare(matcher, read(), answered, cases, ground)
    atoms = _smallest(ground, rule)
    kept = ground.attack_events + len(cases)
    if atoms is None:
        every = tuple((ground.shared or {}).items())[:ATOMS]
        held = {name for name, _ in every}
        lost = tuple(told for values, told in ground.attacks if held <= values)
        if not every:
            return Proposal(rule.id, rule.title, (), "", ground.benign, kept, 0, (), "the events share no value")
        reason = "whatever all the benign events share is true of known attacks too"
        return Proposal(rule.id, rule.title, every, "", ground.benign, kept, 0, lost, reason)
    sigma = _sigma(rule, atoms, ground, kept, owner, today)
    hidden = {name for name, _ in atoms}
    others = sum(count for values, count in ground.others.items() if hidden <= values)
    proposal = Proposal(rule.id, rule.title, tuple(atoms), sigma, ground.benign, kept, others)
    return _proven(proposal, rule, read(), answered, lists, cases)


def filter_file(proposal: Proposal, folder: Path) -> Path:
    """Writes the filter into a folder of filters; where it stands. Raises LichenError."""
    slug = re.sub(r"[^a-z0-9]+", "_", proposal.title.lower()).strip("_")[:48]
    digest = uuid.uuid5(_NAMESPACE, repr((proposal.rule, proposal.atoms))).hex[:8]
    path = folder / f"expected_{slug}_{digest}.yml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(proposal.sigma, encoding="utf-8")
    except OSError as error:
        raise LichenError(f"cannot be written: {error.strerror}", place=str(path), remedy="check the folder") from error
    return path


def _spoken(
    matcher: Matcher, batches: Iterable[Batch], answered: Answered
) -> Iterator[tuple[Batch, int, Shape, int, Mapping[str, str]]]:
    """Every event on which the rule fires: its batch and row, the line, and answer -> alert."""
    for batch in batches:
        for _, row, shape, line in first_lines(matcher, batch, matcher.match(batch).rows):
            (subjects,) = subjects_of(batch, [row])
            found = answered.of(subjects, int(batch.times()[row]))
            yield batch, row, shape, line, dict(sorted(found))


def _ground(matcher: Matcher, batches: Iterable[Batch], answered: Answered) -> _Ground:
    """The values that all the benign hits share."""
    ground = _Ground()
    for _, _, shape, line, answers in _spoken(matcher, batches, answered):
        if BENIGN not in answers or MALICIOUS in answers:
            continue
        ground.benign += 1
        ground.alerts.add(answers[BENIGN])
        values = _single(shape, line, ground.shared or shape.fields.schema.names)
        if ground.shared is None:
            ground.shared = values
        else:
            same = {name for name, text in ground.shared.items() if fold(values.get(name, "")) == fold(text)}
            ground.shared = {name: text for name, text in ground.shared.items() if name in same and name in values}
    return ground


def _single(shape: Shape, line: int, names: Iterable[str]) -> dict[str, str]:
    """The fields of a line that have one value that a filter could name."""
    found = values_at(shape, line, names)
    return {
        name: texts[0]
        for name, texts in found.items()
        if len(texts) == 1 and 0 < len(texts[0]) <= VALUE_LIMIT and not _PASSING.search(name)
    }


def _compare(
    matcher: Matcher, batches: Iterable[Batch], answered: Answered, cases: Sequence[Case], ground: _Ground
) -> None:
    """Of attacks and of other hits, which of the shared values they have."""
    shared = ground.shared or {}
    seen: set[frozenset[str]] = set()
    for batch, row, shape, line, answers in _spoken(matcher, batches, answered):
        values = values_at(shape, line, shared)
        held = frozenset(n for n, text in shared.items() if any(fold(each) == fold(text) for each in values.get(n, ())))
        if MALICIOUS in answers:
            ground.attack_events += 1
            if held not in seen:  # one of each sort is enough to know what would be lost
                seen.add(held)
                fields = {name: ", ".join(texts)[:VALUE_LIMIT] for name, texts in values.items()}
                told = Lost(batch.event_ids([row])[0], f"alert {answers[MALICIOUS]}, confirmed as malicious", fields)
                ground.attacks.append((held, told))
        elif BENIGN not in answers:
            ground.others[held] += 1
    for case in cases:
        held = frozenset(n for n, text in shared.items() if fold(case.fields.get(n, "")) == fold(text))
        ground.attacks.append((held, Lost(case.place, "a hit of the rule's own", case.fields)))


def _smallest(ground: _Ground, rule: Rule) -> list[Atom] | None:
    """The fewest shared values that no known attack has all of; of equals those that hide the fewest other hits, then
    those of fields that the rule reads, then the longest. None where there are none."""
    shared = ground.shared or {}
    order = sorted(shared, key=lambda name: (name not in rule.fields, -len(shared[name]), name))[:ATOMS]
    for size in range(1, min(LONGEST, len(order)) + 1):
        fitting = [
            names
            for names in combinations(order, size)
            if not any(values.issuperset(names) for values, _ in ground.attacks)
        ]
        if fitting:
            best = min(
                fitting,
                key=lambda names: (
                    sum(count for values, count in ground.others.items() if values.issuperset(names)),
                    sum(name not in rule.fields for name in names),
                    -sum(len(shared[name]) for name in names),
                ),
            )
            return [(name, shared[name]) for name in best]
    return None


def _sigma(rule: Rule, atoms: Sequence[Atom], ground: _Ground, kept: int, owner: str, today: dt.date) -> str:
    """The filter as Sigma writes it, with whose it is and until when it holds."""
    source = {k: v for k in ("product", "category", "service") if (v := getattr(rule.source, k)) is not None}
    told = {
        "title": f"Expected here: {rule.title}"[:256],
        "id": str(uuid.uuid5(_NAMESPACE, repr((rule.id, tuple(atoms))))),
        "description": (
            f"Made from {ground.benign} events of {len(ground.alerts)} alerts answered as benign-expected; "
            f"{kept} known attacks still fire the rule."
        ),
        "date": today.isoformat(),
        "owner": owner,
        "expires": (today + dt.timedelta(days=EXPIRES_DAYS)).isoformat(),
        "logsource": source,
        "filter": {
            "rules": [rule.id],
            "selection": {name: _escaped(text) for name, text in atoms},
            "condition": "not selection",
        },
    }
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=120)


def _escaped(text: str) -> str:
    """A text that Sigma takes for nothing but itself."""
    return re.sub(r"([\\*?])", r"\\\1", text)


def _proven(
    proposal: Proposal,
    rule: Rule,
    batches: Iterable[Batch],
    answered: Answered,
    lists: Mapping[str, NamedList],
    cases: Sequence[Case],
) -> Proposal:
    """The proposal, tried in the engine itself: every benign hit is gone and every known attack still fires; else it
    is refused with what would be lost."""
    compiled = next(iter(compile_file(Path("filter.yml"), proposal.sigma)))
    if not isinstance(compiled, Filter):
        why = compiled.fault if isinstance(compiled, RuleError) else "it is no filter"
        return replace(proposal, sigma="", reason=f"the filter cannot be compiled: {why}")
    (joined,), faults = filtered([rule], [compiled])
    if faults:
        return replace(proposal, sigma="", reason=f"the filter does not fit the rule: {faults[0].fault}")
    before, after = Matcher([rule], lists), Matcher([joined], lists)
    lost, left = [], 0
    for batch in batches:
        still = set(after.match(batch).rows.get(0, ()))
        rows = [int(row) for row in before.match(batch).rows.get(0, ())]
        for row, subjects in zip(rows, subjects_of(batch, rows) if rows else (), strict=True):
            answers = dict(sorted(answered.of(subjects, int(batch.times()[row]))))
            if MALICIOUS in answers and row not in still:
                lost.append(Lost(batch.event_ids([row])[0], f"alert {answers[MALICIOUS]}, confirmed as malicious"))
            elif BENIGN in answers and MALICIOUS not in answers:
                left += row in still
    failed = [each.case for each in run_cases(joined, cases, lists) if not each.fired]
    lost += [Lost(case.place, "a hit of the rule's own", case.fields) for case in failed]
    if lost:
        return replace(proposal, sigma="", lost=tuple(lost[:50]), reason="known attacks would be lost")
    return replace(proposal, covers=proposal.covers - left)
