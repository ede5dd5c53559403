"""Every converter of what is no text (containers.py says how to add one); the first that knows a beginning takes it."""

from __future__ import annotations

from lichen.collect.inputs.containers import Converter
from lichen.collect.inputs.encodings import UTF16
from lichen.collect.inputs.evtx import EVTX
from lichen.collect.inputs.framed import OCTET_COUNTED
from lichen.collect.inputs.journal_export import JOURNAL_EXPORT

CONVERTERS: tuple[Converter, ...] = (
    EVTX,
    UTF16,
    JOURNAL_EXPORT,
    OCTET_COUNTED,
)


def converter_of(head: bytes) -> Converter | None:
    """The converter that a file which begins so needs; None for lines of text."""
    return next((each for each in CONVERTERS if each.begins(head)), None)
