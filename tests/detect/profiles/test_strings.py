"""The string model is a distribution, equals a plain one, and tells plausible names from odd ones."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.detect.profiles.strings import END, START, SYMBOLS, StringModel, discount, encode

PROGRAMS = "curl cat ls date gzip sort dash sed grep python3 perl tar head tail"
NAMES = [
    *(f"/usr/bin/{name}" for name in PROGRAMS.split(" ")),
    "/usr/sbin/cron",
    "/usr/sbin/logrotate",
    "/srv/app/bin/receipt.sh",
    "/srv/app/jobs/health.sh",
]
texts = st.text(alphabet="ab/.é", max_size=6)


class PlainModel:
    """Interpolated Kneser-Ney written as the formula reads, one symbol at a time."""

    def __init__(self, strings: list[str], order: int) -> None:
        self.order = order
        self.counts: list[dict[tuple[int, ...], dict[int, int]]] = [defaultdict(dict) for _ in range(order + 1)]
        for text in sorted(set(strings)):
            padded = [START] * order + list(encode(text)) + [END]
            for place in range(order, len(padded)):
                context, symbol = tuple(padded[place - order : place]), padded[place]
                self.counts[order][context][symbol] = self.counts[order][context].get(symbol, 0) + 1
        for k in range(order, 0, -1):
            for context, table in self.counts[k].items():
                for symbol in table:
                    shorter = self.counts[k - 1][context[1:]]
                    shorter[symbol] = shorter.get(symbol, 0) + 1

    def discount(self, k: int) -> float:
        every = [count for table in self.counts[k].values() for count in table.values()]
        return discount(every.count(1), every.count(2))

    def p(self, symbol: int, context: tuple[int, ...]) -> float:
        table = self.counts[len(context)].get(context)
        shorter = self.p(symbol, context[1:]) if context else 1.0 / SYMBOLS
        if not table:
            return shorter
        d, total = self.discount(len(context)), sum(table.values())
        return (max(table.get(symbol, 0) - d, 0.0) + d * len(table) * shorter) / total

    def log_p(self, text: str, order: int) -> float:
        padded = [START] * self.order + list(encode(text)) + [END]
        return math.fsum(
            math.log(self.p(padded[place], tuple(padded[place - order : place])))
            for place in range(self.order, len(padded))
        )


@settings(max_examples=40, deadline=None)
@given(st.lists(texts, max_size=8), texts)
def test_it_equals_a_plain_interpolated_kneser_ney(strings: list[str], asked: str) -> None:
    model, plain = StringModel(strings, order=3), PlainModel(strings, order=3)
    assert model.log_p([asked])[0] == pytest.approx(plain.log_p(asked, 3), abs=1e-9)
    assert model.log_loose([asked])[0] == pytest.approx(plain.log_p(asked, 1), abs=1e-9)


@pytest.mark.parametrize("strings", [[], ["a"], NAMES])
def test_all_strings_together_sum_to_one(strings: list[str]) -> None:
    """Strings of up to one letter, and everything that begins with each pair of letters, are all the strings there are.
    p(begins with u) = p(u) / p(u | begins with u)."""
    model = StringModel(strings)
    # one byte each, so that every pair of bytes is a beginning
    letters = [bytes([value]).decode("utf-8", "surrogateescape") for value in range(256)]
    pairs = [a + b for a in letters for b in letters if len(encode(a + b)) == 2 and encode(a + b)[0] != 0xC2]
    short = np.exp(model.log_p(["", *letters])).sum()
    begins = np.exp(model.log_p(pairs) - model.log_tail(pairs, [2] * len(pairs))).sum()
    left_out = [a for a in letters if encode(a)[0] == 0xC2]
    begins += np.exp(model.log_p(left_out) - model.log_tail(left_out, [1] * len(left_out))).sum()
    begins -= np.exp(model.log_p(left_out)).sum()
    assert short + begins == pytest.approx(1.0, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(texts, max_size=8), st.binary(max_size=4))
def test_next_symbols_sum_to_one_after_any_beginning(strings: list[str], beginning: bytes) -> None:
    plain = PlainModel(strings, order=3)
    context = tuple(([START] * 3 + list(beginning))[-3:])
    assert math.fsum(plain.p(symbol, context) for symbol in range(SYMBOLS)) == pytest.approx(1.0, abs=1e-9)


def test_a_plausible_name_is_likelier_than_an_odd_one_of_its_length() -> None:
    model = StringModel(NAMES)
    plausible, odd = model.log_p(["/usr/bin/head2", "/dev/shm/.kx7q"])
    assert plausible > odd + 10


def test_an_odd_name_is_less_odd_to_the_loose_model() -> None:
    model = StringModel(NAMES)
    names = ["/usr/bin/catt", "/dev/shm/.kx"]
    gain = model.log_loose(names) - model.log_p(names)
    assert gain[0] < 0 < gain[1]


def test_long_strings_are_cut_and_empty_models_are_uniform() -> None:
    model = StringModel([])
    assert model.log_p([""])[0] == pytest.approx(-math.log(SYMBOLS))
    long, longer = model.log_p(["x" * 300, "x" * 3000])
    assert long == longer
    assert model.log_p([]).tolist() == []
