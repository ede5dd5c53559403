"""Compiled files, remembered by what they hold: a folder of thousands is read again in the time its changes take."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from lichen.detect.rules.pipelines import Pipeline, digest_of
from lichen.detect.rules.rule_file import FILE_LIMIT_BYTES
from lichen.detect.rules.sigma_compile import Compiled, compile_file

REMEMBERED = 16_384  # files; beyond, those remembered first are forgotten

_known: dict[tuple[str, str, bytes], tuple[Compiled, ...]] = {}
_lock = Lock()


def compiled_file(path: Path, pipelines: Sequence[Pipeline] = ()) -> tuple[Compiled, ...]:
    """What `compile_file` makes of a file, from memory where path, content and pipelines are the same as before."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_LIMIT_BYTES + 1)
    except OSError:
        return tuple(compile_file(path, pipelines=pipelines))
    if len(content) > FILE_LIMIT_BYTES:
        return tuple(compile_file(path, pipelines=pipelines))
    key = str(path), digest_of(pipelines), hashlib.blake2b(content, digest_size=16).digest()
    with _lock:
        found = _known.get(key)
    if found is None:
        found = tuple(compile_file(path, content, pipelines))
        with _lock:
            while len(_known) >= REMEMBERED:
                del _known[next(iter(_known))]
            _known[key] = found
    return found
