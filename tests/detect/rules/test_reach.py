"""What can fire here is what the log sources and fields seen so far are enough for."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from lichen.core.batch import Batch, LogSource, Shape, Stream
from lichen.core.ocsf import view_of
from lichen.detect.rules import RulesDetector, RuleSet
from lichen.detect.rules.reach import with_seen
from lichen.detect.rules.sigma_compile import compile_file

RULES = """
title: Shell
id: 6f1c8a52-0f2e-4a3b-9a51-6e2b6f1b0a01
logsource: {product: linux, category: process_creation}
detection: {selection: {Image|endswith: /sh}, condition: selection}
---
title: Script
id: 6f1c8a52-0f2e-4a3b-9a51-6e2b6f1b0a02
logsource: {product: windows, category: process_creation}
detection: {selection: {Image|endswith: cmd.exe}, condition: selection}
---
title: Owner
id: 6f1c8a52-0f2e-4a3b-9a51-6e2b6f1b0a03
logsource: {product: linux, category: process_creation}
detection: {selection: {User: root, Owner: root}, condition: selection}
"""
SHELL, OWNER = (f"6f1c8a52-0f2e-4a3b-9a51-6e2b6f1b0a0{number}" for number in (1, 3))
DETECTOR = RulesDetector(RuleSet.of(compile_file(Path("made.yml"), RULES)), minutes=5)


def batch(**fields: list[str | None]) -> Batch:
    columns = {name: pa.array(values, pa.large_string()) for name, values in fields.items()}
    count = len(next(iter(fields.values())))
    view = view_of({"class_uid": pa.array([0] * count, pa.int32()), "time": pa.array([0] * count, pa.int64())}, count)
    shape = Shape(LogSource("linux", "process_creation"), pa.RecordBatch.from_pydict(columns))
    texts = pa.array(["x"] * count, pa.large_string())
    return Batch(Stream("", "made", "made"), "other", texts, np.arange(count), view, (shape,))


def test_nothing_can_fire_before_anything_was_seen() -> None:
    assert DETECTOR.able({}) == ()


def test_only_rules_whose_source_and_fields_were_seen_can_fire() -> None:
    _, _, memory = DETECTOR.detect(batch(Image=["/bin/ls"], User=[None]), {})
    assert DETECTOR.able(memory) == (SHELL,)
    _, _, memory = DETECTOR.detect(batch(Image=["/bin/ls"], User=["a"], Owner=["b"]), memory)
    assert DETECTOR.able(memory) == (SHELL, OWNER)


def test_what_was_seen_is_neither_changed_nor_made_anew_without_news() -> None:
    seen = with_seen({}, batch(Image=["/bin/ls"]))
    again = with_seen(seen, batch(Image=["/bin/id"]))
    assert again is seen
    more = with_seen(seen, batch(User=["a"]))
    assert more != seen
    assert more["linux\tprocess_creation\t"] == ["Image", "User"]
