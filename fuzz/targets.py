"""The targets: a door each, what may not happen behind it, and how much time an input may take."""

from __future__ import annotations

import importlib
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

SEEDS = Path(__file__).parent / "seeds"
NAMES = ("rule_files", "regexes", "event_logs", "json_lines", "syslog_lines", "feeds", "archives")
SECONDS = 1.0  # of CPU time, whatever the input
MEMORY_BYTES = 256 << 20  # that an input may take beyond what any before it took

Mutate = Callable[[bytes, int, int, Callable[[bytes, int], bytes]], bytes]


class Broken(AssertionError):
    """An input for which something is not as it must be."""


@dataclass(frozen=True, slots=True)
class Target:
    """`read(data)` hands an input to the door and raises where a promise is broken; `longest`: no input is longer;
    `words` help to make them; `mutate(data, size, seed, plainly)` makes one from another."""

    name: str
    read: Callable[[bytes], None]
    longest: int
    words: tuple[str, ...] = ()
    mutate: Mutate | None = None

    def within_bounds(self, data: bytes) -> float:
        """The CPU seconds that an input took. Raises Broken if they, or its memory, are too many, and what `read`
        raises."""
        began, peak = time.process_time(), peak_bytes()
        self.read(data)
        spent, more = time.process_time() - began, peak_bytes() - peak
        expect(more <= MEMORY_BYTES, f"{more >> 20} MiB of memory (limit: {MEMORY_BYTES >> 20})")
        expect(spent <= SECONDS, f"{spent:.2f} s of CPU time (limit: {SECONDS})")
        return spent

    def seeds(self) -> Iterator[Path]:
        """What is kept: inputs of every sort, and each that ever found a fault."""
        return iter(sorted(path for path in (SEEDS / self.name).iterdir() if path.is_file()))


def peak_bytes() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def target(name: str) -> Target:
    """The target of a name."""
    module: Any = importlib.import_module(f"fuzz.{name}")
    return cast(Target, module.TARGET)


def expect(holds: bool, what: str) -> None:
    """Raise Broken unless it holds; -O does not switch it off."""
    if not holds:
        raise Broken(what)
