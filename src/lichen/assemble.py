"""The one room where the wings meet: settings to a running platform. It chooses and connects, and never computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from lichen import catalogue
from lichen.collect.identity import Inventory, load_inventory
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.alert import Alert
from lichen.core.belief import LANES, Belief
from lichen.core.change import Overlay, without_mark
from lichen.core.doors import Detector
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.places import Places
from lichen.core.plain_yaml import plain_yaml
from lichen.decide.alerts import alerts
from lichen.decide.decider import Decider
from lichen.decide.priors import Priors
from lichen.detect.classifiers.linear import BehaviourClassifier, LinearModel
from lichen.detect.rules import IndicatorList, RulesDetector, RuleSet, load_indicators
from lichen.detect.rules.files.baseline import Baseline
from lichen.detect.rules.ruleset import Places as RulePlaces
from lichen.store.models import Current
from lichen.store.store import Store

DECIDE = "decide"  # the name under which the decider is kept among the models
Window = tuple[Subject, int]
EvidenceOf = Callable[[Iterable[Window]], Sequence[Evidence]]
"""All evidence of some windows."""
Believe = Callable[[Iterable[Evidence], Mapping[Window, int]], Sequence[Belief]]


@dataclass(frozen=True, slots=True)
class Models:
    """What judges, of one set of versions: profiles by name, the classifier, and the decider (None: no baseline)."""

    profiles: Mapping[str, Any]
    classifier: BehaviourClassifier
    decider: Decider | None

    def under(self, overlays: Sequence[Overlay]) -> Models:
        """The same under exactly these answers."""
        profiles = {name: profile.with_overlays(overlays) for name, profile in self.profiles.items()}
        decider = None if self.decider is None else self.decider.with_overlays(overlays)
        return Models(profiles, self.classifier, decider)


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything connected: settings, the store, the rules, and the models in force before any answer; and where each
    subject belongs."""

    settings: Settings
    store: Store
    rules: RulesDetector
    models: Models
    places: Places = field(default_factory=Places)

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

    def believing(self, models: Models) -> Believe:
        """Who makes beliefs under these models; none without a baseline."""
        if models.decider is None:
            return lambda evidence, activity: []
        decider = models.decider.knowing(self.rules.rules.levels)

        def believe(evidence: Iterable[Evidence], activity: Mapping[Window, int]) -> Sequence[Belief]:
            rows = list(evidence)
            if not decider.needs_places:
                return decider.beliefs(rows, activity)
            subjects = {row.subject for row in rows} | {subject for subject, _ in activity}
            return decider.beliefs(rows, activity, places=self.places.over(subjects))

        return believe

    def admit(self, beliefs: Sequence[Belief], evidence_of: EvidenceOf = lambda windows: ()) -> list[Alert]:
        """Alerts of the beliefs that cross a lane's cut; `evidence_of` is asked of those alone."""
        decider = self.models.decider
        cuts = None if decider is None else decider.cuts
        if cuts is None:
            return []
        crossed = [belief for belief in beliefs if any(cuts.crosses(belief, lane) for lane in LANES)]
        rows = evidence_of([(belief.subject, belief.window) for belief in crossed]) if crossed else ()
        times = {i: t for row in rows for i, t in zip(row.sample_event_ids, row.sample_times, strict=False)}
        return alerts(crossed, cuts, evidence=rows, times=times)


def open_platform(settings: Settings) -> Platform:
    """A platform on the store that the settings name. Raises LichenError where a part of it is at fault."""
    store = Store(settings.store)
    models = models_of(store, settings.window_minutes)
    return Platform(settings, store, rules_of(settings, store), models, Places(store.lake.place_of))


def priors_of() -> Priors:
    """What is believed before anything is measured."""
    return Priors.of(plain_yaml(catalogue.priors_file().read_text(encoding="utf-8")))


def inventory_of(settings: Settings) -> Inventory | None:
    """The inventory that the settings name."""
    return None if settings.inventory is None else load_inventory(settings.inventory)


def rules_of(settings: Settings, store: Store | None = None) -> RulesDetector:
    """Rules that ship, the user's own, those of others on the store's shelf, and signatures: promoted ones as rules,
    the others in shadow."""
    places = rule_places(settings, store)
    rules = RuleSet.load(places.rules, places.pipelines, places.filters)
    return RulesDetector(rules, indicators_of(settings), settings.window_minutes, baseline_of(settings))


def rule_places(settings: Settings, store: Store | None = None) -> RulePlaces:
    """Where rules, pipelines and filters are read from; a store's signatures are written there first."""
    folders = [catalogue.content("rules"), *settings.rules, *shelf_of(settings)]
    if store is not None:
        folders += _signature_files(store)
    return RulePlaces(tuple(folders), tuple(pipelines_of(settings)), tuple(settings.filters))


