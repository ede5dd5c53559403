"""A process that keeps deliveries until its stream is read, to be killed at any moment: `keeper.py STORE URL POINT`.

POINT says where it kills itself, on its third delivery: lake (parts stand, no commit yet), statement-N (before the N-th
SQL statement), transaction (rows written, not committed), committed (just after), or never.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any, TypedDict

import sqlalchemy as sa
from made_events import Event, day_of_work, delivery_of, stream_named

from lichen.core.batch import Delivery, Position
from lichen.core.census import CensusRow
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.time import window_start
from lichen.store.records import Judged
from lichen.store.store import Store

EVENTS = day_of_work(seed=11, count=1200)
END = EVENTS[-1].offset + 1
WINDOW_MINUTES = 5


class Memory(TypedDict, total=False):
    windows: dict[str, int]


def deliver(since: Position | None, chance: random.Random) -> tuple[list[Event], Position]:
    """The next events in pieces of any size; a few are held back and come later, as auditd's open events do."""
    offset, held = (since.offset, since.state["held"]) if since else (0, [])
    until = min(END, offset + chance.randrange(200, 4000))
    due = [event for event in EVENTS if offset <= event.offset < until or event.offset in held]
    last = until >= END
    kept = [] if last else [event for event in due if chance.random() < 0.1]
    stream = stream_named()
    position = Position(stream.identity, stream.place, until, "", {"held": [event.offset for event in kept]})
    return [event for event in due if event not in kept], position


def judge(delivery: Delivery, memory: Memory) -> Judged:
    """Cumulative counts a subject and window: doubled or lost events would show in them."""
    counts = dict(memory.get("windows", {}))
    touched: dict[tuple[str, int], int] = {}
    census = []
    for batch in delivery.batches:
        workloads, starts = batch.column("subject.workload").to_pylist(), window_start(batch.times(), WINDOW_MINUTES)
        for row, (name, start) in enumerate(zip(workloads, starts.tolist(), strict=True)):
            counts[f"{name}\0{start}"] = touched[name, start] = counts.get(f"{name}\0{start}", 0) + 1
            subject, place = Subject("workload", name), int(batch.offset[row])
            census.append(CensusRow("count", subject, "orders", start, batch.stream.identity, place, 1))
    evidence = [
        Evidence(Subject("workload", name), start, "count", 0.0, "", "", start, n, "v1")
        for (name, start), n in touched.items()
    ]
    return Judged(evidence, census, {"count": {"windows": counts}})


def main(folder: str, url: str, point: str) -> None:
    chance = random.Random()
    with Store(Path(folder), url or None) as store:
        memory: Any = store.records.memory("count", Memory)
        position = store.records.positions().get(stream_named().identity)
        turn = 0
        while position is None or position.offset < END:
            events, position = deliver(position, chance)
            delivery = Delivery(delivery_of(events, 0).batches, (), position)
            judged, turn = judge(delivery, memory), turn + 1
            _arm(store, point if turn == 3 else "never")
            store.keep(delivery, judged)
            memory = judged.memory["count"]
            if point == "committed" and turn == 3:
                os.kill(os.getpid(), signal.SIGKILL)
    print("read to the end")


def _arm(store: Store, point: str) -> None:
    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if point == "lake":
        store.records.commit = die  # type: ignore[method-assign,assignment]
    if point.startswith("statement-"):
        left = iter(range(int(point.removeprefix("statement-"))))
        sa.event.listen(
            store.records.reading, "before_cursor_execute", lambda *_: die() if next(left, None) is None else 0
        )
    if point == "transaction":
        sa.event.listen(store.records.reading, "commit", die)


if __name__ == "__main__":
    main(*sys.argv[1:])
