"""What fuzzing keeps runs with every test: each seed and each input that ever found a fault, through its target."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SEEDS = ROOT / "fuzz" / "seeds"
KEPT = sorted(path for path in SEEDS.glob("*/*") if path.is_file())
LARGEST_BYTES = 4096


@pytest.fixture(scope="module")
def targets() -> Iterator[ModuleType]:
    """fuzz/targets.py, found as `python -m fuzz.run` finds it."""
    sys.path.insert(0, str(ROOT))
    try:
        yield importlib.import_module("fuzz.targets")
    finally:
        sys.path.remove(str(ROOT))


@pytest.mark.parametrize("seed", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_seed_breaks_no_promise_of_its_target(seed: Path, targets: ModuleType) -> None:
    target = targets.target(seed.parent.name)
    data = seed.read_bytes()
    target.read(data)  # what is imported or built once is no input's fault
    target.within_bounds(data)


def test_each_target_has_seeds_and_they_are_small(targets: ModuleType) -> None:
    assert {path.parent.name for path in KEPT} == set(targets.NAMES)
    assert {path.name for path in KEPT if path.stat().st_size > LARGEST_BYTES} == set()


def test_an_input_that_takes_too_long_is_a_finding(targets: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "SECONDS", 0.01)

    def busy(data: bytes) -> None:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    with pytest.raises(targets.Broken, match="s of CPU time"):
        targets.Target("busy", busy, 1).within_bounds(b"")


def test_a_line_that_is_lost_told_twice_or_made_up_is_a_finding(targets: ModuleType) -> None:
    reading: Any = importlib.import_module("fuzz.reading")
    data = b"a\r\nb\n\nc"
    reading.every_line_is_told(data, reading.Told([(0, "a"), (3, "b"), (6, "c")], []))
    for events in ([(0, "a"), (3, "b")], [(0, "a"), (3, "b"), (3, "b"), (6, "c")], [(0, "a"), (3, "b"), (6, "d")]):
        with pytest.raises(targets.Broken):
            reading.every_line_is_told(data, reading.Told(events, []))
