"""Looking back: a new indicator is matched over what the store holds, and what it meets is evidence like any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lichen.assemble import Platform
from lichen.core.alert import Alert
from lichen.core.belief import Belief
from lichen.core.census import ACTIVITY
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.time import DAY
from lichen.detect.rules.hits import fold_hits, whom
from lichen.detect.rules.indicators import IndicatorList
from lichen.detect.rules.sightings import sightings
from lichen.run.local import OpenWindows
from lichen.store.records import Judged

Window = tuple[Subject, int]


@dataclass(frozen=True, slots=True)
class LookedBack:
    """What the lists meet in the store: `evidence` only where it says something that was not known."""

    events: int
    evidence: Sequence[Evidence]
    alerts: Sequence[Alert] = ()


def look_back(platform: Platform, lists: Sequence[IndicatorList], since: int | None = None) -> LookedBack:
    """Matches lists over the stored events since a time (µs UTC), part by part, and keeps what is new: evidence, and
    the beliefs and alerts that follow from it."""
    minutes = platform.settings.window_minutes
    found: dict[object, Evidence] = {}
    memory: dict[str, object] = {}
    events = 0
    for batch in platform.store.lake.batches(since=since, shapes=False):
        events += len(batch)
        hits = list(sightings(batch, lists))
        if hits:
            rows, memory = fold_hits(hits, batch, whom(batch, minutes), memory, _version(lists))
            found.update((row.key, row) for row in rows)
    fresh = [row for row in found.values() if _is_news(platform, row)]
    alerts = _keep(platform, fresh) if fresh else []
    return LookedBack(events, fresh, alerts)


def _version(lists: Iterable[IndicatorList]) -> str:
    return "-".join(each.digest[:12] for each in lists)[:64]


def _is_news(platform: Platform, row: Evidence) -> bool:
    """Whether the store says less of this window than the row does."""
    kept = platform.store.records.evidence(row.window, row.window + 1, row.subject)
    return all(each.key != row.key or each.n_events < row.n_events for each in kept)


def _keep(platform: Platform, fresh: Sequence[Evidence]) -> Sequence[Alert]:
    records = platform.store.records
    windows = {(row.subject, row.window) for row in fresh}
    open_ = OpenWindows()
    for subject, window in windows:
        end = window + 1
        open_.take(records.evidence(window, end, subject), records.census(window, end, subject, ACTIVITY))
    open_.take(fresh, ())
    beliefs = platform.believing(platform.answered())(open_.rows(windows), open_.counted(windows))
    days = _days_of(platform, beliefs)

    def evidence_of(asked: Iterable[Window]) -> list[Evidence]:
        rows: list[Evidence] = []
        for each in asked:
            subject, window = each
            rows += open_.rows([each]) if each in windows else records.evidence(window, window + 1, subject)
        return rows

    alerts = platform.admit(days, evidence_of)
    records.commit(None, (), Judged(evidence=fresh, beliefs=beliefs, alerts=alerts))
    return alerts


def _days_of(platform: Platform, beliefs: Sequence[Belief]) -> list[Belief]:
    """These beliefs and the stored ones of the same subjects and days: an alert gathers a day."""
    known = {(each.subject, each.window): each for each in beliefs}
    for subject, day in {(each.subject, each.window - each.window % DAY) for each in beliefs}:
        for kept in platform.store.records.beliefs(day, day + DAY, subject):
            known.setdefault((subject, kept.window), kept)
    return list(known.values())
