"""How fast collect, rules, profiles, the classifier and the whole are, beside a floor measured in the same run.

The floor is an `orjson.loads` loop over the same events as JSON lines. CPU seconds of one process, recordings of the
lab's benign calibrate session; ratios, since absolute times say more of a machine than of a program.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from lichen import assemble, catalogue
from lichen.config import Settings
from lichen.core.batch import Batch
from lichen.core.census import activity_of
from lichen.core.doors import Detector
from lichen.run import fit
from lichen.run.recorded import MINUTES, open_session

ROUNDS = 3
WHOLE_AT_LEAST = 0.05


def json_lines(batches: Sequence[Batch]) -> list[bytes]:
    """Every event as one JSON line: its own fields if the sensor writes records, else what the view holds."""
    lines: list[bytes] = []
    for batch in batches:
        told: list[dict[str, Any]] = [{"records": []} for _ in range(len(batch))]
        shape = next((s for s in batch.shapes if s.source.service == "auditd"), None)
        if shape is None:
            rows = batch.view.to_pylist()
            told = [{k: str(v) for k, v in row.items() if v is not None} for row in rows]
        else:
            events = range(len(batch)) if shape.event is None else shape.event.tolist()
            for event, record in zip(events, shape.fields.to_pylist(), strict=True):
                told[event]["records"].append({k: v for k, v in record.items() if v is not None})
        lines += [orjson.dumps(event) for event in told]
    return lines


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least CPU time of a few rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def detect_all(batches: Sequence[Batch], detectors: Sequence[Detector]) -> None:
    for detector in detectors:
        memory: Any = {}
        for batch in batches:
            _, _, memory = detector.detect(batch, memory)


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else catalogue.lab() / "benign-calibrate"
    recorded = open_session(folder)
    lines = json_lines(recorded.batches)
    events = recorded.events
    floor = events / cpu_seconds(lambda: [orjson.loads(line) for line in lines])
    judges = fit.load(catalogue.content("models"), assemble.rules_of(Settings(window_minutes=MINUTES)))
    by_part: dict[str, list[Detector]] = {"rules": [], "profiles": [], "classifier": []}
    for detector in judges.detectors():
        part = {"rules": "rules", "profile": "profiles"}.get(detector.name.split(".")[0], "classifier")
        by_part[part].append(detector)
    seconds = {"collect": cpu_seconds(lambda: open_session(folder))}
    for part, detectors in by_part.items():
        seconds[part] = cpu_seconds(lambda detectors=detectors: detect_all(recorded.batches, detectors))
    seconds["activity"] = cpu_seconds(lambda: [activity_of(batch, MINUTES) for batch in recorded.batches])
    seconds["the whole"] = sum(seconds.values())
    size = sum(map(len, lines)) / events
    print(f"{events:,} events of {folder.name}, {size:.0f} bytes each as JSON; floor = orjson.loads of the same lines")
    for part, spent in seconds.items():
        print(f"  {part:<10} {events / spent / floor:6.3f} of the floor")
    whole = events / seconds["the whole"] / floor
    print(
        f"the whole is to be at least {WHOLE_AT_LEAST} of the floor on one core: "
        f"{'held' if whole >= WHOLE_AT_LEAST else 'MISSED'}"
    )
    return 0 if whole >= WHOLE_AT_LEAST else 1


if __name__ == "__main__":
    raise SystemExit(main())
