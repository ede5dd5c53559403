"""Indicator lists: read from plain text, CSV and Tor's own form; matched as a naive look-up would."""

from __future__ import annotations

import ipaddress
import random
from pathlib import Path

import pytest

from lichen.detect.rules import IndicatorList, load_indicators
from lichen.detect.rules.lookups import Addresses, packed_address

EICAR = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"


def loaded(path: Path, text: str) -> IndicatorList:
    path.write_text(text, encoding="utf-8")
    lists, refused = load_indicators([path])
    assert refused == ()
    return lists[0]


def test_plain_text_holds_addresses_networks_domains_and_hashes(tmp_path: Path) -> None:
    about = "# title: my list\n# techniques: T1071, T1105\n"
    text = f"{about}192.0.2.7 # a note\n2001:db8::/48\n*.Evil.example.\n{EICAR.upper()}\n\n"
    mine = loaded(tmp_path / "mine.txt", text)
    assert (mine.name, mine.title, mine.techniques, len(mine)) == ("mine", "my list", ("T1071", "T1105"), 4)
    assert mine.detector == "indicator:mine"
    assert mine.finds("192.0.2.7")
    assert mine.finds("2001:DB8:0::5")
    assert mine.finds("a.b.EVIL.example")
    assert mine.finds(f"MD5=0,SHA256={EICAR}") == EICAR
    assert not any(map(mine.finds, ["192.0.2.8", "2001:db9::", "notevil.example", "evil.example.org", EICAR[1:], ""]))


def test_csv_names_its_column(tmp_path: Path) -> None:
    text = '# title: t\nseen,Indicator\n2026-11-01,192.0.2.7\n2026-11-02,"evil.example"\n'
    mine = loaded(tmp_path / "mine.csv", text)
    assert mine.finds("192.0.2.7")
    assert mine.finds("evil.example")
    assert not mine.finds("2026-11-01")


def test_the_tor_projects_own_exit_list_is_read_as_it_is(tmp_path: Path) -> None:
    text = "ExitNode 00AA\nPublished 2026-11-24 00:00:00\nLastStatus 2026-11-24 00:00:00\n"
    text += "ExitAddress 192.0.2.9 2026-11-24 00:01:02\n"
    tor = loaded(tmp_path / "tor.txt", text)
    assert len(tor) == 1
    assert tor.finds("192.0.2.9")


@pytest.mark.parametrize(
    ("line", "fault"), [("not an indicator", "is no address"), ("0.0.0.0/0", "wider"), ("::/3", "wider"), ("10.0", "x")]
)
def test_a_bad_line_is_refused_with_its_place_and_the_rest_is_read(tmp_path: Path, line: str, fault: str) -> None:
    (tmp_path / "mine.txt").write_text(f"192.0.2.7\n{line}\n")
    lists, refused = load_indicators([tmp_path])
    assert lists[0].finds("192.0.2.7")
    if fault == "x":  # digits with a dot are a name as good as any
        assert refused == ()
    else:
        assert fault in refused[0].fault
        assert refused[0].place.endswith("mine.txt:2")


def test_files_that_are_no_lists_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("when,who\n1,2\n")
    (tmp_path / "b.txt").write_text("192.0.2.1\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("192.0.2.2\n")
    lists, refused = load_indicators([tmp_path, tmp_path / "nowhere.txt"])
    assert {each.name for each in lists} == {"a", "b"}
    assert sorted(each.fault.split(":")[0] for each in refused) == [
        "a list named b is loaded already",
        "cannot be read",
        "the header names no column of indicators",
    ]


def test_addresses_are_found_exactly_where_a_naive_search_finds_them() -> None:
    dice = random.Random(7)
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for _ in range(300):
        four = ipaddress.IPv4Network((dice.getrandbits(32), dice.choice((8, 12, 20, 24, 29, 31, 32))), strict=False)
        six = ipaddress.IPv6Network((dice.getrandbits(128), dice.choice((20, 48, 64, 127, 128))), strict=False)
        networks += [four, six]
    probes = []
    for network in dice.sample(networks, 200):
        before = network[0] - 1 if int(network[0]) else network[0]
        probes += [str(network[0]), str(network[-1]), str(before)]
    probes += [str(ipaddress.IPv4Address(dice.getrandbits(32))) for _ in range(300)]
    held = Addresses(networks).holds(probes)
    naive = [any(ipaddress.ip_address(probe) in network for network in networks) for probe in probes]
    assert held.tolist() == naive
    assert any(naive)
    assert not all(naive)


@pytest.mark.parametrize("text", ["1.2.3", "01.2.3.4", "1.2.3.4 ", "1.2.3.256", "", "x", "1.2.3.4\0", "١.2.3.4"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert packed_address(text) is None


def test_an_ipv4_address_mapped_into_ipv6_is_the_same_address() -> None:
    assert packed_address("::ffff:192.0.2.1") == packed_address("192.0.2.1")
    assert packed_address("fe80::1%eth0") == packed_address("fe80::1")
