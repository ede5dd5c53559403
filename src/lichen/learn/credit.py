"""Credit: an alert's windows are judged again, and who was on the wrong side of the answer is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from lichen.core.alert import Alert
from lichen.core.batch import Batch, Rows
from lichen.core.doors import Detector
from lichen.core.errors import LichenError
from lichen.core.evidence import cause_of
from lichen.core.time import window_start
from lichen.learn.rescore import Bench, Heard, Read, Rescored, differences, rescore

MALICIOUS = "malicious"
RULE_FAMILIES = ("rule:", "indicator:")  # they fire or are silent; their score says nothing
SHADOW = "shadow:"
UNCONVINCED_NATS = 3.0  # a detector that said less than this of a confirmed attack stood on the wrong side
CAUSES_ASKED = 512  # distinct causes of a window that a detector is asked about one by one


class Share(msgspec.Struct, frozen=True):
    """One detector's part in an alert. `wrong`: it stood on the other side than the answer, and is taught. `asked`
    says it was silent in the ledger, and asked all the same."""

    detector: str
    wrong: bool
    asked: bool
    score_nats: float
    windows: int  # of the alert, in which it spoke
    causes: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Who said what of an alert. `rows`: for each detector that is to be taught, the events of `again.batches` (batch
    number -> rows) that teach it. `differences`: how the ledger judged again is not the stored one, in words: empty,
    unless versions or events are gone."""

    alert: Alert
    answer: str
    shares: tuple[Share, ...]
    rows: Mapping[str, Mapping[int, Rows]]
    again: Rescored
    bench: Bench
    differences: tuple[str, ...]

    @property
    def responsible(self) -> tuple[Share, ...]:
        return tuple(share for share in self.shares if share.wrong)


def credit(
    alert: Alert,
    answer: str,
    scope: str,
    pattern: Mapping[str, str],
    read: Read,
    bench: Bench,
    *,
    window_minutes: int,
    context_minutes: int,
    heard: Heard | None = None,
) -> Credit:
    """Judge the alert's windows again on the bench of its pinned versions, and find who is to be taught what.

    benign-expected and detector-wrong: those that spoke for malice; the events of the alert's causes (scope "alert"),
    all events for which they spoke ("subject"), or those that show the pattern's field values ("pattern").
    malicious: those that were not convinced (under 3 nats), or silent; the confirmed events. unsure: nobody.
    Raises LichenError if the events are not stored any more, or the pattern names no column or no event.
    """
    windows = [belief.window for belief in alert.beliefs]
    again = rescore(
        alert.subject,
        windows,
        read,
        bench,
        window_minutes=window_minutes,
        context_minutes=context_minutes,
        heard=heard,
    )
    if not again.batches:
        raise LichenError(
            "the events of this alert are not stored",
            place=f"alert {alert.uid}",
            remedy="scan with --store to keep them",
        )
    told = [difference for belief in alert.beliefs for difference in differences(belief, again.belief(belief.window))]
    scene = _Scene(alert, again, window_minutes)
    shares, rows = [], {}
    for name in scene.speakers(bench.detectors):
        share = scene.share(name, answer)
        if share.wrong:
            chosen = scene.confirmed() if answer == MALICIOUS else scene.chosen(share, scope, pattern, bench.detectors)
            rows[name] = {number: found for number, found in chosen.items() if len(found)}
        shares.append(share)
    if scope == "pattern" and answer != MALICIOUS and rows and not any(rows.values()):
        raise LichenError(
            f"no event of this alert shows {dict(pattern)}", remedy="take the values from the alert's events"
        )
    return Credit(alert, answer, tuple(shares), rows, again, bench, (*bench.notes, *told))


