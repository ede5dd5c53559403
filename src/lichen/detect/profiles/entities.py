"""Who acted: each event's subject as a leaf of names, the same for every profile."""

from __future__ import annotations

from lichen.core.batch import Batch, Rows
from lichen.core.entity import Subject
from lichen.detect.profiles.acts import Coded, column_of, joint
from lichen.detect.profiles.counts import Leaf

Known = list[tuple[Subject, str]]


def entities(batch: Batch, rows: Rows, kind: str) -> tuple[Coded, Known]:
    """The entity of each row as leaf names, and beside each distinct one its subject and group.

    A workload's leaf is (group, image, name), the host standing in where no workload is known; a user's is (name,).
    """
    if kind == "user":
        users = column_of(batch, "subject.user").take(rows)
        return Coded(users.codes, [(name,) for name in users.values]), [(Subject(kind, n), "") for n in users.values]
    names = ("subject.group", "subject.image", "subject.workload", "subject.host")
    columns = [column_of(batch, name).take(rows) for name in names]
    leaves: list[Leaf] = []
    subjects: Known = []

    def make(group: str | None, image: str | None, workload: str | None, host: str | None) -> str | None:
        name = workload or host
        if name is None:
            return None
        leaves.append((group or "", image or "", name))
        subjects.append((Subject("workload" if workload else "host", name), group or ""))
        return str(len(leaves))

    codes = joint(columns, make).codes
    return Coded(codes, leaves), subjects


def kind_of(subject: Subject) -> str:
    """The kind of leaf that a subject has."""
    return "user" if subject.kind == "user" else "workload"


def entity_of(subject: Subject, group: str, image: str) -> Leaf:
    """A subject's leaf."""
    return (subject.name,) if subject.kind == "user" else (group, image, subject.name)
