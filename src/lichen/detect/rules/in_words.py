"""What a test of a rule says, in words."""

from __future__ import annotations

from lichen.detect.rules.algebra import (
    Compare,
    Exists,
    Glob,
    How,
    Listed,
    Predicate,
    Regex,
    SameAs,
    Text,
    TimePart,
    Within,
)

WORDS_LIMIT = 160  # characters of a value
_HOW = {How.IS: "is", How.CONTAINS: "contains", How.STARTS: "starts with", How.ENDS: "ends with"}
_RELATIONS = {"gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}


def words_of(predicate: Predicate) -> str:
    """A predicate as a person says it: `Image ends with /sh`."""
    match predicate:
        case Exists(field):
            return f"{field} is there"
        case Text(field, how, text, cased):
            return f"{_field(field)} {_HOW[how]} {_quoted(text)}{_case(cased)}"
        case Glob(field, pieces, cased):
            pattern = "".join(piece if isinstance(piece, str) else piece.value for piece in pieces)
            return f"{_field(field)} is like {_quoted(pattern)}{_case(cased)}"
        case Regex(field, pattern):
            return f"{_field(field)} matches the pattern {_quoted(pattern)}"
        case Within(field, network):
            return f"{field} is an address of {network}"
        case Compare(field, relation, number):
            return f"{field} {_RELATIONS[relation]} {number:g}"
        case TimePart(field, part, number):
            return f"the {part} of {field} is {number}"
        case SameAs(field, other, how, cased):
            return f"{field} {_HOW[how]} what {other} is{_case(cased)}"
        case Listed(field, name):
            return f"{field} is on the list {name}"
    return str(predicate)


def _field(field: str | None) -> str:
    return "the whole text" if field is None else field


def _case(cased: bool) -> str:
    return ", in this case" if cased else ""


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= WORDS_LIMIT else f"'{text[:WORDS_LIMIT]}…'"
