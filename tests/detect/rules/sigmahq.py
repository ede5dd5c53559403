"""SigmaHQ's rules, read where they lie and unpacked into a cache outside the repository; absent, tests skip."""

from __future__ import annotations

import os
import tarfile
import tempfile
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
ARCHIVE = REPOSITORY.parent / "shared" / "data" / "02_sigma.tar.xz"
FOLDERS = ("rules", "rules-emerging-threats", "rules-threat-hunting")


@cache
def sigmahq() -> list[Path]:
    """The folders of SigmaHQ's rules."""
    if not ARCHIVE.exists():
        pytest.skip("SigmaHQ's rules are not beside this clone (../shared/data/02_sigma.tar.xz)")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lichen" / "data"
    place = home / f"02_sigma-{ARCHIVE.stat().st_size}"
    if not place.exists():
        home.mkdir(parents=True, exist_ok=True)
        unpacked = Path(tempfile.mkdtemp(dir=home))
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(unpacked, filter="data")
        try:
            unpacked.rename(place)
        except OSError:  # another test process was faster
            assert place.exists()
    return [next(place.rglob(folder)) for folder in FOLDERS]
