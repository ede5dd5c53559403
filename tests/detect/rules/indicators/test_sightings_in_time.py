"""Sightings count while an indicator was valid and sure enough at the time of the event, and URLs are seen in logs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "store"))

from made_events import START, batch_of, lay

from lichen.core.batch import Batch
from lichen.core.time import to_text
from lichen.detect.rules import IndicatorList, load_indicators
from lichen.detect.rules.sightings import sightings

DAY = 86_400_000_000


def loaded(folder: Path, text: str) -> list[IndicatorList]:
    (folder / "mine.csv").write_text(text)
    lists, refused = load_indicators([folder])
    assert not refused
    return list(lists)


def asked(*days: float) -> Batch:
    rows = [("dns", START + int(day * DAY), "orders", {"query.hostname": "evil.example"}) for day in days]
    return batch_of(lay(rows))


def rows_of(batch: Batch, lists: list[IndicatorList]) -> list[int]:
    return [row for hit in sightings(batch, lists) for row in hit.rows.tolist()]


def test_only_events_within_the_validity_are_seen(tmp_path: Path) -> None:
    text = f"domain,valid_from,valid_until\nevil.example,{to_text(START)},{to_text(START + DAY)}\n"
    assert rows_of(asked(-0.5, 0, 0.5, 1.5), loaded(tmp_path, text)) == [1, 2]


def test_an_indicator_says_nothing_once_its_confidence_has_decayed(tmp_path: Path) -> None:
    text = "# half_life_days: 10\n# least_confidence: 20\ndomain,valid_from,confidence\n"
    text += f"evil.example,{to_text(START)},80\n"
    assert rows_of(asked(0, 19, 21), loaded(tmp_path, text)) == [0, 1]


def test_the_words_name_value_list_source_and_confidence(tmp_path: Path) -> None:
    (hit,) = sightings(
        asked(0), loaded(tmp_path, "# title: my list\ndomain,source,confidence\nevil.example,a team,80\n")
    )
    assert hit.because(0) == "asked for evil.example, which is on the list my list by a team, confidence 80 of 100"


@pytest.mark.parametrize(
    ("path", "query", "seen"), [("/x/../a", "b=1", True), ("/a", None, False), ("/a", "b=2", False)]
)
def test_a_url_is_put_together_from_a_servers_log(tmp_path: Path, path: str, query: str | None, seen: bool) -> None:
    view = {
        "http_request.url.hostname": "Evil.example",
        "http_request.url.path": path,
        "http_request.url.query_string": query,
    }
    batch = batch_of(lay([("http", START, "orders", view), ("http", START, "orders", {})]))
    lists = loaded(tmp_path, "url\nhttps://evil.example/a?b=1\n")
    assert rows_of(batch, lists) == ([0] if seen else [])
