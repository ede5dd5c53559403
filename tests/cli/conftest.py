"""Commands in this process, on the desk that the pages are tested with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "web"))

from desk_for_pages import DeskForPages, desk_of_the_trial

from lichen import cli
from lichen.cli import options

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder: (exit code, stdout, stderr). stdout is a pipe, as far as the command knows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("LICHEN_DEBUG", raising=False)

    def running(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return running


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> DeskForPages:
    """The desk of the recorded trial in place of a store's."""
    made = desk_of_the_trial()
    monkeypatch.setattr(options, "desk_of", lambda config, store: made)
    return made
