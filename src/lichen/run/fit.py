"""Everything that judges, fitted on recorded sessions: profiles, classifier, calibration, rule rates, head and cuts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lichen import assemble, catalogue
from lichen.core.doors import Detector
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.decide.calibrate import Calibration
from lichen.decide.decider import Decider
from lichen.decide.rules import RuleRates
from lichen.detect.classifiers.linear import BehaviourClassifier, LinearModel
from lichen.detect.classifiers.train import Examples, fit
from lichen.detect.rules import RulesDetector
from lichen.detect.rules.reach import Seen, with_seen
from lichen.evaluate.replay import Replay, replay
from lichen.run.public_sets import LIKE, SETS
from lichen.run.recorded import MINUTES, Models, Recorded, examples_of, learn_attacks, learn_benign, may_teach, merged

Window = tuple[Subject, int]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned before anything is calibrated: the benign profiles, the malicious side apart by kind of attack,
    and the classifier's examples."""

    benign: Models
    attacks: Mapping[str, Models]
    examples: Examples


@dataclass(frozen=True, slots=True)
class Judges:
    """Frozen detectors and the decider of all arms together; `arms` the same for each arm, each with its own head and
    cuts. `calibrating`: the replay that set them."""

    profiles: Models
    classifier: BehaviourClassifier
    rules: RulesDetector
    decider: Decider
    arms: Mapping[str, Decider] = field(default_factory=dict)

    def detectors(self) -> list[Detector]:
        return [self.rules, *self.profiles.values(), self.classifier]


def learn_all(fit_on: Recorded, attacked: Recorded, public: Sequence[tuple[str, str]] = ()) -> Learned:
    """Learn what is normal from a benign session, and what attacks do from an attacked one."""
    benign = learn_benign(fit_on, catalogue.profiles(MINUTES))
    return Learned(benign, learn_attacks(attacked), examples_of([fit_on], attacked, public))


def detectors_without(learned: Learned, kind: str | None, rules: RulesDetector) -> tuple[Models, BehaviourClassifier]:
    """Profiles and classifier that have seen every kind of attack but one (None: all of them)."""
    kept = [models for name, models in learned.attacks.items() if name != kind]
    examples = learned.examples if kind is None else learned.examples.without(kind, LIKE.get(kind, ()))
    card = {"left_out": kind} if kind else {"sessions": "benign-fit, learn"}
    if examples.public_benign:
        card["public_sets"] = SETS
    return merged(learned.benign, kept), BehaviourClassifier(fit(examples, card), MINUTES)


def out_of_fold(learned: Learned, attacked: Recorded, rules: RulesDetector, whole: Replay, say: Say) -> list[Evidence]:
    """Evidence on an attacked session in which every window that holds a kind of attack was judged by models that
    never saw that kind; all other windows by the whole models."""
    kind_of = {step.id: step.kind for step in attacked.session.steps}
    folds: dict[Window, str] = {window: min(kind_of[s] for s in steps) for window, steps in whole.touched.items()}
    evidence = {key: row for key, row in whole.evidence.items() if (key[0], key[1]) not in folds}
    for kind in sorted(set(folds.values())):
        say(f"without {kind}")
        profiles, classifier = detectors_without(learned, kind, rules)
        again = replay(attacked.batches, [rules, *profiles.values(), classifier], attacked.session, MINUTES)
        evidence.update({key: row for key, row in again.evidence.items() if folds.get((key[0], key[1])) == kind})
    return list(evidence.values())


def counting(result: Replay, recorded: Recorded) -> tuple[list[Evidence], dict[Window, int]]:
    """Evidence and activity of the subjects that count: what calibration, cuts and false rates use."""
    own = recorded.session.counting
    return (
        [row for row in result.evidence.values() if row.subject in own],
        {window: n for window, n in result.activity.items() if window[0] in own},
    )


def own_kinds(result: Replay, attacked: Recorded) -> dict[Window, set[str]]:
    """The kinds of attack in each window that holds a labelled event: those of the subject's own steps, none where it
    only passed a request on."""
    step_of = {step.id: step for step in attacked.session.steps}
    return {
        window: {step_of[step].kind for step in steps if step_of[step].subject == window[0]}
        for window, steps in result.touched.items()
    }


def able_on(rules: RulesDetector, recorded: Recorded) -> tuple[str, ...]:
    """Ids of the rules that can fire on what a session's sensors offer."""
    seen: Seen = {}
    for batch in recorded.batches:
        seen = with_seen(seen, batch)
    return rules.able({"seen": seen})


def fit_judges(
    learned: Learned,
    calibrate_on: Recorded,
    attacked: Recorded,
    rules: RulesDetector,
    say: Say,
    arms: Sequence[str] = ("all",),
) -> tuple[Judges, dict[str, Any]]:
    """Judges fitted whole; beside them what tables need of the attacked session: per arm the log-odds out of fold.

    Calibration, rule rates and cuts come from `calibrate_on` alone, heads from `attacked` out of fold by kind.
    """
    for each in (calibrate_on, attacked):
        may_teach(each)
    say("learning all kinds")
    profiles, classifier = detectors_without(learned, None, rules)
    detectors: list[Detector] = [rules, *profiles.values(), classifier]
    benign, activity = counting(replay(calibrate_on.batches, detectors, calibrate_on.session, MINUTES), calibrate_on)
    priors = assemble.priors_of().at(MINUTES)
    rates = RuleRates.of_priors(priors, rules.rules.levels, able_on(rules, calibrate_on)).counted(benign, activity)
    base = Decider.of(priors, Calibration.fit(benign, activity), rates, MINUTES)
    whole = replay(attacked.batches, detectors, attacked.session, MINUTES)
    folded = out_of_fold(learned, attacked, rules, whole, say)
    kinds = own_kinds(whole, attacked)
    fitted, scores = {}, {}
    for arm in arms:
        decider = base if arm == "all" else base.in_arm(arm)
        heads, table = decider.trained(folded, whole.activity, kinds)
        fitted[arm] = decider.changed(head=heads.head).settled(benign, activity)
        scores[arm] = (table, decider.out_of_fold(table, heads))
    judges = Judges(profiles, classifier, rules, fitted.get("all", base), fitted)
    return judges, {"scores": scores, "replay": whole, "evidence": folded, "calibrating": (benign, activity)}


def save(judges: Judges, folder: Path) -> None:
    """Write the models that ship: profiles, classifier and decider, a folder each."""
    for name, profile in judges.profiles.items():
        profile.save(folder / name)
    judges.classifier.model.save(folder / judges.classifier.name)
    judges.decider.save(folder / "decide.json")
    for arm, decider in judges.arms.items():
        decider.save(folder / f"decide.{arm}.json")


def load(folder: Path, rules: RulesDetector) -> Judges:
    """Read what `save` wrote. Raises ModelError."""
    profiles = {name: catalogue.load_profile(name, folder / name) for name in catalogue.profiles(MINUTES)}
    model = LinearModel.load(folder / BehaviourClassifier.name)
    arms = {path.name.split(".")[1]: Decider.load(path) for path in sorted(folder.glob("decide.*.json"))}
    return Judges(profiles, BehaviourClassifier(model, MINUTES), rules, Decider.load(folder / "decide.json"), arms)


__all__ = ["Judges", "Learned", "fit_judges", "learn_all", "load", "save"]
