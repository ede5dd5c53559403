"""Overwrites: events that name a file of the baseline with another hash than it had."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from lichen.core import ocsf
from lichen.core.batch import Batch
from lichen.detect.rules.files.baseline import DETECTOR, TECHNIQUES, Baseline
from lichen.detect.rules.hits import Hits
from lichen.detect.rules.told_rows import ToldRows

_IMPORTS = re.compile(r"imphash=[0-9a-f]*")  # of a program's imports, not of the file
_HASH = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})(?![0-9a-f])")


def overwrites(batch: Batch, baseline: Baseline | None) -> Iterator[Hits]:
    """The hits of the baseline, if it has any. The hash of a started program is its file's."""
    hashes = batch.column("file.hashes.value")
    if baseline is None or hashes.null_count == len(hashes):
        return
    classes = batch.column("class_uid").to_pylist()
    written, started = batch.column("file.path").to_pylist(), batch.column("process.file.path").to_pylist()
    hosts = batch.column("device.hostname").to_pylist()
    told: dict[int, str] = {}
    for row, (kind, held) in enumerate(zip(classes, hashes.to_pylist(), strict=True)):
        path = started[row] if kind == ocsf.PROCESS_ACTIVITY else written[row]
        was = baseline.files.get(path or "") if held else None
        if was is None or not _is_same(hosts[row], was.host):
            continue
        seen = set(_HASH.findall(_IMPORTS.sub("", held.lower())))
        if seen and seen.isdisjoint(was.hashes):
            done = "ran" if kind == ocsf.PROCESS_ACTIVITY else "touched"
            told[row] = f"{done} {path[:256]}, which does not hold what the baseline of this machine says"
    if told:
        yield Hits(DETECTOR, np.array(sorted(told), dtype=np.int64), ToldRows(told), TECHNIQUES)


def _is_same(host: str | None, other: str) -> bool:
    """Whether an event may be of that machine: it names none, or the same, with or without its domain."""
    return not host or not other or host.partition(".")[0].lower() == other.partition(".")[0].lower()
