"""logfmt: `time=… level=info msg="a text" key=value` (brandur.org/logfmt), as Go's programs write it."""

from __future__ import annotations

import re

import orjson

from lichen.collect.readers.forms.form import Form
from lichen.collect.values import Document

_PAIR = re.compile(r'([^\s="\x00-\x1f]{1,128})=("(?:[^"\\]|\\.)*"|[^\s"]*)(?:\s+|$)')
FIELDS_AT_MOST = 512
FEWEST = 3


class Logfmt(Form):
    """Pairs from the first sign to the last; a word alone ends them."""

    name = "logfmt"
    title = "logfmt"
    remedy = 'pairs alone: time=2026-11-24T11:14:32Z level=info msg="a text"'

    def document(self, record: str) -> Document | None:
        document: Document = {}
        place = 0
        while place < len(record) and len(document) < FIELDS_AT_MOST:
            pair = _PAIR.match(record, place)
            if pair is None:
                break
            document[pair[1]] = _text(pair[2])
            place = pair.end()
        if len(document) < FEWEST:
            raise ValueError("not a logfmt line: fewer than three pairs")
        if place < len(record):
            document["rest"] = record[place:]
        return document


def _text(written: str) -> str:
    if not written.startswith('"'):
        return written
    try:
        text = orjson.loads(written)
    except orjson.JSONDecodeError:
        return written[1:-1]
    return str(text)
