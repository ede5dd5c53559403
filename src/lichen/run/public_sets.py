"""Requests of two public sets, as training examples: HttpParamsDataset (MIT) and OWASP CRS's own tests (Apache-2.0).

Neither is part of the project. A folder that holds `03_httpparams.tar.xz` and `03_crs.tar.xz` is named to
`python -m lichen.run.build --public-data FOLDER`; they are read as streams, and nothing is written to disk.
"""

from __future__ import annotations

import csv
import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from lichen.core.errors import InputError
from lichen.core.plain_yaml import plain_yaml
from lichen.detect.classifiers.text import mask, request_text

ORDINARY = "norm"
SETS = "HttpParamsDataset (MIT), OWASP CRS tests (Apache-2.0)"
LIKE = {"command-injection": ("cmdi", "rce", "php", "generic")}  # a kind of ours left out leaves these out too
_CRS_TESTS = re.compile(r"REQUEST-(93[0-4]|94[1-4])-[^/]*/[^/]+\.yaml$")  # 93x, 94x: what attacks send, not protocol


def request_examples(folder: Path) -> list[tuple[str, str]]:
    """Distinct masked texts with their kind (`norm`, or the kind of attack), HttpParams' training part and CRS.

    A text that stands on both sides is left out. Raises InputError where a set is absent.
    """
    pairs = [*_parameters(folder), *_regressions(folder)]
    texts = mask(pl.Series([text for text, _ in pairs], dtype=pl.String)).to_list()
    kinds: dict[str, set[str]] = {}
    for text, (_, kind) in zip(texts, pairs, strict=True):
        kinds.setdefault(text, set()).add(kind)
    return [(text, min(found)) for text, found in kinds.items() if len(found) == 1 or ORDINARY not in found]


def _parameters(folder: Path) -> Iterator[tuple[str, str]]:
    for name, raw in _files(folder / "03_httpparams.tar.xz"):
        if name.endswith("payload_train.csv"):
            for row in csv.DictReader(io.StringIO(raw.decode("utf-8", "replace"), newline="")):
                yield request_text("GET", "/", f"q={row['payload']}"), row["attack_type"]


def _regressions(folder: Path) -> Iterator[tuple[str, str]]:
    """CRS's tests: those that expect their rule are attacks of the file's kind, the others ordinary."""
    for name, raw in _files(folder / "03_crs.tar.xz"):
        if _CRS_TESTS.search(name) is None:
            continue
        kind = name.split("-")[-1].partition("/")[0].lower()
        for test in plain_yaml(raw).get("tests", ()):
            for stage in test["stages"]:
                text = _request(stage["input"])
                if text is not None:
                    yield text, kind if _expects(stage) else ORDINARY


def _request(sent: dict[str, Any]) -> str | None:
    """The request's text, its body read as a query where it has one; None for a raw request."""
    uri, body = sent.get("uri"), sent.get("data")
    if not isinstance(uri, str):
        return None
    try:
        path, query = urlsplit(uri).path, urlsplit(uri).query
    except ValueError:
        return None
    both = "&".join(part for part in (query, body if isinstance(body, str) else "") if part)
    return request_text(str(sent.get("method", "GET")), path or "/", both)


def _expects(stage: dict[str, Any]) -> bool:
    log = stage["output"].get("log") or {}
    return bool(log.get("expect_ids"))


def _files(archive: Path) -> Iterator[tuple[str, bytes]]:
    if not archive.is_file():
        raise InputError("no such public set", place=str(archive), remedy="name the folder that holds it, or none")
    with tarfile.open(archive) as tar:
        for member in tar:
            opened = tar.extractfile(member) if member.isfile() else None
            if opened is not None:
                yield member.name, opened.read()
