"""Alerts on a terminal: the two lanes as tables, the ledger as bars on an odds axis, a consequence in words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.core.alert import Alert
    from lichen.core.belief import Belief
    from lichen.core.desk import Beside, Consequence, Desk
    from lichen.web.ledger import Bar, Waterfall

WIDEST, NARROWEST = 48, 16  # characters of the odds axis
BESIDE_TRACK = 62  # characters of a line that the axis leaves to words
TITLES = {"malicious": "Malicious", "unusual": "Unusual: no claim of malice, worth a look"}


def lanes(alerts: Sequence[Alert], window_minutes: int) -> None:
    """Prints alerts as a table a lane; the lanes are never mixed."""
    from lichen.core.belief import MALICIOUS
    from lichen.web import words
    from lichen.web.reading import in_order, what

    now = time.time_ns() // 1000
    told = in_order(alerts)
    for lane, title in TITLES.items():
        found = [alert for alert in told if alert.lane == lane]
        rows = [
            (
                output.text(alert.subject.name, "bold", 60),
                output.text(what(alert), limit=300),
                output.text(words.strength(alert, window_minutes), "bold"),
                " ".join(alert.techniques[:2]),
                words.age(now - alert.last_time),
                words.state(alert.status),
                alert.uid[:8],
            )
            for alert in found
        ]
        columns = ("who", "what", "odds" if lane == MALICIOUS else "how rare", "technique", "age", "state", "id")
        if rows:
            output.table(columns, rows, right=("age",), title=f"{title} ({len(found)})")
    if any(alert.lane == MALICIOUS and not alert.beliefs[0].calibrated_here for alert in told):
        output.say("Odds are uncalibrated here until there are enough answers.", "dim")


def alert(desk: Desk, found: Alert, window_minutes: int) -> None:
    """Prints one alert as the page tells it: the sentence, the odds, the ledger, seen beside normal, what happened."""
    from lichen.core.belief import MALICIOUS
    from lichen.web import techniques, words

    belief = found.beliefs[0]
    output.say(found.title, "bold")
    strong = words.strength(found, window_minutes)
    likely = f"{words.likelihood(belief.shown_log_odds)}, about {strong}"
    lane = f"malicious lane, {likely}" if found.lane == MALICIOUS else f"unusual lane, {strong}; no claim of malice"
    calibrated = "" if belief.calibrated_here else " (uncalibrated here)"
    output.say(f"{lane}{calibrated} · {words.span(found.first_time, found.last_time)} · {words.state(found.status)}")
    output.say("  ".join(techniques.named(one) for one in found.techniques[:6]), "dim")
    _ledger(found, strong)
    _beside(desk, found)
    _story(desk, belief)
    output.say(f"\nid {found.uid}", "dim")


def _ledger(found: Alert, strong: str) -> None:
    """The ledger as bars of characters, on the same axis as on the page."""
    from lichen.core.belief import MALICIOUS
    from lichen.web import words
    from lichen.web.ledger import picture_of

    belief, picture = found.beliefs[0], picture_of(found.beliefs[0], found.lane)
    claims = found.lane == MALICIOUS
    wide = max(NARROWEST, min(WIDEST, output.terminal().width - BESIDE_TRACK))
    dot, diamond = (" " * _place(at, wide) for at in (picture.start_at, picture.end_at))
    begins = ("Starting odds on an ordinary day", words.chance(picture.start_nats)) if claims else ("As usual", "")
    ends = f"About {strong} that this is malicious" if claims else f"{words.sentence(strong)}; no claim of malice"
    between = f"{words.odds(belief.low)} … {words.odds(belief.high)}" if claims else ""
    rows = [
        (begins[0], "", f"{dot}●", begins[1]),
        *(_bar(bar, wide) for bar in picture.bars),
        (output.text(ends, "bold"), between, output.text(f"{diamond}◆", "red" if claims else "cyan"), ""),
        ("", "", output.text(_axis(picture, wide), "dim"), ""),
    ]
    output.table(("why", "from", "odds" if claims else "rarity", ""), rows, whole=("odds", "rarity", ""))
    if claims:
        output.say(f"{words.sentence(words.times_usual(belief))}.", "dim")


def _place(per_cent: float, wide: int) -> int:
    return min(wide - 1, round(per_cent * wide / 100))


def _bar(bar: Bar, wide: int) -> tuple[object, ...]:
    from lichen.web import words

    left, right = sorted((_place(bar.begins, wide), _place(bar.ends, wide)))
    track = output.text(" " * left + "█" * max(1, right - left), output.FAMILY_COLOURS.get(bar.line.family, "dim"))
    source = words.detector(bar.line.detector) if bar.line.detector else bar.line.family
    return output.text(bar.line.label, limit=160), source, track, words.factor(bar.line.nats)


def _axis(picture: Waterfall, wide: int) -> str:
    """The marks of the axis, as many as have room."""
    axis = [" "] * (wide + 12)
    for at, label in sorted(picture.ticks, key=lambda tick: tick[1] not in {"even", "as usual"}):
        place = max(0, _place(at, wide) - len(label) // 2)
        if not "".join(axis[max(0, place - 1) : place + len(label) + 1]).strip():
            axis[place : place + len(label)] = label
    return "".join(axis).rstrip()


def _beside(desk: Desk, found: Alert) -> None:
    from lichen.web.words import share

    def normal(row: Beside) -> str:
        return ", ".join(f"{value} {share(part)}" if part < 1 else value for value, part in row.normal[:4])

    rows = [(row.what, ", ".join(row.seen[:6]), normal(row), row.history) for row in desk.beside(found.uid)]
    if rows:
        output.table(("what", "seen", "normal", "history"), rows, title="Seen, beside what is normal")


def _story(desk: Desk, belief: Belief) -> None:
    from lichen.web import story

    moments = story.told(desk.events(story.sampled(belief)), {}, frozenset())
    if moments:
        output.say("What happened", "bold")
    for moment in moments:
        clock = moment.clock if moment.event else " " * 8
        told = " ".join(part for part in (moment.lead, moment.value[:160], moment.after) if part)
        output.say(f"{clock}  {moment.guide}{told}")


def consequence(weighed: Consequence) -> None:
    """Prints what an answer would do, before it is given."""
    from lichen.web import words

    if not weighed.effects:
        output.say(f"This will change no model. {weighed.summary}")
        return
    output.say("This will change", "bold")
    rows = [
        (
            each.what,
            words.detector(each.detector),
            each.node,
            f"{words.factor(each.score_before_nats)} → {words.factor(each.score_after_nats)}",
        )
        for each in weighed.effects
    ]
    output.table(("what", "model", "where", "odds"), rows)
    if weighed.unchanged:
        output.say(f"{weighed.unchanged[:1].upper()}{weighed.unchanged[1:].rstrip('.')}.")
    for note in weighed.notes:
        output.say(f"Note: {note}.")
    quiet, hidden = (
        words.counted(len(uids), thing) for uids, thing in ((weighed.quiet, "alert"), (weighed.hidden, "known attack"))
    )
    output.say(f"{quiet} of the last 30 days would have been quiet. {hidden} would be hidden.")
    output.say(f"{weighed.blind_to} Can be undone exactly, at any time.".strip())
