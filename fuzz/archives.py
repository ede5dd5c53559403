"""Archives: gz, xz, bz2, zstd, zip and tar, within one another; what comes out is bounded by the caps."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable

import zstandard

from fuzz.reading import ENTRIES, UNFOLDED_BYTES, Folder
from fuzz.targets import Target, expect

FOLDER = Folder("input.bin")
BLOCK = 512


def read(data: bytes) -> None:
    """The file, with whatever is in it."""
    told = FOLDER.read(data)
    size = sum(len(text) for _, text in told.events)
    expect(size <= 4 * (UNFOLDED_BYTES + len(data)), f"{size} bytes of text of {len(data)} bytes")
    expect(len({letter.stream for letter in told.letters}) <= ENTRIES + 2, "more streams than entries")
    for letter in told.letters:
        expect(letter.place.isprintable() and "/../" not in letter.place, f"a place as an archive wrote it: {letter}")


def mutate(data: bytes, size: int, seed: int, plainly: Callable[[bytes, int], bytes]) -> bytes:
    """Plain mutation gets no further than a checksum; so tars get theirs, and what is packed is packed again."""
    draw = random.Random(seed)
    if (packed := _unpacked(data)) is not None and draw.random() < 0.5:
        inner, pack = packed
        made = pack(mutate(inner, size, draw.getrandbits(32), plainly))
    else:
        made = with_sums(plainly(data, size)) if draw.random() < 0.8 else plainly(data, size)
    if draw.random() < 0.05:
        made = draw.choice(PACK)(made)
    return made[:size]


def _unpacked(data: bytes) -> tuple[bytes, Callable[[bytes], bytes]] | None:
    """What is in compressed data, and how it was compressed."""
    try:
        if data.startswith(b"\x1f\x8b"):
            return gzip.GzipFile(fileobj=io.BytesIO(data)).read(1 << 16), gzip.compress
        if data.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(data, 1 << 16), bz2.compress
        if data.startswith(b"\xfd7zXZ\0"):
            return lzma.LZMADecompressor(memlimit=1 << 26).decompress(data, 1 << 16), lzma.compress
        if data.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(archive.namelist()[0]) as entry:
                return entry.read(1 << 16), zipped
    except Exception:  # it is no longer what it was; the door will say so
        return None
    return None


def zipped(data: bytes) -> bytes:
    """A zip of one entry."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a/b.log", (2026, 11, 24, 10, 0, 0)), data)
    return file.getvalue()


def tarred(data: bytes) -> bytes:
    """A tar of one entry."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        about = tarfile.TarInfo("a/b.log")
        about.size, about.mtime = len(data), 1_763_980_000
        archive.addfile(about, io.BytesIO(data))
    return file.getvalue()[: BLOCK + -(-len(data) // BLOCK) * BLOCK]


def with_sums(data: bytes) -> bytes:
    """The data with the right sum in each block that looks like a tar's header."""
    made = bytearray(data)
    for at in range(0, len(made) - BLOCK + 1, BLOCK):
        if made[at + 257 : at + 262] == b"ustar":
            made[at + 148 : at + 156] = b" " * 8
            made[at + 148 : at + 156] = b"%06o\0 " % sum(made[at : at + BLOCK])
    return bytes(made)


PACK: tuple[Callable[[bytes], bytes], ...] = (
    gzip.compress,
    bz2.compress,
    lzma.compress,
    zstandard.compress,
    zipped,
    tarred,
)
WORDS = ("ustar\x00", "ustar  \x00", "PK\x03\x04", "PK\x05\x06", "PK\x06\x06", "\x1f\x8b\x08", "BZh9", "../", "/etc/")
TARGET = Target("archives", read, 16384, WORDS, mutate)
