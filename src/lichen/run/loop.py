"""The loop, told on the lab's recordings: tables first, then a verdict, its undoing, and a signature that is born."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lichen import assemble, catalogue
from lichen.assemble import Models, Platform
from lichen.config import Settings
from lichen.core.alert import Alert
from lichen.core.belief import MALICIOUS
from lichen.core.change import Overlay
from lichen.core.entity import Subject
from lichen.core.errors import LichenError
from lichen.core.evidence import Evidence
from lichen.core.signature import Signature
from lichen.evaluate.metrics import found_steps
from lichen.evaluate.replay import labelled_rows, replay
from lichen.evaluate.session import JUDGES, Step
from lichen.evaluate.tables import ArmRow, Judged, arm_row, render_claim
from lichen.run import fit
from lichen.run.desk import StoreDesk
from lichen.run.local import Pipeline
from lichen.run.recorded import MINUTES, Recorded, open_session

Say = Callable[[str], None]
LOUD_NATS = 3.0
Loud = dict[tuple[Subject, int, str], tuple[float, str]]
GROUND = 1000  # benign events below which a signature shows little


@dataclass(frozen=True, slots=True)
class Told:
    """What the loop showed, for tests: the claim's rows, the change and its effect, the signature and what it found."""

    rows: Sequence[ArmRow]
    change_summary: str
    loud_before: int
    loud_after: int
    undone_equal: bool
    signature: Signature
    caught: Sequence[Step]
    variants: int


def judged(recorded: Recorded, judges: fit.Judges, arm: str, result: Any) -> Judged:
    """A session's beliefs under one arm."""
    decider = judges.arms[arm]
    return Judged(recorded.session, result, decider.beliefs(result.evidence.values(), result.activity))


def claim(attacked: Recorded, held: Recorded, judges: fit.Judges) -> list[ArmRow]:
    """The claim's rows: each arm at its cut that was fixed before, and the unusual lane."""
    detectors = judges.detectors()
    of_attacked = replay(attacked.batches, detectors, attacked.session, MINUTES)
    of_held = replay(held.batches, detectors, held.session, MINUTES)
    rows = []
    for arm, decider in judges.arms.items():
        cut = decider.cuts.malicious if decider.cuts is not None else None
        pair = judged(attacked, judges, arm, of_attacked), judged(held, judges, arm, of_held)
        rows.append(arm_row(arm, 0.0 if cut is None else cut, *pair, MINUTES))
        if arm == "all":
            rows.append(arm_row("all, unusual lane", float("nan"), *pair, MINUTES, lane="unusual"))
    return rows


def tell(say: Say, progress: Say, keep: Path | None = None) -> Told:
    """The whole loop on the recordings. `say` prints results, `progress` what is being done; `keep` is the store in
    which the alerts stay for the console (None: a passing one)."""
    lab, begun = catalogue.lab(), time.monotonic()
    rules = assemble.rules_of(Settings(window_minutes=MINUTES))
    judges = fit.load(catalogue.content("models"), rules)
    progress("reading judge and benign-held")
    attacked, held = open_session(lab / JUDGES[0]), open_session(lab / "benign-held")
    progress(f"judging {attacked.events + held.events:,} events with frozen versions")
    rows = claim(attacked, held, judges)
    say("1. Found on `judge` with the rules that ship (with SigmaHQ's: make thesis); cuts from benign-calibrate.")
    say(render_claim(rows))
    best = next(row for row in rows if row.arm == "all")
    missed = [step for step in attacked.session.steps if step.id not in best.found]
    say(f"   missed by all together ({len(missed)}): " + ", ".join(f"{s.id} {s.kind}" for s in missed))
    say(f"   first alert after {time.monotonic() - begun:.0f} s")
    with tempfile.TemporaryDirectory(prefix="lichen-loop-") as passing:
        platform = lab_platform(keep or Path(passing), judges)
        with platform.store:
            quieter = _quieter(platform, held, lab, say, progress)
            born = _signature(platform, attacked, lab, say, progress)
    return Told(rows, *quieter, *born)


