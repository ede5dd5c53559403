"""Hearing: stored windows judged again, by the versions that an alert pins or by those in force, under any answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from lichen import assemble
from lichen.assemble import Models, Platform
from lichen.core.alert import Alert
from lichen.core.batch import Batch
from lichen.core.belief import Belief
from lichen.core.change import Overlay
from lichen.core.entity import Subject
from lichen.core.evidence import Evidence
from lichen.decide.policy import Cuts
from lichen.learn.consequence import Court
from lichen.learn.credit import Credit, credit
from lichen.learn.rescore import Bench, Judging
from lichen.run import within

Pinned = tuple[Models, tuple[str, ...]]
NO_BASELINE = "nothing was learned before: models of everything but this subject were asked, not those that judged it"


class Hearing:
    """Judging again on one platform. The models loaded or learned for it last stay in hand."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.store = platform, platform.store
        self._of: Subject | None = None
        self._without: Mapping[str, Any] = {}
        self._pinned: tuple[Mapping[str, str], Pinned] | None = None

    def credit(
        self, alert: Alert, answer: str, scope: str, pattern: Mapping[str, str], court: Court | None = None
    ) -> Credit:
        """Who was on the wrong side, by the versions that the alert pins and under the answers in force."""
        settings = self.platform.settings
        found = credit(
            alert,
            answer,
            scope,
            pattern,
            self.read if court is None else court.read,
            self.bench(alert.subject, alert.versions, None),
            window_minutes=settings.window_minutes,
            context_minutes=settings.context_minutes,
            heard=None if court is None else court.heard,
        )
        return found if self.baseline else replace(found, differences=(NO_BASELINE,))

    def judging(self, subject: Subject) -> Judging:
        """The benches of one subject's windows."""
        return partial(self.bench, subject)

    def bench(self, subject: Subject, versions: Mapping[str, str], overlays: Sequence[Overlay] | None) -> Bench:
        """The bench of pinned versions (none: those in force) under the given answers (None: those in force). Without a
        baseline: models that learned all but this subject, and a comparison within the store."""
        laid = self.store.answers.overlays() if overlays is None else tuple(overlays)
        bare, notes = self.platform.models, tuple[str, ...]()
        if bare.decider is None:
            bare = Models(self._others(subject), bare.classifier, None)
        elif versions:
            bare, notes = self._models_of(versions)
        models = bare.under(laid)
        believing = self.platform.believing(models)

        def believe(evidence: Sequence[Evidence]) -> Sequence[Belief]:
            windows = {(row.subject, row.window) for row in evidence}
            if models.decider is not None:
                return believing(evidence, self._activity(windows))
            kept = [row for row in self.store.records.evidence() if (row.subject, row.window) not in windows]
            found = within.compare(self.platform, [*evidence, *kept], laid)
            return [belief for belief in found.beliefs if (belief.subject, belief.window) in windows]

        return Bench({detector.name: detector for detector in self.platform.detectors(models)}, believe, notes)

    def court(self) -> Court:
        """What judging again needs besides a bench."""
        settings = self.platform.settings
        minutes = settings.window_minutes, settings.context_minutes
        read, kept = self.store.lake.reading().batches, self.store.records

        def stored(subject: Subject, windows: Sequence[int]) -> list[Evidence]:
            return [row for window in windows for row in kept.evidence(window, window + 1, subject)]

        return Court(read, self.crosses, *minutes, self.platform.places.of, stored if self.baseline else None)

    @property
    def baseline(self) -> bool:
        """Whether anything was calibrated here: without, other models judge an alert again than judged it."""
        return self.platform.models.decider is not None

    def read(self, subject: Subject, since: int, until: int) -> Iterable[Batch]:
        """Stored events of a subject."""
        return self.store.lake.batches(since=since, until=until, subject=subject)

    def crosses(self, belief: Belief, lane: str) -> bool:
        """Whether a belief is above the cut in force."""
        settings, decider = self.platform.settings, self.platform.models.decider
        cuts = None if decider is None else decider.cuts
        return (cuts or Cuts.of((), settings.unusual_a_day, settings.window_minutes)).crosses(belief, lane)

    def _models_of(self, versions: Mapping[str, str]) -> Pinned:
        """The models of pinned versions, and which of them are not kept any more."""
        if self._pinned is None or self._pinned[0] != versions:
            self._pinned = dict(versions), assemble.pinned_models(self.store, self.platform.models, versions)
        return self._pinned[1]

    def _others(self, subject: Subject) -> Mapping[str, Any]:
        """Profiles of everything but one subject."""
        if self._of != subject:
            self._of, self._without = subject, within.profiles_without(self.platform, subject)
        return self._without

    def _activity(self, windows: Iterable[tuple[Subject, int]]) -> dict[tuple[Subject, int], int]:
        counted: dict[tuple[Subject, int], int] = {}
        for subject, window in windows:
            rows = self.store.records.census(window, window + 1, subject, "activity")
            counted[subject, window] = sum(row.seen for row in rows)
        return counted
