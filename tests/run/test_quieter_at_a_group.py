"""A benign answer at a group makes the same work quieter on all of the group: half of the twin's loud values at least.

Values are counted, as docs/learning.md says: a row tells only the loudest value of its window, and stays loud where
another one, of which nobody has spoken, is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from lichen import catalogue
from lichen.core.batch import Batch
from lichen.core.change import Overlay
from lichen.detect.profiles.acts import combine, value_of
from lichen.detect.profiles.entities import entities
from lichen.detect.profiles.profile import Profile, _acts, _whole
from lichen.run.recorded import MINUTES, open_session

LOUD_NATS, MOST = 3.0, 64
Value = tuple[str, tuple[str, ...], str]  # detector, entity, value


@pytest.fixture(scope="module")
def profiles() -> dict[str, Profile]:
    models = catalogue.content("models")
    names = [name for name in catalogue.profiles(MINUTES) if name != "profile.rate"]
    return {name: catalogue.load_profile(name, models / name) for name in names}


@pytest.fixture(scope="module")
def sessions() -> dict[str, tuple[Batch, ...]]:
    return {name: open_session(catalogue.lab() / name).batches for name in ("benign-calibrate", "benign-held")}


def judged(profile: Profile, batches: tuple[Batch, ...]) -> Iterator[tuple[Batch, Value, int, float]]:
    """Every value of every workload in each batch, an event that shows it, and its score."""
    memory: Mapping[str, Any] = {}
    for batch in batches:
        if batch.kind not in profile.use.kinds or not len(batch) or "workload" not in profile.judges:
            continue
        acts, memory = profile.use.read(batch, memory)
        acts = acts.take(np.flatnonzero(_whole(acts)))
        who, _ = entities(batch, acts.rows, "workload")
        there = np.flatnonzero(who.present)
        own = acts.take(there)
        _, firsts = combine([who.take(there), *own.parts])
        distinct = list(_acts(who.take(there), own, firsts))
        scores = profile.judges["workload"].judge(distinct)
        for (entity, parts), row, score in zip(distinct, own.rows[firsts].tolist(), scores, strict=True):
            yield batch, (profile.name, entity, value_of(parts)), row, score.nats


def answered(profile: Profile, batches: tuple[Batch, ...]) -> dict[str, Overlay]:
    """Of each group, one answer that calls its loudest values expected."""
    loud: dict[str, dict[str, tuple[float, Batch, int]]] = {}
    for batch, (_, entity, value), row, nats in judged(profile, batches):
        if nats >= LOUD_NATS and entity[0]:
            kept = loud.setdefault(entity[0], {})
            kept[value] = max(kept.get(value, (nats, batch, row)), (nats, batch, row), key=lambda each: each[0])
    made = {}
    for group, values in loud.items():
        most = sorted(values.values(), key=lambda each: -each[0])[:MOST]
        laid = [profile.overlay_for(batch, np.array([row]), f"group {group}") for _, batch, row in most]
        exact = {value: count for one in laid for value, count in one.values.items()}
        templates = {text: count for one in laid for text, count in one.templates.items()}
        made[group] = Overlay(profile.name, f"group {group}", exact, templates)
    return made


def test_half_of_the_twin_s_loud_values_at_least_become_quiet_at_group_scope(
    profiles: dict[str, Profile], sessions: dict[str, tuple[Batch, ...]]
) -> None:
    before = after = 0
    for profile in profiles.values():
        answers = answered(profile, sessions["benign-calibrate"])
        laid = profile.with_overlays(list(answers.values()))
        twins = {
            key: nats
            for _, key, _, nats in judged(profile, sessions["benign-held"])
            if key[1][0] in answers and key[2] in answers[key[1][0]].values
        }
        now = {key: nats for _, key, _, nats in judged(laid, sessions["benign-held"]) if key in twins}
        before += sum(nats >= LOUD_NATS for nats in twins.values())
        after += sum(nats >= LOUD_NATS for nats in now.values())
        assert all(now[key] <= nats + 0.06 for key, nats in twins.items())
    print(f"twin's values at {LOUD_NATS:g} nats or more: {before} before, {after} after")
    assert before >= 10
    assert after * 2 <= before


def test_an_answer_at_a_group_touches_no_other_group(
    profiles: dict[str, Profile], sessions: dict[str, tuple[Batch, ...]]
) -> None:
    profile = profiles["profile.path"]
    group, overlay = next(iter(answered(profile, sessions["benign-calibrate"]).items()))
    pairs = zip(
        judged(profile, sessions["benign-held"]),
        judged(profile.with_overlays([overlay]), sessions["benign-held"]),
        strict=True,
    )
    assert all(a[3] == b[3] for a, b in pairs if a[1][1][0] != group)
