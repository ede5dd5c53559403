"""Alert: what a person is asked about; one a subject, day and lane, re-emitted as beliefs grow."""

from __future__ import annotations

import hashlib

import msgspec

from lichen.core.belief import Belief
from lichen.core.entity import Subject
from lichen.core.time import day_of


class Alert(msgspec.Struct, frozen=True):
    """Beliefs of one subject, day and lane that crossed the lane's cut; `beliefs` strongest first. `versions` pins
    what judged it: detector -> version."""

    uid: str
    subject: Subject
    day: str
    lane: str
    title: str  # one sentence: who did what, and why it stands out
    beliefs: tuple[Belief, ...]
    first_time: int
    last_time: int
    techniques: tuple[str, ...]
    versions: dict[str, str]
    status: str = "open"  # open, or the verdict that answered it


def alert_uid(subject: Subject, window: int, lane: str) -> str:
    """The stable id: hash(subject, day, lane), 16 hex digits."""
    text = f"{subject.kind}\0{subject.name}\0{day_of(window)}\0{lane}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
