"""The alert page: the sentence, the ledger, seen beside normal, what happened, and the answer with its consequence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.responses import Response

from lichen.core import ocsf
from lichen.core.alert import Alert
from lichen.core.belief import MALICIOUS, Belief
from lichen.core.desk import Consequence, Desk, Effect
from lichen.core.verdict import SCOPES, VERDICTS
from lichen.web import ledger, story, visible, words
from lichen.web.console import Console
from lichen.web.reading import neighbours

Fields = Annotated[list[str], Query(max_length=20)]
FormFields = Annotated[list[str], Form(max_length=20)]
ACTS_LIMIT = 8
NAMED_LIMIT = 5  # alerts that a consequence names; it counts them all
PATTERN_VALUE_LIMIT = 400
OFFERED = {
    ocsf.PROCESS_ACTIVITY: ("actor.process.file.path", "process.file.path", "process.cmd_line"),
    ocsf.NETWORK_ACTIVITY: ("actor.process.file.path", "dst_endpoint.hostname", "dst_endpoint.ip", "dst_endpoint.port"),
    ocsf.FILE_ACTIVITY: ("actor.process.file.path", "file.path"),
    ocsf.HTTP_ACTIVITY: ("actor.user.name", "http_request.http_method", "http_request.url.path"),
    ocsf.AUTHENTICATION: ("user.name", "src_endpoint.ip", "service.name"),
    ocsf.DNS_ACTIVITY: ("query.hostname", "query.type"),
}
UNTICKED = {"process.cmd_line", "dst_endpoint.ip"}  # offered, but narrower than people mean by a pattern


@dataclass(frozen=True, slots=True)
class Act:
    """One act of the ledger that a pattern can be made of: (field, value, ticked at first)."""

    event_id: str
    because: str
    fields: tuple[tuple[str, str, bool], ...]


def router(console: Console) -> APIRouter:
    """`/alerts/{uid}` and what hangs on it."""
    pages = APIRouter()

    @pages.get("/alerts/{uid}")
    def alert(
        request: Request,
        uid: str,
        window: int | None = None,
        answer: str = "",
        scope: str = "alert",
        act: str = "",
        field: Fields = [],  # noqa: B006
        changed: int | None = None,
    ) -> Response:
        with console.asking() as desk:
            found = _alert(desk, uid)
            belief = next((b for b in found.beliefs if b.window == window), found.beliefs[0])
            events = desk.events(story.sampled(belief))
            beside = desk.beside(uid)
            around = neighbours(desk.alerts(), uid)
            change = next((made for made in desk.changes() if made.id == changed), None)
            signatures = [made for made in desk.signatures() if made.alert == uid]
            pattern = _pattern(desk, found, act, field) if scope == "pattern" else {}
            weighed = _weighed(desk, uid, answer, scope, pattern)
            chosen = _chosen(desk, answer, scope, act, field, weighed)
        console.begin(uid)
        picture = ledger.picture_of(belief, found.lane)
        return console.page(
            request,
            "alert.html",
            "queue",
            alert=found,
            belief=belief,
            names=story.names_of(found),
            picture=picture,
            usual=words.times_usual(belief),
            rarity=words.rarity(found, console.window_minutes) if found.lane != MALICIOUS else "",
            beside=beside,
            moments=story.told(events, *_marks(picture)),
            missing=len(story.sampled(belief)) - len(events),
            acts=acts(belief, events),
            around=around,
            change=change,
            signatures=signatures,
            **chosen,
        )

    @pages.get("/alerts/{uid}/consequence")
    def consequence(
        uid: str,
        answer: str,
        scope: str = "alert",
        act: str = "",
        field: Fields = [],  # noqa: B006
    ) -> Response:
        """What an answer would change, as a piece of the page; the button that gives it is part of it."""
        with console.asking() as desk:
            found = _alert(desk, uid)
            pattern = _pattern(desk, found, act, field) if scope == "pattern" else {}
            weighed = _weighed(desk, uid, answer, scope, pattern)
            chosen = _chosen(desk, answer, scope, act, field, weighed)
        if weighed is None:
            raise HTTPException(422, f"an answer is one of {', '.join(VERDICTS)}, a scope one of {', '.join(SCOPES)}")
        return console.fragment("_consequence.html", alert=found, **chosen)

    @pages.post("/alerts/{uid}/answer")
    def give(
        uid: str,
        answer: Annotated[str, Form()],
        scope: Annotated[str, Form()],
        act: Annotated[str, Form()] = "",
        field: FormFields = [],  # noqa: B006
        note: Annotated[str, Form(max_length=2000)] = "",
    ) -> Response:
        """Gives the answer, and on to the next alert of the lane."""
        if answer not in VERDICTS or scope not in SCOPES:
            raise HTTPException(422, f"an answer is one of {', '.join(VERDICTS)}, a scope one of {', '.join(SCOPES)}")
        with console.asking() as desk:
            found = _alert(desk, uid)
            after = neighbours(desk.alerts(), uid)["after"]
            pattern = _pattern(desk, found, act, field) if scope == "pattern" else {}
            _, change = desk.answer(uid, answer, scope, console.by, pattern, note.strip())
        console.end(uid)
        made = f"?changed={change.id}" if change else ""
        return RedirectResponse((f"/alerts/{after}" if after else "/") + made, 303)

    @pages.post("/alerts/{uid}/propose")
    def propose(uid: str) -> Response:
        """A signature from a confirmed find."""
        with console.asking() as desk:
            _alert(desk, uid)
            made = desk.propose(uid)
        return RedirectResponse(f"/signatures#signature-{made.id}", 303)

    @pages.get("/events/{event_id}/{column}")
    def whole(event_id: str, column: str) -> Response:
        """One value of an event, whole, as plain text with nothing hidden in it."""
        with console.asking() as desk:
            events = desk.events([event_id])
        if not events or column not in events[0]:
            raise HTTPException(404, "no such event, or no such column in it")
        return PlainTextResponse(visible.plain(events[0][column]))

    return pages


def _alert(desk: Desk, uid: str) -> Alert:
    try:
        found = desk.alert(uid)
    except KeyError:
        raise HTTPException(404, "no such alert in this store") from None
    if not found.beliefs:
        raise HTTPException(404, "this alert has no belief in this store")
    return found


def _weighed(desk: Desk, uid: str, answer: str, scope: str, pattern: Mapping[str, str]) -> Consequence | None:
    """What the answer would do; None where none was chosen yet, or a pattern names nothing."""
    if answer not in VERDICTS or scope not in SCOPES:
        return None
    return desk.consequence(uid, answer, scope, pattern)


def _chosen(
    desk: Desk, answer: str, scope: str, act: str, field: Sequence[str], weighed: Consequence | None
) -> dict[str, Any]:
    """What the answer panel shows of a choice: its effects, greatest first, and the alerts it speaks of by name."""
    effects = sorted(weighed.effects, key=lambda e: -abs(e.score_before_nats - e.score_after_nats)) if weighed else []
    return {
        "answer": answer if answer in VERDICTS else "",
        "scope": scope if scope in SCOPES else "alert",
        "act": act,
        "field": list(field),
        "weighed": weighed,
        "effects": [(effect, _changes(effect)) for effect in effects],
        "models": len({effect.detector for effect in effects}),
        "quiet": _named(desk, weighed.quiet) if weighed else [],
        "hidden": _named(desk, weighed.hidden) if weighed else [],
    }


def _named(desk: Desk, uids: Sequence[str]) -> list[tuple[str, str]]:
    """Alerts as (uid, subject), as far as this store still has them."""
    found = []
    for uid in uids[:NAMED_LIMIT]:
        try:
            found.append((uid, desk.alert(uid).subject.name))
        except KeyError:
            found.append((uid, "an alert no longer stored"))
    return found


def _changes(effect: Effect) -> str:
    """What an effect does to the odds, in factors: "× 400 → × 4"."""
    before, after = (max(-16.0, min(16.0, n)) for n in (effect.score_before_nats, effect.score_after_nats))
    return f"{words.factor(before)} → {words.factor(after)}"


def _marks(picture: ledger.Waterfall) -> tuple[dict[str, tuple[int, ...]], frozenset[str]]:
    """Which bars name which event, and which events tell most: the strongest of each bar that moved the odds up."""
    bars: dict[str, tuple[int, ...]] = {}
    for bar in picture.bars:
        for uid in bar.line.sample_event_ids:
            bars[uid] = (*bars.get(uid, ()), bar.number)
    up = (bar.line for bar in picture.bars if bar.line.nats > math.log(2) and bar.line.family in words.FAMILIES)
    return bars, frozenset(line.sample_event_ids[0] for line in up if line.sample_event_ids)


def acts(belief: Belief, events: Sequence[Mapping[str, Any]]) -> list[Act]:
    """What a pattern can be made of: the strongest event of each line that spoke for malice, strongest line first."""
    known = {str(event["event_id"]): event for event in events}
    said = (line for line in belief.ledger if line.sample_event_ids and max(line.nats, line.weight_nats) > 0)
    lines = sorted(said, key=lambda line: (-line.nats, -line.weight_nats))
    found: dict[str, Act] = {}
    for line in lines:
        event = known.get(line.sample_event_ids[0])
        if event is not None and (fields := _offered(event)):
            found.setdefault(str(event["event_id"]), Act(str(event["event_id"]), line.because or line.label, fields))
    return list(found.values())[:ACTS_LIMIT]


def _offered(event: Mapping[str, Any]) -> tuple[tuple[str, str, bool], ...]:
    names = OFFERED.get(int(event.get("class_uid") or 0), ())
    named = "dst_endpoint.hostname" in event
    values = [(name, str(event[name])) for name in names if event.get(name) is not None]
    fits = [(name, value) for name, value in values if len(value) <= PATTERN_VALUE_LIMIT]
    return tuple(
        (name, value, name not in UNTICKED or (name == "dst_endpoint.ip" and not named)) for name, value in fits
    )


def _pattern(desk: Desk, alert: Alert, act: str, field: Sequence[str]) -> dict[str, str]:
    """The named values of one act. They are read from the stored event, never from the request."""
    if not any(act in line.sample_event_ids for belief in alert.beliefs for line in belief.ledger):
        raise HTTPException(422, "a pattern is made of one of this alert's events")
    events = desk.events([act])
    offered = {name: value for name, value, _ in _offered(events[0])} if events else {}
    chosen = {name: offered[name] for name in field if name in offered}
    if not chosen:
        raise HTTPException(422, "a pattern needs at least one field")
    return chosen
