"""Sigma's modifiers: a field, a chain of modifiers and values become predicates.

Follows the Sigma specification 2.1, appendix "Modifiers". pySigma has read and type-checked the chain before; what its
classes would make of the values is not used, since it encodes after escaping (`base64` of `\\*`), counts characters
instead of bytes (`base64offset` beyond ASCII) and writes a byte-order mark in UTF-8 (`utf16`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_network
from typing import Any

import re2
from sigma.types import Placeholder, SigmaBool, SigmaNull, SigmaNumber, SigmaString, SpecialChars

from lichen.detect.rules.algebra import (
    AllOf,
    AnyOf,
    Compare,
    Exists,
    How,
    Leaf,
    Listed,
    Node,
    Not,
    Regex,
    SameAs,
    TimePart,
    Wild,
    Within,
    joined,
)
from lichen.detect.rules.spellings import (
    Spelling,
    Unfit,
    anchored,
    base64,
    dashed,
    recoded,
    text_condition,
)

CODECS = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16"}
FLAGS = {"i": "i", "ignorecase": "i", "m": "m", "multiline": "m", "s": "s", "dotall": "s"}
RELATIONS = ("gt", "gte", "lt", "lte")
TIME_PARTS = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day": (1, 31),
    "week": (1, 53),
    "month": (1, 12),
    "year": (1, 9999),
}
ANCHORS = {"contains": How.CONTAINS, "startswith": How.STARTS, "endswith": How.ENDS}
_OTHERS = ("all", "neq", "re", "cased", "cidr", "base64", "base64offset", "windash", "exists", "expand", "fieldref")
SUPPORTED = frozenset([*CODECS, *FLAGS, *RELATIONS, *TIME_PARTS, *ANCHORS, *_OTHERS])
KEYWORD_MODIFIERS = SUPPORTED - {
    *RELATIONS,
    *TIME_PARTS,
    "startswith",
    "endswith",
    "cidr",
    "exists",
    "expand",
    "fieldref",
}

PLACEHOLDERS = "name it under vars: in a pipeline (--pipeline FILE; content/pipelines/placeholders.yml shows how)"

_MAPPED_BITS = 96  # of ::ffff:0:0/96


def condition_of(field: str | None, modifiers: Sequence[str], values: Sequence[Any]) -> Node:
    """The condition of one detection item: `values` are pySigma's values before any modifier. Raises Unfit."""
    allowed = KEYWORD_MODIFIERS if field is None else SUPPORTED
    for name in modifiers:
        if name not in SUPPORTED:
            raise Unfit(f"the modifier |{name} is not supported", f"use one of {', '.join(sorted(SUPPORTED))}")
        if name not in allowed:
            raise Unfit(f"|{name} needs a field, and this is a keyword", "write it as FIELD|" + name)
    if not values:
        raise Unfit("an empty list of values", "give a value, or null for an absent field")
    chain = [name for name in modifiers if name not in ("all", "neq")]
    nodes = [_condition(field, chain, value) for value in values]
    node = joined(AllOf if "all" in modifiers else AnyOf, nodes)
    return Not(node) if "neq" in modifiers else node


def _condition(field: str | None, chain: list[str], value: Any) -> Node:
    if isinstance(value, SigmaNull):
        if field is None:
            raise Unfit("null as a keyword", "name the field that must be absent")
        return Not(Leaf(Exists(field)))
    for name, compile_ in _OF_ONE_KIND.items():
        if name in chain and field is not None:
            return compile_(field, chain, value)
    if "re" in chain:
        return _regex(field, chain, value)
    if set(chain) & FLAGS.keys():
        raise Unfit("a flag of regular expressions without |re", "put |re before it")
    return _text(field, chain, value)


def _exists(field: str, chain: list[str], value: Any) -> Node:
    _alone(chain, "exists")
    return Leaf(Exists(field)) if value.boolean else Not(Leaf(Exists(field)))


def _cidr(field: str, chain: list[str], value: Any) -> Node:
    _alone(chain, "cidr")
    return within(field, ip_network(_plain(value)))


def within(field: str, network: Any) -> Node:
    """The value is an address of the network; one of IPv4 addresses mapped into IPv6 is that IPv4 network."""
    if network.version == 6 and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            network = ip_network(f"{mapped}/{network.prefixlen - _MAPPED_BITS}")
    return Leaf(Within(field, network))


def _compare(field: str, chain: list[str], value: Any) -> Node:
    _alone(chain, chain[0])
    return compared(field, chain[0], value.number)


def compared(field: str, relation: str, number: float) -> Node:
    """The value is a number that stands in `relation` to `number`."""
    return Leaf(Compare(field, relation, number))


