"""Models: what each has learned from, and every change that an answer made to one, with its undo."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from lichen.web.console import Console
from lichen.web.reading import learned


def router(console: Console) -> APIRouter:
    """`/models` and `/changes/{id}/undo`."""
    pages = APIRouter()

    @pages.get("/models")
    def models(request: Request) -> Response:
        with console.asking() as desk:
            found, changes = desk.models(), sorted(desk.changes(), key=lambda change: -change.id)
        return console.page(
            request, "models.html", "models", models=[learned(model) for model in found], changes=changes
        )

    @pages.post("/changes/{change}/undo")
    def undo(change: int) -> Response:
        """Takes one change back."""
        with console.asking() as desk:
            try:
                desk.undo(change)
            except KeyError:
                raise HTTPException(404, "no such change in this store") from None
        return RedirectResponse(f"/models#change-{change}", 303)

    return pages
