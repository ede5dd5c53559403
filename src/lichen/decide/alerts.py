"""From beliefs to alerts: windows score, days alert; one alert a subject, day and lane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lichen.core.alert import Alert, alert_uid
from lichen.core.belief import LANES, UNUSUAL, Belief
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.time import MICROSECONDS, day_of
from lichen.decide.policy import Cuts
from lichen.decide.title import title_of

VERSION = "decide"  # the key under which an alert pins what weighed its evidence


def alerts(
    beliefs: Iterable[Belief],
    cuts: Cuts,
    *,
    evidence: Iterable[Evidence] = (),
    times: Mapping[str, int] | None = None,
) -> list[Alert]:
    """Alerts of the beliefs that crossed a lane's cut; each lane's strongest first, malicious before unusual.

    `evidence` of the same windows gives first times and pins the versions of the detectors that judged; `times` (µs UTC
    of events by id) lets a title say what came first. A window in the malicious lane is not asked about a second time
    as unusual.
    """
    crossed: dict[tuple[str, str, Subject], list[Belief]] = {}
    for belief in beliefs:
        lane = next((lane for lane in LANES if cuts.crosses(belief, lane)), None)
        if lane is not None:
            crossed.setdefault((lane, day_of(belief.window), belief.subject), []).append(belief)
    wanted = {(belief.subject, belief.window) for group in crossed.values() for belief in group}
    behind: dict[tuple[Subject, int], list[Evidence]] = {}
    for row in evidence:
        if (row.subject, row.window) in wanted:
            behind.setdefault((row.subject, row.window), []).append(row)
    found = [_alert(key[0], group, cuts, behind, times) for key, group in crossed.items()]
    return sorted(found, key=order)


def order(alert: Alert) -> tuple[int, float, float, Subject, str]:
    """By lane, then strongest first: malicious by belief, unusual by how rarely benign windows look so."""
    lane = LANES.index(alert.lane)
    strength = strongest_key(alert.beliefs[0], alert.lane)
    return lane, *strength, alert.subject, alert.day


def strongest_key(belief: Belief, lane: str) -> tuple[float, float]:
    """What a lane ranks by, least first."""
    if lane == UNUSUAL:
        return belief.unusual_p, -belief.unusual_score
    return -belief.log_odds, 0.0


def budgeted(found: Sequence[Alert], lane: str, most: int) -> list[Alert]:
    """The strongest `most` alerts of one lane: what a person with that much time looks at."""
    return sorted((alert for alert in found if alert.lane == lane), key=order)[:most]


def _alert(
    lane: str,
    beliefs: Sequence[Belief],
    cuts: Cuts,
    behind: Mapping[tuple[Subject, int], Sequence[Evidence]],
    times: Mapping[str, int] | None,
) -> Alert:
    ranked = sorted(beliefs, key=lambda belief: (*strongest_key(belief, lane), belief.window))
    rows = [row for belief in ranked for row in behind.get((belief.subject, belief.window), ())]
    first, last = _span(ranked, rows, cuts.minutes, times)
    return Alert(
        uid=alert_uid(ranked[0].subject, ranked[0].window, lane),
        subject=ranked[0].subject,
        day=day_of(ranked[0].window),
        lane=lane,
        title=title_of(ranked[0], times),
        beliefs=tuple(ranked),
        first_time=first,
        last_time=last,
        techniques=_techniques(ranked),
        versions={VERSION: ranked[0].version, **{row.detector: row.version for row in sorted(rows, key=_by_window)}},
    )


def _by_window(row: Evidence) -> tuple[int, str]:
    return row.window, row.detector


def _span(
    ranked: Sequence[Belief], rows: Sequence[Evidence], minutes: int, times: Mapping[str, int] | None
) -> tuple[int, int]:
    """First and last time, µs UTC: of the events named where their times are known, else of the windows."""
    named = {
        event_id
        for belief in ranked
        for line in belief.ledger
        if line.weight_nats > 0
        for event_id in line.sample_event_ids
    }
    known = [times[event_id] for event_id in named if event_id in times] if times else []
    if known:
        return min(known), max(known)
    starts = [belief.window for belief in ranked]
    return min((row.first_time for row in rows), default=min(starts)), max(starts) + minutes * 60 * MICROSECONDS


def _techniques(ranked: Sequence[Belief]) -> tuple[str, ...]:
    """ATT&CK techniques of evidence that weighs, strongest first, each once."""
    lines = [line for belief in ranked for line in belief.ledger if line.weight_nats > 0]
    by_weight = sorted(lines, key=lambda line: (-line.weight_nats, line.detector))
    return tuple(dict.fromkeys(technique for line in by_weight for technique in line.techniques))
