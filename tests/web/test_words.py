"""What people read is right: odds, factors, chances, ages and rarities."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trial_alerts import belief, injection, line, shell_alert, start

from lichen.core.entity import Subject
from lichen.core.time import MICROSECONDS, from_text
from lichen.web import words


@pytest.mark.parametrize(
    ("odds", "told"),
    [(33, "33 to 1"), (1 / 20, "1 to 20"), (1, "even"), (1.6, "1.6 to 1"), (1234, "1,200 to 1"), (1e-3, "1 to 1,000")],
)
def test_odds_are_told_as_people_say_them(odds: float, told: str) -> None:
    assert words.odds(math.log(odds)) == told


@pytest.mark.parametrize(("ratio", "told"), [(18, "× 18"), (1 / 1.6, "÷ 1.6"), (1, "× 1"), (290, "× 290")])
def test_a_factor_multiplies_or_divides(ratio: float, told: str) -> None:
    assert words.factor(math.log(ratio)) == told


@pytest.mark.parametrize(("odds", "told"), [(1 / 3, "1 in 4"), (1e-3, "1 in 1,000"), (3, "8 in 10"), (33, "33 to 1")])
def test_a_chance_is_told_in_whole_numbers(odds: float, told: str) -> None:
    assert words.chance(math.log(odds)) == told


@given(st.floats(-1e4, 1e4))
def test_every_belief_has_words(nats: float) -> None:
    assert words.odds(nats)
    assert words.chance(nats)
    assert words.factor(nats)
    assert words.likelihood(nats)


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_more_belief_never_sounds_like_less(one: float, other: float) -> None:
    order = ["all but excluded", "very unlikely", "unlikely", "as likely as not", "likely", "very likely",
             "all but certain"]  # fmt: skip
    low, high = sorted((one, other))
    assert order.index(words.likelihood(low)) <= order.index(words.likelihood(high))


def test_the_evidence_is_told_apart_from_the_base_rate() -> None:
    made = belief(Subject("host", "h"), [start(), line("x", "rules", math.log(333))])
    assert words.times_usual(made) == (
        "about 330 times the usual odds; with one attacked window in 1,000 that is 1 in 4"
    )


def test_rarity_counts_the_time_between_such_windows() -> None:
    assert words.once_in(1 / 21_600, 60) == "once in 900 days"
    assert words.once_in(1 / 288, 5) == "once in 1 day"
    assert words.once_in(1 / 24, 5) == "once in 2 hours"


def test_a_span_says_its_day_once_and_its_zone() -> None:
    first = from_text("2026-11-24T14:02:10Z")
    assert words.span(first, first + 200 * MICROSECONDS) == "Tue 24 Nov, 14:02 – 14:05 UTC"
    assert words.span(first, first) == "Tue 24 Nov, 14:02 UTC"
    assert words.span(first, from_text("2026-11-25T00:01:00Z")) == "Tue 24 Nov, 14:02 – Wed 25 Nov, 00:01 UTC"


def test_ages_grow_coarse() -> None:
    told = [words.age(seconds * MICROSECONDS) for seconds in (-5, 2, 240, 7200, 86_400 * 5)]
    assert told == ["0 s", "2 s", "4 min", "2 h", "5 days"]


def test_a_lane_is_told_in_its_own_measure() -> None:
    alert = shell_alert(injection())
    assert words.strength(alert, 60).endswith(" to 1")
