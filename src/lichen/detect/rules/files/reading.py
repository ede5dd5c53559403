"""Reading files that somebody else may have put there: regular ones only, no links, no more bytes than wanted."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read and for how long."""

    file_bytes: int = 64 << 20
    file_seconds: int = 10  # of one file's YARA scan
    total_seconds: float = 3600.0
    files: int = 1_000_000


class Passed(Exception):
    """A file that is not read, and why."""


def content(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """All of a regular file and what the system says of it. Raises Passed: a link, no file, too large, not readable."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        raise Passed(error.strerror or "cannot be opened") from error
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise Passed("no regular file")
        if about.st_size > limit:
            raise Passed(f"larger than {limit} bytes")
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise Passed(error.strerror or "cannot be read") from error
    if len(data) > limit:
        raise Passed(f"larger than {limit} bytes")
    return data, about


def files_below(places: Iterable[Path], most: int) -> Iterator[Path]:
    """Files given and in folders given, in order of their names, each once; links are not followed."""
    seen: set[Path] = set()
    for place in places:
        for path in _below(place) if place.is_dir() and not place.is_symlink() else (place,):
            if path not in seen:
                if len(seen) == most:
                    return
                seen.add(path)
                yield path


def _below(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(top, name)
            if not path.is_symlink():
                yield path
