"""Indicator files: CSV, MISP and STIX with what they say of each indicator; what is more than that is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lichen.core.time import from_text
from lichen.detect.rules import IndicatorList, load_indicators
from lichen.detect.rules.indicators import Entry, Kind
from lichen.detect.rules.indicators.read_stix import NotSimple, values_of

DAY = 86_400_000_000


def loaded(path: Path, told: Any, **places: Any) -> tuple[IndicatorList, list[str]]:
    path.write_text(told if isinstance(told, str) else json.dumps(told), encoding="utf-8")
    lists, refused = load_indicators([path], **places)
    return lists[0], [each.fault for each in refused]


def entries(one: IndicatorList) -> dict[str, Entry]:
    return {each.text: each for each in map(one.entry, range(len(one)))}


def test_csv_says_source_confidence_and_validity_of_each(tmp_path: Path) -> None:
    text = "first_seen,url,source,confidence,expires\n"
    text += "2026-11-01T00:00:00Z,http://evil.example/a,somebody,80,2026-12-01\n2026-13-01,http://evil.example/b,,,\n"
    mine, faults = loaded(tmp_path / "mine.csv", text)
    told = entries(mine)["http://evil.example/a"]
    assert (told.source, told.confidence) == ("somebody", 80)
    assert (told.valid_from, told.valid_until) == (from_text("2026-11-01"), from_text("2026-12-01"))
    assert len(faults) == 1
    assert "no time that can be read" in faults[0]


def test_a_note_in_plain_text_needs_a_blank_before_it(tmp_path: Path) -> None:
    mine, faults = loaded(tmp_path / "mine.txt", "http://evil.example/a#b # a note\n#another\nevil.example\t# third\n")
    assert set(entries(mine)) == {"http://evil.example/a", "evil.example"}
    assert not faults


def misp_event() -> dict[str, Any]:
    def attribute(kind: str, value: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "value": value, "to_ids": True, "timestamp": "1793491200", **more}

    level = [{"name": 'misp:confidence-level="usually-confident"'}]
    held = [
        attribute("ip-dst|port", "192.0.2.7|443"),
        attribute("domain|ip", "evil.example|192.0.2.8", Tag=level),
        attribute("filename|sha256", f"a|b.exe|{'a' * 64}"),
        attribute("url", "http://evil.example/x", to_ids=False),
        attribute("comment", "nothing"),
        attribute("md5", "b" * 32, deleted=True),
        attribute("domain", "no name"),
    ]
    objects = [{"Attribute": [attribute("sha1", "c" * 40)]}, "?"]
    return {"Event": {"Orgc": {"name": "a team"}, "Attribute": held, "Object": objects}}


def test_misp_events_give_what_is_meant_for_detection(tmp_path: Path) -> None:
    mine, faults = loaded(tmp_path / "mine.json", {"response": [misp_event()]})
    told = entries(mine)
    assert set(told) == {"192.0.2.7", "evil.example", "192.0.2.8", "a" * 64, "c" * 40}
    assert (told["evil.example"].confidence, told["192.0.2.7"].confidence) == (75, None)
    assert told["192.0.2.7"].source == "a team"
    assert told["192.0.2.7"].valid_from == 1793491200 * 1_000_000
    assert [fault.partition(":")[0] for fault in faults] == [
        "'no name' is no address, network, domain, URL or hash"
    ] + ["1 attributes left out"] * 2


def test_a_misp_feed_is_one_list(tmp_path: Path) -> None:
    feed = tmp_path / "lists" / "feed"
    feed.mkdir(parents=True)
    (feed / "manifest.json").write_text("{}")
    (feed / "one.json").write_text(json.dumps(misp_event()))
    (feed / "two.json").write_text(json.dumps({"Event": {"Attribute": [{"type": "domain", "value": "two.example"}]}}))
    lists, _ = load_indicators([tmp_path / "lists"])
    assert [each.name for each in lists] == ["feed"]
    assert lists[0].finds("two.example")
    assert lists[0].finds("evil.example")


def bundle(**more: Any) -> dict[str, Any]:
    team = {"type": "identity", "id": "identity--1", "name": "a team"}
    told = {
        "type": "indicator",
        "id": "indicator--1",
        "created_by_ref": "identity--1",
        "pattern_type": "stix",
        "pattern": "[domain-name:value = 'evil.example' OR ipv4-addr:value ISSUBSET '192.0.2.0/28']",
        "valid_from": "2026-11-01T00:00:00Z",
        "confidence": 70,
    }
    return {"type": "bundle", "objects": [team, {**told, **more}, {"type": "malware"}]}


def test_stix_indicators_of_simple_comparisons_are_read(tmp_path: Path) -> None:
    mine, faults = loaded(tmp_path / "mine.json", bundle(valid_until="2026-12-01T00:00:00Z"))
    told = entries(mine)
    assert not faults
    assert told["evil.example"] == Entry(
        Kind.DOMAIN, "evil.example", "a team", 70, from_text("2026-11-01"), from_text("2026-12-01")
    )
    assert mine.finds("192.0.2.9")


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        ("[ipv4-addr:value = '192.0.2.1']", ["192.0.2.1"]),
        ("[url:value='http://e.example/?a=\\'b\\'']", ["http://e.example/?a='b'"]),
        ("[file:hashes.'SHA-256' = 'aa'] OR [file:hashes.MD5 IN ('b', 'c')]", ["aa", "b", "c"]),
        (" [ ipv6-addr:value = '::1' or domain-name:value = 'x' ] ", ["::1", "x"]),
    ],
)
def test_a_pattern_of_choices_is_its_values(pattern: str, values: list[str]) -> None:
    assert values_of(pattern) == values


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "[",
        "[domain-name:value = 'a' AND ipv4-addr:value = '192.0.2.1']",
        "[domain-name:value = 'a'] FOLLOWEDBY [domain-name:value = 'b']",
        "[domain-name:value = 'a'] WITHIN 5 SECONDS",
        "[domain-name:value != 'a']",
        "[domain-name:value NOT = 'a']",
        "[domain-name:value LIKE 'a%']",
        "[domain-name:value ISSUBSET 'a']",
        "[process:command_line = 'a']",
        "[domain-name:value = 1]",
        "[domain-name:value = 'a']]",
        "[([domain-name:value = 'a'])]",
        "[domain-name:value = '" + "a" * 70_000 + "']",
    ],
)
def test_a_pattern_that_asks_for_more_is_refused(pattern: str) -> None:
    with pytest.raises(NotSimple):
        values_of(pattern)


def test_refused_and_revoked_indicators_of_a_bundle_match_nothing(tmp_path: Path) -> None:
    mine, faults = loaded(tmp_path / "mine.json", bundle(pattern_type="sigma"))
    assert len(mine) == 0
    assert "only stix is read" in faults[0]
    mine, faults = loaded(tmp_path / "other.json", bundle(revoked=True))
    assert len(mine) == 0
    assert not faults


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', "[" * 5000, "7"])
def test_json_that_is_neither_is_refused_and_never_raises(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.json").write_text(text)
    _, refused = load_indicators([tmp_path])
    assert len(refused) == 1


@pytest.mark.parametrize("number", ["inf", "1e999", "nan", "9" * 5000])
def test_a_number_beyond_every_bound_costs_its_own_line_alone(tmp_path: Path, number: str) -> None:
    (tmp_path / "a.csv").write_text(f"indicator,confidence\nevil.example,{number}\ngood.example,50\n")
    lists, faults = load_indicators([tmp_path])
    assert [fault.place for fault in faults] == [f"{tmp_path / 'a.csv'}:2"]
    assert entries(lists[0]).keys() == {"good.example"}


@pytest.mark.parametrize("time", ["9" * 400, "-1e400", "1e400", "NaN", "-Infinity"])
def test_a_time_beyond_every_date_costs_its_own_indicator_alone(tmp_path: Path, time: str) -> None:
    told = json.dumps(bundle(valid_from="TIME")).replace('"TIME"', time)
    (tmp_path / "a.json").write_text(told)
    lists, faults = load_indicators([tmp_path])
    assert len(lists[0]) == 0
    assert "beyond every date" in faults[0].fault


def test_what_is_no_csv_any_more_is_told_with_its_line_and_what_came_before_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("indicator\nevil.example\n" + "a" * 140_000 + "\nlater.example\n")
    lists, [fault] = load_indicators([tmp_path])
    assert entries(lists[0]).keys() == {"evil.example"}
    assert (fault.place, fault.fault[:12]) == (f"{tmp_path / 'a.csv'}:3", "no CSV from ")


def test_a_number_without_end_beside_a_list_refuses_the_list(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("evil.example\n")
    (tmp_path / "a.about.yml").write_text("confidence: .inf\n")
    lists, [fault] = load_indicators([tmp_path])
    assert lists == ()
    assert fault.fault.startswith("cannot be read")


def test_what_stands_beside_a_list_says_what_holds_of_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("# confidence: 40\nevil.example\n")
    (tmp_path / "mine.about.yml").write_text("title: my list\ntechniques: [t1071]\nhalf_life_days: 10\n")
    ((mine,), refused) = load_indicators([tmp_path])
    assert not refused
    assert (mine.title, mine.techniques, mine.about.confidence, mine.about.half_life_days) == (
        "my list", ("T1071",), 40, 10.0,
    )  # fmt: skip
    (tmp_path / "mine.about.yml").write_text("tittle: x\n")
    _, refused = load_indicators([tmp_path])
    assert "may say only" in refused[0].fault


def test_confidence_decays_and_ends_with_validity(tmp_path: Path) -> None:
    text = "# half_life_days: 10\ndomain,confidence,valid_from,valid_until\nevil.example,80,2026-11-01,2026-12-01\n"
    mine, _ = loaded(tmp_path / "mine.csv", text)
    entry, start = mine.entry(0), from_text("2026-11-01")
    assert entry.confidence_at(start, mine.about) == 80
    assert entry.confidence_at(start + 20 * DAY, mine.about) == pytest.approx(20)
    assert entry.confidence_at(start - 1, mine.about) == 0
    assert entry.confidence_at(start + 31 * DAY, mine.about) == 0
    assert entry.confidence_at(None, mine.about) == 80
