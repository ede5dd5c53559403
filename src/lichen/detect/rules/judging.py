"""Judging single values: what a literal scan cannot say of a value is asked of it here, once, and remembered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Protocol

import re2

from lichen.detect.rules.algebra import (
    Compare,
    Glob,
    How,
    Listed,
    Piece,
    Predicate,
    Regex,
    Text,
    TimePart,
    Wild,
    Within,
)
from lichen.detect.rules.casing import fold

Judge = Callable[[str], bool]
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?(?![\d:])", re.ASCII)
_EPOCH = re.compile(r"\d{1,16}(?:\.\d{1,9})?", re.ASCII)
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_END, _MILLISECONDS_END = 10**11, 10**14  # a number below is seconds (to the year 5138), or milliseconds


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
            return _within(network)
        case Compare(_, relation, number):
            return _compare(relation, number)
        case TimePart(_, part, number):
            return lambda value: (time := time_of(value)) is not None and part_of(time, part) == number
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


def is_number(value: str) -> bool:
    """Whether a text is a decimal number as Compare reads it."""
    return _NUMBER.fullmatch(value) is not None


def _compare(relation: str, number: float) -> Judge:
    def judge(value: str) -> bool:
        if not is_number(value):
            return False
        there = float(value)
        if relation == "gt":
            return there > number
        if relation == "gte":
            return there >= number
        return there < number if relation == "lt" else there <= number

    return judge


def _within(network: IPv4Network | IPv6Network) -> Judge:
    if network.version == 6:
        return lambda value: (address := address_of(value)) is not None and address in network

    def judge(value: str) -> bool:
        address = address_of(value)
        return address is not None and (getattr(address, "ipv4_mapped", None) or address) in network

    return judge


@lru_cache(maxsize=65536)
def address_of(value: str) -> Any:
    """The address that a text is; None if it is none."""
    if len(value) > 64:
        return None
    try:
        return ip_address(value)
    except ValueError:
        return None


def part_of(time: datetime, part: str) -> int:
    """A part of a time as a number; the week is that of ISO 8601."""
    return time.isocalendar().week if part == "week" else int(getattr(time, part))


@lru_cache(maxsize=65536)
def time_of(value: str) -> datetime | None:
    """The time that a text begins with, as it is written: `2026-11-24T03:10:00+02:00` is ten past three. A number is
    seconds, milliseconds or microseconds since 1970, in UTC. None where it is neither."""
    if len(value) > 64:
        return None
    try:
        if _EPOCH.fullmatch(value):
            whole = int(value.partition(".")[0])
            scale = 1 if whole < _SECONDS_END else 1000 if whole < _MILLISECONDS_END else 10**6
            return _EPOCH_START + timedelta(seconds=whole // scale)
        found = _TIME.match(value)
        return datetime.fromisoformat(found[0]) if found else None
    except (ValueError, OverflowError):
        return None
