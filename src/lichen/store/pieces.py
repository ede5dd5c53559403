"""Pieces: how a batch is cut by day, and what the part that holds a piece is called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

import numpy as np

from lichen.core.batch import Batch, Rows
from lichen.core.time import DAY, day_of

DAYS = 16  # of one batch that get a folder of their own; a liar's further dates share "scattered"
SCATTERED = "scattered"
_SAFE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def days_of(batch: Batch) -> list[tuple[str, Rows]]:
    """The batch's rows by UTC day."""
    if not len(batch):
        return []
    days = batch.times() // DAY
    if days.min() == days.max():
        return [(day_of(int(days[0]) * DAY), np.arange(len(batch)))]
    found, count = np.unique(days, return_counts=True)
    kept = found[np.argsort(-count, kind="stable")[:DAYS]]
    cut = [(day_of(int(day) * DAY), np.flatnonzero(days == day)) for day in np.sort(kept)]
    rest = np.flatnonzero(~np.isin(days, kept))
    return [*cut, (SCATTERED, rest)] if len(rest) else cut


def part_name(piece: Batch, day: str, taken: Collection[str] = ()) -> str:
    """`day=…/kind=…/STREAM-FIRST-LAST`, offsets as hex digits; a number is added while the name is taken."""
    kind, stream = _safe(piece.kind), _safe(piece.stream.identity)
    first, last = int(piece.offset.min()), int(piece.offset.max())
    name = plain = f"day={day}/kind={kind}/{stream}-{first:012x}-{last:012x}"
    turn = 1
    while name in taken:
        turn += 1
        name = f"{plain}.{turn}"
    return name


def _safe(name: str) -> str:
    """A name as it stands if it is a plain word, else its hash: names come from outside."""
    if _SAFE.fullmatch(name):
        return name
    return hashlib.blake2b(name.encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
