"""Files that hold no lines and that nothing turns into lines, told by their first bytes, with what to do instead."""

from __future__ import annotations

_UNPACK = "unpack it; gzip, xz, bzip2, zstd, zip and tar are read as they are"
_KINDS = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\x04\x22\x4d\x18", "compressed by lz4", _UNPACK),
    (b"\x1f\x9d", "compressed by compress", _UNPACK),
    (b"LPKSHHRH", "a binary journal", "journalctl --file NAME -o json gives its lines"),
    (b"\xd4\xc3\xb2\xa1", "captured packets", "Zeek or Suricata make logs of them"),
    (b"\xa1\xb2\xc3\xd4", "captured packets", "Zeek or Suricata make logs of them"),
    (b"\x0a\x0d\x0d\x0a", "captured packets", "Zeek or Suricata make logs of them"),
    (b"PAR1", "a Parquet file", "give its rows as JSON lines"),
    (b"SQLite format 3\0", "an SQLite database", "give its rows as JSON lines"),
    (b"\x7fELF", "a program", "name logs"),
    (b"MZ", "a Windows program", "name logs"),
    (b"\x89PNG", "a picture", "name logs"),
)


def told_of(head: bytes) -> tuple[str, str] | None:
    """What a file that begins so is, and what to do; None if it is nothing that is known here."""
    return next(
        ((f"{what}, which is not read", remedy) for magic, what, remedy in _KINDS if head.startswith(magic)), None
    )
