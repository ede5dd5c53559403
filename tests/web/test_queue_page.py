"""The queue in a real browser: two lanes, one sentence, and keys for everything."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from desk_for_pages import DeskForPages
from playwright.sync_api import Page, expect
from served import Site
from trial_alerts import NOW, injection, other_alerts, shell_alert

from lichen.core.desk import Health
from lichen.core.time import DAY, MICROSECONDS

Look = Callable[..., Page]
Serve = Callable[[DeskForPages], Site]


def who(page: Page) -> str:
    return page.locator("[data-at] .who").inner_text().split("\n")[0]


def test_the_lanes_are_never_mixed(site: Site, look: Look) -> None:
    page = look(site)
    malicious = page.locator("#malicious [data-row] .who").all_inner_texts()
    unusual = page.locator("#unusual [data-row] .who").all_inner_texts()
    assert malicious == ["orders-7", "admin-1", "batch-1", "orders-15", "farid user"]
    assert unusual == ["gateway-10", "orders-13"]
    assert page.locator("h1").inner_text() == "5 alerts to answer, 2 unusual things to look at."
    assert page.locator("#unusual td.odds").first.inner_text() == "once in 120 days"
    expect(page.locator("#unusual h2")).to_have_text("Unusual: no claim of malice, worth a look")


def test_j_and_k_move_and_enter_opens(site: Site, look: Look) -> None:
    page = look(site)
    assert who(page) == "orders-7"
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert who(page) == "batch-1"
    page.keyboard.press("k")
    assert who(page) == "admin-1"
    for _ in range(12):
        page.keyboard.press("j")
    assert who(page) == "orders-13"  # the last row of the last lane, and no further
    page.keyboard.press("Enter")
    page.wait_for_url("**/alerts/*")
    assert "orders-13" in page.locator(".crumbs").inner_text()


def test_a_slash_filters_and_escape_clears(site: Site, look: Look) -> None:
    page = look(site)
    page.keyboard.press("/")
    page.keyboard.type("cron batch")
    expect(page.locator("[data-row]:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    assert who(page) == "batch-1"
    page.keyboard.press("/")
    page.keyboard.type(" nothing like it")
    expect(page.locator("[data-row]:visible")).to_have_count(0)
    expect(page.locator("#none-match")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-row]:visible")).to_have_count(7)


def test_letters_typed_into_the_filter_answer_nothing(site: Site, look: Look) -> None:
    page = look(site)
    page.keyboard.press("/")
    page.keyboard.type("mewujk?")
    assert page.url == f"{site.url}/"
    assert not page.locator("dialog[open]").count()


def test_an_answer_key_shows_the_consequence_before_anything_is_given(site: Site, look: Look) -> None:
    page = look(site)
    page.keyboard.press("e")
    page.wait_for_url("**/alerts/*?answer=benign-expected")
    expect(page.locator("#consequence")).to_contain_text("This will change")
    assert site.desk.verdicts == []


def test_a_question_mark_lists_the_keys(site: Site, look: Look) -> None:
    page = look(site)
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_contain_text("detector is wrong")
    page.keyboard.press("j")
    assert who(page) == "orders-7"  # keys of the page rest while the list is open
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_answered_alerts_have_a_place_of_their_own(site: Site, look: Look) -> None:
    uid = site.desk.alerts()[0].uid
    site.desk.answer(uid, "benign-expected", "alert", "alice", {})
    page = look(site, "/?show=answered")
    assert page.locator("[data-row] .who").all_inner_texts() == ["orders-7"]
    expect(page.locator(".answered")).to_have_text("expected here")
    page.goto(site.url)
    assert "4 alerts to answer" in page.locator("h1").inner_text()
    expect(page.locator(".figures")).to_contain_text("1 of 1 answered alerts were false")


def test_new_alerts_are_announced_and_the_page_does_not_shift(site: Site, look: Look) -> None:
    page = look(site)
    page.clock.install()
    page.reload()
    before = page.locator("#malicious").bounding_box()
    alert = msgspec.structs.replace(other_alerts()[0], uid="f" * 16)
    site.desk.held[alert.uid] = alert
    page.clock.run_for(11_000)
    expect(page.locator("#fresh")).to_contain_text("1 new")
    assert page.locator("#malicious").bounding_box() == before
    page.keyboard.press("r")
    expect(page.locator("[data-row]")).to_have_count(8)


def test_an_empty_queue_teaches(serve: Serve, look: Look) -> None:
    page = look(serve(DeskForPages([])))
    expect(page.locator("h1")).to_have_text("No alerts.")
    expect(page.locator(".empty")).to_contain_text("3 of 3 canaries seen, so detection is alive.")


def test_an_empty_queue_without_canaries_claims_nothing(serve: Serve, look: Look) -> None:
    quiet = Health((), (), 0, 0, 0, 0, 0)
    page = look(serve(DeskForPages([], health=quiet)))
    expect(page.locator(".empty")).to_contain_text("does not prove that detection is alive")
    expect(page.locator(".empty")).to_contain_text("lichen run --follow")
    assert "alive." not in page.locator(".figures").inner_text()


def test_the_corner_says_what_is_silent(serve: Serve, look: Look) -> None:
    ailing = Health((("a.log", NOW - 90 * MICROSECONDS, 7), ("b.log", NOW - DAY, 1)), ("b.log",), 3, 12, 0, 3, 8)
    page = look(serve(DeskForPages([], health=ailing)))
    corner = page.locator("#corner")
    expect(corner).to_contain_text("2 sources, 1 silent")
    expect(corner).to_contain_text("last event 1 min ago")
    expect(corner).to_contain_text("12 dropped")
    expect(corner).to_contain_text("3 unreadable records")
    corner.locator("summary").click()
    expect(corner.locator("tr", has_text="b.log")).to_contain_text("silent")


def test_false_alerts_are_a_rate_only_where_a_week_stands_behind_it(serve: Serve) -> None:
    old = [msgspec.structs.replace(each, uid=f"{n:016x}", first_time=NOW - n * 2 * DAY, status="benign-expected")
           for n, each in enumerate(other_alerts()[:4] * 2)]  # fmt: skip
    html = serve(DeskForPages(old)).ask("/").text
    assert "<strong>0.6</strong> false alerts a day this week, 0.4 last week" in html


def test_the_queue_says_how_long_the_last_answer_took(site: Site) -> None:
    uid = shell_alert(injection()).uid
    site.ask(f"/alerts/{uid}")
    site.now += 40 * MICROSECONDS
    site.ask(f"/alerts/{uid}/answer", "POST", {"answer": "malicious", "scope": "alert"})
    assert "The last one took 40 seconds." in site.ask("/").text
