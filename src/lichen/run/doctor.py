"""Doctor: what could be seen, what was, and what is silent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lichen import assemble, catalogue
from lichen.collect.mapping import load_mappings
from lichen.collect.offered import Offered
from lichen.collect.unmapped import Unmapped
from lichen.config import Settings
from lichen.core.batch import DeadLetter
from lichen.core.desk import Health
from lichen.core.errors import LichenError
from lichen.core.time import to_text
from lichen.run import advance, canary, silence
from lichen.run.health import health_of

Check = tuple[str, str, str]
OK, WARN, FAIL = "ok", "warn", "fail"
SHOWN = 20


def doctor(settings: Settings, paths: Sequence[Path]) -> list[Check]:
    """Checks as (what, ok | warn | fail, words), of a store and of logs that are given."""
    try:
        platform = assemble.open_platform(settings)
    except LichenError as fault:
        return [("store", FAIL, str(fault))]
    with platform.store:
        sent = canary.send(platform)
        health = health_of(platform)
        found = [
            *_store_checks(platform),
            *_canary_checks(sent),
            *_source_checks(platform),
            *_drop_checks(health),
            *_learning_checks(platform),
        ]
        if paths:
            found += _logs_checks(platform, paths)
        return found


def _store_checks(platform: assemble.Platform) -> list[Check]:
    counts = platform.store.records.counts()
    decider = platform.models.decider
    found: list[Check] = [("store", OK, f"{platform.settings.store}: {counts['events']:,} events")]
    if decider is None or decider.cuts is None:
        found.append(("baseline", WARN, "none: rules only, and a comparison within what is given; lichen learn"))
    else:
        found.append(("baseline", WARN if decider.cuts.malicious is None else OK, decider.cuts.in_words()))
    refused = platform.rules.rules.refused
    found.append(("rules", FAIL if refused else OK, f"{len(platform.rules.rules.rules)} compile"))
    found += [("rule refused", FAIL, str(each)) for each in refused[:SHOWN]]
    return found


def _canary_checks(sent: canary.Canaries) -> list[Check]:
    words = f"{sent.seen} of {len(sent.sent)} paths and detectors saw theirs"
    found: list[Check] = [("canaries", FAIL if sent.missed else OK, words)]
    found += [("canary not seen", FAIL, f"{name}: {why}") for name, why in sorted(sent.missed.items())]
    return found


def _source_checks(platform: assemble.Platform) -> list[Check]:
    """Sources with their rhythm: silent ones first."""
    kept, now = platform.store.records, time.time_ns() // 1000
    places = silence.places_of(kept.positions().values())
    paths = silence.followed(platform.store.folder)
    told = silence.rhythms(kept.parts(), places, platform.store.lake.folder, now, paths)
    told.sort(key=lambda each: (not each.silent, each.place))
    found: list[Check] = []
    for each in told[:SHOWN]:
        state = "silent" if each.silent else "source"
        words = f"{each.place}: {each.events:,} events, the last {to_text(each.last_time)[:19]}Z; {each.words}"
        found.append((state, WARN if each.silent else OK, words))
    if len(told) > SHOWN:
        found.append(("source", OK, f"{len(told) - SHOWN} more, none of them louder than these"))
    return found


def _drop_checks(health: Health) -> Iterator[Check]:
    """What did not become an event, by cause; and what nobody measures."""
    for cause, records in health.drops:
        yield "dead letters", WARN, f"{records:,} records could not be read: {cause}"
    for name in health.not_measured:
        if not name.startswith("silence of "):  # each source says so itself
            yield "not measured", OK, name


def _learning_checks(platform: assemble.Platform) -> Iterator[Check]:
    """What the second reader did last."""
    if platform.models.decider is None:
        return
    last = advance.steps(platform, 1)
    if not last:
        yield "learning", OK, "the models have not learned on yet; lichen model advance says why"
    for step in last:
        yield "learning", OK if step.outcome == advance.LEARNED else WARN, f"{to_text(step.time)[:19]}Z: {step.words}"


def _logs_checks(platform: assemble.Platform, paths: Sequence[Path]) -> list[Check]:
    notes: list[str] = []
    told, letters, more = Offered(), list[DeadLetter](), 0
    source = platform.source(list(paths), notes)
    unmapped = Unmapped.of(load_mappings(catalogue.content("mappings")))
    for delivery in source.read({}):
        for batch in delivery.batches:
            told.add(batch)
            unmapped.add(batch)
        room = SHOWN - len(letters)
        letters += delivery.dead_letters[:room]
        more += len(delivery.dead_letters[room:])
    found: list[Check] = [("read", OK, note) for note in notes]
    skipped = ", ".join(f"{count:,} {what}" for what, count in sorted(source.skipped.items()))
    found.append(("skipped", OK, skipped or "nothing: every file below these paths was looked at"))
    found += [("dead letter", WARN, f"{each.place}: {each.reason}; {each.remedy}") for each in letters]
    found += [("dead letter", WARN, f"{more:,} more")] if more else []
    return [*found, *_unmapped_checks(unmapped), *_offered_checks(platform, told)]


def _unmapped_checks(unmapped: Unmapped) -> Iterator[Check]:
    """What the sensors say that no column of the view reads; rules read it all the same."""
    for sensor, share in sorted(unmapped.shares.items()):
        most = share.most(3)
        words = f"{sensor}: {share.unmapped:.0%} of {share.leaves:,} fields in {share.documents:,} documents"
        yield "unmapped", OK, f"{words}{': ' if most else ''}{', '.join(most)}"


def _offered_checks(platform: assemble.Platform, told: Offered) -> list[Check]:
    fields = {name for of_source in told.fields.values() for name in of_source}
    rules = platform.rules.rules
    silent = [rule for rule in rules.rules if not rules.can_fire(rule, told.sources, fields)]
    events = sum(told.sensors.values())
    found: list[Check] = [("sensor", OK, f"{name}: {n:,} events") for name, n in sorted(told.sensors.items())]
    found.append(("subjects", OK if told.subjects else WARN, f"{len(told.subjects)} found"))
    if told.without_subject:
        found.append(("no subject", WARN, f"{told.without_subject:,} of {events:,} events name none"))
    names = "; ".join(rule.title for rule in silent[:SHOWN])
    more = f" and {len(silent) - SHOWN} more" if len(silent) > SHOWN else ""
    words = f"{len(silent)} of {len(rules.rules)}{': ' if silent else ''}{names}{more}"
    found.append(("rules that cannot fire here", WARN if silent else OK, words))
    return found
