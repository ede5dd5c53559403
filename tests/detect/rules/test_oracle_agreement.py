"""The engine and the naive oracle never disagree: random rules and events, SigmaHQ's own rules, a lab recording."""

from __future__ import annotations

import lzma
import random
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import oracle
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from near import batch_of, events_near
from random_rules import EVENTS, TYPED, WILD, rules
from sigmahq import REPOSITORY, sigmahq

from lichen.collect.identity import load_inventory
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import Batch, LogSource
from lichen.detect.rules import Rule, RuleSet, load_indicators
from lichen.detect.rules.sigma_compile import compile_file
from lichen.detect.rules.sigma_match import Matcher

LINUX = LogSource("linux", None, "auditd")
WEB = {"webserver", "proxy", "dns"}


class Known:
    """A stand-in list, told to both sides alike."""

    def finds(self, value: str) -> str | None:
        return value if value.startswith("a") else None


LISTS = {"known": Known()}
ORACLE_LISTS = {"known": lambda value: value.startswith("a")}


def disagreements(
    rule_texts: list[dict[str, Any]], events: list[dict[str, Any]], texts: list[str], count: Counter[bool]
) -> list[Any]:
    """Every (rule, event) of which engine and oracle think differently; what the oracle says is counted."""
    compiled = [next(compile_file(Path("random.yml"), yaml.safe_dump(text, allow_unicode=True))) for text in rule_texts]
    assert all(isinstance(rule, Rule) for rule in compiled), compiled
    matcher = Matcher([rule for rule in compiled if isinstance(rule, Rule)], LISTS)
    pairs = list(zip(events, texts, strict=True))
    expected = [[oracle.fires(rule, event, text, ORACLE_LISTS) for event, text in pairs] for rule in rule_texts]
    count.update(answer for answers in expected for answer in answers)
    wrong = []
    for _ in range(2):  # the second time everything is remembered
        rows = matcher.match(batch_of(LINUX, events, texts)).rows
        for i, text in enumerate(rule_texts):
            fired = set(rows[i].tolist()) if i in rows else set()
            wrong += [
                (text["detection"], event, texts[line], expected[i][line])
                for line, event in enumerate(events)
                if expected[i][line] != (line in fired)
            ]
    return wrong


