"""LAUREL's JSON of auditd events (github.com/threathunters-io/laurel), read by the auditd reader: the same events.

A document holds an event whole. It is written back as the records that it was made of, which the auditd reader reads;
text and place stay the document's own. What LAUREL adds (context of processes, labels) is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
import pyarrow as pa

from lichen.collect.columns import TEXT
from lichen.collect.readers import Fault, Lines, Reading
from lichen.collect.readers.auditd.calls import OWN_FIELDS
from lichen.collect.readers.auditd.reader import AuditdReader
from lichen.collect.readers.auditd.tokens import SEPARATOR
from lichen.collect.readers.json_lines import REMEDY, parse_document
from lichen.collect.readers.making import Context
from lichen.core.batch import Batch

RECORDS = 4096  # of one event
ARGUMENTS = 8192
_ID = re.compile(r"[0-9]{1,10}\.[0-9]{1,6}:[0-9]{1,18}")
_TYPE = re.compile(r"[A-Za-z0-9_\[\]]{1,64}")
_NAME = re.compile(r"[\w.-]{1,64}")
_BEGINS = re.compile(r'\{"ID":"[0-9]{1,10}\.[0-9]{1,6}:[0-9]{1,18}"[,}]')
_PLAIN = re.compile(r"[!#-~]+")  # what the kernel writes between quotes
_HEXADECIMAL = frozenset({"arch", "a0", "a1", "a2", "a3", "cap_fp", "cap_fi", "cap_fe", "cap_fver", "cap_frootid"})
_QUOTED = frozenset({"name", "comm", "exe", "cwd", "key", "path", "dir", "acct", "cmd", "data", "vm"})


def looks_like_laurel(line: str) -> bool:
    """Whether a line begins as LAUREL's documents do."""
    return _BEGINS.match(line) is not None


class LaurelReader:
    """Documents of LAUREL, a line each."""

    def __init__(self, context: Context) -> None:
        self._auditd = AuditdReader(context)

    def read(self, lines: Lines, last: bool) -> Reading:
        records: list[str] = []
        of_row: list[int] = []
        faults = []
        for row, line in enumerate(lines.text):
            try:
                found = list(records_of(parse_document(line)))
            except ValueError as error:
                faults.append(Fault(row, f"not an event of LAUREL: {error}", REMEDY))
                continue
            records += found
            of_row += [row] * len(found)
        rows = np.array(of_row, dtype=np.int64)
        reading = self._auditd.read(Lines(records, lines.offset[rows], lines.number[rows]), True)
        text = {int(offset): line for offset, line in zip(lines.offset, lines.text, strict=True)}
        reading.batches = [_with_text(batch, text) for batch in reading.batches]
        reading.faults = [*faults, *(Fault(of_row[fault.row], fault.reason, fault.remedy) for fault in reading.faults)]
        reading.held = []
        return reading

    def state(self) -> dict[str, Any]:
        return self._auditd.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._auditd.restore(state)


def _with_text(batch: Batch, text: Mapping[int, str]) -> Batch:
    return replace(batch, text=pa.array([text[offset] for offset in batch.offset.tolist()], type=TEXT))


def records_of(document: Mapping[str, Any]) -> Iterator[str]:
    """The audit records that a document was made of. Raises ValueError."""
    stamp, node = document.get("ID"), document.get("NODE")
    if not isinstance(stamp, str) or _ID.fullmatch(stamp) is None:
        raise ValueError("its ID is no time:serial")
    before = f"node={re.sub(r'[^!-~]', '_', node[:255])} " if isinstance(node, str) and node else ""
    written = 0
    for kind, value in document.items():
        for record in value if isinstance(value, list) else [value]:
            if not isinstance(record, dict) or _TYPE.fullmatch(kind) is None or written >= RECORDS:
                continue
            written += 1
            yield f"{before}type={kind} msg=audit({stamp}): {_body(kind, record)}"
    if not written:
        raise ValueError("it holds no record")
    yield f"{before}type=EOE msg=audit({stamp}): "


def _body(kind: str, record: Mapping[str, Any]) -> str:
    """One record as auditd writes it; the names that ENRICHED adds stand last."""
    fields = dict(record)
    argv = fields.pop("ARGV", None)
    if isinstance(argv, list):
        argv = argv[:ARGUMENTS]
        if kind == "PROCTITLE":
            title = b"\0".join(_bytes(str(word)) for word in argv)
            return f"proctitle={title.hex().upper()}"
        named = {f"a{place}": word for place, word in enumerate(argv)}
        if kind == "EXECVE":
            return " ".join([f"argc={len(argv)}", *(f"{name}={_quoted(str(word))}" for name, word in named.items())])
        fields.update(named)
    if kind == "SYSCALL":
        fields = {**{name: fields[name] for name in OWN_FIELDS if name in fields}, **fields}
    lower = [_pair(name, value) for name, value in fields.items() if not name.isupper()]
    upper = [_pair(name, value) for name, value in fields.items() if name.isupper()]
    plain, enriched = (" ".join(pair for pair in pairs if pair) for pairs in (lower, upper))
    return f"{plain}{SEPARATOR}{enriched}" if enriched else plain


def _pair(name: str, value: Any) -> str:
    """A field as auditd writes it; nothing for what LAUREL puts there itself (objects)."""
    if _NAME.fullmatch(name) is None or isinstance(value, dict | list):
        return ""
    if value is None:
        return f"{name}=(null)"
    text = str(value)
    if name == "msg":
        return f"msg='{_one_line(text)}'"
    if name == "saddr":
        return f"saddr={unquote_to_bytes(text).hex().upper()}"
    if name == "SADDR":
        return f"SADDR={_one_line(text)}"
    if isinstance(value, str) and text.startswith("0x") and name in _HEXADECIMAL:
        return f"{name}={text[2:]}"
    if name == "mode" and text.startswith("0o"):
        return f"mode=0{text[2:].lstrip('0')}"
    if name.isupper():
        return f'{name}="{_one_line(text)}"' if name not in ("ARCH", "SYSCALL") else f"{name}={_one_line(text)}"
    return f"{name}={_quoted(text) if name in _QUOTED else _one_line(text)}"


def _quoted(text: str) -> str:
    """A text between quotes, or in hexadecimal where it holds blanks, quotes or what is no ASCII."""
    raw = _bytes(text)
    plain = raw.decode("utf-8", "replace")
    return f'"{plain}"' if _PLAIN.fullmatch(plain) else raw.hex().upper()


def _bytes(text: str) -> bytes:
    """The bytes of a text; LAUREL writes what is no UTF-8, and %, as %xx."""
    return unquote_to_bytes(text)


def _one_line(text: str) -> str:
    return re.sub(r"[\r\n\x1d]", " ", text)
