"""Backtesting: hits over the store, on whom and when, and on alerts of which answer."""

from __future__ import annotations

from pathlib import Path

from answered_store import ID, answer, line, scanned

from lichen import assemble
from lichen.config import Settings
from lichen.run.backtest import Answered, Score, backtest
from lichen.run.hits import HitReader
from lichen.store.store import Store


def score_of(settings: Settings, since: int | None = None, until: int | None = None) -> Score:
    with Store(settings.store) as store:
        reader = HitReader.of(assemble.rules_of(settings, store))
        answered = Answered(store.records.alerts(), settings.window_minutes)
        (score,) = backtest(reader, store.lake.batches(since=since, until=until), answered, frozenset({ID}))
    return score


def test_hits_are_counted_by_what_was_answered(tmp_path: Path) -> None:
    lines = [line(hour, "/admin/x", "curl", second=second) for hour in (8, 9, 10, 11) for second in range(hour - 7)]
    settings = scanned(tmp_path, [*lines, line(12, "/index.html", "curl"), line(13, "/admin/x", "healthcheck")])
    assert score_of(settings).row()["hits_on"] == {"none": 10}
    for hour, given in ((8, "malicious"), (9, "benign-expected"), (10, None)):
        answer(settings, hour, given)
    row = score_of(settings).row()
    assert row["hits"] == 10
    assert row["hits_on"] == {"malicious": 1, "benign-expected": 2, "open": 3, "none": 4}
    assert row["alerts"] == {"malicious": 1, "benign-expected": 1, "open": 1}
    assert (row["subjects"], row["days"]) == (1, 1)
    assert row["first"] == "2026-11-24T08:00:00.000000Z"
    assert row["last"] == "2026-11-24T11:00:03.000000Z"


def test_only_the_time_that_was_asked_for_is_read(tmp_path: Path) -> None:
    settings = scanned(tmp_path, [line(hour, "/admin/x", "curl") for hour in (8, 9, 10)])
    first = score_of(settings).first
    assert first is not None
    assert score_of(settings, since=first + 1).hits == 2
    nothing = score_of(settings, until=first)
    assert nothing.row()["first"] is None
    assert nothing.hits == 0
