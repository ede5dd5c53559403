"""Every indicator is read as one kind in one form, and matched exactly as a naive look-up would."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.detect.rules import load_indicators
from lichen.detect.rules.indicators import IndicatorList, Kind
from lichen.detect.rules.indicators.addresses import parsed
from lichen.detect.rules.indicators.collected import Collected
from lichen.detect.rules.indicators.entry import About
from lichen.detect.rules.indicators.hashes import Hashes
from lichen.detect.rules.indicators.keys import KeyTable
from lichen.detect.rules.indicators.kinds import kind_of
from lichen.detect.rules.indicators.spans import Spans
from lichen.detect.rules.indicators.texts import Texts
from lichen.detect.rules.indicators.tlsh import digest_bytes, distances
from lichen.detect.rules.indicators.urls import canonical_url
from lichen.detect.rules.lookups import packed_address

TLSH = "T195F0B7A0290C45584CF609237BF23905C3331D873B792C1F138ED75246426543C75C4D"


def list_of(*texts: str, **about: object) -> IndicatorList:
    collected = Collected()
    for text in texts:
        assert collected.add_text(text) is None
    return IndicatorList("mine", About("mine", **about), collected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "kind", "form"),
    [
        ("192.0.2.7", Kind.ADDRESS, "192.0.2.7"),
        ("192[.]0[.]2[.]7", Kind.ADDRESS, "192.0.2.7"),
        ("192.0.2.9/29", Kind.ADDRESS, "192.0.2.8/29"),
        ("2001:DB8::0:1", Kind.ADDRESS, "2001:db8::1"),
        ("*.Evil.Example.", Kind.DOMAIN, "evil.example"),
        ("bücher.example", Kind.DOMAIN, "xn--bcher-kva.example"),
        ("hxxps://Evil[.]example/A", Kind.URL, "https://evil.example/A"),
        ("A" * 32, Kind.HASH, "a" * 32),
        (TLSH.lower(), Kind.TLSH, TLSH),
        (TLSH[2:], Kind.TLSH, TLSH),
    ],
)
def test_an_indicator_has_one_kind_and_one_form(text: str, kind: Kind, form: str) -> None:
    assert kind_of(text) == (kind, form)


@pytest.mark.parametrize("text", ["", "x", "1.2.3.256", "01.2.3.4", "http://", "://x", "0.0.0.0/7", "::/15", "a b.c"])
def test_what_is_none_is_refused_with_the_reason(text: str) -> None:
    assert isinstance(kind_of(text), str)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("HTTP://EXAMPLE.com", "http://example.com/"),
        ("http://example.com:80/a", "http://example.com/a"),
        ("http://example.com:0080/a", "http://example.com/a"),
        ("https://example.com:80/a", "https://example.com:80/a"),
        ("http://user:secret@example.com./a#top", "http://example.com/a"),
        ("http://example.com/a/./b/../../c/..", "http://example.com/"),
        ("http://example.com/../../x", "http://example.com/x"),
        ("http://[2001:db8::1]:80./b", "http://[2001:db8::1]/b"),
        ("http://é.example../b", "http://xn--9ca.example/b"),
        ("http://example.com/%7euser/%2f%3a", "http://example.com/~user/%2F%3A"),
        ("http://example.com/ä b?q=%zz", "http://example.com/%C3%A4%20b?q=%25zz"),
        ("http://example.com?b=2&a=1", "http://example.com/?b=2&a=1"),
        ("http://example.com/?x=/../y", "http://example.com/?x=/../y"),
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://BÜCHER.example/", "http://xn--bcher-kva.example/"),
    ],
)
def test_two_ways_to_write_a_url_are_one(written: str, canonical: str) -> None:
    assert canonical_url(written) == canonical
    assert canonical_url(canonical) == canonical
    assert list_of(canonical).finds(written) == canonical


@settings(max_examples=300, deadline=None)
@given(st.text("aA%/.?#:@ä2f ", max_size=20))
def test_a_canonical_url_stays_as_it_is(rest: str) -> None:
    once = canonical_url(f"http://example.com/{rest}")
    assert once is not None
    assert canonical_url(once) == once


names = st.text("ab.Xä", min_size=1, max_size=7)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("ab.", min_size=1, max_size=4), max_size=12, unique=True), st.lists(names, max_size=12))
def test_the_longest_name_that_a_value_ends_with_on_a_label_border_is_found(held: list[str], asked: list[str]) -> None:
    held = [name for name in held if not name.startswith(".") and not name.endswith(".")]
    which, members = Texts(Spans.of(held)).suffixes(Spans.of(asked))
    told = dict(zip(which.tolist(), (held[member] for member in members.tolist()), strict=True))
    for at, value in enumerate(asked):
        name = "".join(character.lower() if character.isascii() else character for character in value).rstrip(".")
        fits = [each for each in held if name == each or name.endswith("." + each)]
        assert told.get(at) == max(fits, key=len, default=None)


addresses = st.one_of(
    st.ip_addresses().map(str),
    st.text("0123456789.:af", max_size=16),
    st.from_regex(r"[0-9]{0,4}(\.[0-9]{0,4}){3}", fullmatch=True),
    st.sampled_from(["1.2.3.4\0", "\0", "::ffff:1.2.3.4", "fe80::1%eth0", "١.2.3.4", ""]),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(addresses, max_size=30))
def test_addresses_are_parsed_by_arrays_as_the_system_parses_them(texts: list[str]) -> None:
    which, high, low = parsed(Spans.of(texts))
    got = {at: int(up) << 64 | int(down) for at, up, down in zip(which.tolist(), high, low, strict=True)}
    assert got == {
        at: int.from_bytes(packed) for at, text in enumerate(texts) if (packed := packed_address(text)) is not None
    }


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([24, 25, 28, 30, 31, 32]), st.integers(0, 1023)), max_size=12),
    st.lists(st.integers(0, 1023), max_size=20),
)
def test_the_narrowest_network_that_holds_an_address_is_found(held: list[tuple[int, int]], asked: list[int]) -> None:
    base = int(ipaddress.IPv4Address("192.0.0.0"))
    networks = [ipaddress.IPv4Network((base + number, prefix), strict=False) for prefix, number in held]
    mine = list_of(*(str(each) if each.prefixlen < 32 else str(each[0]) for each in networks))
    for number in asked:
        address = ipaddress.IPv4Address(base + number)
        fits = [each for each in networks if address in each]
        narrowest = max(fits, key=lambda each: each.prefixlen, default=None)
        found = mine.finds(str(address))
        assert (None if found is None else ipaddress.ip_network(found)) == narrowest


def test_a_hash_is_found_whole_and_only_whole() -> None:
    held = ["0" * 32, "0" * 31 + "1", "ab" * 20, "cd" * 32]
    asked = [
        "0" * 31 + "1",
        "0" * 31 + "g",
        "AB" * 20,
        "cd" * 31 + "ce",
        f"SHA256={'CD' * 32},MD5={'0' * 32}",
        "0" * 33,
    ]
    which, members = Hashes(Spans.of(held)).find(Spans.of(asked))
    assert sorted(zip(which.tolist(), members.tolist(), strict=True)) == [(0, 1), (2, 2), (4, 0), (4, 3)]


def test_keys_that_crowd_or_collide_change_no_answer() -> None:
    held = np.array([5, 5, 5, *range(1000), 1 << 63], dtype=np.uint64)
    table = KeyTable(held)
    for wanted in (0, 1, 2, 8, len(held) - 1):
        probe = held[[wanted]]
        found, members = table.find(probe, lambda probes, members, wanted=wanted: members == wanted)
        assert (found.tolist(), members.tolist()) == ([0], [wanted])
    found, _ = table.find(held, lambda probes, members: np.zeros(len(probes), dtype=np.bool_))
    assert not len(found)


@pytest.mark.parametrize(  # distances as py-tlsh 4 tells them
    ("one", "other", "apart"),
    [
        (TLSH, "T118F0B7B0250D05184EFA09223BF13905C3231E823B7A2C1B178DD75246422603C74C4D", 24),
        (TLSH, "T18101C56C002D1DBC012A0B2315F22B02C3B14C4A3EBCB8669215D4536141B0DACF881A", 131),
        (TLSH, "T10E0175A51023C2B0E4BF89E71BC021024355999DF8DD21A69F2B3AA9CD025C4E72B836", 230),
    ],
)
def test_tlsh_digests_are_as_far_apart_as_the_reference_says(one: str, other: str, apart: int) -> None:
    first, second = digest_bytes(one), digest_bytes(other)
    assert first is not None
    assert second is not None
    assert distances(first, second[None]).tolist() == [apart]
    assert distances(second, first[None]).tolist() == [apart]
    assert (list_of(one, tlsh_distance=apart).finds(other) is not None) is True
    assert list_of(one, tlsh_distance=apart - 1).finds(other) is None


def test_of_an_indicator_said_twice_the_later_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("domain,confidence\nevil.example,10\nother.example,\nEVIL.example,90\n")
    ((mine,), refused) = load_indicators([path])
    assert not refused
    assert len(mine) == 2
    _, entries = mine.matches(["www.evil.example", None, "other.example"])
    assert [mine.entry(each).confidence for each in entries.tolist()] == [90, None]


def test_the_digest_says_whether_two_lists_are_the_same() -> None:
    assert list_of("a.example", "192.0.2.1").digest == list_of("a.example", "192.0.2.1").digest
    assert list_of("a.example").digest != list_of("b.example").digest
    assert list_of("ab.example", "c.example").digest != list_of("a.example", "bc.example").digest


def test_lone_surrogates_and_nothing_at_all_are_no_match() -> None:
    mine = list_of("evil.example", "192.0.2.1", "http://evil.example/", "a" * 64, TLSH)
    assert mine.finds_each(["\ud800", "", "\ud800.evil.example"]) == [None, None, "evil.example"]
    assert list_of().finds("evil.example") is None
