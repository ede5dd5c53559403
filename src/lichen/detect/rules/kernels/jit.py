"""Compiling by numba: signatures explicit, compiled once, and its machine code kept between runs where that is safe.

numba keeps its cache as pickles beside the code or in a folder of the user. Beside the code is wrong for an installed
package, and raises where neither can be written; so the folder is chosen here: `NUMBA_CACHE_DIR` if set, else
`$XDG_CACHE_HOME/lichen/numba`, made for this user alone and refused if another owns it or may write to it. Within it
each state of our sources has a folder of its own: numba sees that a function's file changed, but not that of a function
which it calls. Without a folder the code is compiled anew in each process.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


@cache
def cache_folder() -> Path | None:
    """Where compiled code is kept; None where no folder is safe and writable."""
    chosen = numba.config.CACHE_DIR
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(chosen) if chosen else Path(home) / "lichen" / "numba"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
    except (OSError, RuntimeError):
        return None
    others_write = bool(about.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    owned = not hasattr(os, "getuid") or about.st_uid == os.getuid()
    if not owned or others_write or not os.access(folder, os.W_OK | os.X_OK):
        return None
    own = folder / _sources()
    own.mkdir(mode=0o700, exist_ok=True)
    numba.config.CACHE_DIR = str(own)
    return own


def _sources() -> str:
    """What all that is compiled says, in 16 hexadecimal digits."""
    rules = Path(__file__).resolve().parent.parent
    files = sorted([*(rules / "kernels").glob("*.py"), *(rules / "engine").glob("*.py")])
    return hashlib.blake2b(b"".join(path.read_bytes() for path in files), digest_size=8).hexdigest()


def compiled(*signatures: Any) -> Callable[[Function], Function]:
    """Compiles a function for exactly these signatures when its module is first imported."""

    def decorate(function: Function) -> Function:
        kept = cache_folder() is not None
        jitted: Function = numba.njit(list(signatures), cache=kept, nogil=True, boundscheck=False)(function)
        return jitted

    return decorate
