"""PATH records: which item is the file that an event is about, and its whole path.

The kernel logs every name that a call looked up: parents, the thing itself, and on an overlay the items of the upper
layer as well (name=(null) on the upper's device, which only DELETE items give a name to). Symbolic links are never
followed on disk: logs are read elsewhere and later.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from lichen.collect.readers.auditd.syscalls import FILE_ACTIVITY, OPEN_FLAGS, WORKING_DIRECTORY, opens_to_write
from lichen.collect.readers.auditd.tokens import UNKNOWN
from lichen.core import ocsf

LONGEST_REMEMBERED = 4096  # PATH_MAX; what is longer was not written by a kernel


class Item(NamedTuple):
    """The fields of a PATH record that matter here."""

    name: str | None
    nametype: str | None
    dev: str | None
    mode: str | None


_NEWEST_FIRST = {"CREATE": 0, "NORMAL": 1, "UNKNOWN": 2, "DELETE": 3}  # of a rename: the new name, not the old one
_OLDEST_FIRST = {"DELETE": 0, "NORMAL": 1, "CREATE": 2, "UNKNOWN": 3}


def whole_path(name: str, directory: str) -> str:
    """A name as typed, made absolute by its directory and freed of `.`, `..` and doubled slashes; a name that stays
    relative (its directory is not known) is kept as it is."""
    if len(name) + len(directory) > LONGEST_REMEMBERED:
        return _whole_path(name, directory)
    return _remembered_whole_path(name, directory)


def _whole_path(name: str, directory: str) -> str:
    path = name if name.startswith("/") else posixpath.join(directory, name)
    return posixpath.normpath(path).replace("//", "/") if path.startswith("/") else path


_remembered_whole_path = lru_cache(maxsize=16384)(_whole_path)


def directory_of(argument: str | None, arguments: Mapping[str, str], working_directory: str | None) -> str:
    """The directory of a relative name: the working directory, unless the call names another by a descriptor, which
    no record gives a path to (audit prints the working directory there too)."""
    if argument is not None and arguments.get(argument, "") not in WORKING_DIRECTORY:
        return ""
    return working_directory or ""


def items_of(items: Sequence[Item]) -> list[Item]:
    """The items that name something other than the directory of the thing, on the device that was asked for; the
    directory itself where a call failed before it named more."""
    named = [item for item in items if item.name is not None and item.name not in UNKNOWN]
    things = [item for item in named if item.nametype != "PARENT"]
    asked_for = (named[0].dev if named else None, None)
    return [item for item in things if item.dev in asked_for or item.nametype == "DELETE"] or things or named


def file_of(items: Sequence[Item]) -> Item | None:
    """The item that an event is about: what it made, else what it opened or changed, else what it removed."""
    return min(items, key=lambda item: _NEWEST_FIRST.get(item.nametype or "", 4), default=None)


def old_name_of(items: Sequence[Item]) -> Item | None:
    """The item that a rename took the old name from."""
    return min(items, key=lambda item: _OLDEST_FIRST.get(item.nametype or "", 4), default=None)


def activity_of(call: str, item: Item | None, arguments: Mapping[str, str]) -> int:
    """OCSF's activity of a file call on this item; `arguments` are a0..a3. Openings are told apart by what they did
    and by their flags; those of openat2 lie in memory, and count as reading unless something was made."""
    known = FILE_ACTIVITY.get(call)
    if known is not None:
        return known
    if item is not None and item.nametype == "CREATE":
        return ocsf.CREATE
    return ocsf.UPDATE if opens_to_write(arguments.get(OPEN_FLAGS.get(call, ""), "")) else ocsf.READ
