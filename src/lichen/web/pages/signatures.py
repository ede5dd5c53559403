"""Signatures: proposed from confirmed finds, measured, in shadow until a person promotes them."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from lichen.web.console import Console
from lichen.web.reading import in_order


def router(console: Console) -> APIRouter:
    """`/signatures` and `/signatures/{id}/promote`."""
    pages = APIRouter()

    @pages.get("/signatures")
    def signatures(request: Request) -> Response:
        with console.asking() as desk:
            found, confirmed = desk.signatures(), in_order(desk.alerts(status="malicious"))
        sources = {signature.alert for signature in found}
        return console.page(
            request,
            "signatures.html",
            "signatures",
            signatures=sorted(found, key=lambda signature: (signature.stage != "shadow", signature.title)),
            confirmed=[alert for alert in confirmed if alert.uid not in sources],
        )

    @pages.post("/signatures/{signature}/promote")
    def promote(signature: str) -> Response:
        """Makes a signature one that alerts."""
        with console.asking() as desk:
            try:
                desk.promote(signature)
            except KeyError:
                raise HTTPException(404, "no such signature in this store") from None
        return RedirectResponse(f"/signatures#signature-{signature}", 303)

    return pages
