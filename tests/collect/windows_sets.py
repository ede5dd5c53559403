"""Windows logs of others (mdecrevoisier/EVTX-to-MITRE-Attack, CC0; OTRF/Security-Datasets, MIT), read where they lie;
absent, tests skip."""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

HEADER_BYTES, CHUNK_BYTES, CHUNK_HEADER_BYTES = 4096, 65536, 512
RECORD_MARK = 0x2A2A  # **, then zeros


@cache
def public_data() -> ModuleType:
    """benchmarks/public_data.py, which knows where the public sets are."""
    place = Path(__file__).parents[2] / "benchmarks" / "public_data.py"
    spec = importlib.util.spec_from_file_location("public_data", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unpacked(name: str) -> Path:
    """The folder of a public set; skips the test where it is absent."""
    if not public_data().available(name):
        pytest.skip(f"the set {name} is not beside this clone (../shared/data)")
    return Path(public_data().unpacked(name))


@cache
def windows_logs() -> list[Path]:
    """The EVTX files of 02_evtx, each content once, the smallest first."""
    found: dict[str, Path] = {}
    for path in sorted(unpacked("02_evtx").rglob("*.evtx")):
        found.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
    return sorted(found.values(), key=lambda path: (path.stat().st_size, path.name))


@cache
def captures() -> list[Path]:
    """The Windows captures of 02_otrf_2019_2020, JSON in zip and tar.gz."""
    top = unpacked("02_otrf_2019_2020")
    return [path for path in sorted([*top.rglob("*.zip"), *top.rglob("*.tar.gz")]) if "windows" in path.parts]


def records_in(path: Path) -> int:
    """How many records the headers of an EVTX file's chunks count."""
    count = 0
    for chunk in _chunks(path):
        first, last = struct.unpack_from("<QQ", chunk, 8)
        count += last - first + 1
    return count


def records_found(path: Path) -> int:
    """How many records lie in an EVTX file's chunks: walked from one to the next by the size that each says it has, up
    to where the chunk says that free space begins."""
    count = 0
    for chunk in _chunks(path):
        (free,) = struct.unpack_from("<I", chunk, 48)
        at = CHUNK_HEADER_BYTES
        while at < free:
            mark, size = struct.unpack_from("<II", chunk, at)
            assert (mark, struct.unpack_from("<I", chunk, at + size - 4)) == (RECORD_MARK, (size,)), path
            count, at = count + 1, at + size
    return count


def _chunks(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    for start in range(HEADER_BYTES, len(content), CHUNK_BYTES):
        if content[start : start + 8] == b"ElfChnk\0":
            yield content[start : start + CHUNK_BYTES]
