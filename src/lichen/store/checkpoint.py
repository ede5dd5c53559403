"""Detector memories as a log: a commit writes what the delivery touched, not all that is remembered.

Detectors leave the memory that they were given as it was (core/doors.py), so an entry that is the *same object* as at
the last commit is unchanged and is not written again. Every so many steps the whole is written anew and the log before
it dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from lichen.core.doors import Memory
from lichen.store import schema
from lichen.store.rows import packed, put_all, unpacked

STEPS = 64  # between two writings of the whole
_WHOLE = ""  # the entry of a field that is no mapping; a mapping's own is {}, written before its entries

Entry = tuple[str, str, str]  # detector, field, entry: "" or ":key"
_Raw = dict[str, Any]


class Step(msgspec.Struct, array_like=True):
    """What one commit changed: detectors forgotten first, entries set, entries gone."""

    reset: list[str]
    set: list[tuple[str, str, str, Any]]
    gone: list[Entry]


class _StoredStep(msgspec.Struct, array_like=True):
    reset: list[str]
    set: list[tuple[str, str, str, msgspec.Raw]]
    gone: list[Entry]


@dataclass
class Kept:
    """What the database holds of each detector's memory, by object."""

    last: dict[str, Memory] = field(default_factory=dict)

    def put(self, connection: sa.Connection, memories: Mapping[str, Memory]) -> Mapping[str, Memory]:
        """Write what changed since the last commit. `committed` must follow once the transaction stands."""
        if not memories:
            return {}
        step = Step([name for name in memories if name not in self.last], [], [])
        for detector, memory in memories.items():
            _compare(detector, self.last.get(detector, {}), memory, step)
        if not (step.reset or step.set or step.gone):
            return memories
        table = schema.checkpoint
        newest, whole = connection.execute(
            sa.select(sa.func.max(table.c.number), sa.func.max(table.c.number).filter(table.c.whole))
        ).one()
        number = (newest or 0) + 1
        anew = number - (whole or 0) >= STEPS
        body = packed(self._whole(connection, memories) if anew else step)
        put_all(connection, table, ("number", "whole", "body"), [(number, anew, body)])
        if anew:
            connection.execute(sa.delete(table).where(table.c.number < number))
        return memories

    def _whole(self, connection: sa.Connection, memories: Mapping[str, Memory]) -> Step:
        """One step that holds everything: these memories, and those of detectors that do not run now."""
        known: dict[str, Any] = {**_replayed(connection), **self.last, **memories}
        step = Step(list(known), [], [])
        for detector, memory in known.items():
            _compare(detector, {}, memory, step)
        return step

    def committed(self, memories: Mapping[str, Memory]) -> None:
        self.last.update(memories)

    def get(self, connection: sa.Connection, detector: str, memory_type: Any) -> Memory:
        """The memory as last committed, decoded as its type."""
        raw = _replayed(connection).get(detector, {})
        memory: Memory = msgspec.json.decode(msgspec.json.encode(raw), type=memory_type)
        return memory


def _replayed(connection: sa.Connection) -> dict[str, _Raw]:
    """All memories, their entries undecoded, out of the log."""
    table = schema.checkpoint
    found: dict[str, _Raw] = {}
    for body in connection.scalars(sa.select(table.c.body).order_by(table.c.number)):
        step = msgspec.json.decode(unpacked(body), type=_StoredStep)
        found.update((detector, {}) for detector in step.reset)
        for detector, name, entry in step.gone:
            fields = found[detector]
            fields.pop(name) if entry == _WHOLE else fields[name].pop(entry[1:])
        for detector, name, entry, value in step.set:
            fields = found[detector]
            if entry == _WHOLE:
                empty: dict[str, Any] = {}
                fields[name] = empty if bytes(value) == b"{}" else value
            else:
                fields[name][entry[1:]] = value
    return found


def _compare(detector: str, before: Mapping[str, Any], memory: Mapping[str, Any], step: Step) -> None:
    """Add to `step` what makes `before` into `memory`."""
    for name, value in memory.items():
        old = before.get(name)
        if name in before and old is value:
            continue
        known, entries = _entries(old), _entries(value)
        if entries is None:
            step.set.append((detector, name, _WHOLE, value))
            continue
        if known is None:
            step.set.append((detector, name, _WHOLE, {}))
            known = {}
        for key, item in entries.items():
            if key not in known or known[key] is not item:
                step.set.append((detector, name, f":{key}", item))
        step.gone.extend((detector, name, f":{key}") for key in known if key not in entries)
    step.gone.extend((detector, name, _WHOLE) for name in before if name not in memory)


def _entries(value: Any) -> Mapping[str, Any] | None:
    """The entries of a field that is kept entry by entry; None of one that is kept whole."""
    return value if isinstance(value, Mapping) and all(type(key) is str for key in value) else None
