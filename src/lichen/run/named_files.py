"""Files to scan: those given, and those that events in a store name and that are on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.compute as pc

from lichen import assemble
from lichen.config import Settings
from lichen.detect.rules.files import files_below

NAMED = ("file.path", "process.file.path", "actor.process.file.path", "module.file.path")


def files_of(settings: Settings, paths: Sequence[Path], named: bool, most: int) -> Iterator[Path]:
    """At most `most` files, each once."""
    given = [*paths, *(_named(settings, most) if named else ())]
    yield from files_below(given, most)


def _named(settings: Settings, most: int) -> list[Path]:
    """The absolute paths in the store's events that are files here; a folder that an event names is not walked."""
    found: dict[str, None] = {}
    platform = assemble.open_platform(settings)
    with platform.store:
        for batch in platform.store.lake.batches(shapes=False):
            for name in NAMED:
                for path in pc.unique(batch.column(name)).to_pylist():
                    if path and path.startswith("/") and "\0" not in path and len(found) < most:
                        found[path] = None
    return [path for path in map(Path, found) if not path.is_symlink() and path.is_file()]