def indicators_of(settings: Settings) -> tuple[IndicatorList, ...]:
    """The lists that ship, the user's own, and the feeds of the store. Raises where one of the user's own has a fault;
    what of a feed cannot be read was told when it came."""
    lists, refused = load_indicators([catalogue.content("indicators"), *settings.indicators], settings.warning_lists)
    for fault in refused:
        raise fault
    taken = {each.name for each in lists}
    folder = indicators_folder(settings)
    fetched, _ = load_indicators([folder] if folder.is_dir() else [], settings.warning_lists)
    return (*lists, *(each for each in fetched if each.name not in taken))


def baseline_of(settings: Settings) -> Baseline | None:
    """The baseline of system files that `lichen files baseline` made; None where it made none."""
    place = baseline_file(settings)
    return Baseline.load(place) if place.exists() else None


def baseline_file(settings: Settings) -> Path:
    """Where the baseline of system files stands."""
    return settings.store / "baseline.ndjson"


def indicators_folder(settings: Settings) -> Path:
    """Where `lichen intel add` puts lists."""
    return settings.store / "indicators"


def shelf_of(settings: Settings) -> list[Path]:
    """Where `lichen rule add` puts rules of others; nothing where none were added."""
    folder = settings.store / "rules"
    return [folder] if folder.is_dir() else []


def pipelines_of(settings: Settings) -> list[Path]:
    """The user's own pipelines, then the one that ships."""
    return [*settings.pipelines, catalogue.content("pipelines") / "placeholders.yml"]


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
    classifier = BehaviourClassifier.name
    if classifier in versions:  # the one whose scores were calibrated here, whatever has been shipped since
        model = LinearModel.load(store.models.path(classifier, versions[classifier]))
    else:
        model = LinearModel.load(catalogue.content("models") / classifier)
    decider = None
    if DECIDE in versions:
        decider = Decider.load(store.models.path(DECIDE, versions[DECIDE]) / "decide.json")
    return Models(profiles, BehaviourClassifier(model, minutes), decider)


def pinned_models(store: Store, models: Models, pinned: Mapping[str, str]) -> tuple[Models, tuple[str, ...]]:
    """The models of pinned versions (an alert's), and in words which are not kept any more: those in force (`models`)
    stand in for them."""
    notes: list[str] = []

    def kept(name: str, in_force: Any, load: Callable[[Path], Any]) -> Any:
        wanted = without_mark(pinned.get(name, ""))
        current = without_mark(in_force.version)
        if not wanted or wanted == current:
            return in_force
        version = store.models.find(name, wanted)
        if version is None:
            notes.append(f"version {wanted} of {name} is not kept any more: {current}, now in force, was asked")
            return in_force
        return load(store.models.path(name, version))

    def classifier_of(folder: Path) -> BehaviourClassifier:
        return BehaviourClassifier(LinearModel.load(folder), models.classifier.minutes)

    profiles = {
        name: kept(name, profile, partial(catalogue.load_profile, name)) for name, profile in models.profiles.items()
    }
    classifier = kept(models.classifier.name, models.classifier, classifier_of)
    decider = models.decider
    if decider is not None:
        decider = kept(DECIDE, decider, lambda folder: Decider.load(folder / "decide.json"))
    return Models(profiles, classifier, decider), tuple(notes)


def put_models(store: Store, models: Models, time: int, learned: Mapping[str, Any]) -> dict[str, str]:
    """Put models on disk, each under the name by which evidence and alerts know it; nothing is in force yet. A
    classifier is kept with the decider that calibrated it."""
    kept: dict[str, tuple[Callable[[Path], None], str]] = {
        name: (profile.save, without_mark(profile.version)) for name, profile in models.profiles.items()
    }
    decider = None if models.decider is None else models.decider.with_overlays(())
    if decider is not None:
        kept[DECIDE] = (lambda folder: decider.save(folder / "decide.json")), decider.version
        kept[models.classifier.name] = models.classifier.model.save, models.classifier.version
    return {
        name: store.models.put(name, save, time=time, learned=learned, known_as=known_as)
        for name, (save, known_as) in kept.items()
    }


def keep_models(
    store: Store,
    models: Models,
    time: int,
    learned: Mapping[str, Any],
    read: Mapping[str, Mapping[str, int]] | None = None,
) -> None:
    """Put models into a store as its versions in force, and readers' new places (`read`), all in one step."""
    versions = put_models(store, models, time, learned)
    with store.models.advancing() as advance:
        before = store.models.current()
        places = {reader: {**before.read.get(reader, {}), **place} for reader, place in (read or {}).items()}
        advance(Current({**before.versions, **versions}, {**before.read, **places}))
