"""For monitors: whether the process answers, and whether events still reach it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.responses import Response

from lichen.core.time import MICROSECONDS
from lichen.web.console import Console


def router(console: Console) -> APIRouter:
    """`/healthz` and `/readyz`."""
    pages = APIRouter()

    @pages.get("/healthz")
    def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @pages.get("/readyz")
    def readyz() -> Response:
        """Ready while a source is not silent: it speaks of what is read, not of the process. Else 503."""
        try:
            with console.asking() as desk:
                health = desk.health()
        except Exception as fault:  # a desk that cannot answer is what this page is for
            return JSONResponse({"ready": False, "reason": type(fault).__name__}, 503)
        last = max((time_us for _, time_us, _ in health.sources), default=0)
        ready = any(place not in health.silent for place, _, _ in health.sources)
        told = {
            "ready": ready,
            "sources": len(health.sources),
            "silent": len(health.silent),
            "events": health.events,
            "dropped": health.dropped,
            "dead_letters": health.dead_letters,
            "seconds_since_last_event": (console.now() - last) // MICROSECONDS if last else None,
        }
        return JSONResponse(told, 200 if ready else 503)

    return pages
