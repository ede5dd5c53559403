"""Everything shown came from an attacker until proved otherwise: nothing runs, hides or floods the page."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from desk_for_pages import DeskForPages
from playwright.sync_api import Page, expect
from served import Site
from trial_alerts import alert, belief, injection, line, shell_alert, start

from lichen.core.belief import MALICIOUS
from lichen.core.desk import Beside, Health
from lichen.core.entity import Subject

Look = Callable[..., Page]
SCRIPT = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>{{7*7}}{%raw%}javascript:alert(4)"
)
HIDING = "safe\u202etxt.exe\u2066\x1b[2J\x00\u200b\xad"
LONG = "A" * 1_000_000


class Hostile(DeskForPages):
    """A desk whose every text was written by an attacker."""

    def __init__(self) -> None:
        evil = SCRIPT + HIDING
        ids = [str(each["event_id"]) for each in injection()]
        events = [{**each, "process.cmd_line": evil + LONG, "http_request.url.query_string": evil, "raw": evil + LONG,
                   "file.path": evil} for each in injection()]  # fmt: skip
        lines = [start(), line(evil, "rules", 3.0, f"rule:{evil}", f"exec {evil} {evil}", ids, evil, [evil]),
                 line(evil + LONG, "normal", 4.0, "profile.pair", f"exec {evil} {evil}", ids, evil + LONG),
                 line(evil, "other", 0.5, because=evil)]  # fmt: skip
        found = alert([belief(Subject("workload", evil), lines)], MALICIOUS, evil + LONG, [evil])
        self.evil_alert = msgspec.structs.replace(found, versions={evil: evil})
        health = Health(((evil, 1, 1),), (evil,), 0, 0, 3, 3, 1)
        super().__init__([self.evil_alert], events, health)

    def beside(self, uid: str) -> tuple[Beside, ...]:
        evil = SCRIPT + HIDING
        return (Beside(evil, (evil, LONG), (True, False), ((evil, 0.5), (LONG, 0.5)), evil),)


def test_nothing_of_an_attackers_runs_or_becomes_an_element(serve: Callable[[DeskForPages], Site], look: Look) -> None:
    desk = Hostile()
    site = serve(desk)
    uid = desk.evil_alert.uid
    desk.answer(uid, "malicious", "alert", SCRIPT, {}, SCRIPT)
    desk.propose(uid)
    page = look(site)  # a dialog, a fault of the policy or of a script would fail the test
    for path in ("/", "/?show=answered", f"/alerts/{uid}?answer=malicious&scope=alert", "/models", "/signatures"):
        page.goto(site.url + path)
        assert page.locator("main img, main script, main svg[onload], main [onerror]").count() == 0, path
        html = page.content()
        assert "49" not in page.locator("h1").inner_text()
        assert "\u202e" not in html
        assert "\x1b" not in html
        assert len(html) < 400_000, path


def test_what_hides_is_shown_by_name(serve: Callable[[DeskForPages], Site], look: Look) -> None:
    desk = Hostile()
    page = look(serve(desk), f"/alerts/{desk.evil_alert.uid}")
    marks = page.locator("h1 .hidden-mark").all_inner_texts()
    assert marks == ["U+202E", "U+2066", "ESC", "NUL", "U+200B", "U+00AD"]


def test_the_whole_of_a_long_value_is_a_click_away_and_plain(serve: Callable[[DeskForPages], Site], look: Look) -> None:
    desk = Hostile()
    site = serve(desk)
    page = look(site, f"/alerts/{desk.evil_alert.uid}")
    moment = page.locator(".moment:has(details)").first
    moment.locator("summary").first.click()
    link = moment.locator("a", has_text="whole, 1,000,").first
    expect(link).to_be_visible()
    answer = site.ask(str(link.get_attribute("href")))
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert len(answer.text) > 1_000_000
    assert not {"\u202e", "\x1b", "\x00"} & set(answer.text)
    assert site.ask(f"/events/{injection()[0]['event_id']}/nothing").status == 404
    assert site.ask("/events/nothing/raw").status == 404


def test_long_and_odd_values_never_widen_the_page(serve: Callable[[DeskForPages], Site], look: Look) -> None:
    desk = Hostile()
    site = serve(desk)
    for width in (1320, 960, 375):
        for path in ("/", f"/alerts/{desk.evil_alert.uid}"):
            page = look(site, path, width=width)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (path, width, wide)


def test_values_are_shown_in_the_order_in_which_they_are_stored(site: Site, look: Look) -> None:
    page = look(site, f"/alerts/{shell_alert(injection()).uid}")
    for what in ("code.value", "pre"):
        said = page.evaluate(f"getComputedStyle(document.querySelector('{what}')).unicodeBidi")
        assert said == "bidi-override"
