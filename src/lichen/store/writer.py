"""The writer's lock: one process writes a lake, and begins by sweeping away what was never committed."""

from __future__ import annotations

import fcntl
from collections.abc import Set
from pathlib import Path
from typing import TextIO

from lichen.core.errors import LichenError


class Writer:
    """The right to write to a lake's folder, for the records whose id is `owner`."""

    def __init__(self, folder: Path, owner: str) -> None:
        self.folder, self.owner = folder, owner
        self._lock: TextIO | None = None

    @property
    def held(self) -> bool:
        return self._lock is not None

    def take(self, committed: Set[str]) -> None:
        """Take the right to write; parts that are not `committed` go. Raises LichenError if another process has it, or
        if the lake belongs to other records."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "writer.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._check_owner()
        except BlockingIOError as error:
            lock.close()
            raise LichenError(
                "another process writes to this store",
                place=str(self.folder),
                remedy="wait for it or end it, or name another store",
            ) from error
        except LichenError:
            lock.close()
            raise
        self._lock = lock
        self._sweep(committed)

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _check_owner(self) -> None:
        """A lake and its records stay together: under other records every part would look uncommitted."""
        note = self.folder / "records.id"
        if not note.exists():
            if any(self.folder.glob("day=*")):
                self._refuse("nothing says which records these events belong to")
            note.write_text(self.owner, encoding="utf-8")
        elif note.read_text(encoding="utf-8").strip() != self.owner:
            self._refuse("these events belong to other records")

    def _refuse(self, fault: str) -> None:
        remedy = "use the records that were made with them, or move this folder aside and scan again"
        raise LichenError(fault, place=str(self.folder), remedy=remedy)

    def _sweep(self, committed: Set[str]) -> None:
        for path in self.folder.glob("day=*/kind=*/*"):
            name = path.relative_to(self.folder).as_posix()
            if name.removesuffix(".parquet") not in committed:
                path.unlink()
