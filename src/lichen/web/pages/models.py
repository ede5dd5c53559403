"""Models: what each has learned from, and every change that an answer made to one, with its undo."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from lichen.core.belief import Belief
from lichen.core.time import to_text
from lichen.web.console import Console
from lichen.web.reading import learned


def router(console: Console) -> APIRouter:
    """`/models` and `/changes/{id}/undo`."""
    pages = APIRouter()

    @pages.get("/models")
    def models(request: Request) -> Response:
        return shown(request)

    def shown(request: Request, passed: Sequence[Belief] = ()) -> Response:
        with console.asking() as desk:
            found, changes = desk.models(), sorted(desk.changes(), key=lambda change: -change.id)
        return console.page(
            request,
            "models.html",
            "models",
            models=[learned(model) for model in found],
            changes=changes,
            passed=[(belief.subject.name, to_text(belief.window)) for belief in passed],
        )

    @pages.post("/changes/{change}/undo")
    def undo(request: Request, change: int) -> Response:
        """Takes one change back; where it let anything pass while it stood, the page says what."""
        with console.asking() as desk:
            try:
                _, passed = desk.undo(change)
            except KeyError:
                raise HTTPException(404, "no such change in this store") from None
        return shown(request, passed) if passed else RedirectResponse(f"/models#change-{change}", 303)

    return pages
