"""One JSON object of one line, bounded in depth, with bytes that were not UTF-8 as they stand."""

from __future__ import annotations

import re

import orjson

from lichen.collect.values import Document

DEEPEST = 64
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.S)  # an unclosed one too: else each quote is tried to the end
_BAD_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\x")


class TooDeep(ValueError):
    """A document nested deeper than DEEPEST."""


def parse_document(line: str) -> Document:
    """The JSON object of a line. Raises ValueError (TooDeep for one nested too deeply)."""
    if line.count("[") + line.count("{") > DEEPEST and depth_of(line) > DEEPEST:
        raise TooDeep(f"nested deeper than {DEEPEST}")
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        if "\\x" not in line:
            raise
        document = orjson.loads(_BAD_ESCAPE.sub(r"\1\\\\x", line))  # bytes that were not UTF-8, written as \xNN
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document


def depth_of(line: str) -> int:
    """How deeply a line's JSON is nested, strings left out."""
    deepest = depth = 0
    for sign in re.findall(r"[\[\]{}]", _STRING.sub("", line)):
        depth += 1 if sign in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
