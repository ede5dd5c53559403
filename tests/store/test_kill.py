"""`kill -9` at any point loses nothing and doubles nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from keeper import END, EVENTS, WINDOW_MINUTES
from made_events import batch_of, stream_named

from lichen.core.time import window_start
from lichen.store.records import Records
from lichen.store.store import Store


def start(folder: Path, url: str, point: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("keeper.py")
    command = [sys.executable, str(script), str(folder), url, point]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=script.parent)


def check_whole(folder: Path, url: str) -> None:
    """Every event once in the lake, once in the evidence, once in the census; and the position at the end."""
    expected = sorted(batch_of([event]).event_ids([0])[0] for event in EVENTS)
    counts: dict[tuple[str, int], int] = {}
    for event in EVENTS:
        key = event.view["subject.workload"], window_start(event.time, WINDOW_MINUTES)
        counts[key] = counts.get(key, 0) + 1
    with Store(folder, url or None) as store:
        assert sorted(i for batch in store.lake.batches() for i in batch.event_ids(range(len(batch)))) == expected
        assert {(row.subject.name, row.window): row.n_events for row in store.records.evidence()} == counts
        assert sum(row.seen for row in store.records.census()) == len(EVENTS)
        assert store.records.positions()[stream_named().identity].offset == END


EVERYWHERE = ("lake", "transaction", "statement-4", "committed", "statement-6", "lake", "statement-8")


def kill_and_go_on(folder: Path, url: str, points: Sequence[str], waits: Sequence[float]) -> None:
    for point in points:
        killed = start(folder, url, point)
        killed.communicate(timeout=60)
        assert killed.returncode == -signal.SIGKILL
    for wait in waits:  # wherever it stands then
        killed = start(folder, url, "never")
        time.sleep(wait + random.random() / 2)
        killed.kill()
        killed.communicate(timeout=60)
    last = start(folder, url, "never")
    output, errors = last.communicate(timeout=60)
    assert (output, errors) == ("read to the end\n", "")
    check_whole(folder, url)


def test_killed_at_any_point_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    kill_and_go_on(tmp_path, "", EVERYWHERE, (0.9, 1.3))


def test_the_same_with_the_records_in_postgresql(tmp_path: Path, postgresql: str) -> None:
    kill_and_go_on(tmp_path, postgresql, ("transaction", "statement-6", "committed"), (1.0,))


def test_a_reader_sees_whole_deliveries_while_another_process_writes_them(tmp_path: Path) -> None:
    writer = start(tmp_path, "", "never")
    while not (tmp_path / "lake" / "records.id").exists():
        assert writer.poll() is None, writer.communicate()
        time.sleep(0.02)
    seen, looks = 0, 0
    with Store(tmp_path) as store:
        while writer.poll() is None:
            before = store.records.counts()["events"]
            ids = [i for batch in store.lake.batches() for i in batch.event_ids(range(len(batch)))]
            counted = sum(row.seen for row in store.records.census())
            after = store.records.counts()["events"]
            assert len(ids) == len(set(ids))
            assert seen <= before <= len(ids) <= counted <= after
            store.answers.note("reader", looks, "look", "lake")  # a second process writes, too
            seen, looks = after, looks + 1
        assert writer.communicate()[1] == ""
        assert looks > 3
        assert len(store.answers.trail()) == looks
    check_whole(tmp_path, "")


def test_records_that_were_never_closed_open_again(tmp_path: Path) -> None:
    killed = start(tmp_path, "", "transaction")
    killed.communicate(timeout=60)
    assert (tmp_path / "records.sqlite-wal").exists()
    records = Records.at(tmp_path)
    assert records.counts()["deliveries"] == 2
    records.close()
