"""Processes: which programs a workload starts, and in what manner (flags, verb, script)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lichen.core.batch import Batch
from lichen.core.entity import base_name, path_template, remembered
from lichen.core.ocsf import PROCESS_ACTIVITY
from lichen.detect.profiles.acts import PLAIN, Acts, column_of, joint, part
from lichen.detect.profiles.use import WORKLOAD_AFTER, WORKLOAD_LADDER, Use

# Programs that do what their first argument says: its template is part of the program's name.
_INTERPRETERS = """sh dash bash ash ksh zsh busybox python python2 python3 perl ruby lua node php awk gawk mawk tclsh
    env nohup setsid timeout nice xargs sudo su chroot setpriv stdbuf script expect"""
_WITH_VERBS = "apt apt-get dpkg git ip systemctl service docker kubectl openssl pip crontab nft iptables"
INTERPRETERS, VERBS = frozenset(_INTERPRETERS.split()), frozenset(_WITH_VERBS.split())
TOKENS = 24


@remembered
def manner(image: str, command: str) -> str:
    """How a program was called, without what varies: an interpreter's script or `-c`, a verb, up to three flags.

    `bash -c "id; …"` -> `-c`; `python3 /srv/app/x1.py` -> `/srv/app/x<n>.py`; `dpkg -i x.deb` -> `-i`.
    """
    words = command[:4096].split()[1 : TOKENS + 1]
    program = base_name(image)
    stem = program.rstrip("0123456789.")
    if stem in INTERPRETERS or program in INTERPRETERS:
        for word, after in zip(words, [*words[1:], ""], strict=False):
            if word == "-m":
                return part(f"-m {after[:40]}")
            if word.startswith("-") and len(word) > 1:
                return part(word.split("=", 1)[0][:12])
            if "=" not in word:
                return part(path_template(word[:80]))
        return ""
    verb = words[0] if words and program in VERBS and re.fullmatch("[a-z][a-z-]*", words[0]) else ""
    flags = sorted({word.split("=", 1)[0][:16] for word in words if word.startswith("-") and len(word) > 1})
    return part(" ".join([verb, *flags[:3]] if verb else flags[:3]))


def _image(image: str | None) -> str | None:
    return part(path_template(image)) if image else None


def _manner(image: str | None, command: str | None) -> str:
    return manner(image or "", command or "") or PLAIN


def read(batch: Batch, before: Mapping[str, Any]) -> tuple[Acts, Mapping[str, Any]]:
    """Every started program whose image is known: the image, and the manner in which it was called."""
    inside = batch.column("class_uid").to_numpy(zero_copy_only=False) == PROCESS_ACTIVITY
    columns = [column_of(batch, name) for name in ("process.file.path", "process.cmd_line")]
    image, how = joint(columns[:1], _image), joint(columns, _manner)
    rows = np.flatnonzero(inside & image.present)
    return Acts(rows, (image.take(rows), how.take(rows)), int(inside.sum()) - len(rows)), {}


def said(parts: Sequence[str]) -> str:
    image, how = parts
    return f"ran {base_name(image)} {how}".removesuffix(f" {PLAIN}")


USE = Use(
    name="process",
    kinds=frozenset({"exec"}),
    read=read,
    ladders={"workload": (WORKLOAD_LADDER, WORKLOAD_AFTER)},
    said=said,
    beside=lambda given: "programs",
)
