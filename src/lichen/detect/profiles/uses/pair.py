"""Pairs: which programs start which, given the parent and the grandparent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lichen.core.batch import Batch
from lichen.core.entity import base_name, path_template
from lichen.core.ocsf import PROCESS_ACTIVITY
from lichen.detect.profiles.acts import Acts, column_of, joint, part
from lichen.detect.profiles.hierarchy import Ladder
from lichen.detect.profiles.use import Use

UNKNOWN = "?"  # a parent that no sensor saw start

# fields: group, image, replica, grandparent, parent
LADDER = Ladder(
    rungs=((0, 1, 2, 3, 4), (0, 1, 3, 4), (0, 1, 4), (0, 4), (4,), ()),
    names=("replica", "image", "image", "group", "fleet", "fleet"),
    fleet=4,
    own=4,
)


def _name(image: str | None) -> str:
    return part(path_template(image)) if image else UNKNOWN


def read(batch: Batch, before: Mapping[str, Any]) -> tuple[Acts, Mapping[str, Any]]:
    """Every started program whose image is known, under its parent and grandparent."""
    inside = batch.column("class_uid").to_numpy(zero_copy_only=False) == PROCESS_ACTIVITY
    names = ("actor.process.parent_process.file.path", "actor.process.file.path", "process.file.path")
    grandparent, parent, child = (joint([column_of(batch, name)], _name) for name in names)
    known = batch.column("process.file.path").is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(inside & known)
    parts = (grandparent.take(rows), parent.take(rows), child.take(rows))
    return Acts(rows, parts, int(inside.sum()) - len(rows)), {}


def said(parts: Sequence[str]) -> str:
    *context, item = parts
    above = " under ".join(base_name(name) for name in reversed(context) if name != UNKNOWN)
    return f"ran {base_name(item)} under {above or 'a parent that was not seen'}"


USE = Use(
    name="pair",
    kinds=frozenset({"exec"}),
    read=read,
    ladders={"workload": (LADDER,)},
    said=said,
    beside=lambda given: f"children of {base_name(given[-1])}",
    given=2,
    attack_given=1,
)
