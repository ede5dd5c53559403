"""Golden cases: what a single value says. Every mistake that Sigma engines are known for has its case here."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from compiling import fires, item_fires


@pytest.mark.parametrize(
    ("item", "value", "expected"),
    [
        ("f: whoami", "WhoAmI", True),
        ("f: whoami", "whoami ", False),
        ("f: 'who*'", "whoami", True),
        ("f: 'who*'", "who", True),
        ("f: 'who?'", "who", False),
        ("f: 'who?'", "whoé", True),  # one character, not one byte
        (r"f: 'a\*'", "a*", True),
        (r"f: 'a\*'", "ab", False),  # an escaped star is a star
        (r"f|contains: 'a\*b'", "xa*bx", True),
        (r"f|contains: 'a\*b'", "xaxbx", False),
        (r"f: 'C:\Windows\*'", "C:\\Windows*", True),  # \* is an escaped star even after a path
        (r"f: 'C:\\Windows\\*'", "C:\\Windows\\cmd.exe", True),  # \\* is a backslash and a wildcard
        (r"f: 'C:\\\\share'", "C:\\\\share", True),
        (r"f|endswith: '\cmd.exe'", "C:\\cmd.exe", True),
        ("f: ''", "", True),
        ("f: ''", None, False),
        ("f: null", None, True),
        ("f: null", "", False),
        ("f: '*'", "", True),
        ("f: '*'", None, False),
        ("f: ['a', null]", None, True),
        ("f|startswith: ['a', 'b']", "bc", True),
        ("f|contains|all: ['a', 'b']", "b-a", True),
        ("f|contains|all: ['a', 'b']", "b", False),
        ("f|neq: ['a', 'b']", "c", True),
        ("f|neq: ['a', 'b']", "B", False),
        ("f|neq: 'a'", None, True),
        ("f|cased: Whoami", "whoami", False),
        ("f|contains|cased: 'É'", "xÉx", True),
        ("f|contains|cased: 'É'", "xéx", False),
    ],
)
def test_texts_and_wildcards(item: str, value: Any, expected: bool) -> None:
    assert item_fires(item, value) is expected


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("f: 'ÜBER'", "über"),
        ("f|contains: 'straße'", "STRAẞE"),
        ("f: 'kelvin'", "\u212aelvin"),  # KELVIN SIGN is a k
        ("f: 'ssh'", "\u017fsh"),  # LATIN SMALL LETTER LONG S is an s
        ("f|startswith: 'ΣΊΣΥΦΟΣ'", "σίσυφος"),
        ("f|endswith: 'ДА'", "да"),
        ("f: 'Ǆ*x'", "ǆ..x"),
    ],
)
def test_case_is_folded_beyond_ascii(item: str, value: str) -> None:
    assert item_fires(item, value)


@pytest.mark.parametrize(
    ("item", "value", "expected"),
    [
        ("f: 4688", "4688", True),
        ("f: 4688", 4688, True),
        ("f: '4688'", 4688, True),
        ("f: 4688", 4688.0, True),
        ("f: 4688", "04688", False),
        ("f: 1.5", 1.5, True),
        ("f: true", "True", True),
        ("f: 'true'", True, True),
        ("f: 1", True, False),
        ("f|gte: 10", "10", True),
        ("f|gt: 10", "9", False),  # as numbers, not as texts
        ("f|lt: 10", "9", True),
        ("f|lt: 10", "nine", False),
        ("f|lt: 10", None, False),
        ("f|lte: 1.5", 1.5, True),
        ("f|gt: 0", "1e3", True),
        ("f|gt: 0", "٣", False),  # digits are ASCII
    ],
)
def test_numbers_and_texts_meet(item: str, value: Any, expected: bool) -> None:
    assert item_fires(item, value) is expected


@pytest.mark.parametrize(
    ("network", "value", "expected"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "010.0.0.1", False),
        ("10.0.0.0/8", "10.0.0.1x", False),
        ("10.0.0.0/8", "::ffff:10.0.0.1", True),
        ("2001:db8::/32", "2001:DB8:0:0:1::", True),  # a network, not a literal
        ("2001:db8::/32", "2001:db9::1", False),
        ("fe80::/10", "fe80::1%eth0", True),
    ],
)
def test_addresses_of_both_versions_are_compared_as_numbers(network: str, value: str, expected: bool) -> None:
    assert item_fires(f"f|cidr: '{network}'", value) is expected


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize(
    ("text", "modifier", "codec"),
    [
        ("/bin/sh -i", "", "utf-8"),
        ("größe", "", "utf-8"),
        ("a*b?", "", "utf-8"),
        ("/bin/sh -i", "wide|", "utf-16-le"),
        ("a*b?", "utf16le|", "utf-16-le"),
        ("/bin/sh -i", "utf16be|", "utf-16-be"),
    ],
)
def test_a_text_is_found_in_base64_wherever_it_stands(before: str, text: str, modifier: str, codec: str) -> None:
    written = text.replace("*", r"\*").replace("?", r"\?")
    item = f"f|{modifier}base64offset|contains: '{written}'"
    raw = before.encode() + text.encode(codec) + b"..."
    assert item_fires(item, f"echo {b64encode(raw).decode()} | base64 -d")
    assert not item_fires(item, f"echo {b64encode(raw[::-1]).decode()}")


def test_utf16_has_its_byte_order_mark_before_it_is_encoded() -> None:
    encoded = b64encode("id".encode("utf-16")).decode()
    assert item_fires("f|utf16|base64|contains: id", encoded)


def test_a_literal_may_hold_zero_bytes() -> None:
    assert item_fires("f|wide|contains: ab", "x a\0b\0 x")
    assert not item_fires("f|wide|contains: ab", "x a\0c\0 x")


@pytest.mark.parametrize("dash", "-/–—―")
def test_any_dash_begins_an_option(dash: str) -> None:
    assert item_fires("f|windash|contains: ' -enc -x'", f"pwsh {dash}enc {dash}x")
    assert not item_fires("f|windash|contains: ' -enc'", "pwsh enc")


@pytest.mark.parametrize(
    ("item", "value", "expected"),
    [
        (r"f|re: '\s-[FTd]\s'", "curl -F x", True),
        (r"f|re: '\s-[FTd]\s'", "curl -f x", False),
        ("f|re|i: '^ID$'", "id", True),
        ("f|re|i: 'ssh'", "\u017fSH", True),  # beyond ASCII too
        ("f|re: '^b'", "a\nb", False),
        ("f|re|m: '^b'", "a\nb", True),
        ("f|re: 'a.b'", "a\nb", False),
        ("f|re|s: 'a.b'", "a\nb", True),
        ("f|re: 'a$'", "a\n", False),
        ("f|re: ['x', 'a']", "cat", True),
    ],
)
def test_patterns_are_searched_for_with_their_flags(item: str, value: str, expected: bool) -> None:
    assert item_fires(item, value) is expected


def test_a_pattern_made_to_explode_takes_linear_time() -> None:
    assert not item_fires("f|re: '(a+)+$'", "a" * 50_000 + "b")
    assert not item_fires("f: '*a*a*a*a*a*a*a*a*b'", "a" * 20_000)


def test_fields_are_compared_with_each_other() -> None:
    detection = "    selection:\n        f|fieldref|endswith: g\n    condition: selection\n"
    assert fires(detection, {"f": "/usr/bin/SH", "g": "sh"})
    assert not fires(detection, {"f": "/usr/bin/sh", "g": None})
    assert not fires(detection, {"f": None, "g": None})


def test_keywords_are_searched_in_the_whole_text_and_in_no_field() -> None:
    detection = "    keywords:\n        - 'rm -rf'\n        - 'dd if=*of='\n    condition: keywords\n"
    assert fires(detection, {"f": "x"}, "sudo RM -RF /")
    assert fires(detection, {"f": "x"}, "dd if=/dev/zero bs=1 of=/dev/sda")
    assert not fires(detection, {"keywords": "rm -rf", "f": "rm -rf"}, "nothing")
    every = "    keywords:\n        '|all':\n            - alpha\n            - beta\n    condition: keywords\n"
    assert fires(every, {}, "beta alpha")
    assert not fires(every, {}, "alpha")


def test_short_keywords_and_patterns_are_asked_of_the_text_too() -> None:
    short = "    k:\n        - 6\n    s:\n        f: init\n    condition: s and k\n"
    assert fires(short, {"f": "init"}, "init 6")
    assert not fires(short, {"f": "init"}, "init 3")
    assert not fires(short, {"f": "shutdown"}, "init 6")
    pattern = "    k:\n        '|re': 'uid=\\d{4}'\n    condition: not k\n"
    assert fires(pattern, {}, "uid=7")
    assert not fires(pattern, {}, "uid=1000")


def test_a_selector_means_its_whole_pattern_and_never_a_beginning() -> None:
    detection = "    selection:\n        f: a\n    selection_more:\n        g: b\n    condition: 1 of selection\n"
    assert not fires(detection, {"g": "b"})
    glob = detection.replace("1 of selection", "all of selection*")
    assert fires(glob, {"f": "a", "g": "b"})
    assert not fires(glob, {"f": "a"})


def test_them_leaves_out_what_begins_with_an_underscore() -> None:
    detection = "    a:\n        f: a\n    _b:\n        g: b\n    condition: 1 of them\n"
    assert not fires(detection, {"g": "b"})
    assert fires(detection, {"f": "a"})


def test_a_list_of_maps_is_any_of_them_and_a_map_all_of_it() -> None:
    detection = "    s:\n        - f: a\n          g: b\n        - f: c\n    condition: s\n"
    assert fires(detection, {"f": "c"})
    assert fires(detection, {"f": "a", "g": "b"})
    assert not fires(detection, {"f": "a"})


def test_not_of_an_absent_field_holds() -> None:
    detection = "    s:\n        f: a\n    filter:\n        g: b\n    condition: s and not filter\n"
    assert fires(detection, {"f": "a"})
    assert not fires(detection, {"f": "a", "g": "B"})
