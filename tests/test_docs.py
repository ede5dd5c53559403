"""Documents and program check each other: every example runs, every setting and detector is told, no link is dead."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lichen.config import Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "lab" / "README.md"])
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.M | re.S)


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def with_blocks(language: str) -> list[Path]:
    return [page for page in PAGES if page.exists() and blocks(page, language)]


def commands(page: Path) -> list[str]:
    """The `$ lichen …` lines of a page's console blocks, with their continuation lines."""
    text = "\n".join(blocks(page, "console")).replace("\\\n", " ")
    return [line[2:] for line in text.splitlines() if line.startswith("$ lichen ") and "run" not in line.split()[2:3]]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder as the examples expect it: `logs/` with a small recording, and its inventory."""
    source = ROOT / "lab" / "benign-calibrate"
    if not source.exists():
        pytest.skip("lab/benign-calibrate is not in this checkout")
    (tmp_path / "logs").mkdir()
    smallest = sorted((p for p in source.iterdir() if ".log" in p.name), key=lambda p: p.stat().st_size)[:4]
    for path in smallest:
        shutil.copy(path, tmp_path / "logs")  # a link would not do: a folder's links are not followed
    shutil.copy(source / "inventory.yml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", with_blocks("console"), ids=lambda p: p.name)
def test_every_command_that_a_page_shows_runs(page: Path, desk: Path) -> None:
    shown = commands(page)
    if not shown:
        pytest.skip("the page shows make targets only; continuous integration runs those")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    for command in shown:
        words = shlex.split(command, comments=True)
        ended = subprocess.run(words, cwd=desk, env=environment, capture_output=True, text=True, timeout=120)
        assert ended.returncode in {0, 1}, f"{page.name}: {command}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
        assert "Traceback" not in ended.stderr


@pytest.fixture
def answering(desk: Path) -> Path:
    """The same with `store/` that holds alerts of a plain machine, one of a rule that fired, and with odd files."""
    shutil.copy(ROOT / "lab" / "plain-machine" / "audit.log.xz", desk / "machine.log.xz")
    (desk / "lichen.yml").write_text("store: store\nwindow_minutes: 1\n", encoding="utf-8")
    (desk / "doors.ndjson").write_text(
        '{"at":"2026-11-24T11:14:27Z","door":"east","who":"rosa"}\n' * 3, encoding="utf-8"
    )
    sample = ROOT / "content" / "mappings" / "postgresql.sample.log"
    shutil.copy(sample, desk / "odd.log")
    return desk


def test_commands_that_answer_run_as_they_are_shown(answering: Path) -> None:
    """What a page shows with an alert's or a signature's id, in its order, with the ids that there are here."""
    bin_folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "NO_COLOR": "1"}

    def ran(words: list[str]) -> str:
        ended = subprocess.run(
            words, cwd=answering, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
        )
        assert ended.returncode in {0, 1}, f"{words}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
        assert "Traceback" not in ended.stderr
        return ended.stdout

    ran(["lichen", "scan", "machine.log.xz"])
    alerts = [json.loads(line) for line in ran(["lichen", "alert", "list"]).splitlines()]
    alert = next(a for a in alerts if a["lane"] == "malicious")
    text = "\n".join(blocks(ROOT / "docs" / "cli.md", "text"))
    shown = [line[2:] for line in text.splitlines() if line.startswith("$ lichen ") and "https://" not in line]
    assert len(shown) >= 9
    for command in shown:
        words = shlex.split(command)
        if words[1:3] == ["rule", "list"] or words[1:3] == ["rule", "tune"]:
            continue  # they need what the line above them fetched from the net
        words = [alert["uid"] if word == "32f4a2c3" else word for word in words]
        if "ID" in words:
            signature = json.loads(ran(["lichen", "signature", "list"]).splitlines()[0])
            words = [signature["id"] if word == "ID" else word for word in words]
        if words[1] == "run":
            words = [*words[:4], "--follow", "machine.log.xz", "--once"]
        if ">" in words:
            told = ran(words[: words.index(">")])
            (answering / words[-1]).write_text(told, encoding="utf-8")
            continue
        ran(words)


@pytest.mark.parametrize("page", with_blocks("python"), ids=lambda p: p.name)
def test_every_python_example_runs(page: Path, desk: Path) -> None:
    script = "\n".join(blocks(page, "python"))
    ended = subprocess.run([sys.executable, "-c", script], cwd=desk, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr[-3000:]


@pytest.mark.parametrize("page", with_blocks("yaml"), ids=lambda p: p.name)
def test_every_yaml_example_is_yaml(page: Path) -> None:
    for block in blocks(page, "yaml"):
        assert yaml.safe_load(block) is not None


@pytest.mark.parametrize("page", [page for page in PAGES if page.exists()], ids=lambda p: p.name)
def test_no_link_within_the_project_is_dead(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_setting_is_told() -> None:
    told = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        row = re.search(rf"\| `{name}` \| `LICHEN_{name.upper()}` \| ([^|]*) \|", told)
        assert row, name
        shown = row.group(1).strip("` ")
        if isinstance(field.default, int | float):
            assert float(shown) == field.default, name
        else:
            assert shown in {str(field.default), "none"}, name


def test_pages_speak_of_the_project_alone() -> None:
    for page in PAGES:
        if page.exists():
            assert not re.search(r"(?<![\w.])/(work|home|root)/\w", page.read_text(encoding="utf-8")), page
