"""Doctor: what could be seen, what was, and what is silent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lichen import assemble
from lichen.collect.offered import offered
from lichen.config import Settings
from lichen.core.batch import Batch, DeadLetter
from lichen.core.errors import LichenError

Check = tuple[str, str, str]
SHOWN = 20


def doctor(settings: Settings, paths: Sequence[Path]) -> list[Check]:
    """Checks as (what, ok | warn | fail, words), of a store and of logs that are given."""
    try:
        platform = assemble.open_platform(settings)
    except LichenError as fault:
        return [("store", "fail", str(fault))]
    with platform.store:
        found = _store_checks(platform)
        if paths:
            notes: list[str] = []
            batches: list[Batch] = []
            letters: list[DeadLetter] = []
            for delivery in platform.source(list(paths), notes).read({}):
                batches += delivery.batches
                letters += delivery.dead_letters
            found += [("read", "ok", note) for note in notes]
            found += [
                ("dead letter", "warn", f"{each.place}: {each.reason}; {each.remedy}") for each in letters[:SHOWN]
            ]
            found += _offered_checks(platform, batches)
        return found


def _store_checks(platform: assemble.Platform) -> list[Check]:
    counts = platform.store.records.counts()
    decider = platform.models.decider
    found: list[Check] = [("store", "ok", f"{platform.settings.store}: {counts['events']:,} events")]
    if decider is None or decider.cuts is None:
        found.append(("baseline", "warn", "none: rules only, and a comparison within what is given; lichen learn"))
    else:
        found.append(("baseline", "ok", decider.cuts.in_words()))
    refused = platform.rules.rules.refused
    found.append(("rules", "fail" if refused else "ok", f"{len(platform.rules.rules.rules)} compile"))
    found += [("rule refused", "fail", str(each)) for each in refused[:SHOWN]]
    if counts["dead_letter"]:
        found.append(("dead letters", "warn", f"{counts['dead_letter']:,} records could not be read"))
    return found


def _offered_checks(platform: assemble.Platform, batches: Sequence[Batch]) -> list[Check]:
    told = offered(batches)
    fields = {name for of_source in told.fields.values() for name in of_source}
    rules = platform.rules.rules
    silent = [rule for rule in rules.rules if not rules.can_fire(rule, told.sources, fields)]
    events = sum(told.sensors.values())
    found: list[Check] = [("sensor", "ok", f"{name}: {n:,} events") for name, n in sorted(told.sensors.items())]
    found.append(("subjects", "ok" if told.subjects else "warn", f"{len(told.subjects)} found"))
    if told.without_subject:
        found.append(("no subject", "warn", f"{told.without_subject:,} of {events:,} events name none"))
    found.append(("rules that cannot fire here", "warn" if silent else "ok", f"{len(silent)} of {len(rules.rules)}"))
    return found
