"""Recorded sessions opened: their events as batches, and what models learn from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from lichen import catalogue
from lichen.collect.identity import load_inventory
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import Batch
from lichen.core.errors import InputError
from lichen.detect.classifiers.train import Examples
from lichen.detect.profiles.fit import fit_attacks, fit_benign
from lichen.evaluate.replay import labelled_rows
from lichen.evaluate.session import JUDGES, Session, load_session
from lichen.run.public_sets import ORDINARY

MINUTES = 5  # the lab's window
SIMULATED = 0.5  # what a simulated attack's event weighs on the malicious side, beside a confirmed one

Models = Mapping[str, Any]
"""Detector name -> learner."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A session with all its events."""

    session: Session
    batches: tuple[Batch, ...]

    @property
    def events(self) -> int:
        return sum(len(batch) for batch in self.batches)


def open_session(folder: Path) -> Recorded:
    """Read a recording whole. Raises InputError if any of it cannot be read: a recording is ours, and complete."""
    session = load_session(folder)
    source = FileSource(
        session.logs(),
        settings=Settings(window_minutes=MINUTES),
        inventory=load_inventory(folder / "inventory.yml"),
        mappings=catalogue.content("mappings"),
        notes=[],
    )
    batches: list[Batch] = []
    for delivery in source.read({}):
        for letter in delivery.dead_letters:
            raise InputError(letter.reason, place=letter.place, remedy="record the session again")
        batches.extend(batch for batch in delivery.batches if len(batch))
    return Recorded(session, tuple(batches))


def learn_benign(recorded: Recorded, into: Models) -> dict[str, Any]:
    """The profiles with a benign session learned as well, its clock set to the session's end."""
    may_teach(recorded)
    names = list(into)
    learned = fit_benign([into[name] for name in names], recorded.batches)
    return {name: profile.forget(recorded.session.end) for name, profile in zip(names, learned, strict=True)}


def learn_attacks(recorded: Recorded) -> dict[str, dict[str, Any]]:
    """The malicious side apart by kind of attack (so that a kind can be left out): kind -> detector -> profile that
    has seen nothing but that kind's labelled events, by technique."""
    may_teach(recorded)
    step_of = {step.id: step for step in recorded.session.steps}
    confirmed: dict[str, dict[str, list[Batch]]] = {}
    for batch in recorded.batches:
        rows = labelled_rows(batch, recorded.session)
        for step_id in sorted(set(rows.values())):
            step = step_of[step_id]
            own = batch.take(np.array(sorted(row for row, s in rows.items() if s == step_id), dtype=np.int64))
            confirmed.setdefault(step.kind, {}).setdefault(step.technique, []).append(own)
    empty = catalogue.profiles(MINUTES)
    apart = {}
    for kind, techniques in sorted(confirmed.items()):
        learned = fit_attacks(list(empty.values()), techniques, SIMULATED)
        apart[kind] = {profile.name: profile.forget(recorded.session.end) for profile in learned}
    return apart


def merged(models: Models, others: Iterable[Models]) -> dict[str, Any]:
    """Everything learned by all of them, by detector."""
    every = list(others)
    return {name: reduce(lambda a, b: a.merge(b), (o[name] for o in every), model) for name, model in models.items()}


def examples_of(benign: Sequence[Recorded], attacked: Recorded, public: Iterable[tuple[str, str]] = ()) -> Examples:
    """What the classifier learns from: benign sessions, an attacked session's steps by kind (and its ordinary events as
    benign), and public (text, "norm" or kind) pairs."""
    for recorded in (*benign, attacked):
        may_teach(recorded)
    made = Examples()
    kind_of = {step.id: step.kind for step in attacked.session.steps}
    for recorded in benign:
        for batch in recorded.batches:
            made.add_benign(batch)
    for batch in attacked.batches:
        made.add_attack(batch, labelled_rows(batch, attacked.session), kind_of)
    for text, kind in public:
        made.add_public(text, None if kind == ORDINARY else kind)
    return made


def may_teach(recorded: Recorded) -> None:
    """A judge that taught anything would judge no more, whatever folder it was copied to."""
    if recorded.session.name in JUDGES:
        raise InputError("a judge teaches nobody", place=str(recorded.session.folder), remedy="name another session")


def refuse_judge(path: Path) -> None:
    """Raises InputError where a path is a judge's folder, or a file in one: wherever it was copied to, its session.yml
    says what it is."""
    for folder in (path, path.parent):
        try:
            session = load_session(folder)
        except (InputError, OSError, KeyError, TypeError, ValueError):
            continue  # no recorded session
        may_teach(Recorded(session, ()))
