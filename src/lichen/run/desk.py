"""The desk on a store: what a person sees and does, the same on the command line and on the page."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from lichen.assemble import Models, Platform
from lichen.core.alert import Alert
from lichen.core.batch import Batch
from lichen.core.belief import Belief
from lichen.core.change import Change, Overlay
from lichen.core.desk import Beside, Consequence, Health
from lichen.core.entity import Subject
from lichen.core.errors import LichenError
from lichen.core.evidence import Evidence
from lichen.core.signature import Signature
from lichen.core.verdict import Verdict, answer_named
from lichen.decide.policy import Cuts
from lichen.decide.priors import MINUTES_A_DAY
from lichen.detect.rules import RulesDetector, RuleSet
from lichen.detect.rules.sigma_compile import compile_file
from lichen.learn.consequence import Court, consequence
from lichen.learn.credit import Credit, credit
from lichen.learn.overlay import nodes_of, overlays_of
from lichen.learn.rescore import Bench
from lichen.run import within
from lichen.share.fields import grounds_of
from lichen.share.synthesise import synthesise

MONTH = 30 * MINUTES_A_DAY * 60_000_000  # µs
CONFIRMED = "malicious"


def now_us() -> int:
    """The time, µs UTC."""
    return time.time_ns() // 1000


class StoreDesk:
    """`core.desk.Desk` on a platform. Answers come into force at once, for everything judged from then on."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.store = platform, platform.store
        self._of: Subject | None = None
        self._without: Mapping[str, Any] = {}

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
        kept = self.store.records
        counts = kept.counts()
        sources: dict[str, tuple[int, int]] = {}
        places = {stream: position.place for stream, position in kept.positions().items()}
        for part in kept.parts():
            place = places.get(part.stream, part.stream)
            last, events = sources.get(place, (0, 0))
            sources[place] = (max(last, part.last_time), events + part.rows)
        listed = tuple((place, last, events) for place, (last, events) in sorted(sources.items()))
        return Health(listed, (), counts["dead_letter"], 0, 0, 0, counts["events"])

    # answering

    def consequence(self, uid: str, answer: str, scope: str, pattern: Mapping[str, str]) -> Consequence:
        alert = self.alert(uid)
        found = self._credit(alert, answer_named(answer), scope, pattern)
        overlays = self._overlays(found, scope)
        recent = self.store.records.alerts(status="open", since=min(now_us() - MONTH, alert.first_time))
        return consequence(
            found,
            scope,
            overlays,
            judging=partial(self._judging, alert.subject),
            in_force=self.store.answers.overlays(),
            court=self._court(),
            recent=recent,
            confirmed=[one for one in self.store.records.alerts(status=CONFIRMED) if one.uid != uid],
        )

    def answer(
        self, uid: str, answer: str, scope: str, by: str, pattern: Mapping[str, str], note: str = ""
    ) -> tuple[Verdict, Change | None]:
        alert, name = self.alert(uid), answer_named(answer)
        found = self._credit(alert, name, scope, pattern)
        overlays = self._overlays(found, scope)
        summary = self.consequence(uid, name, scope, pattern).summary
        verdict = Verdict(0, uid, name, scope, by, now_us(), dict(pattern), note)
        return self.store.answers.answer(verdict, overlays, summary)

    def changes(self) -> Sequence[Change]:
        return self.store.answers.changes()

    def undo(self, change: int) -> Change:
        return self.store.answers.undo(change, "person", now_us())

    # signatures

    def propose(self, uid: str) -> Signature:
        alert = self.alert(uid)
        if alert.status != CONFIRMED:
            raise LichenError(
                f"the alert is {alert.status}, not confirmed as malicious",
                place=f"alert {uid}",
                remedy=f"lichen alert verdict {uid} malicious",
            )
        found = self._credit(alert, CONFIRMED, "alert", {})
        ids = {i for belief in alert.beliefs for line in belief.ledger for i in line.sample_event_ids if line.nats > 0}
        confirmed = []
        for batch in found.again.batches:
            rows = [row for row, name in enumerate(batch.event_ids(range(len(batch)))) if name in ids]
            confirmed.append((batch, np.array(rows, dtype=np.int64)))
        benign = list(self._benign())
        (best, *_) = synthesise(
            alert,
            confirmed,
            grounds_of(benign),
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

    def _benign(self) -> Iterable[Batch]:
        """Everything kept but the windows of alerts that nobody answered as benign, and the windows before them."""
        length = self.platform.settings.window_minutes * 60_000_000
        suspect: dict[Subject, set[int]] = {}
        for alert in self.store.records.alerts():
            if alert.status in ("open", CONFIRMED):
                windows = {start for belief in alert.beliefs for start in (belief.window, belief.window - length)}
                suspect.setdefault(alert.subject, set()).update(windows)
        for batch in self.store.lake.batches():
            starts = batch.times() - batch.times() % length
            kept = np.ones(len(batch), dtype=bool)
            for subject, windows in suspect.items():
                inside = np.isin(starts, list(windows))
                if inside.any():
                    own = pc.equal(batch.column(f"subject.{subject.kind}"), subject.name).fill_null(False)
                    kept &= ~(inside & own.to_numpy(zero_copy_only=False))
            if kept.any():
                yield batch.take(np.flatnonzero(kept))

    def _credit(self, alert: Alert, answer: str, scope: str, pattern: Mapping[str, str]) -> Credit:
        settings = self.platform.settings
        return credit(
            alert,
            answer,
            scope,
            pattern,
            self._read,
            self._judging(alert.subject, alert.versions, None),
            window_minutes=settings.window_minutes,
            context_minutes=settings.context_minutes,
        )

    def _overlays(self, found: Credit, scope: str) -> tuple[Overlay, ...]:
        nodes = nodes_of(found.alert.subject, found.again.batches)
        laid = overlays_of(found, scope, nodes, self._members, 0.05)
        # decide reads answers on profiles and on rules; what it would not read is not promised
        return tuple(overlay for overlay in laid if not overlay.detector.startswith("classifier."))

    def _members(self, node: str) -> int:
        subjects = {row.subject for row in self.store.records.census(detector="activity")}
        return len(subjects) if " " in node or node in {"fleet", "users"} else 1

    def _judging(self, subject: Subject, versions: Mapping[str, str], overlays: Sequence[Overlay] | None) -> Bench:
        """The bench under the given answers; the models are those in force (a version that was swept away cannot judge
        again, and the credit says where its ledger differs). Without a baseline: models that learned all but this
        subject, and a comparison within the store."""
        laid = self.store.answers.overlays() if overlays is None else tuple(overlays)
        bare = self.platform.models
        if bare.decider is None:
            bare = Models(self._others(subject), bare.classifier, None)
        models = bare.under(laid)
        detectors = {detector.name: detector for detector in self.platform.detectors(models)}

        def believe(evidence: Sequence[Evidence]) -> Sequence[Belief]:
            windows = {(row.subject, row.window) for row in evidence}
            if models.decider is not None:
                return models.decider.beliefs(evidence, self._activity(windows))
            kept = [row for row in self.store.records.evidence() if (row.subject, row.window) not in windows]
            found = within.compare(self.platform, [*evidence, *kept], laid)
            return [belief for belief in found.beliefs if (belief.subject, belief.window) in windows]

        return Bench(detectors, believe)

    def _others(self, subject: Subject) -> Mapping[str, Any]:
        """Profiles of everything but one subject; the last one asked for stays in hand."""
        if self._of != subject:
            self._of, self._without = subject, within.profiles_without(self.platform, subject)
        return self._without

    def _activity(self, windows: Iterable[tuple[Subject, int]]) -> dict[tuple[Subject, int], int]:
        counted: dict[tuple[Subject, int], int] = {}
        for subject, window in windows:
            rows = self.store.records.census(window, window + 1, subject, "activity")
            counted[subject, window] = sum(row.seen for row in rows)
        return counted

    def _read(self, subject: Subject, since: int, until: int) -> Iterable[Batch]:
        return self.store.lake.batches(since=since, until=until, subject=subject)

    def _court(self) -> Court:
        settings = self.platform.settings
        return Court(self._read, self._crosses, settings.window_minutes, settings.context_minutes)

    def _crosses(self, belief: Belief, lane: str) -> bool:
        settings, decider = self.platform.settings, self.platform.models.decider
        cuts = None if decider is None else decider.cuts
        return (cuts or Cuts.of((), settings.unusual_a_day, settings.window_minutes)).crosses(belief, lane)


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
