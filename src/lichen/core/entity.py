"""Entities: the subject an alert is about, and the names by which things of one sort are told alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec

import msgspec
from publicsuffixlist import PublicSuffixList


class Subject(msgspec.Struct, frozen=True, order=True):
    """What an alert is about: a workload, a host or a user."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


Given = ParamSpec("Given")
REMEMBERED = 65_536  # answers of one function
REMEMBERED_LETTERS = 512  # of what one answer was given for


def remembered(function: Callable[Given, str]) -> Callable[Given, str]:
    """A function of texts whose answers stay at hand. Attackers choose lengths: what was asked of long texts is worked
    out each time, so that what is kept stays small."""
    kept = lru_cache(maxsize=REMEMBERED)(function)

    @wraps(function)
    def answered(*texts: Given.args, **named: Given.kwargs) -> str:
        short = sum(len(str(text)) for text in texts) <= REMEMBERED_LETTERS and not named
        return kept(*texts) if short else function(*texts, **named)

    answered.cache_info = kept.cache_info  # type: ignore[attr-defined]
    return answered


_SUFFIXES = PublicSuffixList()
_LONG_TEXT = 4096
_VARIABLE = (
    (re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"), "<uuid>"),
    (
        re.compile(r"(?<![0-9A-Za-z])(?=[0-9a-fA-F]*[0-9])(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}(?![0-9A-Za-z])"),
        "<hex>",
    ),
    (re.compile(r"\d+"), "<n>"),
)
_RANDOM_TAIL = re.compile(r"(?<=[._-])(?=[A-Za-z0-9]*[0-9A-Z])(?=[A-Za-z0-9]*[a-zA-Z])[A-Za-z0-9]{6,}$")


@remembered
def path_template(path: str) -> str:
    """A file path with what varies replaced: numbers <n>, hex strings <hex>, UUIDs <uuid>, random tails <random>.

    `/var/log/app/2026-11-24.log` and `/var/log/app/2026-11-25.log` become one value.
    """
    directory, slash, name = path[:_LONG_TEXT].rpartition("/")
    name = _RANDOM_TAIL.sub("<random>", name)
    text = f"{directory}{slash}{name}"
    for pattern, placeholder in _VARIABLE:
        text = pattern.sub(placeholder, text)
    return text


@remembered
def route_template(path: str) -> str:
    """A URL path with its identifiers replaced, as `/api/orders/<n>`."""
    text = path[:_LONG_TEXT].split("?", 1)[0]
    for pattern, placeholder in _VARIABLE:
        text = pattern.sub(placeholder, text)
    return text


@remembered
def parameter_class(query: str) -> str:
    """The names of a query string's parameters, sorted, each with the class of its value: n number, w word, t text,
    x anything with characters that shells, SQL or HTML give meaning to."""
    classes = []
    for pair in query[:_LONG_TEXT].split("&"):
        name, _, value = pair.partition("=")
        if value.isdigit():
            kind = "n"
        elif re.fullmatch(r"[\w.+-]*", value):
            kind = "w"
        elif re.search(r"[;|`$<>'\"(){}\\]|%[01289a-fA-F]|\.\./", value):
            kind = "x"
        else:
            kind = "t"
        if name:
            classes.append(f"{name[:64]}:{kind}")
    return ",".join(sorted(set(classes)))


@remembered
def registered_domain(name: str) -> str:
    """The registered domain of a host name (`a.b.example.co.uk` -> `example.co.uk`); the name itself where the public
    suffix list knows none."""
    cleaned = name[:253].rstrip(".").lower()
    return _SUFFIXES.privatesuffix(cleaned) or cleaned


def network_of(address: str) -> str:
    """The /24 of an IPv4 address or the /48 of an IPv6 one, as text; anything else unchanged."""
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", address):
        return address.rsplit(".", 1)[0] + ".0/24"
    if ":" in address:
        return ":".join(address.split(":")[:3]) + "::/48"
    return address


def base_name(path: str) -> str:
    """The last part of a path, for sentences that people read."""
    return path.rstrip("/").rpartition("/")[2] or path
