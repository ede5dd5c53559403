"""Trial: models that learned on are calibrated, and held against what is known, before they judge anybody."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow.compute as pc

from lichen.assemble import Models, Platform
from lichen.core.batch import Batch
from lichen.core.belief import Belief
from lichen.core.census import ACTIVITY
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.core.time import DAY, MICROSECONDS, window_start
from lichen.decide.decider import Decider
from lichen.learn.gate import Passage, canaries, check
from lichen.learn.rescore import Bench, Crosses, Rescored
from lichen.run.lessons import Judging

TRIED = 6  # times of last week whose windows are held against the new models


def calibrated(platform: Platform, models: Models, like: Decider, since: int, until: int) -> Decider:
    """A decider for models that learned from no event of [since, until) µs: weights, rule rates and cuts from those
    events; head and priors stay those of `like`."""
    judged = Judging(platform, models)
    judged.take_all(_not_confirmed(platform, since, until))
    return judged.decider(like)


def _not_confirmed(platform: Platform, since: int, until: int) -> Iterator[Batch]:
    """The events of [since, until) but those of confirmed attacks: windows of alerts answered malicious, and the ones
    before them.

    Open alerts stay in. Without them every calibration would cut off the loudest windows once more, and the cuts
    would sink until everything alerts; one unanswered attack moves a cut by one rank.
    """
    length = platform.settings.window_minutes * 60 * MICROSECONDS
    confirmed: dict[Subject, set[int]] = {}
    for alert in platform.store.records.alerts(status="malicious"):
        windows = {start for belief in alert.beliefs for start in (belief.window, belief.window - length)}
        confirmed.setdefault(alert.subject, set()).update(windows)
    for batch in platform.store.lake.batches(since=since, until=until):
        starts = window_start(batch.times(), platform.settings.window_minutes)
        kept = np.ones(len(batch), dtype=bool)
        for subject, attacked in confirmed.items():
            inside = np.isin(starts, list(attacked))
            if inside.any():
                own = pc.equal(batch.column(f"subject.{subject.kind}"), subject.name).fill_null(False)
                kept &= ~(inside & own.to_numpy(zero_copy_only=False))
        if kept.any():
            yield batch if kept.all() else batch.take(np.flatnonzero(kept))


class _Seen(msgspec.Struct, frozen=True):
    subject: Subject
    window: int


def passage_of(platform: Platform, before: Models, after: Models, now: int) -> Passage:
    """Both versions, under the answers in force, held against the confirmed attacks and quiet windows of last week: all
    subjects of a few times chosen by hash. As many of those may newly alert as the budget allows of any windows."""
    store, settings = platform.store, platform.settings
    alerts = store.records.alerts()
    confirmed = [alert for alert in alerts if alert.status == "malicious"]
    known = canaries(confirmed, _seen(platform, now), alerts, now)
    benign = sum(not canary.attack for canary in known)
    allowed = math.ceil(benign * settings.malicious_a_day * settings.window_minutes / 1440)
    overlays = store.answers.overlays()
    old, new = (_bench(platform, models.under(overlays)) for models in (before, after))
    courts = [WindowCourt(platform, models) for models in (before, after)]
    return check(known, old, new, courts[0], allowed, courts[1])


def _seen(platform: Platform, now: int) -> list[_Seen]:
    """Who was seen at a few times of last week, the same ones whoever asks."""
    found: dict[int, set[Subject]] = {}
    for row in platform.store.records.census(now - 7 * DAY, now, None, ACTIVITY):
        found.setdefault(row.window, set()).add(row.subject)
    chosen = sorted(found, key=lambda start: hashlib.blake2b(str(start).encode(), digest_size=8).digest())[:TRIED]
    return [_Seen(subject, start) for start in chosen for subject in sorted(found[start])]


def _bench(platform: Platform, models: Models) -> Bench:
    detectors = {detector.name: detector for detector in platform.detectors(models)}
    believing = platform.believing(models)

    def believe(evidence: Sequence[Evidence]) -> Sequence[Belief]:
        windows = {(row.subject, row.window) for row in evidence}
        kept = platform.store.records
        activity = {
            (subject, window): sum(row.seen for row in kept.census(window, window + 1, subject, ACTIVITY))
            for subject, window in windows
        }
        return believing(evidence, activity)

    return Bench(detectors, believe)


class WindowCourt:
    """Judges again under one version's cuts, and reads each window once for all who were seen in it: a canary costs
    what its window costs, shared by all of its subjects. Sequences see `context_minutes` before the window."""

    def __init__(self, platform: Platform, models: Models) -> None:
        cuts = None if models.decider is None else models.decider.cuts
        self.crosses: Crosses = lambda belief, lane: cuts is not None and cuts.crosses(belief, lane)
        self._lake, self._settings = platform.store.lake, platform.settings
        self._known: dict[int, list[Evidence]] = {}

    def again(self, subject: Subject, windows: Iterable[int], bench: Bench) -> Rescored:
        """A subject's windows judged again."""
        wanted = sorted(windows)
        evidence = [row for window in wanted for row in self._of(window, bench) if row.subject == subject]
        return Rescored(tuple(evidence), tuple(bench.believe(evidence)) if evidence else (), ())

    def _of(self, window: int, bench: Bench) -> list[Evidence]:
        if window not in self._known:
            length = self._settings.window_minutes * 60 * MICROSECONDS
            since = window - self._settings.context_minutes * 60 * MICROSECONDS
            latest: dict[object, Evidence] = {}
            memories: dict[str, Any] = {}
            for batch in self._lake.batches(since=since, until=window + length):
                for name, detector in bench.detectors.items():
                    rows, _, memories[name] = detector.detect(batch, memories.get(name, {}))
                    latest.update((row.key, row) for row in rows if row.window == window)
            self._known[window] = list(latest.values())
        return self._known[window]
