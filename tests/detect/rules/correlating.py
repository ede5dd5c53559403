"""Short ways to a correlation and to what it says of events in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import yaml
from near import batch_of

from lichen.core.batch import Batch, LogSource
from lichen.core.evidence import Evidence
from lichen.core.ocsf import VIEW
from lichen.detect.rules import RulesDetector, RuleSet
from lichen.detect.rules.hits import HitsMemory
from lichen.detect.rules.sigma_compile import compile_file

SOURCE = LogSource("linux", None, "sshd")
SECOND = 1_000_000


def base_rule(name: str, **more: Any) -> dict[str, Any]:
    """A rule that fires where the field `is` says its name."""
    detection = {"selection": {"is|contains": f"<{name}>"}, "condition": "selection"}
    return {"title": name, "name": name, "logsource": {"product": "linux"}, "detection": detection, **more}


def correlation(**said: Any) -> dict[str, Any]:
    """A correlation; `said` is what stands below `correlation:`, with `_` for `-` in keys, and title, name, …"""
    meta = {key: said.pop(key) for key in ("title", "name", "level", "tags", "stage", "id") if key in said}
    return {"title": "several", **meta, "correlation": {key.replace("_", "-"): value for key, value in said.items()}}


def detector_of(*documents: Mapping[str, Any], minutes: int = 60) -> RulesDetector:
    """The detector of these documents; none may be refused."""
    rules = RuleSet.of(compile_file(Path("rules.yml"), yaml.safe_dump_all(documents, sort_keys=False)))
    assert rules.refused == ()
    return RulesDetector(rules, minutes=minutes)


def events_of(events: Sequence[tuple[float, str, Mapping[str, Any]]], first: int = 0) -> Batch:
    """A batch of (seconds, names of the rules that fire, fields); `first` is the offset of its first event."""
    lines = [
        {**fields, "is": "".join(f"<{name}>" for name in names.split()), "n": f"{first + i}"}
        for i, (_, names, fields) in enumerate(events)
    ]
    made = batch_of(SOURCE, lines, [f"event {first + i}" for i in range(len(lines))])
    times = pa.array([round(seconds * SECOND) for seconds, _, _ in events], pa.int64()).cast(VIEW["time"])
    view = made.view.set_column(made.view.schema.get_field_index("time"), "time", times)
    return Batch(made.stream, "other", made.text, np.arange(len(lines)) + first, view, made.shapes)


def told(
    detector: RulesDetector, *batches: Batch, memory: Mapping[str, Any] | None = None
) -> tuple[dict[tuple[str, int], Evidence], Any]:
    """The last row of each detector and window after all batches, the memory carried as JSON between them."""
    rows: dict[tuple[str, int], Evidence] = {}
    memory = memory or {}
    for batch in batches:
        evidence, _, after = detector.detect(batch, memory)
        memory = msgspec.json.decode(msgspec.json.encode(after), type=HitsMemory)
        rows.update(((each.detector, each.window), each) for each in evidence)
    return rows, memory
