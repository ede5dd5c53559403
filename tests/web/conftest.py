"""A console over the desk of the recorded trial, and a real Chromium to look at it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk_for_pages import DeskForPages, desk_of_the_trial
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from served import TOKEN, Site

CHROMIUM = Path(os.environ.get("LICHEN_CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture
def serve() -> Iterator[Callable[[DeskForPages], Site]]:
    """Serves any desk; everything that was served ends with the test."""
    sites: list[Site] = []

    def serving(desk: DeskForPages) -> Site:
        sites.append(Site(desk))
        return sites[-1]

    yield serving
    for site in sites:
        site.end()


@pytest.fixture
def site(serve: Callable[[DeskForPages], Site]) -> Site:
    return serve(desk_of_the_trial())


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def window(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context()
    yield context
    context.close()


@pytest.fixture
def look(window: BrowserContext) -> Iterator[Callable[..., Page]]:
    """Opens a page of a site as its reader does, with the token. A fault that the browser reports fails the test, but
    for one that holds the text `expected`."""
    pages: list[Page] = []
    faults: list[str] = []
    expectations: list[str] = []

    def looking(
        site: Site, path: str = "/", scheme: str = "light", width: int = 1320, height: int = 900, expected: str = ""
    ) -> Page:
        expectations.append(expected)
        page = window.new_page()
        pages.append(page)
        page.set_default_timeout(8000)
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": height})
        page.on("console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(f"{site.url}{path}{'&' if '?' in path else '?'}token={TOKEN}")
        return page

    yield looking
    for page in pages:
        page.close()
    unforeseen = [fault for fault in faults if not any(told and told in fault for told in expectations)]
    assert not unforeseen, unforeseen
