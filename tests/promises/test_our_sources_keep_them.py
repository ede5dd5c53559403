"""Our source keeps the promises of `lichen.check`, over every sensor's sample and over what is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lichen import catalogue
from lichen.check.sources import (
    reading_on_equals_reading_through,
    reading_twice_doubles_nothing,
    what_is_not_read_says_why,
)
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.doors import Source

MAPPINGS = catalogue.content("mappings")
GOLDEN = Path(__file__).parent.parent / "collect" / "golden"
LOGS = {path.name: path for path in (*sorted(MAPPINGS.glob("*.sample.*")), GOLDEN / "auditd.log")}
Fresh = Callable[[], Source]


@pytest.fixture(params=LOGS)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Fresh:
    """Eight times the sample, so that it comes in several deliveries, with a broken line here and there."""
    whole = LOGS[request.param].read_bytes()
    broken = b"" if request.param.endswith((".csv", ".xml")) or "zeek" in request.param else b"{broken \x00\n"
    log = tmp_path / "some.log"
    log.write_bytes((whole.rstrip(b"\n") + b"\n" + broken) * 8)
    made = Settings(batch_bytes=4096)
    return lambda: FileSource([log], settings=made, mappings=MAPPINGS, notes=[])


def test_reading_twice_doubles_nothing(fresh: Fresh) -> None:
    reading_twice_doubles_nothing(fresh)


def test_reading_on_equals_reading_through(fresh: Fresh) -> None:
    reading_on_equals_reading_through(fresh)


def test_what_is_not_read_says_why(fresh: Fresh) -> None:
    what_is_not_read_says_why(fresh)
