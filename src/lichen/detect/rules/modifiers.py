"""Sigma's modifiers: a field, a chain of modifiers and values become predicates.

Follows the Sigma specification 2.1, appendix "Modifiers". pySigma has read and type-checked the chain before; what its
classes would make of the values is not used, since it encodes after escaping (`base64` of `\\*`), counts characters
instead of bytes (`base64offset` beyond ASCII) and writes a byte-order mark in UTF-8 (`utf16`).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from itertools import product
from typing import Any

import re2
from sigma.types import Placeholder, SigmaBool, SigmaNull, SigmaNumber, SigmaString, SpecialChars

from lichen.detect.rules.algebra import (
    AllOf,
    AnyOf,
    Compare,
    Exists,
    Glob,
    How,
    Leaf,
    Listed,
    Node,
    Not,
    Piece,
    Regex,
    SameAs,
    Text,
    Wild,
    Within,
    joined,
)
from lichen.detect.rules.casing import fold

DASHES = ("-", "/", "–", "—", "―")  # what `windash` holds for the same
DASHES_LIMIT = 5  # in one value: each multiplies its spellings by five
CODECS = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16"}
FLAGS = {"i": "i", "ignorecase": "i", "m": "m", "multiline": "m", "s": "s", "dotall": "s"}
RELATIONS = ("gt", "gte", "lt", "lte")
ANCHORS = {"contains": How.CONTAINS, "startswith": How.STARTS, "endswith": How.ENDS}
_OTHERS = ("all", "neq", "re", "cased", "cidr", "base64", "base64offset", "windash", "exists", "expand", "fieldref")
SUPPORTED = frozenset([*CODECS, *FLAGS, *RELATIONS, *ANCHORS, *_OTHERS])
KEYWORD_MODIFIERS = SUPPORTED - {*RELATIONS, "startswith", "endswith", "cidr", "exists", "expand", "fieldref"}

Spelling = tuple[Piece, ...]


class Unfit(Exception):
    """A value or chain that cannot be compiled exactly: the fault and its remedy."""

    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(fault)
        self.fault, self.remedy = fault, remedy


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
    return Leaf(Within(field, ip_network(_plain(value))))


def _compare(field: str, chain: list[str], value: Any) -> Node:
    _alone(chain, chain[0])
    return Leaf(Compare(field, chain[0], value.number))


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
    _alone(chain, "expand")
    pieces = value.s
    if len(pieces) != 1 or not isinstance(pieces[0], Placeholder):
        raise Unfit("|expand takes one whole placeholder", "write '%name%', the name of an indicator list")
    return Leaf(Listed(field, pieces[0].name))


_OF_ONE_KIND: dict[str, Callable[[str, list[str], Any], Node]] = {
    "exists": _exists,
    "cidr": _cidr,
    **dict.fromkeys(RELATIONS, _compare),
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
    flags = "".join(sorted({FLAGS[name] for name in chain if name in FLAGS}))
    pattern = (f"(?{flags})" if flags else "") + value.original
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
            spellings = [variant for spelling in spellings for variant in _base64(spelling, codec, name)]
            codec = None
        elif name == "windash":
            spellings = [variant for spelling in spellings for variant in _dashed(spelling)]
        elif name in ANCHORS:
            spellings = [_anchored(spelling, ANCHORS[name]) for spelling in spellings]
    if codec is not None:
        spellings = [_recoded(spelling, codec) for spelling in spellings]
    cased = "cased" in chain
    if field is None:
        spellings = [_anchored(spelling, How.CONTAINS) for spelling in spellings]
    return joined(AnyOf, (text_condition(field, spelling, cased) for spelling in spellings))


def _pieces(value: Any) -> Spelling:
    if isinstance(value, SigmaNumber):
        return (str(value.number),)
    if isinstance(value, SigmaBool):
        return (str(value.boolean).lower(),)
    wild = {SpecialChars.WILDCARD_MULTI: Wild.ANY, SpecialChars.WILDCARD_SINGLE: Wild.ONE}
    return tuple(piece if isinstance(piece, str) else wild[piece] for piece in value.s)


def _anchored(spelling: Spelling, how: How) -> Spelling:
    before = () if how is How.STARTS else (Wild.ANY,)
    after = () if how is How.ENDS else (Wild.ANY,)
    return (*before, *spelling, *after)


def _encoded(spelling: Spelling, codec: str) -> bytes:
    if any(isinstance(piece, Wild) for piece in spelling):
        raise Unfit("a wildcard in a text that is encoded", "escape it, or leave the encoding out")
    text = "".join(piece for piece in spelling if isinstance(piece, str))
    return b"\xff\xfe" + text.encode("utf-16-le") if codec == "utf-16" else text.encode(codec)


def _base64(spelling: Spelling, codec: str | None, name: str) -> list[Spelling]:
    """The encoding of a text, at each of the three offsets that it may have in a longer one."""
    raw = _encoded(spelling, codec or "utf-8")
    if name == "base64":
        return [(b64encode(raw).decode(),)]
    starts, ends = (0, 2, 3), (None, -3, -2)
    return [(b64encode(b" " * i + raw)[starts[i] : ends[(len(raw) + i) % 3]].decode(),) for i in range(3)]


def _recoded(spelling: Spelling, codec: str) -> Spelling:
    """A text as UTF-16 that is compared as it stands, its zero bytes as characters."""
    mark = "\ufeff" if codec == "utf-16" else ""
    order = "utf-16-be" if codec == "utf-16-be" else "utf-16-le"
    return tuple(
        [mark] * bool(mark)
        + [piece.encode(order).decode("latin-1") if isinstance(piece, str) else piece for piece in spelling]
    )


def _dashed(spelling: Spelling) -> list[Spelling]:
    """The spellings of command line options: every dash or slash that begins a word may be any other."""
    places = [
        (i, j)
        for i, piece in enumerate(spelling)
        if isinstance(piece, str)
        for j, character in enumerate(piece)
        if character in "-/" and _begins_word(piece, j)
    ]
    if len(places) > DASHES_LIMIT:
        raise Unfit(f"{len(places)} dashes under |windash", f"split the value: at most {DASHES_LIMIT} dashes in one")
    variants = []
    for choice in product(DASHES, repeat=len(places)):
        pieces = list(spelling)
        for (i, j), dash in zip(places, choice, strict=True):
            piece = pieces[i]
            pieces[i] = f"{piece[:j]}{dash}{piece[j + 1 :]}" if isinstance(piece, str) else piece
        variants.append(tuple(pieces))
    return variants


def _begins_word(text: str, place: int) -> bool:
    before, after = text[:place][-1:], text[place + 1 :][:1]
    return not _is_word(before) and _is_word(after)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def text_condition(field: str | None, spelling: Spelling, cased: bool) -> Node:
    """The simplest predicate for a text with wildcards: a glob only where nothing less will do."""
    pieces: list[Piece] = []
    for piece in spelling:
        if isinstance(piece, str):
            text = piece if cased else fold(piece)
            if pieces and isinstance(pieces[-1], str):
                pieces[-1] += text
            elif text:
                pieces.append(text)
        elif piece is Wild.ONE or pieces[-1:] != [Wild.ANY]:
            pieces.append(piece)
    match pieces:
        case []:
            return Leaf(Text(field, How.IS, "", cased))
        case [Wild.ANY]:
            return AllOf(()) if field is None else Leaf(Exists(field))
        case [str(text)]:
            return Leaf(Text(field, How.IS, text, cased))
        case [Wild.ANY, str(text), Wild.ANY]:
            return Leaf(Text(field, How.CONTAINS, text, cased))
        case [str(text), Wild.ANY]:
            return Leaf(Text(field, How.STARTS, text, cased))
        case [Wild.ANY, str(text)]:
            return Leaf(Text(field, How.ENDS, text, cased))
    return Leaf(Glob(field, tuple(pieces), cased))
