"""The engine's twins say the same of every buffer, whole or damaged, and what a line says when it is read whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from lines_of_windows import RULES, SYSMON, buffer

from lichen.core.logsources import load_logsources
from lichen.detect.rules import Rule
from lichen.detect.rules.engine import LineEngine, passing_fast, passing_pure, whole
from lichen.detect.rules.engine.whole import Counted, WholeLines
from lichen.detect.rules.sigma_compile import compile_file

SOURCES = load_logsources(Path(__file__).parents[3] / "content" / "logsources" / "windows.yml")
TWINS = [pytest.param(False, id="pure"), pytest.param(True, id="fast")]
SIGNS = b'"\\{}[]:,u0x1e.-+tnf \x00\x01\x1f\x7f\xff\x80\xc5\xbf\t\r\n'


@pytest.fixture(scope="module", autouse=True)
def _numba() -> None:
    pytest.importorskip("numba", reason="the fast twin needs the extra `fast`")


def rules() -> list[Rule]:
    compiled = list(compile_file(Path("windows.yml"), RULES))
    assert all(isinstance(rule, Rule) for rule in compiled), compiled
    return [rule for rule in compiled if isinstance(rule, Rule)]


def engine(fast: bool) -> LineEngine:
    return LineEngine(rules(), SOURCES, fast=fast)


def read_whole(data: bytes) -> list[tuple[int, int]]:
    """Every line by the slow way that serves every line."""
    slow = engine(False)
    taker = WholeLines(slow._kinds, Counted())
    at = 0
    for line in data.split(b"\n"):
        if line not in (b"", b"\r"):
            taker.take(at, line)
        at += len(line) + 1
    starts, numbers = taker.taken()
    return sorted(zip(starts.tolist(), numbers.tolist(), strict=True))


def damaged(data: bytes, dice: random.Random) -> bytes:
    """A buffer in which some bytes are others, missing or too many."""
    raw = bytearray(data)
    for _ in range(dice.choice((1, 3, 30, 300))):
        place = dice.randrange(len(raw))
        bend = dice.random()
        if bend < 0.5:
            raw[place] = dice.choice(SIGNS)
        elif bend < 0.7:
            del raw[place : place + dice.choice((1, 1, 7, 90))]
        elif bend < 0.9:
            raw[place:place] = bytes(dice.choice(SIGNS) for _ in range(dice.choice((1, 1, 3))))
        else:
            raw[place:place] = raw[place // 2 : place // 2 + dice.randrange(200)]
    return bytes(raw[: dice.randrange(1, len(raw))] if dice.random() < 0.3 else raw)


@pytest.mark.parametrize("fast", TWINS)
def test_a_twin_says_what_reading_whole_lines_says(fast: bool) -> None:
    data = buffer(1, 3000)
    expected = read_whole(data)
    told = engine(fast)
    assert list(told.hits(data)) == expected
    assert list(told.hits(data)) == expected  # remembered
    assert {rule for _, rule in expected} == set(range(len(rules())))
    assert told.counted.lines == 6000
    assert told.counted.whole < 4000  # most lines take the fast way


def test_damaged_buffers_give_the_same_hits_from_both_twins_and_from_whole_lines() -> None:
    pure, fast = engine(False), engine(True)
    dice = random.Random(7)
    hits = 0
    for seed in range(150):
        data = damaged(buffer(seed, 25), dice)
        expected = read_whole(data)
        assert list(pure.hits(data)) == expected, seed
        assert list(fast.hits(data)) == expected, seed
        hits += len(expected)
    assert hits > 500


@pytest.mark.parametrize("fast", TWINS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n\r\n",
        b"\0" * 300,
        b'"' * 700_000,
        b"{" * 300_000 + b"\n",
        b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"\n",
        b"\\" * 1_000_001,
        b'{"EventID":1,"Channel":"' + b"x" * 600_000 + b'"}\n',
        b'{"EventID":1e400,"Channel":"' + SYSMON.encode() + b'"}\n',
        b"[1,2]\n7\nnull\n" + b'"text"\n',
    ],
    ids=["empty", "blank", "zeros", "quotes", "braces", "deep", "slashes", "long", "infinite", "no objects"],
)
def test_no_bytes_end_the_engine(fast: bool, data: bytes) -> None:
    told = engine(fast)
    assert list(told.hits(data)) == []
    whoami = f'{{"Channel":"{SYSMON}","EventID":1,"Image":"C:\\\\whoami.exe"}}'.encode()
    assert list(told.hits(data.rstrip(b"\n") + b"\n" + whoami)) == [(len(data.rstrip(b"\n")) + 1, 0)]


WHO = rb'"Channel":"%s","EventID":1,"Image":"C:\\whoami.exe"' % SYSMON.encode()
CASES = {
    "plain": (b"{%s}" % WHO, True),
    "a key written with an escape": (b"{%s}" % WHO.replace(b'"Image"', rb'"\u0049mage"'), True),
    "a value written with escapes": (b"{%s}" % WHO.replace(b"whoami", rb"wh\u006fami"), True),
    "the last of two keys counts": (rb'{%s,"Image":"x"}' % WHO, False),
    "the last of two channels counts": (rb'{%s,"Channel":"x"}' % WHO, False),
    "a name inside an object is another": (
        rb'{"Channel":"%s","EventID":1,"x":{"Image":"C:\\whoami.exe"}}' % SYSMON.encode(),
        False,
    ),
    "a name inside a text is none": (
        rb'{"Channel":"%s","EventID":1,"x":"\"Image\":\"C:\\whoami.exe\""}' % SYSMON.encode(),
        False,
    ),
    "a list holds what one of it is": (b"{%s}" % WHO.replace(rb'"C:\\whoami.exe"', rb'["a","C:\\whoami.exe"]'), True),
    "the number as a text": (b"{%s}" % WHO.replace(b":1,", b':"1",'), True),
    "the channel in another case": (b"{%s}" % WHO.replace(b"Microsoft", b"MICROSOFT"), True),
    "spaces between": (b"{ %s }" % WHO.replace(b",", b" , ").replace(b'":', b'" : '), True),
    "bytes that are not UTF-8 elsewhere": (b'{%s,"x":"\xff\xfe"}' % WHO, True),
    "bytes that are not UTF-8 in the value": (b"{%s}" % WHO.replace(b"C:", b"\xff:"), True),
    "half a surrogate elsewhere": (rb'{%s,"x":"\ud800"}' % WHO, False),
    "no end": (b"{%s" % WHO, False),
    "something behind the end": (b"{%s} x" % WHO, False),
    "a control character": (b'{%s,"x":"\x01"}' % WHO, False),
}


@pytest.mark.parametrize("fast", TWINS)
@pytest.mark.parametrize("case", CASES)
def test_a_line_means_what_json_means(fast: bool, case: str) -> None:
    line, fires = CASES[case]
    assert [rule for _, rule in engine(fast).hits(line + b"\n") if rule == 0] == [0] * fires
    assert [rule for _, rule in engine(fast).hits(b"\n" * 40 + (line + b"\n") * 3) if rule == 0] == [0] * 3 * fires


MANY_FIELDS = b"{%s,%s}" % (WHO, b",".join(b'"f%d":%d' % (i, i) for i in range(1_000_000)))
ROUGH = {
    "a million fields": MANY_FIELDS,
    "a million fields cut short": MANY_FIELDS[:-1],
    "a key a hundred thousand times": b"{%s,%s}" % (WHO, b",".join([b'"Image":"x"'] * 100_000)),
    "objects a hundred deep": b'{%s,"x":%s1%s}' % (WHO, b'{"a":' * 100, b"}" * 100),
    "objects a hundred thousand deep": b'{%s,"x":%s1%s}' % (WHO, b'{"a":' * 100_000, b"}" * 100_000),
    "zero bytes behind": b"{%s}\0" % WHO,
    "a zero byte in a value": b"{%s}" % WHO.replace(b"C:", b"C\0:"),
    "a surrogate alone as bytes": b'{%s,"CommandLine":"\xed\xa0\x80 /all"}' % WHO,
    "half a sign at the end of the value": b'{%s,"CommandLine":"/all \xf0\x9f\x98"}' % WHO,
    "an overlong slash": b'{%s,"CommandLine":"\xc0\xafall"}' % WHO,
    "a quote left open": b"{%s" % WHO[:-1],
    "no JSON": b"Nov 24 host program: whoami.exe /all",
}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n"], ids=["LF", "CRLF", "CRCRLF"])
@pytest.mark.parametrize("case", ROUGH)
def test_a_rough_line_means_the_same_to_both_twins_and_harms_no_other(case: str, end: bytes) -> None:
    plain = b"{%s}" % WHO
    for data in (plain + end + ROUGH[case] + end + plain + end, plain + end + plain + end + ROUGH[case]):
        expected = read_whole(data)
        assert len([rule for _, rule in expected if rule == 0]) >= 2
        for fast in (False, True):
            assert list(engine(fast).hits(data)) == expected


@pytest.mark.parametrize("fast", TWINS)
def test_where_a_line_begins_is_told_in_bytes_of_the_stream(fast: bool) -> None:
    line = b"{%s}\r\n" % WHO
    assert list(engine(fast).hits(b"\xef\xbb\xbf" + line * 2)) == [(3, 0), (3 + len(line), 0)]
    assert list(engine(fast).hits(line, base=1000)) == [(1000, 0)]
    long = b'{"x":"%s",%s}\n' % (b"y" * 700_000, WHO)
    assert list(engine(fast).hits(long + line)) == [(0, 0), (len(long), 0)]


@pytest.mark.parametrize("fast", TWINS)
def test_a_stream_fed_in_buffers_says_what_it_says_in_one_and_each_buffer_may_be_used_anew(fast: bool) -> None:
    data = buffer(11, 400)
    expected = list(engine(fast).hits(data))
    told, at, room = engine(fast), 0, bytearray(1 << 14)
    while at < len(data):
        end = data.rfind(b"\n", at, at + len(room)) + 1
        room[: end - at] = data[at:end]
        told.feed(memoryview(room)[: end - at], at)
        room[:] = b"x" * len(room)
        at = end
    assert list(told.taken()) == expected
    assert list(told.taken()) == []


@pytest.mark.parametrize("fast", TWINS)
def test_a_memory_that_is_full_lets_go_and_changes_nothing(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = buffer(3, 1500)
    expected = list(engine(fast).hits(data))
    settings: list[tuple[Any, str, int]] = [
        (passing_fast, "ENTRIES_LIMIT", 64),
        (passing_fast, "ARENA_WORDS", 1024),
        (passing_pure, "ENTRIES_LIMIT", 64),
        (passing_pure, "CHUNK", 1 << 12),
        (whole, "ENTRIES_LIMIT", 16),
    ]
    for module, name, value in settings:
        monkeypatch.setattr(module, name, value)
    small = engine(fast)
    assert list(small.hits(data)) == expected
    assert small.counted.resets > 1
    assert small.remembered <= 64 + 16 + 64


@pytest.mark.parametrize("fast", TWINS)
def test_more_kinds_than_are_told_apart_change_nothing(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from lichen.detect.rules.engine import kinds

    data = b"".join(
        b"{%s}\n" % WHO.replace(b"Event", b'x":%d,"Event' % i).replace(b":1,", b":%d," % (i % 90)) for i in range(900)
    )
    expected = read_whole(data)
    assert expected
    for module in (kinds, passing_fast, passing_pure):
        monkeypatch.setattr(module, "KINDS_LIMIT", 8)
    assert list(engine(fast).hits(data)) == expected


@pytest.mark.parametrize("fast", TWINS)
def test_what_a_rule_did_and_cost_is_told(fast: bool) -> None:
    told = engine(fast)
    hits = told.hits(buffer(5, 500))
    assert [cost.hits for cost in told.costs()] == [sum(rule == i for _, rule in hits) for i in range(len(rules()))]
    assert told.costs()[3].seconds > 0  # a regular expression is asked of single values
    told.forget()
    assert told.remembered == 0
