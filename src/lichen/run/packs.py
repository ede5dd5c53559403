"""Packs: what is read of a folder or a zip of rules that somebody else wrote; bounded, and never outside of it."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

from lichen.core.errors import InputError

ENTRIES_LIMIT = 50_000  # of a folder or an archive
BYTES_LIMIT = 256 << 20  # of all that is read, unpacked
ZIP_LIMIT = 128 << 20  # of an archive as it comes
FILE_LIMIT = 1 << 20  # of one file; larger ones are told and left out
LICENCE = re.compile(r"(licen[cs]e|copying|notice|authors|unlicense)([.\-_].*)?", re.IGNORECASE)

File = tuple[str, bytes | None]
"""A file's path within the pack, with `/`, and its content; None where it is too large."""


def wanted(path: str) -> bool:
    """Whether a path is a rule file, a companion or a licence, and not in a hidden folder."""
    parts = PurePosixPath(path).parts
    if any(part.startswith(".") for part in parts):
        return False
    return path.endswith((".yml", ".yaml")) or LICENCE.fullmatch(parts[-1]) is not None


def folder_files(folder: Path) -> Iterator[File]:
    """The wanted files of a folder; links are not followed. Raises InputError beyond the limits."""
    entries = total = 0
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        entries += len(names) + len(folders)
        if entries > ENTRIES_LIMIT:
            raise _too_much("files and folders", f"{ENTRIES_LIMIT}", str(folder))
        for name in sorted(names):
            path = Path(top) / name
            inside = path.relative_to(folder).as_posix()
            if not wanted(inside) or path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file:
                data = file.read(FILE_LIMIT + 1)
            total += len(data)
            if total > BYTES_LIMIT:
                raise _too_much("bytes", f"{BYTES_LIMIT} bytes", str(folder))
            yield inside, data if len(data) <= FILE_LIMIT else None


def zip_files(data: bytes, place: str) -> Iterator[File]:
    """The wanted files of a zip. Raises InputError beyond the limits, and where a name leads outside."""
    if len(data) > ZIP_LIMIT:
        raise _too_much("bytes", f"{ZIP_LIMIT} bytes", place)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            yield from _unpacked(archive, place)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise InputError(
            f"not a zip that can be read: {error}", place=place, remedy="unpack it, and add the folder"
        ) from error


def _unpacked(archive: zipfile.ZipFile, place: str) -> Iterator[File]:
    entries = archive.infolist()
    if len(entries) > ENTRIES_LIMIT:
        raise _too_much("entries", f"{ENTRIES_LIMIT}", place)
    total = 0
    for entry in entries:
        name = entry.filename
        if outside(name):
            raise InputError(f"an entry leads outside: {name[:200]!r}", place=place, remedy="do not trust this archive")
        if entry.is_dir() or stat.S_ISLNK(entry.external_attr >> 16) or not wanted(name):
            continue
        with archive.open(entry) as file:
            data = file.read(FILE_LIMIT + 1)  # what it says of its size is not believed
        total += len(data)
        if total > BYTES_LIMIT:
            raise _too_much("bytes unpacked", f"{BYTES_LIMIT} bytes", place)
        yield name, data if len(data) <= FILE_LIMIT else None


def outside(name: str) -> bool:
    """Whether a path of an archive leads out of it, on any system."""
    parts = PurePosixPath(name).parts
    return name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name


def _too_much(what: str, limit: str, place: str) -> InputError:
    return InputError(f"too many {what}", place=place, limit=limit, remedy="add a part of it")