def _time_part(field: str, chain: list[str], value: Any) -> Node:
    _alone(chain, chain[0])
    least, most = TIME_PARTS[chain[0]]
    if value.number != int(value.number) or not least <= value.number <= most:
        raise Unfit(f"no {chain[0]} is {value.number}", f"use whole numbers from {least} to {most}")
    return Leaf(TimePart(field, chain[0], int(value.number)))


def _fieldref(field: str, chain: list[str], value: Any) -> Node:
    anchors = [name for name in chain if name in ANCHORS]
    if set(chain) - {"fieldref", "cased", *anchors} or len(anchors) > 1:
        raise Unfit(
            f"|{'|'.join(chain)} has no one meaning",
            "use |fieldref alone or with one of contains, startswith, endswith",
        )
    how = ANCHORS[anchors[0]] if anchors else How.IS
    return Leaf(SameAs(field, _plain(value), how, "cased" in chain))


def _expand(field: str, chain: list[str], value: Any) -> Node:
    """A placeholder that no pipeline gave values to: alone it is the name of an indicator list."""
    text = value.insert_placeholders()
    named = [piece.name for piece in getattr(text, "s", ()) if isinstance(piece, Placeholder)]
    if chain != ["expand"] or len(text.s) != 1 or not named:
        what = f"no pipeline gives %{named[0]}% a value" if named else "|expand without a %placeholder%"
        raise Unfit(what, PLACEHOLDERS)
    return Leaf(Listed(field, named[0]))


_OF_ONE_KIND: dict[str, Callable[[str, list[str], Any], Node]] = {
    "exists": _exists,
    "cidr": _cidr,
    **dict.fromkeys(RELATIONS, _compare),
    **dict.fromkeys(TIME_PARTS, _time_part),
    "fieldref": _fieldref,
    "expand": _expand,
}


def _alone(chain: list[str], name: str) -> None:
    if chain != [name]:
        raise Unfit(f"|{'|'.join(chain)} has no one meaning", f"use |{name} alone")


def _plain(value: Any) -> str:
    """The text of a value that may hold no wildcards."""
    if not isinstance(value, SigmaString) or any(isinstance(piece, SpecialChars) for piece in value.s):
        raise Unfit("a plain text is needed here", "write it without * and ?, or escape them")
    return "".join(value.s)


def _regex(field: str | None, chain: list[str], value: Any) -> Node:
    others = set(chain) - {"re", *FLAGS}
    if others:
        raise Unfit(f"|re with |{sorted(others)[0]}", "write anchors and variants into the pattern itself")
    return pattern_of(field, "".join(sorted({FLAGS[name] for name in chain if name in FLAGS})), value.original)


def pattern_of(field: str | None, flags: str, written: str) -> Node:
    """The pattern is found in the value. Raises Unfit where RE2 cannot match it in linear time."""
    pattern = (f"(?{flags})" if flags else "") + written
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        remedy = "write it without look-around, back-references and possessive repetition (RE2 syntax)"
        raise Unfit(f"a pattern that cannot be matched in linear time: {reason}", remedy) from error
    return Leaf(Regex(field, pattern))


def _text(field: str | None, chain: list[str], value: Any) -> Node:
    spellings: list[Spelling] = [_pieces(value)]
    codec = None
    for name in chain:
        if name in CODECS:
            codec = CODECS[name]
        elif name in ("base64", "base64offset"):
            spellings = [variant for spelling in spellings for variant in base64(spelling, codec, name)]
            codec = None
        elif name == "windash":
            spellings = [variant for spelling in spellings for variant in dashed(spelling)]
        elif name in ANCHORS:
            spellings = [anchored(spelling, ANCHORS[name]) for spelling in spellings]
    if codec is not None:
        spellings = [recoded(spelling, codec) for spelling in spellings]
    cased = "cased" in chain
    if field is None:
        spellings = [anchored(spelling, How.CONTAINS) for spelling in spellings]
    return joined(AnyOf, (text_condition(field, spelling, cased) for spelling in spellings))


def text_of_value(field: str | None, value: Any, cased: bool) -> Node:
    """A value with its wildcards, all modifiers applied before."""
    spelling = _pieces(value)
    return text_condition(field, anchored(spelling, How.CONTAINS) if field is None else spelling, cased)


def _pieces(value: Any) -> Spelling:
    if isinstance(value, SigmaNumber):
        return (str(value.number),)
    if isinstance(value, SigmaBool):
        return (str(value.boolean).lower(),)
    wild = {SpecialChars.WILDCARD_MULTI: Wild.ANY, SpecialChars.WILDCARD_SINGLE: Wild.ONE}
    return tuple(piece if isinstance(piece, str) else wild[piece] for piece in value.s)
