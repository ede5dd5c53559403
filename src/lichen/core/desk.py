"""The desk: what a person can see and do, the same on the command line and on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from lichen.core.alert import Alert
from lichen.core.belief import Belief
from lichen.core.change import Change
from lichen.core.signature import Signature
from lichen.core.verdict import Verdict


class Effect(msgspec.Struct, frozen=True):
    """What an answer would do to one model at one node, computed: what its score was and what it would become."""

    detector: str
    node: str
    what: str  # the values in words: "sh under python3 becomes expected"
    score_before_nats: float
    score_after_nats: float


class Consequence(msgspec.Struct, frozen=True):
    """What an answer would do, computed before it is given. `quiet`: alerts of the last 30 days that would have been
    quiet; `hidden`: confirmed attacks that would be hidden; `blind_to`: in words, what equal attack it would miss;
    `notes`: how the alert, judged again, is not what is stored of it."""

    effects: tuple[Effect, ...]
    unchanged: str  # "the image and the fleet stay as they are"
    quiet: tuple[str, ...]
    hidden: tuple[str, ...]
    blind_to: str
    summary: str
    notes: tuple[str, ...] = ()


class Beside(msgspec.Struct, frozen=True):
    """One row of "seen, beside what is normal": what the subject did, and what it, its image and its fleet do."""

    what: str  # "children of python3"
    seen: tuple[str, ...]
    seen_is_new: tuple[bool, ...]
    normal: tuple[tuple[str, float], ...]  # (value, share), greatest first
    history: str  # "none in 41 hours over 3 replicas"


class Health(msgspec.Struct, frozen=True):
    """What the corner of every page says. What was not measured is named, and never told as 0."""

    sources: tuple[tuple[str, int, int], ...]  # (place, last event time µs, events)
    silent: tuple[str, ...]
    dead_letters: int
    dropped: int | None  # None: not measured
    canaries_seen: int
    canaries_sent: int  # 0: none was sent
    events: int
    canaries_time: int = 0  # of the last round, µs UTC
    canaries_missed: tuple[str, ...] = ()  # paths and detectors that did not see theirs, with the reason
    drops: tuple[tuple[str, int], ...] = ()  # (cause, records) that became no event
    not_measured: tuple[str, ...] = ()


class Desk(Protocol):
    """Everything that the console and the commands ask of a running platform. Unknown ids raise KeyError."""

    def alerts(self, lane: str | None = None, status: str | None = None) -> Sequence[Alert]: ...
    def alert(self, uid: str) -> Alert: ...
    def events(self, event_ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Stored events by id: the OCSF view's non-null columns plus "event_id" and "raw" (text)."""
        ...

    def beside(self, uid: str) -> Sequence[Beside]: ...
    def consequence(self, uid: str, answer: str, scope: str, pattern: Mapping[str, str]) -> Consequence: ...
    def answer(
        self, uid: str, answer: str, scope: str, by: str, pattern: Mapping[str, str], note: str = ""
    ) -> tuple[Verdict, Change | None]: ...
    def changes(self) -> Sequence[Change]: ...
    def undo(self, change: int) -> tuple[Change, Sequence[Belief]]:
        """Take a change back; with it the windows that it let pass while it stood, which are listed and not revised."""
        ...

    def propose(self, uid: str) -> Signature: ...
    def signatures(self) -> Sequence[Signature]: ...
    def promote(self, signature: str) -> Signature: ...
    def models(self) -> Sequence[Mapping[str, Any]]:
        """Every model in force: name, version, what it learned from (events, windows, subjects, from, to), overlays."""
        ...

    def health(self) -> Health: ...
