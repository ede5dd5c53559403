"""The queue: what waits for an answer, in two lanes that are never mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from lichen.core.alert import Alert
from lichen.core.belief import MALICIOUS, UNUSUAL
from lichen.core.time import DAY, MICROSECONDS
from lichen.web import ledger, story, words
from lichen.web.console import Console, canaries, corner
from lichen.web.reading import in_order, what

FALSE = ("benign-expected", "detector-wrong")
BARS_WIDTH = 104.0  # of the three small bars together, in px
BARS_NATS = 12.0  # what fills that width, unless an alert has more
ROWS_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One alert as a row: who, what in words, its bars as (family, x, width), how sure or how rare."""

    alert: Alert
    what: str
    names: set[str]
    bars: tuple[tuple[str, float, float], ...]
    strength: str
    age: str


def router(console: Console) -> APIRouter:
    """`/` and `/pulse`."""
    pages = APIRouter()

    @pages.get("/")
    def queue(request: Request, show: str = "open", changed: int | None = None) -> Response:
        with console.asking() as desk:
            alerts, health, models = desk.alerts(), desk.health(), desk.models()
            change = next((made for made in desk.changes() if made.id == changed), None)
        waiting = show != "answered"
        shown = in_order([alert for alert in alerts if (alert.status == "open") == waiting])
        lanes = {lane: [alert for alert in shown if alert.lane == lane] for lane in (MALICIOUS, UNUSUAL)}
        return console.page(
            request,
            "queue.html",
            "queue",
            sentence=sentence(len(lanes[MALICIOUS]), len(lanes[UNUSUAL]), console.last_took_us, waiting),
            figures=figures(alerts, console.now()),
            canaries=canaries(health),
            canaries_sent=health.canaries_sent,
            lanes={lane: rows(found[:ROWS_LIMIT], console) for lane, found in lanes.items()},
            hidden_rows=sum(max(0, len(found) - ROWS_LIMIT) for found in lanes.values()),
            answered=sum(alert.status != "open" for alert in alerts),
            waiting=waiting,
            uncalibrated=any(not alert.beliefs[0].calibrated_here for alert in lanes[MALICIOUS]),
            events=health.events,
            learned=bool(models),
            change=change,
        )

    @pages.get("/pulse")
    def pulse() -> Response:
        """What the page asks every few seconds: whether the queue grew, and the corner's words."""
        with console.asking() as desk:
            health, alerts = desk.health(), in_order(desk.alerts(status="open"))
        lanes = ([alert.uid for alert in alerts if alert.lane == lane][:ROWS_LIMIT] for lane in (MALICIOUS, UNUSUAL))
        waiting = [uid for lane in lanes for uid in lane]
        told = corner(health, console.now())
        return JSONResponse(
            {"waiting": sorted(waiting), **{name: told[name] for name in ("sources", "last", "dropped")}}
        )

    return pages


def sentence(malicious: int, unusual: int, took_us: int | None, waiting: bool) -> str:
    """The one honest sentence on top; the lanes are counted apart."""
    if not waiting:
        return "What was answered." if malicious or unusual else "Nothing has been answered yet."
    if not malicious and not unusual:
        return "No alerts."
    parts = [words.counted(malicious, "alert") + " to answer"] if malicious else ["No alert to answer"]
    if unusual:
        parts.append(f"{unusual} unusual {'thing' if unusual == 1 else 'things'} to look at")
    took = "" if took_us is None else f" The last one took {_took(took_us)}."
    return ", ".join(parts) + "." + took


def _took(took_us: int) -> str:
    seconds = max(1, took_us // MICROSECONDS)
    return words.counted(seconds, "second") if seconds < 120 else words.counted(seconds // 60, "minute")


def figures(alerts: Sequence[Alert], now_us: int) -> list[tuple[str, str]]:
    """False alerts a day, this week and the last, of the malicious lane, as (figure, words); as counts where the
    alerts do not span a week, since a rate from an hour would be a guess."""
    lane = [alert for alert in alerts if alert.lane == MALICIOUS]
    answered = [alert for alert in lane if alert.status in {"malicious", *FALSE}]
    if not answered:
        return [("none", "answered yet, so how many are false is not known")] if lane else []
    newest = max(now_us - 7 * DAY, 0)
    if min(alert.first_time for alert in lane) > newest:
        false = sum(alert.status in FALSE for alert in answered)
        return [(f"{false} of {len(answered)}", "answered alerts were false")]
    week = [alert for alert in answered if alert.status in FALSE and alert.first_time > newest]
    before = [x for x in answered if x.status in FALSE and newest - 7 * DAY < x.first_time <= newest]
    return [(_rate(len(week)), f"false alerts a day this week, {_rate(len(before))} last week")]


def _rate(count: int) -> str:
    return f"{count / 7:.1f}".removesuffix(".0")


def rows(alerts: Sequence[Alert], console: Console) -> list[Row]:
    """Alerts as rows; the bars of one table share one scale."""
    weighed = [ledger.small_bars(alert.beliefs[0]) for alert in alerts]
    most = max([BARS_NATS, *(sum(nats for _, nats in bars) for bars in weighed)])
    return [_row(alert, bars, BARS_WIDTH / most, console) for alert, bars in zip(alerts, weighed, strict=True)]


def _row(alert: Alert, weighed: Sequence[tuple[str, float]], px_a_nat: float, console: Console) -> Row:
    bars, x = [], 0.0
    for family, nats in weighed:
        width = max(3.0, nats * px_a_nat)
        bars.append((family, round(x, 2), round(max(2.0, width - 2), 2)))
        x += width
    strength = words.strength(alert, console.window_minutes)
    age = words.age(console.now() - alert.last_time)
    return Row(alert, what(alert), story.names_of(alert), tuple(bars), strength, age)
