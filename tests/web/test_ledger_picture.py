"""The waterfall adds up exactly, as drawn and by hand."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served import Site
from trial_alerts import belief, injection, line, other_alerts, shell_alert, start

from lichen.core.belief import Belief
from lichen.core.entity import Subject
from lichen.web.ledger import picture_of, rarity, waterfall

NATS = st.floats(-9, 9).map(lambda nats: round(nats, 6))
FAMILIES = st.sampled_from(["rules", "normal", "attacks", "width", "head", "cap"])


@st.composite
def beliefs(draw: st.DrawFn) -> Belief:
    lines = [line(f"{n}", draw(FAMILIES), draw(NATS)) for n in range(draw(st.integers(0, 8)))]
    shown = draw(st.one_of(st.none(), NATS))
    return belief(Subject("host", "h"), [start(), *lines], shown)


@given(beliefs())
def test_each_bar_begins_where_the_last_one_ended_and_the_last_ends_at_the_odds_shown(made: Belief) -> None:
    picture = waterfall(made)
    places = [picture.start_at, *(place for bar in picture.bars for place in (bar.begins, bar.ends)), picture.end_at]
    for ended, begun in zip(places[::2], places[1::2], strict=True):
        assert ended == pytest.approx(begun, abs=0.002)


@given(beliefs())
def test_equal_nats_are_equally_long(made: Belief) -> None:
    picture = waterfall(made)
    one = (picture.ticks[-1][0] - picture.ticks[0][0]) / _nats_between(picture.ticks)
    for bar in picture.bars:
        assert bar.ends - bar.begins == pytest.approx(one * bar.line.nats, abs=0.005)


@given(beliefs())
def test_by_hand_the_printed_figures_add_up_to_the_last_digit(made: Belief) -> None:
    rows = waterfall(made).by_hand
    assert f"{sum(round(float(row.nats) * 100) for row in rows) / 100:.2f}" == rows[-1].total.replace("-0.00", "0.00")
    assert float(rows[-1].total) == pytest.approx(made.shown_log_odds, abs=0.00501)


@given(beliefs())
def test_everything_stays_within_the_axis(made: Belief) -> None:
    picture = waterfall(made)
    places = [picture.start_at, picture.end_at, picture.low_at, picture.high_at, *(t for t, _ in picture.ticks)]
    assert all(0 <= place <= 100 for place in places)
    assert all(bar.left >= 0 and bar.left + bar.width <= 100 for bar in picture.bars)


def test_the_page_draws_what_the_ledger_says(site: Site) -> None:
    alert = shell_alert(injection())
    html = site.ask(f"/alerts/{alert.uid}").text
    section = re.search(r'<ol class="waterfall">.*?</ol>', html, re.S)
    assert section is not None
    drawn = ElementTree.fromstring(section.group())
    rects = list(drawn.iter("rect"))
    picture = waterfall(alert.beliefs[0])
    assert [float(rect.get("x", "").rstrip("%")) for rect in rects] == [bar.left for bar in picture.bars]
    assert [float(rect.get("width", "").rstrip("%")) for rect in rects] == [bar.width for bar in picture.bars]
    diamond = next(svg for svg in drawn.iter("svg") if svg.get("x"))
    assert float(diamond.get("x", "").rstrip("%")) == picture.end_at
    families = [rect.get("class", "").split()[-1] for rect in rects]
    assert families == ["head", "rules", "normal", "normal", "attacks", "width"]


def test_a_cap_of_the_odds_shown_is_a_line_of_its_own() -> None:
    made = belief(Subject("host", "h"), [start(), line("x", "normal", 14.0)], shown=2.0)
    last = waterfall(made).bars[-1].line
    assert last.family == "cap"
    assert last.nats == pytest.approx(2.0 - (14.0 + math.log(1e-3)))


def test_where_no_malice_is_claimed_the_picture_is_one_of_rarity(site: Site) -> None:
    alert = other_alerts()[-1]
    picture = picture_of(alert.beliefs[0], alert.lane)
    assert [(bar.line.detector, bar.line.family) for bar in picture.bars] == [("profile.path", "normal"), ("", "width")]
    assert picture.bars[0].line.nats == 4.2  # the heaviest of its group; the lighter one is told and not counted
    assert [quiet.detector for quiet in picture.quiet] == ["profile.pair", "profile.rate"]
    assert sum(bar.line.nats for bar in picture.bars) == pytest.approx(alert.beliefs[0].unusual_score)
    assert picture.bars[-1].ends == picture.end_at
    html = site.ask(f"/alerts/{alert.uid}").text
    assert "that this is malicious" not in html
    assert "uncalibrated" not in html
    assert "no claim of malice" in html


@given(beliefs())
def test_a_picture_of_rarity_adds_up_too(made: Belief) -> None:
    picture = rarity(made)
    places = [picture.start_at, *(place for bar in picture.bars for place in (bar.begins, bar.ends)), picture.end_at]
    for ended, begun in zip(places[::2], places[1::2], strict=True):
        assert ended == pytest.approx(begun, abs=0.002)
    assert all(bar.line.family not in {"rules", "start", "head"} for bar in picture.bars)


def test_a_silent_detector_is_told_and_draws_nothing() -> None:
    picture = waterfall(shell_alert(injection()).beliefs[0])
    assert [silent.detector for silent in picture.quiet] == ["profile.rate"]
    assert all(bar.line.detector != "profile.rate" for bar in picture.bars)


def _nats_between(ticks: tuple[tuple[float, str], ...]) -> float:
    def nats(text: str) -> float:
        if text == "even":
            return 0.0
        left, right = (float(part.replace(",", "")) for part in text.split(" : "))
        return math.log(left / right)

    return nats(ticks[-1][1]) - nats(ticks[0][1])
