"""The one room where the wings meet: settings to a running platform. It chooses and connects, and never computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lichen import catalogue
from lichen.collect.identity import Inventory, load_inventory
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.alert import Alert
from lichen.core.belief import Belief
from lichen.core.change import Overlay
from lichen.core.doors import Detector
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.plain_yaml import plain_yaml
from lichen.decide.alerts import alerts
from lichen.decide.decider import Decider
from lichen.decide.priors import Priors
from lichen.detect.classifiers.linear import BehaviourClassifier, LinearModel
from lichen.detect.rules import RulesDetector, RuleSet, load_indicators
from lichen.store.models import Current
from lichen.store.store import Store

DECIDE = "decide"  # the name under which the decider is kept among the models
Window = tuple[Subject, int]


@dataclass(frozen=True, slots=True)
class Models:
    """What judges, of one set of versions: profiles by name, the classifier, and the decider (None: no baseline)."""

    profiles: Mapping[str, Any]
    classifier: BehaviourClassifier
    decider: Decider | None

    def under(self, overlays: Sequence[Overlay]) -> Models:
        """The same under exactly these answers."""
        profiles = {name: profile.with_overlays(overlays) for name, profile in self.profiles.items()}
        decider = self.decider
        if decider is not None:
            decider = decider.changed(rates=decider.rates.with_overlays(overlays))
        return Models(profiles, self.classifier, decider)


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything connected: settings, the store, the rules, and the models in force before any answer."""

    settings: Settings
    store: Store
    rules: RulesDetector
    models: Models

    def answered(self) -> Models:
        """The models under the answers in force."""
        return self.models.under(self.store.answers.overlays())

    def detectors(self, models: Models | None = None) -> list[Detector]:
        """Who judges, in order: rules, profiles, classifier."""
        chosen = self.answered() if models is None else models
        return [self.rules, *chosen.profiles.values(), chosen.classifier]

    def source(self, paths: Sequence[Path], notes: list[str], follow: bool = False) -> FileSource:
        """Where events come from."""
        return FileSource(
            paths,
            settings=self.settings,
            inventory=inventory_of(self.settings),
            mappings=catalogue.content("mappings"),
            notes=notes,
            follow=follow,
        )

    def believe(self, evidence: Iterable[Evidence], activity: Mapping[Window, int]) -> list[Belief]:
        """Beliefs under the models and answers in force; none without a baseline."""
        decider = self.answered().decider
        return [] if decider is None else decider.beliefs(evidence, activity)

    def admit(self, beliefs: Sequence[Belief], evidence: Iterable[Evidence] = ()) -> list[Alert]:
        """Alerts of the beliefs that cross a lane's cut."""
        decider = self.models.decider
        return [] if decider is None or decider.cuts is None else alerts(beliefs, decider.cuts, evidence=evidence)


def open_platform(settings: Settings) -> Platform:
    """A platform on the store that the settings name. Raises LichenError where a part of it is at fault."""
    store = Store(settings.store)
    return Platform(settings, store, rules_of(settings, store), models_of(store, settings.window_minutes))


def priors_of() -> Priors:
    """What is believed before anything is measured."""
    return Priors.of(plain_yaml(catalogue.priors_file().read_text(encoding="utf-8")))


def inventory_of(settings: Settings) -> Inventory | None:
    """The inventory that the settings name."""
    return None if settings.inventory is None else load_inventory(settings.inventory)


def rules_of(settings: Settings, store: Store | None = None) -> RulesDetector:
    """Rules that ship, the user's own, and signatures: promoted ones as rules, the others in shadow."""
    folders = [catalogue.content("rules"), *settings.rules]
    if store is not None:
        folders += _signature_files(store)
    lists, refused = load_indicators([catalogue.content("indicators"), *settings.indicators])
    for fault in refused:
        raise fault
    return RulesDetector(RuleSet.load(folders), lists, settings.window_minutes)


def _signature_files(store: Store) -> list[Path]:
    """Signatures written as rule files into the store, each in its stage."""
    signatures = store.answers.signatures()
    folder = store.folder / "signatures"
    for signature in signatures:
        folder.mkdir(parents=True, exist_ok=True)
        told = plain_yaml(signature.sigma)
        told["stage"] = signature.stage
        (folder / f"{signature.id}.yml").write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
    return [folder] if signatures else []


def models_of(store: Store, minutes: int) -> Models:
    """The models in force in a store; empty profiles and no decider before anything was learned."""
    versions = store.models.current().versions
    profiles = {
        name: catalogue.load_profile(name, store.models.path(name, versions[name])) if name in versions else empty
        for name, empty in catalogue.profiles(minutes).items()
    }
    shipped = catalogue.content("models") / BehaviourClassifier.name
    classifier = BehaviourClassifier(LinearModel.load(shipped), minutes)
    decider = None
    if DECIDE in versions:
        decider = Decider.load(store.models.path(DECIDE, versions[DECIDE]) / "decide.json")
    return Models(profiles, classifier, decider)


def keep_models(store: Store, models: Models, time: int, learned: Mapping[str, Any]) -> None:
    """Put models into a store as its versions in force, all in one step."""
    versions = {
        name: store.models.put(name, profile.save, time=time, learned=learned)
        for name, profile in models.profiles.items()
    }
    decider = models.decider
    if decider is not None:

        def save(folder: Path) -> None:
            decider.save(folder / "decide.json")

        versions[DECIDE] = store.models.put(DECIDE, save, time=time, learned=learned)
    with store.models.advancing() as advance:
        advance(Current({**store.models.current().versions, **versions}, store.models.current().read))
