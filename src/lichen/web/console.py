"""What every page of the console has in hand: the desk, the clock, the templates and what the corner says."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.responses import Response

from lichen.core.belief import MALICIOUS, UNUSUAL
from lichen.core.desk import Desk, Health
from lichen.core.time import MICROSECONDS
from lichen.web import techniques, visible, words
from lichen.web.reading import in_order

HERE = Path(__file__).parent
ANSWER_SECONDS = 3600  # an alert left open longer than that was not being answered all the while


@dataclass(slots=True)
class Console:
    """One start of the console. `now` gives µs UTC; `window_minutes` is how long a window is; `by` who answers."""

    desk: Desk
    csrf: str
    now: Callable[[], int]
    window_minutes: int
    by: str
    opened: dict[str, int] = field(default_factory=dict)
    last_took_us: int | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)
    templates: jinja2.Environment = field(default_factory=lambda: environment())

    @contextlib.contextmanager
    def asking(self) -> Iterator[Desk]:
        """The desk, for one request at a time: a desk need not bear several threads."""
        with self.turn:
            yield self.desk

    def page(self, request: Request, name: str, here: str, status: int = 200, **shown: Any) -> Response:
        """A page with its frame: the navigation's counts and the health corner."""
        with self.asking() as desk:
            health, open_alerts = desk.health(), in_order(desk.alerts(status="open"))
            waiting = sum(signature.stage == "shadow" for signature in desk.signatures())
        frame = {
            "here": here,
            "health": corner(health, self.now()),
            "open_malicious": sum(alert.lane == MALICIOUS for alert in open_alerts),
            "open_unusual": sum(alert.lane == UNUSUAL for alert in open_alerts),
            "signatures_waiting": waiting,
        }
        return self.fragment(name, status, **frame, **shown)

    def fragment(self, name: str, status: int = 200, **shown: Any) -> Response:
        """A template without the frame's questions to the desk."""
        html = self.templates.get_template(name).render(
            csrf=self.csrf, now=self.now(), window_minutes=self.window_minutes, **shown
        )
        return HTMLResponse(html, status)

    def begin(self, uid: str) -> None:
        """Remembers when an alert was first looked at, so that the queue can say how long answers take."""
        if len(self.opened) > 1000:
            self.opened.clear()
        self.opened.setdefault(uid, self.now())

    def end(self, uid: str) -> None:
        """An alert was answered: how long did it take?"""
        begun = self.opened.pop(uid, None)
        if begun is not None and 0 <= self.now() - begun < ANSWER_SECONDS * MICROSECONDS:
            self.last_took_us = self.now() - begun


def environment() -> jinja2.Environment:
    """Templates with autoescape on for every name, undefined values an error, and the filters of the pages."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_bare,  # what no filter made visible, in an attribute too, never hides anything
        trim_blocks=True,
        lstrip_blocks=True,
    )
    said = (
        words.odds,
        words.factor,
        words.likelihood,
        words.chance,
        words.share,
        words.moment,
        words.detector,
        words.sentence,
        words.state,
        words.number,
        words.counted,
        visible.visible,
        visible.cut,
        visible.told,
    )
    made.filters.update({each.__name__: each for each in said}, technique=techniques.named)
    made.globals.update(age=words.age, span=words.span, SHORT=visible.SHORT, LONG=visible.LONG)
    made.globals.update(ANSWERS=words.ANSWERS, FAMILIES=words.FAMILIES, NEUTRAL=words.NEUTRAL)
    return made


def _bare(value: object) -> object:
    return visible.plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def corner(health: Health, now_us: int) -> dict[str, Any]:
    """What the corner of every page says: sources silent, the last event, drops; each in words."""
    last = max((time_us for _, time_us, _ in health.sources), default=0)
    silent = f"{len(health.silent)} silent" if health.silent else "none silent"
    unmeasured = sum(name.startswith("silence of ") for name in health.not_measured)
    if unmeasured and not health.silent:
        known = len(health.sources) - unmeasured
        silent = f"none of {known} measured is silent" if known > 0 else "silence not measured"
    return {
        "sources": f"{words.counted(len(health.sources), 'source')}, {silent}" if health.sources else "no source yet",
        "ailing": bool(health.silent or health.dropped or health.canaries_missed),
        "last": f"last event {words.age(now_us - last)} ago" if last else "no event yet",
        "dropped": "drops not measured" if health.dropped is None else f"{health.dropped:,} dropped",
        "unreadable": words.counted(health.dead_letters, "unreadable record") if health.dead_letters else "",
        "events": health.events,
        "rows": [
            (place, words.age(now_us - time_us) if time_us else "never", events, place in health.silent)
            for place, time_us, events in health.sources
        ],
        "canaries": canaries(health, now_us),
        "canaries_missed": health.canaries_missed,
        "drops": health.drops,
        "not_measured": health.not_measured,
    }


def canaries(health: Health, now_us: int | None = None) -> str:
    """What the canaries say; that none was sent is said too, since silence then proves nothing."""
    if not health.canaries_sent:
        return "no canary was sent"
    age = ""
    if now_us is not None and health.canaries_time:
        age = f" {words.age(now_us - health.canaries_time)} ago"
    return f"{health.canaries_seen} of {health.canaries_sent} canaries seen{age}"
