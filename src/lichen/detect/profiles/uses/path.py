"""Paths: which files a workload's programs create, change, remove, and (where watched) read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lichen.core import ocsf
from lichen.core.batch import Batch
from lichen.core.entity import base_name, path_template
from lichen.detect.profiles.acts import Acts, column_of, joint, part
from lichen.detect.profiles.use import WORKLOAD_AFTER, WORKLOAD_LADDER, Template, Use

DONE = {
    ocsf.CREATE: "created",
    ocsf.READ: "read",
    ocsf.UPDATE: "changed",
    ocsf.DELETE: "removed",
    ocsf.RENAME: "renamed",
    ocsf.SET_ATTRIBUTES: "set the attributes of",
    ocsf.SET_SECURITY: "set the rights of",
    ocsf.LINK: "linked",
}


def _act(actor: str | None, activity: int | None) -> str:
    who = part(path_template(actor)) if actor else "?"
    return f"{who} {DONE.get(activity or 0, 'touched')}"


def _path(path: str | None) -> str | None:
    return part(path_template(path)) if path else None


def read(batch: Batch, before: Mapping[str, Any]) -> tuple[Acts, Mapping[str, Any]]:
    """Every file event with a path: (acting image and activity, path template)."""
    inside = batch.column("class_uid").to_numpy(zero_copy_only=False) == ocsf.FILE_ACTIVITY
    act = joint([column_of(batch, name) for name in ("actor.process.file.path", "activity_id")], _act)
    path = joint([column_of(batch, "file.path")], _path)
    rows = np.flatnonzero(inside & path.present)
    return Acts(rows, (act.take(rows), path.take(rows)), int(inside.sum()) - len(rows)), {}


def said(parts: Sequence[str]) -> str:
    who, _, done = parts[0].partition(" ")
    return f"{done} {parts[1]} by {base_name(who)}"


def template(item: str) -> Template | None:
    """The same program doing the same in the same folder to a file of the same sort (what follows its first dot)."""
    head, slash, name = item.rpartition("/")
    stem, dot, ending = name.partition(".")
    return Template(head + slash, dot + ending) if slash and stem else None


USE = Use(
    name="path",
    kinds=frozenset({"file"}),
    read=read,
    ladders={"workload": (WORKLOAD_LADDER, WORKLOAD_AFTER)},
    said=said,
    beside=lambda given: "file changes",
    template=template,
)
