"""Rules, pipelines and filters on the command line and in lichen.yml."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from lichen.cli import options

Run = Callable[..., tuple[int, str, str]]
RULE = """\
title: Certificate asked for
name: asked
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 4886}
    filter: {Attributes|contains|expand: '%issuers%'}
    condition: selection and not filter
---
title: Many certificates
correlation: {type: event_count, rules: [asked], group-by: [Requester], timespan: 1h, condition: {gte: 5}}
"""
PIPELINE = "name: ours\nvars: {issuers: [dc01]}\ntransformations: [{type: value_placeholders}]\n"
FILTER = """\
title: The robot
expires: {expires}
logsource: {{product: windows}}
filter: {{rules: [asked], selection: {{Requester: robot}}, condition: not selection}}
"""


def written(expires: str = "2099-01-01") -> None:
    for name, text in (("rules", RULE), ("pipelines", PIPELINE), ("filters", FILTER.format(expires=expires))):
        Path(name).mkdir()
        Path(name, "ours.yml").write_text(text)


def test_a_placeholder_is_refused_until_a_pipeline_gives_it_a_value(run: Run) -> None:
    written()
    code, out, _ = run("rule", "lint", "rules")
    faults = [json.loads(line)["fault"] for line in out.splitlines()]
    assert code == 2
    assert any("%issuers%" in fault for fault in faults)
    assert any("the rule asked is not there, or was refused" in fault for fault in faults)
    code, _, _ = run("rule", "lint", "rules", "--pipeline", "pipelines/ours.yml", "--filters", "filters")
    assert code == 0


def test_rules_and_correlations_are_listed_and_expired_filters_told(run: Run) -> None:
    written(expires="2020-01-01")
    flags = ["--rules", "rules", "--pipeline", "pipelines/ours.yml", "--filters", "filters"]
    _, out, err = run("rule", "list", *flags)
    sources = {row["title"]: row["source"] for row in map(json.loads, out.splitlines())}
    assert sources["Certificate asked for"] == "windows security"
    assert sources["Many certificates"] == "correlation of 1"
    assert "'The robot' expired on 2020-01-01" in err


def test_flags_that_are_left_out_leave_the_file_in_force(run: Run) -> None:
    Path("lichen.yml").write_text("rules: [mine]\npipelines: [ours.yml]\nfilters: [exceptions]\n")
    found = options.settings_of(rules=(), pipelines=(), filters=(Path("others"),))
    assert (found.rules, found.pipelines, found.filters) == ((Path("mine"),), (Path("ours.yml"),), (Path("others"),))
