"""The desk on a store: what a person sees and does, the same on the command line and on the page."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from lichen.assemble import Platform
from lichen.core.alert import Alert
from lichen.core.batch import Batch
from lichen.core.belief import Belief
from lichen.core.change import Change, Overlay
from lichen.core.desk import Beside, Consequence, Health
from lichen.core.entity import Subject
from lichen.core.errors import LichenError
from lichen.core.signature import Signature
from lichen.core.time import to_text
from lichen.core.verdict import Verdict, answer_named
from lichen.decide.priors import MINUTES_A_DAY
from lichen.detect.rules import RulesDetector, RuleSet
from lichen.detect.rules.sigma_compile import compile_file
from lichen.learn.consequence import consequence, let_in
from lichen.learn.gate import within_bounds
from lichen.learn.overlay import FLEET, nodes_of, overlays_of
from lichen.run.admission import admitted
from lichen.run.health import health_of
from lichen.run.hearing import Hearing
from lichen.share.fields import grounds_of
from lichen.share.synthesise import synthesise

MONTH = 30 * MINUTES_A_DAY * 60_000_000  # µs
CONFIRMED = "malicious"
EPSILON = 0.05  # of one answer (docs/learning.md)


def now_us() -> int:
    """The time, µs UTC."""
    return time.time_ns() // 1000


PASSED_ASKED = 200  # windows that are judged again when a change is undone, the newest first


class StoreDesk:
    """`core.desk.Desk` on a platform. Answers come into force at once, for everything judged from then on."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.store = platform, platform.store
        self._hearing = Hearing(platform)
        self._foretold: tuple[Any, tuple[tuple[Overlay, ...], Consequence]] | None = None

    @property
    def hearing(self) -> Hearing:
        """Judging again, on the platform as it is now."""
        if self._hearing.platform is not self.platform:
            self._hearing = Hearing(self.platform)
        return self._hearing

    # seeing

    def alerts(self, lane: str | None = None, status: str | None = None) -> Sequence[Alert]:
        return self.store.records.alerts(lane, status)

    def alert(self, uid: str) -> Alert:
        return self.store.records.alert(uid)

    def events(self, event_ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        return self.store.lake.events(event_ids)

    def beside(self, uid: str) -> Sequence[Beside]:
        alert = self.alert(uid)
        ids = [i for belief in alert.beliefs for line in belief.ledger if line.nats > 0 for i in line.sample_event_ids]
        rows: list[Beside] = []
        for batch in self.store.lake.by_ids(dict.fromkeys(ids), shapes=False):
            group, image = (_last(batch, f"subject.{level}") for level in ("group", "image"))
            for profile in self.platform.answered().profiles.values():
                overlay = profile.overlay_for(batch, np.arange(len(batch)), alert.subject.name)
                rows += profile.beside(alert.subject, group, image, list(overlay.values))
        return list({(row.what, row.seen): row for row in rows}.values())[:12]

    def models(self) -> Sequence[Mapping[str, Any]]:
        current = self.store.models.current().versions
        overlays = self.store.answers.overlays()
        told = []
        for name, version in current.items():
            learned = self.store.models.card(name, version).learned
            laid = sum(overlay.detector == name for overlay in overlays)
            told.append({"name": name, "version": version, **learned, "overlays": laid})
        return told

    def health(self) -> Health:
        return health_of(self.platform)

    # answering

    def consequence(self, uid: str, answer: str, scope: str, pattern: Mapping[str, str]) -> Consequence:
        return self._weighed(self.alert(uid), answer_named(answer), scope, pattern)[1]

    def answer(
        self, uid: str, answer: str, scope: str, by: str, pattern: Mapping[str, str], note: str = ""
    ) -> tuple[Verdict, Change | None]:
        name = answer_named(answer)
        overlays, told = self._weighed(self.alert(uid), name, scope, pattern)
        verdict = Verdict(0, uid, name, scope, by, now_us(), dict(pattern), note)
        admit = admitted(self.store, verdict, overlays, told.hidden)
        return self.store.answers.answer(verdict, admit, told.summary)

    def changes(self) -> Sequence[Change]:
        return self.store.answers.changes()

    def undo(self, change: int) -> tuple[Change, tuple[Belief, ...]]:
        found = next((each for each in self.changes() if each.id == change), None)
        passed = () if found is None or found.undone else self._let_pass(found)
        told = ", ".join(f"{belief.subject} at {to_text(belief.window)}" for belief in passed)
        return self.store.answers.undo(change, "person", now_us(), told and f"it let pass {told}"), passed

    # signatures

    def propose(self, uid: str) -> Signature:
        alert = self.alert(uid)
        if alert.status != CONFIRMED:
            raise LichenError(
                f"the alert is {alert.status}, not confirmed as malicious",
                place=f"alert {uid}",
                remedy=f"lichen alert verdict {uid} malicious",
            )
        found = self.hearing.credit(alert, CONFIRMED, "alert", {})
        ids = {i for belief in alert.beliefs for line in belief.carried_by for i in line.sample_event_ids}
        confirmed = []
        for batch in found.again.batches:
            chosen = np.array([name in ids for name in batch.event_ids(range(len(batch)))], dtype=bool)
            confirmed.append((batch, np.flatnonzero(chosen)))
        benign, unjudged = self._sides(ids)
        (best, *_) = synthesise(
            alert,
            confirmed,
            grounds_of(benign),
            beside=grounds_of(unjudged),
            date=dt.datetime.now(dt.UTC).date().isoformat(),
            count=lambda sigma: hits_of(sigma, benign, self.platform.settings.window_minutes),
        )
        self.store.answers.put_signature(best, "person", now_us())
        return best

    def signatures(self) -> Sequence[Signature]:
        return self.store.answers.signatures()

    def promote(self, signature: str) -> Signature:
        return self.store.answers.promote(signature, "person", now_us())

    # how

    def _sides(self, confirmed: set[str]) -> tuple[list[Batch], list[Batch]]:
        """Everything kept, apart: what counts as benign; and what nobody judged, the windows of alerts that nobody
        answered as benign and those before them, but for the `confirmed` events."""
        length = self.platform.settings.window_minutes * 60_000_000
        suspect: dict[Subject, set[int]] = {}
        for alert in self.store.records.alerts():
            if alert.status in ("open", CONFIRMED):
                windows = {start for belief in alert.beliefs for start in (belief.window, belief.window - length)}
                suspect.setdefault(alert.subject, set()).update(windows)
        benign, unjudged = [], []
        for batch in self.store.lake.batches():
            starts = batch.times() - batch.times() % length
            kept = np.ones(len(batch), dtype=bool)
            for subject, windows in suspect.items():
                inside = np.isin(starts, list(windows))
                if inside.any():
                    own = pc.equal(batch.column(f"subject.{subject.kind}"), subject.name).fill_null(False)
                    kept &= ~(inside & own.to_numpy(zero_copy_only=False))
            if kept.any():
                benign.append(batch.take(np.flatnonzero(kept)))
            rest = np.flatnonzero(~kept)
            named = zip(rest.tolist(), batch.event_ids(rest.tolist()), strict=True)
            left = [row for row, name in named if name not in confirmed]
            if left:
                unjudged.append(batch.take(np.array(left, dtype=np.int64)))
        return benign, unjudged

    def _let_pass(self, change: Change) -> tuple[Belief, ...]:
        """The windows from its alert's on, the newest PASSED_ASKED, that cross the cut once a change is left out and do
        not with it. Without a baseline there is no cut that was fixed before: none."""
        if not self.hearing.baseline:
            return ()
        verdict = next(each for each in self.store.answers.verdicts() if each.id == change.verdict)
        alert = self.alert(verdict.alert)
        detectors = {overlay.detector for overlay in change.overlays}
        since = [
            belief
            for belief in self.store.records.beliefs(since=min(belief.window for belief in alert.beliefs))
            if any(line.detector in detectors for line in belief.ledger)
        ]
        return let_in(
            change,
            sorted(since, key=lambda belief: -belief.window)[:PASSED_ASKED],
            judging=self.hearing.judging(alert.subject),
            in_force=self.store.answers.overlays(but=change.id),
            court=self.hearing.court(),
            lane=alert.lane,
            node_holds=self._holds,
        )

    def _holds(self, node: str, subject: Subject) -> bool:
        return node in (subject.name, FLEET) or node in self.platform.places.of(subject)

    def _weighed(
        self, alert: Alert, answer: str, scope: str, pattern: Mapping[str, str]
    ) -> tuple[tuple[Overlay, ...], Consequence]:
        """What an answer would lay, and what that would do. What was just shown is not worked out a second time when it
        is given, unless anything has changed since."""
        in_force, hearing = self.store.answers.overlays(), self.hearing
        key = (alert, answer, scope, dict(pattern), in_force, hearing, self.store.records.counts())
        if self._foretold is not None and self._foretold[0] == key:
            return self._foretold[1]
        court = hearing.court()
        found = hearing.credit(alert, answer, scope, pattern, court)
        nodes = nodes_of(alert.subject, found.again.batches)
        laid = overlays_of(found, scope, nodes, self._members, EPSILON)
        verdict = Verdict(0, alert.uid, answer, scope, "", now_us(), dict(pattern))
        overlays = within_bounds(verdict, laid, (), str).overlays  # what one label may teach is what is foretold
        recent = self.store.records.alerts(status="open", since=min(now_us() - MONTH, alert.first_time))
        foretold = consequence(
            found,
            scope,
            overlays,
            judging=hearing.judging(alert.subject),
            in_force=in_force,
            court=court,
            recent=recent,
            confirmed=[one for one in self.store.records.alerts(status=CONFIRMED) if one.uid != alert.uid],
        )
        self._foretold = key, (overlays, foretold)
        return overlays, foretold

    def _members(self, node: str) -> int:
        subjects = {row.subject for row in self.store.records.census(detector="activity")}
        return len(subjects) if " " in node or node in {"fleet", "users"} else 1


def hits_of(sigma: str, batches: Iterable[Batch], minutes: int) -> int:
    """How many events of these batches a rule hits in the real engine."""
    detector = RulesDetector(RuleSet.of(compile_file(Path("signature.yml"), sigma)), (), minutes)
    latest: dict[Any, int] = {}
    memory: Any = {}
    for batch in batches:
        rows, _, memory = detector.detect(batch, memory)
        latest.update((row.key, row.n_events) for row in rows)
    return sum(latest.values())


def _last(batch: Batch, column: str) -> str:
    return next((str(value) for value in reversed(batch.column(column).to_pylist()) if value), "")


__all__ = ["StoreDesk", "hits_of", "now_us"]
