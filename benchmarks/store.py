"""What keeping costs: lake and records, CPU microseconds an event, beside a floor measured in the same run.

The floor is `orjson.loads` of the same events as JSON lines. Events are those of the lab in peace, in deliveries
of about 3,000; evidence, census and memories are those of the profiles (every subject is touched by every delivery,
which is dense: 86 subjects in a few thousand events).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from lichen import catalogue
from lichen.collect.identity import load_inventory
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import Delivery
from lichen.detect.profiles.profile import Profile
from lichen.detect.profiles.rates import RateProfile
from lichen.detect.profiles.uses import USES
from lichen.store.records import Judged
from lichen.store.store import Store

MINUTES = 5
BATCH_BYTES = 3_500_000
ROUNDS = 3


def deliveries(folder: Path) -> list[Delivery]:
    paths = sorted(folder.glob("*.log*"))
    settings = Settings(batch_bytes=BATCH_BYTES)
    inventory = load_inventory(folder / "inventory.yml")
    source = FileSource(paths, settings=settings, inventory=inventory, mappings=catalogue.content("mappings"), notes=[])
    return list(source.read({}))


def judged(delivered: Sequence[Delivery]) -> list[Judged]:
    """What the profiles make of each delivery."""
    profiles: list[Any] = [*(Profile(use, MINUTES) for use in USES.values()), RateProfile(MINUTES)]
    memory: dict[str, Any] = {profile.name: {} for profile in profiles}
    found = []
    for delivery in delivered:
        evidence, census = [], []
        for profile in profiles:
            for batch in delivery.batches:
                rows, counted, memory[profile.name] = profile.detect(batch, memory[profile.name])
                evidence += rows
                census += counted
        found.append(Judged(evidence, census, dict(memory)))
    return found


def cpu_of_keeping(delivered: Sequence[Delivery], judged: Sequence[Judged]) -> tuple[float, float]:
    """Least CPU seconds of (lake, records) over a few rounds."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        spent = [0.0, 0.0]
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
            for delivery, made in zip(delivered, judged, strict=True):
                begun = time.process_time()
                parts = store.lake.write(delivery.batches)
                between = time.process_time()
                store.records.commit(delivery.position, parts, made, delivery.dead_letters)
                spent[0] += between - begun
                spent[1] += time.process_time() - between
        best = [min(pair) for pair in zip(best, spent, strict=True)]
    return best[0], best[1]


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else catalogue.lab() / "benign-calibrate"
    delivered = deliveries(folder)
    batches = [batch for delivery in delivered for batch in delivery.batches]
    events = sum(map(len, batches))
    rows = (row for batch in batches for row in batch.view.to_pylist())
    lines = [orjson.dumps({name: str(value) for name, value in row.items() if value is not None}) for row in rows]
    floor = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for line in lines:
            orjson.loads(line)
        floor = min(floor, time.process_time() - begun)
    made = judged(delivered)
    bare = cpu_of_keeping(delivered, [Judged()] * len(delivered))
    full = cpu_of_keeping(delivered, made)
    evidence = sum(len(one.evidence) for one in made)
    print(f"{events:,} events of {folder.name} in {len(delivered)} deliveries, {evidence:,} evidence rows")
    for name, seconds in (("lake", bare[0]), ("lake and positions", sum(bare)), ("lake and all records", sum(full))):
        print(f"  {name:<22} {seconds * 1e6 / events:6.1f} µs an event, {floor / seconds:5.2f} of the floor")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
