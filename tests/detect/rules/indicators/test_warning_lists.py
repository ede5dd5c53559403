"""Warning lists: what is known as good is never a match, and what only stands near it still is."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lichen.detect.rules import load_indicators

REPOSITORY = Path(__file__).parents[4]
ARCHIVE = Path(os.environ.get("LICHEN_PUBLIC_DATA", REPOSITORY.parent / "shared" / "data")) / "05_misp.tar.xz"


def finds(folder: Path, indicators: str, asked: list[str], **lists: list[str]) -> list[bool]:
    folder.mkdir(exist_ok=True)
    (folder / "mine.txt").write_text(indicators)
    good = folder / "good"
    for kind, listed in lists.items():
        (good / kind).mkdir(parents=True)
        (good / kind / "list.json").write_text(json.dumps({"name": kind, "type": kind, "list": listed}))
    ((mine,), refused) = load_indicators([folder / "mine.txt"], [good])
    assert not refused
    return [each is not None for each in mine.finds_each(asked)]


def test_an_address_in_a_good_network_is_no_match(tmp_path: Path) -> None:
    held = "192.0.2.0/24\n198.51.100.7\n"
    asked = ["192.0.2.5", "192.0.2.129", "198.51.100.7"]
    assert finds(tmp_path, held, asked, cidr=["192.0.2.128/25"]) == [True, False, True]


def test_a_good_name_vetoes_itself_and_wider_indicators_but_not_narrower_ones(tmp_path: Path) -> None:
    held = "example.com\nevil.dyn.example\nwide.example\n"
    asked = ["www.example.com", "a.evil.dyn.example", "good.wide.example", "bad.wide.example"]
    good = ["example.com", ".dyn.example", "good.wide.example"]
    assert finds(tmp_path, held, asked, hostname=good) == [False, True, False, True]


def test_a_url_on_a_good_host_matches_unless_it_is_the_first_page(tmp_path: Path) -> None:
    held = "http://files.example/\nhttp://files.example/evil.exe\nhttp://files.example/ok\n"
    asked = ["http://files.example", "http://files.example/evil.exe", "http://FILES.example/ok"]
    lists = {"hostname": ["files.example"], "string": ["http://files.example/ok"]}
    assert finds(tmp_path, held, asked, **lists) == [False, True, False]


def test_hashes_substrings_and_patterns_veto_too(tmp_path: Path) -> None:
    held = f"{'a' * 32}\n{'b' * 32}\nx.cdn.example\ny1.example\n"
    asked = ["A" * 32, "b" * 32, "q.x.cdn.example", "Y1.example"]
    lists = {"string": ["a" * 32], "substring": [".cdn."], "regex": [r"/^y\d\./i"]}
    assert finds(tmp_path, held, asked, **lists) == [False, True, False, False]


@pytest.mark.parametrize("told", ["[", "[]", '{"type": "cidr"}', '{"type": "other", "list": []}'])
def test_what_is_no_warning_list_is_refused(tmp_path: Path, told: str) -> None:
    (tmp_path / "list.json").write_text(told)
    _, refused = load_indicators([], [tmp_path])
    assert len(refused) == 1


def test_bad_lines_of_a_warning_list_are_refused_one_by_one(tmp_path: Path) -> None:
    told: dict[str, Any] = {"type": "cidr", "list": ["x", "192.0.2.0/24", 7, ""]}
    (tmp_path / "list.json").write_text(json.dumps(told))
    (tmp_path / "other.json").write_text(json.dumps({"type": "regex", "list": ["(?!x)", "("]}))
    _, refused = load_indicators([], [tmp_path])
    assert len(refused) == 3


def test_misps_own_lists_are_read_and_a_public_resolver_is_no_indicator(tmp_path: Path) -> None:
    if not ARCHIVE.exists():
        pytest.skip("MISP's warning lists are not beside this clone (../shared/data/05_misp.tar.xz)")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "good", filter="data")
    (tmp_path / "mine.txt").write_text("8.8.8.8\ngoogle.com\nevil.example\n")
    ((mine,), refused) = load_indicators([tmp_path / "mine.txt"], [tmp_path / "good"])
    assert not refused
    assert mine.finds_each(["8.8.8.8", "mail.google.com", "evil.example"]) == [None, None, "evil.example"]
