"""The house stands: floors are kept, no imports go in circles, every file has its caption."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "lichen"
WINGS = {"collect", "detect", "decide", "store", "trace", "respond", "learn", "share", "evaluate", "observe", "check"}
UPPER = {"run": 3, "web": 3, "cli": 4}
ROOT = Path(__file__).parent.parent
FILES = sorted(SOURCE.rglob("*.py"))


def floor_of(module: str) -> str:
    """The room of a module: its first part below `lichen`, or the file on the ground."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "lichen"


def imports_of(path: Path) -> set[str]:
    """Modules of ours that a file imports, wherever in it (TYPE_CHECKING and functions count)."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name == "lichen" or name.startswith("lichen.")}


def module_of(path: Path) -> str:
    parts = ("lichen", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def allowed(room: str) -> set[str]:
    if room == "core":
        return {"core"}
    if room == "config":
        return {"core", "config"}
    if room in WINGS:
        return {"core", "config", room}
    if room in {"catalogue", "assemble"}:
        return {"core", "config", "catalogue", "assemble", *WINGS}
    below = {upper for upper, level in UPPER.items() if level < UPPER.get(room, 9)}
    return {"core", "config", "catalogue", "assemble", *WINGS, *below, room}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_imports_only_from_its_own_floor_and_below(path: Path) -> None:
    room = floor_of(module_of(path))
    strangers = {name for name in imports_of(path) if len(name.split(".")) > 1} - {"lichen.__version__"}
    wrong = {name for name in strangers if floor_of(name) not in allowed(room)}
    if room != "lichen":
        assert not wrong, f"{path} may import {sorted(allowed(room))}"


def test_no_imports_go_in_circles() -> None:
    modules = {module_of(path): path for path in FILES}
    graph = {name: {i for i in imports_of(path) if i in modules and i != name} for name, path in modules.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for imported in sorted(graph[name]):
                visit(imported, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_line_one_of_a_file_is_its_caption(path: Path) -> None:
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    assert first.startswith('"""')
    assert len(first) > 12


def test_no_room_is_named_for_nothing() -> None:
    named = {"utils", "util", "common", "helpers", "helper", "misc"}
    assert not [path for path in FILES if path.stem in named]


def test_no_folder_stands_empty() -> None:
    for folder in (path for path in SOURCE.rglob("*") if path.is_dir() and path.name != "__pycache__"):
        assert any(folder.rglob("*")), folder


def test_nothing_read_is_ever_unpickled() -> None:
    for path in FILES:
        names = {name for name in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(name, ast.Import)}
        assert not any(alias.name in {"pickle", "dill", "shelve", "marshal"} for n in names for alias in n.names), path


MAY_NAME_JUDGES = {  # evaluate owns the names; the loop and the table are told on a judge, recorded.py refuses one
    "src/lichen/evaluate/session.py",
    "src/lichen/run/loop.py",
    "src/lichen/run/recorded.py",
    "benchmarks/thesis.py",
}


def test_only_evaluate_reads_a_judge() -> None:
    """A judge must never teach or tune anything: outside `evaluate` nobody spells its folder, and those few who take
    its name from there are known. That it cannot teach under any name, `tests/run/test_judges_teach_nobody` holds."""
    spelt = re.compile(r"""["'/]judge(-\d+)?["'/]""")
    for path in sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        if "evaluate" not in path.parts:
            assert not spelt.search(text), name
        assert "JUDGES" not in text or name in MAY_NAME_JUDGES, name