class _Scene:
    """The alert's own events within what was read, and what was said of them."""

    def __init__(self, alert: Alert, again: Rescored, window_minutes: int) -> None:
        self.alert, self.again, self.minutes = alert, again, window_minutes
        self.windows = {belief.window for belief in alert.beliefs}
        self.inside = {number: self._inside(batch) for number, batch in enumerate(again.batches)}
        self._causes: dict[int, list[str]] = {}

    def _inside(self, batch: Batch) -> Rows:
        starts = window_start(batch.times(), self.minutes)
        return np.flatnonzero(np.isin(starts, list(self.windows)))

    def causes(self, number: int) -> list[str]:
        """The cause of each of the alert's own events in a batch."""
        if number not in self._causes:
            self._causes[number] = cause_of(self.again.batches[number], self.inside[number].tolist())
        return self._causes[number]

    def speakers(self, detectors: Mapping[str, Detector]) -> list[str]:
        """All who could have spoken: detectors by name, and rules and lists that did."""
        fired = {row.detector for row in self.again.evidence if row.detector.startswith(RULE_FAMILIES)}
        return sorted({name for name in detectors if name != "rules"} | fired)

    def share(self, detector: str, answer: str) -> Share:
        said = [row for row in self.again.evidence if row.detector == detector]
        best = max(said, key=lambda row: (row.score_nats, -row.window), default=None)
        in_ledger = any(line.detector == detector for belief in self.alert.beliefs for line in belief.ledger)
        if best is None:
            return Share(detector, answer == MALICIOUS, not in_ledger, 0.0, 0, (), "saw nothing to judge")
        spoke = detector.startswith(RULE_FAMILIES) or (best.score_nats > 0 and not self._was_quiet(detector))
        convinced = detector.startswith(RULE_FAMILIES) or best.score_nats >= UNCONVINCED_NATS
        wrong = {MALICIOUS: not convinced, "unsure": False}.get(answer, spoke)
        for_malice = [row for row in said if detector.startswith(RULE_FAMILIES) or row.score_nats > 0]
        causes = tuple(dict.fromkeys(row.cause for row in for_malice))
        return Share(detector, wrong, not in_ledger, best.score_nats, len(for_malice), causes, best.because)

    def _was_quiet(self, detector: str) -> bool:
        """Whether the ledger has the detector, and never for malice: other models, where those that judged are not kept
        (no baseline), may say otherwise, and it is not to be taught for that."""
        scores = [
            line.score_nats for belief in self.alert.beliefs for line in belief.ledger if line.detector == detector
        ]
        return bool(scores) and max(scores) <= 0

    def confirmed(self) -> dict[int, Rows]:
        """The events that a person confirmed: those that the ledger's causes point at."""
        lines = [line for belief in self.alert.beliefs for line in belief.carried_by]
        ids = {event_id for line in lines for event_id in line.sample_event_ids}
        causes = {line.cause for line in lines if line.cause}
        found = {}
        for number, batch in enumerate(self.again.batches):
            inside = self.inside[number]
            of_cause = [row for row, cause in zip(inside.tolist(), self.causes(number), strict=True) if cause in causes]
            named = batch.event_ids(of_cause)
            sampled = [row for row, event_id in zip(of_cause, named, strict=True) if event_id in ids]
            found[number] = np.array(sampled, dtype=np.int64)
        return found

    def chosen(
        self, share: Share, scope: str, pattern: Mapping[str, str], detectors: Mapping[str, Detector]
    ) -> dict[int, Rows]:
        """The events that a benign answer of this scope is about, for one detector."""
        causes = set(share.causes)
        if scope == "pattern":
            shown = {number: self._of_pattern(number, pattern) for number in self.inside}
            if share.detector in detectors:
                return shown
            return {number: np.intersect1d(rows, self._of_causes(number, causes)) for number, rows in shown.items()}
        if scope == "alert":
            causes |= {line.cause for belief in self.alert.beliefs for line in belief.ledger if line.nats > 0}
        elif share.detector in detectors:
            causes |= self._spoken_for(detectors[share.detector]) | self._told(share.detector)
        return {number: self._of_causes(number, causes) for number in self.inside}

    def _of_causes(self, number: int, causes: set[str]) -> Rows:
        among = np.array([cause in causes for cause in self.causes(number)], dtype=bool)
        rows: Rows = self.inside[number][among]
        return rows

    def _of_pattern(self, number: int, pattern: Mapping[str, str]) -> Rows:
        batch, shown = self.again.batches[number], np.ones(len(self.again.batches[number]), dtype=bool)
        for name, value in pattern.items():
            if name not in batch.view.schema.names:
                raise LichenError(
                    f"{name!r} is no column of the view", remedy="`lichen source explain FILE` shows the columns"
                )
            shown &= np.array([value == str(seen) for seen in batch.column(name).to_pylist()], dtype=bool)
        return np.intersect1d(np.flatnonzero(shown), self.inside[number])

    def _told(self, detector: str) -> set[str]:
        """The causes of loud events that a detector's own rows tell: one event of a cause may be quiet, and another
        loud."""
        rows = (row for row in self.again.evidence if row.detector == detector)
        return {cause for row in rows for cause, nats in row.others_nats if nats > 0}

    def _spoken_for(self, detector: Detector) -> set[str]:
        """All causes of the windows for which a detector speaks, each asked by one event of it."""
        causes: set[str] = set()
        for number, batch in enumerate(self.again.batches):
            firsts = dict(zip(self.causes(number)[::-1], self.inside[number][::-1].tolist(), strict=True))
            asked = dict(list(firsts.items())[-CAUSES_ASKED:])
            if getattr(detector, "judges_alone", False):
                causes |= self._loud(detector, batch, asked)
                continue
            causes |= {cause for cause, row in asked.items() if self._loud(detector, batch, {cause: row})}
        return causes

    def _loud(self, detector: Detector, batch: Batch, asked: Mapping[str, int]) -> set[str]:
        """Those of some causes (cause -> its event) for which a detector speaks. A row tells its loudest few causes:
        they are taken out, and the rest is asked again, until none is left that is loud."""
        left, loud = dict(asked), set[str]()
        while left:
            cut = batch.take(np.array(sorted(left.values())))
            rows = [row for row in detector.detect(cut, {})[0] if row.subject == self.alert.subject]
            told = [pair for row in rows for pair in ((row.cause, row.score_nats), *row.others_nats)]
            fresh = {cause for cause, nats in told if nats > 0} & left.keys()
            if not fresh:
                break
            loud |= fresh
            left = {cause: row for cause, row in left.items() if cause not in fresh}
        return loud
