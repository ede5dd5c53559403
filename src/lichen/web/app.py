"""The application: the pages behind the door, faults as pages, static files."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lichen.core.desk import Desk
from lichen.core.errors import LichenError
from lichen.web.console import HERE, Console
from lichen.web.door import HEADERS, Door, Keys
from lichen.web.pages import alert, health, models, queue, signatures


def create_app(
    desk: Desk, *, token: str, port: int, now: Callable[[], int], window_minutes: int = 60, by: str = "console"
) -> FastAPI:
    """The console of one desk, for whoever holds `token`, on 127.0.0.1:`port`.

    `now` gives µs UTC. `window_minutes` is the length of a judged window (how rare "once in … days" is), `by` the name
    that answers are given under. Raises ValueError for a token shorter than 16 characters.
    """
    keys = Keys(token, port)
    console = Console(desk, keys.csrf, now, window_minutes, by)
    app = FastAPI(title="Lichen", docs_url=None, redoc_url=None, openapi_url=None)
    for page in (queue, alert, models, signatures, health):
        app.include_router(page.router(console))
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")

    @app.exception_handler(LichenError)
    async def faulty(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, LichenError)
        return console.fragment("fault.html", 422, fault=fault.fault, place=fault.place, remedy=fault.remedy)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, HTTPException)
        remedy = "Go back to the queue." if fault.status_code == 404 else "Load the page again."
        return console.fragment("fault.html", fault.status_code, fault=fault.detail, place="", remedy=remedy)

    @app.exception_handler(RequestValidationError)
    async def incomplete(request: Request, fault: Exception) -> Response:
        told = "something that this address needs is missing or is no such value"
        return console.fragment("fault.html", 422, fault=told, place=request.url.path, remedy="Load the page again.")

    @app.exception_handler(Exception)
    async def broken(request: Request, fault: Exception) -> Response:
        told = "a fault of ours; the console goes on"
        page = console.fragment("fault.html", 500, fault=told, place=request.url.path, remedy="See the terminal.")
        page.headers.update(HEADERS)  # this answer is made outside the door
        return page

    app.add_middleware(Door, keys=keys, port=port)
    return app
