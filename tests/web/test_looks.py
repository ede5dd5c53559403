"""Calm and readable: AA in both themes as rendered, one column below 900 px, nothing dead, nothing shifting."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from served import Site
from trial_alerts import injection, shell_alert

import lichen.web

Look = Callable[..., Page]
CSS = (Path(lichen.web.__file__).parent / "static" / "lichen.css").read_text(encoding="utf-8")
TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11

LEAST = """() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return parse(getComputedStyle(document.documentElement).backgroundColor);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const style = getComputedStyle(element);
    if (!walker.currentNode.textContent.trim() || element.closest('.unseen, script, noscript, option')) continue;
    if (!element.getClientRects().length) continue;
    const ink = parse(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(element))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), walker.currentNode.textContent.trim().slice(0, 40)]);
  }
  return found.sort((x, y) => x[0] - y[0]);
}"""


def tokens(dark: bool) -> dict[str, str]:
    blocks = re.findall(r":root \{(.*?)\n\s*\}", CSS, re.S)
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0]))
    return light | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[1])) if dark else light


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_tokens_meet_aa(dark: bool) -> None:
    t = tokens(dark)
    for ink in ("ink", "ink-2", "ink-3", "hot", "unusual-ink"):
        for ground in ("background", "panel"):
            assert contrast(t[ink], t[ground]) >= TEXT, (ink, ground)
    for ink, ground in (("hot", "hot-wash"), ("unusual-ink", "unusual-wash"), ("ink", "hot-wash"), ("ink-2", "wash")):
        assert contrast(t[ink], t[ground]) >= TEXT, (ink, ground)
    for family in ("rules", "normal", "attacks", "hot", "unusual", "focus", "ink-3"):
        assert contrast(t[family], t["panel"]) >= GRAPHIC, family


def test_the_tokens_are_those_of_the_design() -> None:
    light, dark = tokens(False), tokens(True)
    drawn = {"background": ("#f7f7f4", "#141816"), "panel": ("#ffffff", "#1b201d"), "ink": ("#1d2420", "#e6e9e4"),
             "rules": ("#b7791f", "#e0a84a"), "normal": ("#2f8270", "#5cbfa6"), "attacks": ("#5a63c7", "#929cf0"),
             "hot": ("#b3402e", "#e77a66"), "focus": ("#1d6f5f", "#5cbfa6")}  # fmt: skip
    assert {name: (light[name], dark[name]) for name in drawn} == drawn


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_as_rendered_meets_aa(site: Site, look: Look, scheme: str) -> None:
    uid = shell_alert(injection()).uid
    other = site.desk.alerts()[2].uid
    site.desk.answer(other, "malicious", "alert", "alice", {})
    site.desk.propose(other)
    page = look(site, scheme=scheme)
    act = injection()[3]["event_id"]
    pattern = f"answer=benign-expected&scope=pattern&act={act}&field=process.file.path"
    for path in ("/", f"/alerts/{uid}?{pattern}", "/models", "/signatures", "/?show=answered"):
        page.goto(site.url + path)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        weakest = page.evaluate(LEAST)[0]
        assert weakest[0] >= TEXT, (path, weakest)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_reader(site: Site, look: Look, scheme: str) -> None:
    page = look(site, scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == {"light": "rgb(247, 247, 244)", "dark": "rgb(20, 24, 22)"}[scheme]


@pytest.mark.parametrize("width", [375, 640, 899, 900, 1320])
def test_no_page_scrolls_sideways(site: Site, look: Look, width: int) -> None:
    page = look(site, width=width)
    for path in ("/", f"/alerts/{shell_alert(injection()).uid}?answer=benign-expected", "/models", "/signatures"):
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_below_900_px_the_labels_stand_above_their_bars(site: Site, look: Look) -> None:
    page = look(site, f"/alerts/{shell_alert(injection()).uid}", width=700)
    for step in page.locator(".waterfall li:has(.bar)").all():
        said, track = step.locator(".said").bounding_box(), step.locator(".track").bounding_box()
        assert said is not None
        assert track is not None
        assert said["y"] + said["height"] <= track["y"] + 1
    answer, why = page.locator("#answer").bounding_box(), page.locator("#why").bounding_box()
    assert answer is not None
    assert why is not None
    assert answer["y"] > why["y"] + why["height"]


def test_weighing_an_answer_does_not_shift_the_choices(site: Site, look: Look) -> None:
    page = look(site, f"/alerts/{shell_alert(injection()).uid}")
    before = page.locator(".scopes").bounding_box()
    page.keyboard.press("m")
    expect(page.locator("#answer-button")).to_be_visible()
    assert page.locator(".scopes").bounding_box() == before


def test_no_link_is_dead(site: Site) -> None:
    site.desk.answer(site.desk.alerts()[2].uid, "malicious", "alert", "alice", {})
    site.desk.propose(site.desk.alerts()[2].uid)
    seen: set[str] = set()
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = site.ask(path)
        assert answer.status == 200, path
        if "html" not in answer.headers["Content-Type"]:
            continue
        ids = set(re.findall(r' id="([^"]+)"', answer.text))
        for link in re.findall(r'(?:href|src)="([^"]+)"', answer.text):
            there, _, part = link.partition("#")
            if part and there in {"", path}:
                assert part in ids, (path, link)
            if there.startswith("/") and there not in seen and there not in waiting:
                waiting.append(there)
    assert {"/models", "/signatures", "/?show=answered"} <= seen


def test_a_page_that_is_not_there_says_so_and_leads_back(site: Site) -> None:
    for path in ("/alerts/nowhere", "/nowhere"):
        answer = site.ask(path)
        assert answer.status == 404
        assert 'href="/"' in answer.text
    for path in ("/changes/9/undo", "/signatures/none/promote", "/alerts/nowhere/propose"):
        assert site.ask(path, "POST").status == 404
    assert site.ask("/alerts/x?field=" + "&field=".join("abcdefghijklmnopqrstuvwxyz")).status == 422


def test_every_control_has_a_name_and_every_page_a_heading(site: Site, look: Look) -> None:
    page = look(site)
    for path in ("/", f"/alerts/{shell_alert(injection()).uid}?answer=malicious", "/models", "/signatures"):
        page.goto(site.url + path)
        assert page.locator("h1").count() == 1, path
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')].filter(
            (each) => !(each.textContent.trim() || each.labels?.length || each.ariaLabel || each.title)).length"""
        )
        assert nameless == 0, path
