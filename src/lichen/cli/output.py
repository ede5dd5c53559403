"""How results look: tables on a terminal, one JSON object a line in a pipe, progress on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from lichen.cli.options import Format

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from lichen.core.errors import LichenError

Progress = Callable[[int, int], None]
FAMILY_COLOURS = {"rules": "yellow", "normal": "green", "attacks": "blue"}


def wanted(output: Format | None) -> Format:
    """What was asked for; else a table on a terminal and NDJSON in a pipe."""
    return output or (Format.table if sys.stdout.isatty() else Format.ndjson)


def terminal(stderr: bool = False) -> Console:
    """rich's console: NO_COLOR is honoured, and nothing in a text is taken for markup."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def text(words: object, style: str = "", limit: int = 400) -> Text:
    """Words from anywhere, safe on a terminal: what would move its cursor or reorder it is shown by name."""
    from rich.text import Text

    from lichen.web.visible import plain

    return Text(plain(words, limit), style=style)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
    title: str = "",
) -> None:
    """Prints a table; cells are texts or anything that `text` takes. Columns of `whole` are never wrapped."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        side: Literal["left", "right"] = "right" if name in right else "left"
        drawn.add_column(name, justify=side, overflow="fold", no_wrap=name in whole, header_style="dim")
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, Text) else text(cell) for cell in row))
    with _unbroken():
        terminal().print(drawn)


def say(words: object = "", style: str = "") -> None:
    """Words on stdout, in lines of their own where they have some."""
    with _unbroken():
        for line in str(words).split("\n"):
            terminal().print(text(line, style, 4000), soft_wrap=True)


def note(words: object) -> None:
    """A line of words on stderr: what is said of the work, never a result."""
    from lichen.web.visible import plain

    print(plain(words, 2000), file=sys.stderr)


def refused(faults: Sequence[LichenError], shown: int = 5) -> None:
    """Says on stderr which rules were not taken, where and why."""
    for fault in faults[:shown]:
        note(f"refused: {fault}")
    if len(faults) > shown:
        note(f"refused: {len(faults) - shown} more; lichen rule lint PATH says which")


def ndjson(rows: Iterable[Any]) -> None:
    """One JSON object a line, in ASCII: safe in a pipe and on a terminal alike."""
    with _unbroken():
        for row in rows:
            sys.stdout.write(json.dumps(_plain(row), ensure_ascii=True, allow_nan=False) + "\n")
        sys.stdout.flush()


def json_array(rows: Iterable[Any]) -> None:
    """All of them as one JSON array, in ASCII."""
    with _unbroken():
        sys.stdout.write(json.dumps([_plain(row) for row in rows], ensure_ascii=True, allow_nan=False, indent=1) + "\n")
        sys.stdout.flush()


def _plain(row: Any) -> Any:
    """Structs and the like as what JSON knows; a number that JSON does not know is null."""
    import msgspec

    return _finite(msgspec.to_builtins(row, enc_hook=str))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


@contextlib.contextmanager
def _unbroken() -> Iterator[None]:
    """A reader that went away (`| head`) is no fault; a disk that is full is the machine's."""
    from lichen.core.errors import InputError

    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _nowhere()
    except OSError as fault:
        _nowhere()
        raise InputError(f"cannot be written to: {fault.strerror}", place="stdout", remedy="make room") from fault


def _nowhere() -> None:
    """What stdout still holds goes nowhere, so that the end of the program does not fail on it again."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


@contextlib.contextmanager
def progress(doing: str) -> Iterator[Progress]:
    """A bar on stderr while something long is done; silent where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bars(*columns, console=terminal(stderr=True), transient=True) as bars:
        task = bars.add_task(doing, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total or None)
