"""Public labelled sets for tests and benchmarks: where they lie, unpacked once into a cache outside the project.

They are never part of the project. `LICHEN_PUBLIC_DATA` names their folder (by default `shared/data` beside the
checkout); where it is absent the callers say so and skip.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path

PLACE = Path(os.environ.get("LICHEN_PUBLIC_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))
CACHE = Path(os.environ.get("LICHEN_CACHE", Path(tempfile.gettempdir()) / "lichen-public-data"))


def available(name: str) -> bool:
    """Whether a set is there."""
    return (PLACE / f"{name}.tar.xz").exists()


def unpacked(name: str) -> Path:
    """The folder of a set, unpacked on first use. Raises FileNotFoundError where the set is absent."""
    archive, folder = PLACE / f"{name}.tar.xz", CACHE / name
    if not archive.exists():
        raise FileNotFoundError(f"{archive}: set LICHEN_PUBLIC_DATA to the folder of the public sets")
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=CACHE))
        with tarfile.open(archive) as tar:
            tar.extractall(beside, filter="data")
        try:
            beside.rename(folder)
        except OSError:  # another process was quicker
            if not folder.exists():
                raise
    return folder


def sigma_folders() -> list[Path]:
    """SigmaHQ's rule folders: main, emerging threats, hunting."""
    top = unpacked("02_sigma")
    return [next(top.rglob(name)) for name in ("rules", "rules-emerging-threats", "rules-threat-hunting")]


def sigma_rules() -> list[Path]:
    """SigmaHQ's folders of Linux and web rules (with auditd's), main, emerging threats and hunting."""
    top = unpacked("02_sigma")
    return sorted(
        path
        for path in top.rglob("*")
        if path.is_dir() and path.name in {"linux", "web"} and "regression_data" not in path.parts
    )
