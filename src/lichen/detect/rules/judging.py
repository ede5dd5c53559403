"""Judging single values: what a literal scan cannot say of a value is asked of it here, once, and remembered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Protocol

import re2

from lichen.detect.rules.algebra import Compare, Glob, How, Listed, Piece, Predicate, Regex, Text, Wild, Within
from lichen.detect.rules.casing import fold

Judge = Callable[[str], bool]
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class NamedList(Protocol):
    """An indicator list as far as a rule's `|expand` reads it."""

    def finds(self, value: str) -> str | None: ...


def judge_of(predicate: Predicate, lists: Mapping[str, NamedList]) -> Judge:
    """The function that says whether one value satisfies a predicate of one column."""
    match predicate:
        case Text(_, how, text, cased):
            return _text(how, text, cased)
        case Glob(_, pieces, cased):
            return _glob(pieces, cased)
        case Regex(_, pattern):
            return _search(pattern)
        case Within(_, network):
            return lambda value: (address := address_of(value)) is not None and address in network
        case Compare(_, relation, number):
            return _compare(relation, number)
        case Listed(_, name):
            finds = lists[name].finds
            return lambda value: finds(value) is not None
    raise TypeError(f"{type(predicate).__name__} is not judged by value")


def compared(how: How, value: str, text: str) -> bool:
    """Whether `text` stands in `value` as `how` says."""
    if how is How.IS:
        return value == text
    if how is How.CONTAINS:
        return text in value
    return value.startswith(text) if how is How.STARTS else value.endswith(text)


def _text(how: How, text: str, cased: bool) -> Judge:
    return (lambda value: compared(how, value, text)) if cased else (lambda value: compared(how, fold(value), text))


def _glob(pieces: tuple[Piece, ...], cased: bool) -> Judge:
    wild = {Wild.ANY: ".*", Wild.ONE: "."}
    body = "".join(re2.escape(piece) if isinstance(piece, str) else wild[piece] for piece in pieces)
    search = _search(f"(?s)^{body}$")
    return search if cased else lambda value: search(fold(value))


def _search(pattern: str) -> Judge:
    compiled = linear_pattern(pattern)
    return lambda value: compiled.search(value.encode("utf-8", "surrogatepass")) is not None


@lru_cache(maxsize=4096)
def linear_pattern(pattern: str) -> Any:
    """The pattern, compiled by RE2: matching takes linear time whatever the value is."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return re2.compile(pattern.encode("utf-8", "surrogatepass"), options)


def _compare(relation: str, number: float) -> Judge:
    def judge(value: str) -> bool:
        if not _NUMBER.fullmatch(value):
            return False
        there = float(value)
        if relation == "gt":
            return there > number
        if relation == "gte":
            return there >= number
        return there < number if relation == "lt" else there <= number

    return judge


@lru_cache(maxsize=65536)
def address_of(value: str) -> Any:
    """The address that a text is, an IPv4 address mapped into IPv6 as IPv4; None if it is none."""
    if len(value) > 64:
        return None
    try:
        address = ip_address(value)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
