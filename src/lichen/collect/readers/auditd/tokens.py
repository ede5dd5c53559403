"""One auditd record to its fields, under auditd's own names, decoded.

Format: the kernel's audit_log_untrustedstring and auditd's ENRICHED format (auditd.conf(5), `log_format`). A value is
bare, "quoted", or, where it holds blanks, quotes or control characters, bare hexadecimal. 0x1d stands before the names
that ENRICHED adds. User space puts its own fields into msg='…'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SEPARATOR = "\x1d"
UNKNOWN = frozenset({"(null)", "?", "(none)", ""})
UNSET = frozenset({"4294967295", "-1", "unset"})

# begins where a word does, and a brace closes soon: else one long word or many open braces take quadratic time
_PAIR = re.compile(r'(?<![\w.-])([\w.-]+)=("[^"]*"|\{[^}]{0,1024}\}|\S*)')
_OPENING = "{'\""  # what begins a value that may hold blanks
_ARGUMENT = re.compile(r"\ba(\d{1,6})=(\"[^\"]*\"|\S*)")
_ARGUMENT_PART = re.compile(r"\ba(\d{1,6})(?:\[(\d{1,6})\])?=(\"[^\"]*\"|\S*)")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_ENCODED = frozenset({"name", "comm", "exe", "cwd", "proctitle", "acct", "cmd", "key", "path", "dir", "data", "vm"})
OFFERED_ARGUMENTS = 16  # a0..a15 become fields; the command line holds all
_ARGUMENT_NAMES = tuple(f"a{place}" for place in range(OFFERED_ARGUMENTS))


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one record body. `decoded`: the texts that were hex in the line, which keywords must be able to
    find. Of EXECVE `arguments`: place -> decoded text, and `command`: all of them with blanks between."""

    fields: dict[str, str]
    decoded: str = ""
    arguments: dict[int, str] = field(default_factory=dict)
    command: str = ""


def parse(body: str) -> Record:
    """The fields of a body, such as `cwd="/root"`. The first of a repeated name counts. Never raises."""
    fields: dict[str, str] = {}
    decoded = ""
    for word in body.replace(SEPARATOR, " ").split(" "):
        name, _, value = word.partition("=")
        first = value[:1]
        if first == '"' and value[-1:] == '"' and len(value) > 1:
            value = value[1:-1]
        elif first in _OPENING and first:
            return _parse_slowly(body)
        elif name in _ENCODED and len(value) > 1 and _HEX.fullmatch(value):
            value = from_hex(value)
            decoded = f"{decoded} {value}" if decoded else value
        if name not in fields:
            fields[name] = value
    fields.pop("", None)
    return Record(fields, decoded)


def _parse_slowly(body: str) -> Record:
    """The same where a value holds blanks: a user-space message, an ENRICHED socket address, a name of two words."""
    outer, has_message, rest = body.partition("msg='")
    pairs = _PAIR.findall(outer)
    if has_message:
        inner, _, after = rest.rpartition("'")
        pairs = [*pairs, *_PAIR.findall(inner), *_PAIR.findall(after)]
    fields: dict[str, str] = {}
    decoded = []
    for name, value in pairs:
        if value[:1] == "{":
            for inner_name, inner_value in _PAIR.findall(value[1:-1]):
                fields.setdefault(inner_name, inner_value)
            continue
        if value[:1] == '"':
            value = value[1:].removesuffix('"')
        elif name in _ENCODED and len(value) > 1 and _HEX.fullmatch(value):
            value = from_hex(value)
            decoded.append(value)
        fields.setdefault(name, value)
    return Record(fields, " ".join(decoded))


def parse_execve(body: str) -> Record:
    """An EXECVE body: a0..a15 become fields, whole arguments in `arguments` (those that a1[0], a1[1] … split are
    joined before they are decoded)."""
    decoded: list[str] = []
    arguments = {place: _argument(text, decoded) for place, text in _written_arguments(body)}
    fields = {_ARGUMENT_NAMES[place]: text for place, text in arguments.items() if place < OFFERED_ARGUMENTS}
    if argc := re.match(r"argc=(\d+)", body):
        fields["argc"] = argc[1]
    command = " ".join(arguments[place] for place in sorted(arguments))
    return Record(fields, " ".join(decoded), arguments, command)


def _written_arguments(body: str) -> list[tuple[int, str]]:
    """Place and text as written, split arguments joined, in the order in which they stand."""
    if "[" not in body:
        return [(int(place), value) for place, value in _ARGUMENT.findall(body)]
    pieces: dict[int, dict[int, str]] = {}
    for place, part, value in _ARGUMENT_PART.findall(body):
        pieces.setdefault(int(place), {})[int(part or 0)] = value
    return [
        (place, parts[0] if len(parts) == 1 and 0 in parts else _in_one([parts[part] for part in sorted(parts)]))
        for place, parts in pieces.items()
    ]


def _in_one(parts: list[str]) -> str:
    """The parts of one argument: all hexadecimal, or all quoted."""
    quoted = parts[0].startswith('"')
    whole = "".join(part.strip('"') for part in parts)
    return f'"{whole}"' if quoted else whole


def _argument(text: str, decoded: list[str]) -> str:
    """An argument decoded; what was hexadecimal is noted in `decoded` too."""
    if text[:1] == '"':
        return text[1:].removesuffix('"')
    if _HEX.fullmatch(text):
        text = from_hex(text)
        decoded.append(text)
    return text


def from_hex(text: str) -> str:
    """The text that audit wrote in hexadecimal; bytes that are not UTF-8 as \\xNN, NUL as a blank."""
    return bytes.fromhex(text).decode("utf-8", "backslashreplace").replace("\0", " ")
