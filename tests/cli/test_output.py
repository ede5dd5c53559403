"""How results look: tables on a terminal, NDJSON in a pipe, colour only where it is wanted, nothing that acts."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from lichen.cli import output
from lichen.cli.options import Format

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(arguments: list[str], **environment: str) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    program = str(Path(sys.executable).parent / "lichen")
    told = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "150", **environment}
    running = subprocess.Popen([program, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=told)
    os.close(theirs)
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([ours], [], [], 60)
        try:
            part = os.read(ours, 65536) if ready else b""
        except OSError:  # the terminal's other side was closed
            part = b""
        if not part:
            break
        parts.append(part)
    running.wait(60)
    os.close(ours)
    return b"".join(parts).decode()


def test_a_terminal_gets_a_table_and_a_pipe_gets_ndjson(tmp_path: Path) -> None:
    rule = tmp_path / "bad.yml"
    rule.write_text("title: nothing\n")
    shown = on_a_terminal(["rule", "lint", str(rule)])
    assert "place" in shown
    assert "remedy" in shown
    assert "{" not in shown
    program = str(Path(sys.executable).parent / "lichen")
    piped = subprocess.run([program, "rule", "lint", str(rule)], capture_output=True, text=True, timeout=60)
    assert all(json.loads(line) for line in piped.stdout.splitlines())
    assert not ESCAPES.search(piped.stdout)


def test_no_colour_where_none_is_wanted(tmp_path: Path) -> None:
    rule = tmp_path / "bad.yml"
    rule.write_text("title: nothing\n")
    plain = on_a_terminal(["rule", "lint", str(rule)], NO_COLOR="1")
    coloured = [code for code in re.findall(r"\x1b\[([0-9;]*)m", plain) if re.search(r"(^|;)(3|4|9|10)\d(;|$)", code)]
    assert coloured == []


def test_what_an_attacker_wrote_does_not_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "a\x1b]0;owned\x07\x1b[2J\u202e[red]b[/red]\x9b31m:smile:"
    output.table(("what",), [(evil,)], title="t")
    output.say(evil)
    output.note(evil)
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert not {"\x07", "\u202e", "\x9b"} & set(text)
        assert "]0;owned" in text.replace("\n", "")
    assert "\x1b" not in said.out + said.err
    assert "[red]b[/red]" in said.out
    assert ":smile:" in said.out


def test_ndjson_is_ascii_and_json_even_of_odd_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    output.ndjson([{"a": "\u202eé\x9b", "b": float("nan"), "c": [float("inf"), 1.5]}])
    line = capsys.readouterr().out
    assert line.isascii()
    assert json.loads(line) == {"a": "\u202eé\x9b", "b": None, "c": [None, 1.5]}


def test_what_is_asked_for_wins_over_what_the_output_is() -> None:
    assert output.wanted(Format.table) is Format.table
    assert output.wanted(None) is Format.ndjson  # under pytest, stdout is no terminal


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("reading") as progress:
        progress(1, 2)
    said = capsys.readouterr()
    assert said.out == said.err == ""