def test_random_rules_fire_exactly_where_the_oracle_says() -> None:
    count: Counter[bool] = Counter()

    @settings(max_examples=560, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(
        st.lists(rules(), min_size=2, max_size=4),
        st.lists(st.tuples(EVENTS | TYPED, WILD), min_size=12, max_size=24),
    )
    def they_agree(rule_texts: list[dict[str, Any]], events: list[tuple[dict[str, Any], str]]) -> None:
        assert disagreements(rule_texts, [event for event, _ in events], [text for _, text in events], count) == []

    they_agree()
    assert count.total() >= 20_000
    assert 0.1 < count[True] / count.total() < 0.9


def linux_and_web(rule_set: RuleSet) -> list[Rule]:
    """Rules that read Linux, a web server, a proxy or a DNS server."""
    return [rule for rule in rule_set.rules if rule.source.product == "linux" or rule.source.category in WEB]


@cache
def everything() -> RuleSet:
    """All of SigmaHQ."""
    return RuleSet.load(sigmahq(), pipelines=[REPOSITORY / "content" / "pipelines" / "placeholders.yml"])


def yaml_of(rule: Rule) -> dict[str, Any]:
    return yaml.load(rule.path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def test_every_linux_and_web_rule_of_sigmahq_compiles() -> None:
    rule_set = everything()
    chosen = linux_and_web(rule_set)
    assert len(chosen) >= 400
    assert sum(rule.source == LogSource("linux", None, "auditd") for rule in chosen) >= 53


def test_every_rule_of_sigmahq_compiles_with_the_placeholders_that_ship() -> None:
    rule_set = everything()
    assert [f"{fault.place}: {fault.fault}" for fault in rule_set.refused] == []
    assert len(rule_set.rules) >= 3100


def test_sigmahq_rules_fire_exactly_where_the_oracle_says_on_events_near_them() -> None:
    chosen = linux_and_web(everything())
    texts = [yaml_of(rule) for rule in chosen]
    matcher = Matcher(chosen)
    dice = random.Random(11)
    fired_somewhere, compared, wrong = set(), 0, []
    for source in {rule.source for rule in chosen}:
        own = [i for i, rule in enumerate(chosen) if rule.source == source]
        events = [(i, *pair) for i in own for pair in events_near(texts[i], 4, seed=i)]
        dice.shuffle(events)
        rows = matcher.match(batch_of(source, [event for _, event, _ in events], [text for _, _, text in events])).rows
        for i in (i for i, rule in enumerate(chosen) if source.offers(rule.source)):
            fired = set(rows[i].tolist()) if i in rows else set()
            asked = {line for line, (near, _, _) in enumerate(events) if near == i} | fired
            for line in asked | set(dice.sample(range(len(events)), min(len(events), 12))):
                compared += 1
                expected = oracle.fires(texts[i], events[line][1], events[line][2])
                if expected:
                    fired_somewhere.add(i)
                if expected != (line in fired):
                    wrong.append((chosen[i].path.name, events[line], expected))
    assert wrong == []
    assert compared >= 5000
    assert len(fired_somewhere) >= 0.85 * len(chosen)


def lab_batches(folder: Path) -> list[Batch]:
    """Batches of the beginning of a benign recording: a few hundred lines of each of its files."""
    recording = REPOSITORY / "lab" / "benign-fit"
    audit = sorted(recording.glob("audit-*.xz"))
    if not audit:
        pytest.skip("no recording in lab/benign-fit")
    others = [path for kind in ("access", "dns", "auth") for path in sorted(recording.glob(f"{kind}-*.xz"))]
    for path in [audit[0], *others]:
        with lzma.open(path) as whole:
            lines = [line for _, line in zip(range(4000 if path == audit[0] else 400), whole, strict=False)]
        (folder / path.stem).write_bytes(b"".join(lines))
    source = FileSource(
        [folder],
        settings=Settings(),
        inventory=load_inventory(recording / "inventory.yml"),
        mappings=REPOSITORY / "content" / "mappings",
        notes=[],
    )
    return [batch for delivery in source.read({}) for batch in delivery.batches]


def test_rules_fire_exactly_where_the_oracle_says_on_a_lab_recording(tmp_path: Path) -> None:
    batches = lab_batches(tmp_path)
    lists, _ = load_indicators([REPOSITORY / "content" / "indicators"])
    oracle_lists = {each.name: lambda value, each=each: each.finds(value) is not None for each in lists}
    chosen = [*linux_and_web(everything()), *RuleSet.load([REPOSITORY / "content" / "rules"]).rules]
    texts = [yaml_of(rule) for rule in chosen]
    matcher = Matcher(chosen, {each.name: each for each in lists})
    dice = random.Random(5)
    wrong, compared = [], 0
    for batch in batches:
        rows = matcher.match(batch).rows
        asked = set(dice.sample(range(len(batch)), min(len(batch), 12)))
        expected: dict[int, set[int]] = {}
        for shape in batch.shapes:
            routed = [i for i, rule in enumerate(chosen) if shape.source.offers(rule.source)]
            for line in range(shape.fields.num_rows):
                event = line if shape.event is None else int(shape.event[line])
                if event in asked:
                    text = batch.text[event] if shape.keywords is None else shape.keywords[line]
                    fields = {name: shape.fields.column(name)[line].as_py() for name in shape.fields.schema.names}
                    compared += len(routed)
                    for i in routed:
                        if oracle.fires(texts[i], fields, text.as_py(), oracle_lists):
                            expected.setdefault(i, set()).add(event)
        for i in range(len(chosen)):
            fired = {int(row) for row in rows.get(i, ())} & asked
            if fired != expected.get(i, set()):
                wrong.append((chosen[i].path.name, batch.kind, fired ^ expected.get(i, set())))
    assert wrong == []
    assert compared >= 5000
