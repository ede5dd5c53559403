"""EVTX: each record that a chunk counts is an event or a dead letter, whatever its bytes are."""

from __future__ import annotations

from fuzz.reading import Folder
from fuzz.targets import Target, expect
from lichen.collect.inputs.evtx import CHUNK_BYTES, CHUNK_MAGIC, FILE_MAGIC, HEADER_BYTES, counted

FOLDER = Folder("input.evtx")
HEADER = FILE_MAGIC.ljust(HEADER_BYTES, b"\0")
TEXT_BYTES = 16 << 20


def read(data: bytes) -> None:
    """A whole file, or (so that inputs are small) the chunks alone, with a header put before them."""
    whole = data if data.startswith(FILE_MAGIC) else HEADER + data
    told = FOLDER.read(whole)
    chunks = [whole[at : at + CHUNK_BYTES] for at in range(HEADER_BYTES, len(whole), CHUNK_BYTES)]
    known = [each.ljust(CHUNK_BYTES, b"\0") for each in chunks if each.startswith(CHUNK_MAGIC)]
    wanted = sum(map(counted, known))
    given = len(told.events) + told.refused
    expect(given >= wanted, f"{wanted} records are counted, {given} are told")
    expect(given <= len(chunks) * CHUNK_BYTES // 16 + 2, f"{given} records of {len(whole)} bytes")
    size = sum(len(text) for _, text in told.events)
    expect(size <= TEXT_BYTES, f"{size} bytes of text of {len(whole)} bytes")


WORDS = ("ElfChnk\x00", "ElfFile\x00", "**\x00\x00", "\x0f\x01\x01\x00", "\x0c\x01", "\x01\x04", "\x0b\x01", "\x0e")
TARGET = Target("event_logs", read, CHUNK_BYTES + HEADER_BYTES, WORDS)
