"""The learn tests stand on a store that real detectors filled; events are made as in the store's tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from made_case import Case


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The case as it was judged and stored, made once; tests get copies of it."""
    made = Case(tmp_path_factory.mktemp("attacked"))
    made.store.close()
    return made


@pytest.fixture
def case(attacked: Case, tmp_path: Path) -> Iterator[Case]:
    """An attacked store of one's own: see made_case."""
    own = attacked.copied(tmp_path / "store")
    yield own
    own.store.close()
