"""The alert page in a real browser: the consequence comes first, Enter gives the answer, the queue moves on."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect
from served import Site
from trial_alerts import NOW, injection, shell_alert

Look = Callable[..., Page]


def arrived(page: Page, who: str) -> None:
    """Waits until the alert of a subject stands there, with its keys at work."""
    page.wait_for_function(
        "who => document.readyState === 'complete' && document.querySelector('.crumbs')?.innerText.includes(who)",
        arg=who,
    )


def open_alert(site: Site, look: Look, **how: object) -> Page:
    return look(site, f"/alerts/{shell_alert(injection()).uid}", **how)


def test_the_sentence_and_the_odds_come_first_and_nats_stand_behind_a_disclosure(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    assert page.locator("h1").inner_text().startswith("orders-7 ran bash under dash and then connected")
    assert page.locator("h1 code").all_inner_texts() == ["bash", "dash", "198.51.100.23:4444"]
    expect(page.locator(".facts")).to_contain_text("very likely, about 82 to 1")
    expect(page.locator(".facts")).to_contain_text("uncalibrated here")
    expect(page.locator("#why")).to_contain_text("with one attacked window in 1,000 that is 82 to 1")
    seen = page.locator("main").inner_text()
    assert "nats" not in seen
    assert shell_alert(injection()).uid not in seen
    assert "3f9a1c77" not in seen
    page.locator("summary", has_text="By hand").click()
    expect(page.locator(".pins")).to_contain_text("3f9a1c77")


def test_nothing_can_be_given_before_its_consequence_is_shown(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    expect(page.locator("#answer-button")).to_have_count(0)
    page.keyboard.press("Enter")
    held: list[Route] = []
    page.route("**/consequence?*", lambda route: held.append(route))
    page.keyboard.press("m")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.url.endswith(shell_alert(injection()).uid)
    page.wait_for_function("document.querySelector('.waiting')")
    assert site.desk.verdicts == []
    held[0].continue_()
    expect(page.locator("#answer-button")).to_be_focused()
    assert site.desk.verdicts == []


def test_enter_gives_the_answer_shown_and_the_queue_moves_on(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    page.keyboard.press("e")
    expect(page.locator("#consequence")).to_contain_text("This will change 2 models")
    expect(page.locator("#consequence")).to_contain_text("0 known attacks would be hidden")
    expect(page.locator("#consequence")).to_contain_text("An attack that looks exactly like this would be quiet too")
    expect(page.locator("#consequence")).to_contain_text("undone exactly")
    page.keyboard.press("2")
    expect(page.locator("#give [name=scope]")).to_have_value("subject")
    expect(page.locator("#answer-button")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**changed=1")
    assert "admin-1" in page.locator(".crumbs").inner_text()
    given = site.desk.verdicts[0]
    assert (given.answer, given.scope, given.by, given.time) == ("benign-expected", "subject", "alice", NOW)
    expect(page.locator(".flash")).to_contain_text("becomes expected on orders-7")
    page.locator(".flash button").click()
    page.wait_for_url("**/models#change-1")
    assert site.desk.changes()[0].undone


def test_an_answer_that_was_changed_is_weighed_again(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    page.keyboard.press("e")
    expect(page.locator("#consequence")).to_contain_text("becomes expected")
    page.keyboard.press("m")
    expect(page.locator("#consequence")).to_contain_text("learned as an attack's")
    page.keyboard.press("u")
    expect(page.locator("#consequence")).to_contain_text("no model")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/alerts/*")
    arrived(page, "admin-1")
    assert [given.answer for given in site.desk.verdicts] == ["unsure"]


def test_a_pattern_is_made_of_values_of_a_stored_event(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    page.keyboard.press("w")
    page.keyboard.press("3")
    expect(page.locator(".pattern")).to_be_visible()
    expect(page.locator("#give [name=field]")).to_have_count(2)
    page.locator(".pattern fieldset:enabled").get_by_text("actor.process.file.path").click()
    expect(page.locator("#give [name=field]")).to_have_count(1)
    page.locator("#act").select_option(index=2)
    expect(page.locator("#give [name=act]")).to_have_value(page.locator("#act").input_value())
    page.locator("#act").select_option(index=0)
    expect(page.locator("#give [name=field]")).to_have_count(1)
    page.locator("#answer-button").click()
    page.wait_for_url("**changed=1")
    assert site.desk.verdicts[0].pattern == {"process.file.path": "/usr/bin/bash"}


def test_a_pattern_takes_no_value_from_the_request(site: Site) -> None:
    uid, event = shell_alert(injection()).uid, str(injection()[3]["event_id"])
    form = {"answer": "malicious", "scope": "pattern", "act": event}
    for wrong in ({"act": "elsewhere", "field": "process.file.path"}, {"field": "raw"}, {}):
        assert site.ask(f"/alerts/{uid}/answer", "POST", {**form, **wrong}).status == 422
    assert site.ask(f"/alerts/{uid}/answer", "POST", {**form, "field": "process.file.path"}).status == 303
    assert site.desk.verdicts[0].pattern == {"process.file.path": "/usr/bin/bash"}


def test_an_unknown_answer_or_scope_is_refused(site: Site) -> None:
    uid = shell_alert(injection()).uid
    for form in (
        {"answer": "maybe", "scope": "alert"},
        {"answer": "malicious", "scope": "fleet"},
        {"answer": "malicious"},
    ):
        assert site.ask(f"/alerts/{uid}/answer", "POST", form).status == 422
    assert site.desk.verdicts == []


def test_a_note_goes_with_the_answer(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    page.locator(".note summary").click()
    page.locator("#note").fill("just me, mewu")
    assert page.locator("#answer-button").count() == 0  # letters of a note are no keys
    page.locator(".choice", has_text="Malicious").click()
    page.locator("#answer-button").click()
    page.wait_for_url("**changed=1")
    assert site.desk.verdicts[0].note == "just me, mewu"


def test_a_console_that_ended_says_so(site: Site, look: Look) -> None:
    page = open_alert(site, look, expected="503")
    page.route("**/consequence?*", lambda route: route.fulfill(status=503, body=""))
    page.keyboard.press("m")
    expect(page.locator("#consequence")).to_contain_text("Is lichen run still running?")
    expect(page.locator("#answer-button")).to_have_count(0)


def test_without_script_the_same_page_weighs_and_answers(site: Site) -> None:
    uid = shell_alert(injection()).uid
    html = site.ask(f"/alerts/{uid}?answer=malicious&scope=alert").text
    assert 'id="give"' in html
    assert "learned as an attack&#39;s" in html
    assert '<noscript><button class="plain">Show what this would change' in html


def test_j_and_k_go_through_the_lane_and_escape_goes_back(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    page.keyboard.press("j")
    arrived(page, "admin-1")
    page.keyboard.press("k")
    arrived(page, "orders-7")
    page.keyboard.press("Escape")
    page.wait_for_url(f"{site.url}/")


def test_every_number_of_the_ledger_leads_to_its_events(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    links = page.locator("#why [data-events]")
    assert links.all_inner_texts() == ["1 event", "6 events", "1 event", "2 events"]
    links.nth(1).click()
    expect(page.locator(".moment.named")).to_have_count(6)
    for link in links.all():
        for uid in str(link.get_attribute("data-events")).split(" "):
            assert page.locator(f"#event-{uid}").count() == 1


def test_an_event_opens_to_its_columns_and_its_record(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    event = page.locator(".moment", has_text="connect")
    event.locator("summary").click()
    expect(event.locator(".columns")).to_contain_text("dst_endpoint.port")
    expect(event.locator("pre")).to_contain_text("type=SOCKADDR")
    expect(event.locator("pre .hidden-mark").first).to_have_text("GS")  # auditd's own separator, made visible


def test_seen_stands_beside_normal_and_only_what_is_new_is_red(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    rows = page.locator(".beside tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0).locator(".new")).to_have_text("bash (never before)")
    expect(rows.nth(1)).to_contain_text("payments:8080 96 %")
    expect(rows.nth(2).locator(".new")).to_have_count(0)
    hot, ink = (page.evaluate(f"getComputedStyle(document.querySelector('{what}')).color")
                for what in (".beside .new code", ".beside .normal code"))  # fmt: skip
    assert hot != ink


def test_another_window_of_the_day_shows_its_own_ledger(site: Site, look: Look) -> None:
    page = open_alert(site, look)
    page.locator(".windows a").nth(1).click()
    page.wait_for_url("**window=*")
    assert page.locator(".waterfall .bar").count() == 1


def test_a_confirmed_alert_offers_a_signature_and_shows_it(site: Site, look: Look) -> None:
    uid = shell_alert(injection()).uid
    site.desk.answer(uid, "malicious", "alert", "alice", {})
    page = look(site, f"/alerts/{uid}")
    expect(page.locator(".given")).to_contain_text("malicious")
    page.get_by_text("Propose a signature from it").click()
    page.wait_for_url("**/signatures#signature-s1")
    expect(page.locator("#signature-s1")).to_contain_text("0 of 41,220 benign events: at most 1 in 14,000 (95 %)")
    page.locator("#signature-s1 button").click()
    page.wait_for_url("**/signatures#signature-s1")
    expect(page.locator("#signature-s1 .chip")).to_have_text("stable")
    page.goto(f"{site.url}/alerts/{uid}")
    expect(page.locator(".born")).to_contain_text("bash under dash")
