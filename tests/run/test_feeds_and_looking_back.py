"""Feeds are taken in whole or not at all, and a new indicator finds what the store holds already."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "store"))

from made_events import MINUTE, START, delivery_of, lay

from lichen import assemble
from lichen.assemble import Platform
from lichen.cli import main
from lichen.config import Settings
from lichen.core.errors import ConfigError, InputError
from lichen.run import feeds
from lichen.run.retro import look_back
from lichen.store.records import Judged

EVIL = "203.0.113.66"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=tmp_path / "store")


def kept(settings: Settings) -> None:
    """A store with three connections and a question, an hour apart."""
    rows = [
        ("net", START, "orders-1", {"dst_endpoint.ip": "10.0.0.5"}),
        ("net", START + 60 * MINUTE, "orders-1", {"dst_endpoint.ip": EVIL}),
        ("net", START + 61 * MINUTE, "orders-1", {"dst_endpoint.ip": EVIL}),
        ("dns", START + 120 * MINUTE, "orders-2", {"query.hostname": "a.evil.example"}),
    ]
    platform = assemble.open_platform(settings)
    with platform.store:
        platform.store.keep(delivery_of(lay(rows), 1000), Judged())


def opened(settings: Settings) -> Platform:
    return assemble.open_platform(settings)


def listed(tmp_path: Path, text: str, name: str = "mine.txt") -> str:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def test_a_list_is_taken_in_and_is_in_force(settings: Settings, tmp_path: Path) -> None:
    done = feeds.add(settings, listed(tmp_path, f"{EVIL}\nnonsense\n"), about={"title": "my list", "confidence": 70})
    assert (done.feed.name, done.feed.indicators, done.feed.refused) == ("mine", 1, 1)
    mine = next(each for each in assemble.indicators_of(settings) if each.name == "mine")
    assert (mine.title, mine.about.confidence, mine.finds(EVIL)) == ("my list", 70, EVIL)
    with pytest.raises(ConfigError, match="is there"):
        feeds.add(settings, listed(tmp_path, EVIL))


@pytest.mark.parametrize("text", ["", "nonsense\n", "{", '{"type": "bundle", "objects": []}'])
def test_what_holds_nothing_leaves_no_trace_in_force(settings: Settings, tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        feeds.add(settings, listed(tmp_path, text))
    assert feeds.feeds(settings) == []
    assert list(assemble.indicators_folder(settings).iterdir()) == []


def test_a_refresh_that_fails_keeps_the_old_list(settings: Settings, tmp_path: Path) -> None:
    source = listed(tmp_path, EVIL)
    (feed,) = [feeds.add(settings, source).feed]
    listed(tmp_path, "nonsense")
    with pytest.raises(InputError):
        feeds.refresh(settings, feed)
    assert any(each.finds(EVIL) for each in assemble.indicators_of(settings))
    listed(tmp_path, "192.0.2.1")
    done = feeds.refresh(settings, feed)
    assert done.loaded is not None
    assert feeds.refresh(settings, done.feed).loaded is None
    mine = next(each for each in assemble.indicators_of(settings) if each.name == "mine")
    assert (mine.finds(EVIL), mine.finds("192.0.2.1")) == (None, "192.0.2.1")


def test_a_list_may_change_its_form(settings: Settings, tmp_path: Path) -> None:
    feed = feeds.add(settings, listed(tmp_path, EVIL)).feed
    told = {"Event": {"Attribute": [{"type": "domain", "value": "evil.example"}]}}
    (tmp_path / "mine.txt").write_text(json.dumps(told))
    assert feeds.refresh(settings, feed).feed.suffix == ".json"
    mine = next(each for each in assemble.indicators_of(settings) if each.name == "mine")
    assert (mine.finds(EVIL), mine.finds("evil.example")) == (None, "evil.example")


def test_a_new_indicator_is_matched_over_the_store_and_becomes_evidence_once(
    settings: Settings, tmp_path: Path
) -> None:
    kept(settings)
    feeds.add(settings, listed(tmp_path, f"{EVIL}\nevil.example\n"))
    platform = opened(settings)
    with platform.store:
        mine = [each for each in platform.rules.indicators if each.name == "mine"]
        found = look_back(platform, mine)
        told = {(row.subject.name, row.n_events) for row in found.evidence}
        assert found.events == 4
        assert told == {("orders-1", 2), ("orders-2", 1)}
        stored = platform.store.records.evidence(START - 1, START + 1000 * MINUTE)
        assert {row.key for row in stored} == {row.key for row in found.evidence}
        assert all(len(row.sample_event_ids) == row.n_events for row in stored)
        assert look_back(platform, mine).evidence == []
        assert look_back(platform, mine, since=START + 500 * MINUTE).events == 0


def test_the_commands_add_list_refresh_and_look_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(store=tmp_path / "store")
    kept(settings)
    source, store = listed(tmp_path, EVIL), ("--store", str(settings.store))
    assert main(["intel", "add", source, "--technique", "T1071", *store]) == 0
    said = capsys.readouterr()
    (row,) = [json.loads(line) for line in said.out.splitlines()]
    assert (row["list"], row["events"], row["subject"]) == ("mine", 2, "workload orders-1")
    assert "looked back over 4 events" in said.err
    assert main(["intel", "list", *store]) == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["mine"]["address"] == 1
    assert rows["mine"]["from"] == source
    assert main(["intel", "refresh", *store]) == 0
    assert "unchanged" in capsys.readouterr().err
    Path(source).unlink()
    assert main(["intel", "refresh", "mine", *store]) == 1
    assert main(["intel", "refresh", "nobody", *store]) == 3
    assert main(["intel", "add", "http://127.0.0.1:1/x.txt", *store]) == 3
