"""Text from events, made safe to look at: what is invisible or reorders is shown by name, names stand in mono."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from markupsafe import Markup, escape

SHORT = 160  # characters of a value that stand in a line; the whole is behind a click
LONG = 4000  # characters of a value that stand in the page at all
MARKS = 2  # combining marks on one letter; further ones are shown by number
NAMES_LIMIT = 64

_SUSPECT = re.compile(r"[^ -~\xa1-\xac\xae-\u02ff\u0400-\u0481\u4e00-\u9fff]")
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}
_HIDDEN = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"}
_CONTROLS = re.findall(
    r"\w+",
    """NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI
       DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US""",
)
_NAME = re.compile(r"`([^`]+)`|(?<![\w/])(/[^\s,;:()]+|\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?::\d+)?)")


@lru_cache(maxsize=4096)
def name_of(character: str) -> str:
    """What a hidden character is called: U+202E; the old control characters by their short names (ESC)."""
    code = ord(character)
    return _CONTROLS[code] if code < len(_CONTROLS) else "DEL" if code == 0x7F else f"U+{code:04X}"


def _pieces(text: str) -> Iterable[tuple[bool, str]]:
    """The text as (hidden, piece): hidden characters by name, one piece each."""
    end = marks = 0
    for found in _SUSPECT.finditer(text):
        at, character = found.start(), found.group()
        kind = unicodedata.category(character)
        marks = marks + 1 if kind in {"Mn", "Me"} and at == end else int(kind in {"Mn", "Me"})
        if kind in _HIDDEN or character in _BLANK or 0xE0100 <= ord(character) <= 0xE01EF or marks > MARKS:
            if at > end:
                yield False, text[end:at]
            yield True, name_of(character)
            end = at + 1
        elif marks:
            yield False, text[end : at + 1]
            end = at + 1
    if end < len(text):
        yield False, text[end:]


def plain(text: object, limit: int | None = None) -> str:
    """Text for a terminal or a text page: nothing in it moves the cursor, hides or reorders; cut at `limit`."""
    whole = str(text)
    cut = whole if limit is None else whole[:limit]
    told = "".join(f"⟨{piece}⟩" if hidden else piece for hidden, piece in _pieces(cut))
    return told + (f"… ({len(whole):,} characters)" if len(cut) < len(whole) else "")


def visible(text: object) -> Markup:
    """Text for a page, escaped, with hidden characters as marked words."""
    pieces = []
    for hidden, piece in _pieces(str(text)):
        pieces.append(Markup('<span class="hidden-mark">{}</span>').format(piece) if hidden else escape(piece))
    return Markup("").join(pieces)


def cut(text: object, limit: int = SHORT) -> Markup:
    """The beginning of a text, made visible, with an ellipsis where it was cut."""
    whole = str(text)
    return visible(whole[:limit]) + Markup("…" if len(whole) > limit else "")


def told(text: object, names: Iterable[str] = ()) -> Markup:
    """A sentence with the names in it in mono: paths, addresses, what stands in backquotes and the `names` given."""
    sentence = str(text)[:LONG]
    wanted = sorted({name for name in names if len(name) > 1}, key=len, reverse=True)[:NAMES_LIMIT]
    pattern = _NAME
    if wanted:
        given = "|".join(re.escape(name) for name in wanted)
        pattern = re.compile(rf"{_NAME.pattern}|(?<![\w./-])({given})(?![\w/-])")
    pieces, end = [], 0
    for found in pattern.finditer(sentence):
        name = next(group for group in found.groups() if group)
        bare = name.rstrip(".") if not found.group(1) else name
        pieces += [visible(sentence[end : found.start()]), Markup('<code class="name">{}</code>').format(visible(bare))]
        pieces.append(visible(name[len(bare) :]))
        end = found.end()
    return Markup("").join([*pieces, visible(sentence[end:])])
