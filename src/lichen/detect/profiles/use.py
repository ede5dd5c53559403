"""A use: one thing worth profiling. It names what to read, whom it is about, what it leans on, and its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lichen.core.batch import Batch
from lichen.detect.profiles.acts import Acts
from lichen.detect.profiles.hierarchy import Ladder

# Fields of a workload's leaf: 0 group, 1 image, 2 name; of a user's: 0 name. The parts before the judged one follow.
WORKLOAD_LADDER = Ladder(((0, 1, 2), (0, 1), (0,), ()), ("replica", "image", "group", "fleet"), fleet=3, own=3)
# of a part that hangs on the one before it
WORKLOAD_AFTER = Ladder(
    ((0, 1, 2, 3), (0, 1, 3), (0, 3), (3,), ()), ("replica", "image", "group", "fleet", "fleet"), fleet=3, own=3
)
USER_LADDER = Ladder(((0,), ()), ("user", "users"), fleet=1, own=2)
ENTITY_FIELDS = {"workload": 3, "user": 1}

Read = Callable[[Batch, Mapping[str, Any]], tuple[Acts, Mapping[str, Any]]]


class Template(NamedTuple):
    """What varies in an item: everything between `head` and `tail` (docs/profiles.md, "Answers")."""

    head: str
    tail: str


def no_template(item: str) -> Template | None:
    """An item that already is its own template."""
    return None


@dataclass(frozen=True)
class Use:
    """One thing worth profiling.

    A value is a few parts. The first `given` are only leaned on; each part after them is judged given all before it,
    and the scores add up. `read(batch, before)` gives the acts and what to remember of the stream ({} if nothing).
    `ladders`: for each kind of subject one ladder a judged part, whose fields are the subject's and all parts before;
    the rung `fleet` and those above keep none of the subject's own fields.
    `said(parts)`: what was done, for people, after the subject's name. `beside(given)`: what the list of usual things
    is called. `kinds`: batch kinds in reach. `template(part)`: what varies in the last part. `attack_given`: how many
    of the innermost given parts the malicious side looks at.
    """

    name: str
    kinds: frozenset[str]
    read: Read
    ladders: Mapping[str, tuple[Ladder, ...]]
    said: Callable[[Sequence[str]], str]
    beside: Callable[[Sequence[str]], str]
    given: int = 0
    template: Callable[[str], Template | None] = no_template
    attack_given: int = 0
    remembers: bool = False  # whether what came before an event is part of its value


def leaf_size(use: Use, kind: str) -> int:
    """How many names a leaf of a use has: the subject's own and all parts but the last."""
    return ENTITY_FIELDS[kind] + use.given + len(use.ladders[kind]) - 1
