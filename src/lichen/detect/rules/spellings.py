"""Spellings: a text with its wildcards in each form that encodings and `windash` give it, and its condition."""

from __future__ import annotations

from base64 import b64encode
from itertools import product

from lichen.detect.rules.algebra import AllOf, Exists, Glob, How, Leaf, Node, Piece, Text, Wild
from lichen.detect.rules.casing import fold

DASHES = ("-", "/", "–", "—", "―")  # what `windash` holds for the same
DASHES_LIMIT = 5  # in one value: each multiplies its spellings by five

Spelling = tuple[Piece, ...]


class Unfit(Exception):
    """A value or chain that cannot be compiled exactly: the fault and its remedy."""

    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(fault)
        self.fault, self.remedy = fault, remedy


def anchored(spelling: Spelling, how: How) -> Spelling:
    """The spelling with a wildcard where the value may go on."""
    before = () if how is How.STARTS else (Wild.ANY,)
    after = () if how is How.ENDS else (Wild.ANY,)
    return (*before, *spelling, *after)


def _encoded(spelling: Spelling, codec: str) -> bytes:
    if any(isinstance(piece, Wild) for piece in spelling):
        raise Unfit("a wildcard in a text that is encoded", "escape it, or leave the encoding out")
    text = "".join(piece for piece in spelling if isinstance(piece, str))
    return b"\xff\xfe" + text.encode("utf-16-le") if codec == "utf-16" else text.encode(codec)


def base64(spelling: Spelling, codec: str | None, name: str) -> list[Spelling]:
    """The encoding of a text, at each of the three offsets that it may have in a longer one."""
    raw = _encoded(spelling, codec or "utf-8")
    if name == "base64":
        return [(b64encode(raw).decode(),)]
    starts, ends = (0, 2, 3), (None, -3, -2)
    return [(b64encode(b" " * i + raw)[starts[i] : ends[(len(raw) + i) % 3]].decode(),) for i in range(3)]


def recoded(spelling: Spelling, codec: str) -> Spelling:
    """A text as UTF-16 that is compared as it stands, its zero bytes as characters."""
    mark = "\ufeff" if codec == "utf-16" else ""
    order = "utf-16-be" if codec == "utf-16-be" else "utf-16-le"
    return tuple(
        [mark] * bool(mark)
        + [piece.encode(order).decode("latin-1") if isinstance(piece, str) else piece for piece in spelling]
    )


def dashed(spelling: Spelling) -> list[Spelling]:
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
