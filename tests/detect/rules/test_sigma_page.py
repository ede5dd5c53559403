"""docs/sigma.md shows rules, a correlation, a filter and a pipeline that compile together."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from sigmahq import REPOSITORY

from lichen.detect.rules import RuleSet
from lichen.detect.rules.modifiers import SUPPORTED

PAGE = (REPOSITORY / "docs" / "sigma.md").read_text(encoding="utf-8")


def test_what_the_page_shows_is_in_force_together(tmp_path: Path) -> None:
    blocks = [textwrap.dedent(each) for each in re.findall(r"^ *```yaml\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)]
    rules, filters = tmp_path / "rules", tmp_path / "filters"
    rules.mkdir()
    filters.mkdir()
    pipelines = []
    for i, block in enumerate(blocks):
        if "transformations:" in block:
            pipelines.append(tmp_path / "pipeline.yml")
            pipelines[0].write_text(block)
        elif "title:" in block:
            (filters if "filter:" in block else rules).joinpath(f"{i}.yml").write_text(block)
    found = RuleSet.load([rules], pipelines, [filters])
    assert found.refused == ()
    assert len(found.rules) == 2
    assert len(found.correlations) == len(found.filters) == len(pipelines) == 1


def test_the_page_names_every_modifier() -> None:
    told = set(re.findall(r"\b[a-z0-9]+\b", PAGE))
    assert SUPPORTED - {"ignorecase", "multiline", "dotall"} <= told
