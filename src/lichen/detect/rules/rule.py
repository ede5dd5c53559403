"""A compiled rule: what it reads, what it says of a record, and what people are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lichen.core.batch import LogSource
from lichen.detect.rules.algebra import Node

LEVELS = ("informational", "low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule. `level` is one of LEVELS (low where the rule says none), `techniques` as T1059.004, `source`
    what it reads, `condition` what it says of one line of a shape; `name` is what correlations and filters call it."""

    id: str
    title: str
    level: str
    techniques: tuple[str, ...]
    source: LogSource
    path: Path
    line: int
    stage: str
    condition: Node
    fields: tuple[str, ...]
    falsepositives: tuple[str, ...]
    description: str
    name: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def detector(self) -> str:
        """The name under which its evidence goes."""
        return f"rule:{self.id}" if self.stage == "stable" else f"shadow:{self.id}"
