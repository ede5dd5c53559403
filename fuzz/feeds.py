"""Indicator feeds: text, CSV, MISP, STIX and warning lists; what is loaded is found, what is not is told."""

from __future__ import annotations

from pathlib import Path

from fuzz.reading import memory_folder
from fuzz.targets import Target, expect
from lichen.core.errors import RuleError
from lichen.detect.rules.indicators.lists import IndicatorList
from lichen.detect.rules.indicators.load import FAULTS_TOLD, load_list
from lichen.detect.rules.indicators.warning import Warnings, load_warnings

FOLDER = memory_folder()
CHECKED = 64  # entries of one list that are looked up
PROBES = ["198.51.100.7", "2001:db8::1", "a.evil.example", "http://evil.example/%7Ea/../b?c#d", "é.example", "", None]
PROBES += ["a" * 32, "b" * 40, "c" * 64, "T1" + "0" * 70, "x" * 9000, "\ud800", "MD5=" + "a" * 32]


def read(data: bytes) -> None:
    """The file under each name that it might have: people choose it, or a feed does."""
    warnings: Warnings | None = None
    for suffix in ("json", "csv", "txt"):
        path = FOLDER / f"feed.{suffix}"
        path.write_bytes(data)
        if suffix == "json":
            warnings, faults = load_warnings([path])
            expect(all(each.fault and each.remedy for each in faults), "a fault without remedy")
        refused: list[RuleError] = []
        loaded = load_list(path, refused)
        expect(len(refused) <= FAULTS_TOLD + 1, f"{len(refused)} faults told")
        expect(all(each.place and each.fault and each.remedy for each in refused), "a fault without place or remedy")
        if loaded is not None:
            expect(len(loaded) <= len(data), f"{len(loaded)} indicators of {len(data)} bytes")
            _look_up(loaded)
        load_list(path, [], warnings)
    if warnings is not None and loaded is not None:
        listed = load_list(Path(path), [], warnings)
        if listed is not None:
            listed.matches([loaded.entry(number).text for number in range(min(CHECKED, len(loaded)))])
            expect(len(listed.digest) == 16, "no digest")


def _look_up(loaded: IndicatorList) -> None:
    loaded.matches(PROBES)
    expect(len(loaded.digest) == 16, "no digest")
    entries = [loaded.entry(number) for number in range(min(CHECKED, len(loaded)))]
    places, numbers = loaded.matches([entry.text for entry in entries])
    found = set(zip(places.tolist(), numbers.tolist(), strict=True))
    for number, entry in enumerate(entries):
        # a network is no value, of addresses the narrowest answers, and what is no Unicode is told in escapes
        if entry.kind.value != "address" and "\\x" not in entry.text:
            expect((number, number) in found, f"what is loaded is not found: {entry}")


WORDS = (
    "indicator,", "value,", "confidence,", "first_seen,", "valid_until,", "source,", "198.51.100.7", "2001:db8::/32",
    "::ffff:0:0/96", "evil.example", "xn--", "*.", "hxxp://", "http://", "[.]", "%2e%2e/", "# title: ", "T1",
    "# techniques: ", "# confidence: ", "# half_life_days: ", "# tlsh_distance: ", "ExitAddress ", "inf", "nan",
    '{"type":"bundle","objects":[', '{"type":"indicator","pattern":"', "[ipv4-addr:value = '", "'] OR [", " ISSUBSET ",
    "domain-name:value IN ('", "file:hashes.MD5", '"Event"', '"Attribute"', '"to_ids"', '"response"', '"Tag"', '"list"',
    '"type":"regex"', '"type":"cidr"', '"type":"hostname"', '"valid_from"', "2026-11-24T00:00:00Z", "d41d8cd98f00b204",
)  # fmt: skip
TARGET = Target("feeds", read, 8192, WORDS)