def lab_platform(folder: Path, judges: fit.Judges) -> Platform:
    """A platform on a store of its own, with the models that ship in force; quarantine 0: the lab is a controlled
    environment."""
    settings = Settings(store=folder, window_minutes=MINUTES, quarantine_hours=0)
    platform = assemble.open_platform(settings)
    models = Models(judges.profiles, judges.classifier, judges.decider)
    assemble.keep_models(platform.store, models, time.time_ns() // 1000, {"from": "the lab's recordings"})
    return replace(platform, models=assemble.models_of(platform.store, MINUTES))


def take(platform: Platform, recorded: Recorded) -> list[Alert]:
    """Replay a session into the store; its alerts, strongest first."""
    from lichen.collect.identity import load_inventory
    from lichen.collect.inputs.files import FileSource

    models = platform.answered()
    judges = platform.detectors(models), MINUTES, platform.store, platform.believing(models), platform.admit
    pipeline = Pipeline(*judges, platform.places.see)
    source = FileSource(
        recorded.session.logs(),
        settings=platform.settings,
        inventory=load_inventory(recorded.session.folder / "inventory.yml"),
        mappings=catalogue.content("mappings"),
        notes=[],
    )
    for _ in pipeline.run(source.read(platform.store.records.positions())):
        pass
    start, end = recorded.session.start - MINUTES * 60_000_000, recorded.session.end
    return [a for a in platform.store.records.alerts() if any(start <= b.window < end for b in a.beliefs)]


def _quieter(platform: Platform, held: Recorded, lab: Path, say: Say, progress: Say) -> tuple[str, int, int, bool]:
    """A benign-expected verdict on an alert of benign-calibrate, the quieter replay of benign-held, and its undoing."""
    progress("reading benign-calibrate into a store")
    alerts = take(platform, open_session(lab / "benign-calibrate"))
    desk = StoreDesk(platform)
    before = loud(platform, held, ())
    chosen = _most_alike(alerts, before)
    verdict, change = desk.answer(chosen.uid, "benign-expected", "subject", "lab", {})
    assert change is not None
    after = loud(platform, held, platform.store.answers.overlays())
    then, now = _count(before, chosen), _count(after, chosen)
    desk.undo(change.id)
    again = loud(platform, held, platform.store.answers.overlays())
    say(f"\n2. A verdict. Alert {chosen.uid} of benign-calibrate: {chosen.title}")
    say(f"   answered {verdict.answer}, scope {verdict.scope}. {change.summary}")
    say(f"   the same work in benign-held: {then} rows at {LOUD_NATS:g} nats or more, then {now};")
    say(f"   undone: scores {'equal bit for bit' if again == before else 'DIFFER'}")
    return change.summary, then, now, again == before


def loud(platform: Platform, recorded: Recorded, overlays: Sequence[Overlay]) -> Loud:
    """Score and cause of every profile's row of a session, under the given answers."""
    models = platform.models.under(overlays)
    result = replay(recorded.batches, list(models.profiles.values()), recorded.session, MINUTES)
    return {key: (row.score_nats, row.because) for key, row in result.evidence.items()}


def _words(alert: Alert) -> set[str]:
    """What the profiles said that the alert's subject did, without the history that they held it against."""
    lines = [line for belief in alert.beliefs for line in belief.ledger if line.detector.startswith("profile.")]
    return {line.because.split(", ")[0] for line in lines if line.weight_nats > 0}


def _count(rows: Loud, alert: Alert) -> int:
    """Rows of the alert's subject that are loud over the same work."""
    twin = _words(alert)
    return sum(
        score >= LOUD_NATS and because.split(", ")[0] in twin and subject == alert.subject
        for (subject, _, _), (score, because) in rows.items()
    )


def _most_alike(alerts: Sequence[Alert], before: Loud) -> Alert:
    """The alert of benign-calibrate whose work comes again most often, loudly, in benign-held."""
    if not alerts:
        raise LichenError("no alert on benign-calibrate", place="lab", remedy="build the models again: make models")
    return max(alerts, key=lambda alert: (_count(before, alert), alert.uid))


def _signature(
    platform: Platform, attacked: Recorded, lab: Path, say: Say, progress: Say
) -> tuple[Signature, list[Step], int]:
    """A find of `learn`, confirmed; the signature it becomes; and the steps of `judge` of that kind that it hits."""
    progress("reading benign-fit and learn into the store")
    take(platform, open_session(lab / "benign-fit"))
    learn = open_session(lab / "learn")
    alerts = [alert for alert in take(platform, learn) if alert.lane == MALICIOUS]
    desk = StoreDesk(platform)
    result = replay(learn.batches, [], learn.session, MINUTES)
    for alert in alerts:
        steps = found_steps(alert.beliefs, learn.session, result)
        if not steps:
            continue
        kind = learn.session.step(min(steps)).kind
        desk.answer(alert.uid, "malicious", "alert", "lab", {})
        try:
            signature = desk.propose(alert.uid)
        except LichenError:
            continue
        if signature.benign_events < GROUND:
            continue
        variants = [step for step in attacked.session.steps if step.kind == kind]
        caught = caught_by(signature, attacked)
        same = [step for step in variants if step.id in caught]
        say(f"\n3. A signature. Confirmed in learn: {alert.title}")
        say(f"   became “{signature.title}”: " + " and ".join(f"{f}|{m} {v!r}" for f, m, v in signature.atoms))
        bound = signature.false_rate_bound
        say(f"   {signature.benign_hits} hits in {signature.benign_events:,} benign events (false rate ≤ {bound:.1e})")
        say(f"   on judge: {len(same)} of {len(variants)} other variants of {kind}, {len(caught)} steps of any kind")
        return signature, same, len(variants)
    raise LichenError("no find of learn became a signature", place="lab", remedy="make models")


def caught_by(signature: Signature, attacked: Recorded) -> set[str]:
    """Steps of a session with a labelled event that the signature hits, counted in the real engine."""
    from lichen.detect.rules import RulesDetector, RuleSet
    from lichen.detect.rules.sigma_compile import compile_file

    detector = RulesDetector(RuleSet.of(compile_file(Path("signature.yml"), signature.sigma)), (), MINUTES)
    caught: set[str] = set()
    for batch in attacked.batches:
        labelled = labelled_rows(batch, attacked.session)
        evidence: list[Evidence] = detector.detect(batch, {})[0]
        hit = {event_id for row in evidence for event_id in row.sample_event_ids}
        if hit and labelled:
            ids = batch.event_ids(sorted(labelled))
            caught |= {labelled[row] for row, name in zip(sorted(labelled), ids, strict=True) if name in hit}
    return caught


__all__ = ["Told", "caught_by", "claim", "lab_platform", "take", "tell"]
