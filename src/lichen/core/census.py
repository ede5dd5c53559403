"""Census: the denominators. Without them evidence alone says nothing about silence."""

from __future__ import annotations

import msgspec

from lichen.core.entity import Subject

SKETCH_EDGES = tuple(x / 2 for x in range(-12, 13))  # nats: -6, -5.5 … 6; 26 bins with the two open ends


class CensusRow(msgspec.Struct, frozen=True):
    """What a detector could see, saw and missed of one subject in one window, from one range of one stream.

    Keyed by (detector, subject, window, stream, start): a replay replaces and cannot add twice. `seen` counts events
    within the detector's reach, `fired` those with evidence towards malicious, `missing` those whose fields were
    absent, `sketch` event scores by SKETCH_EDGES (empty for detectors without scores). Rows add up: over streams to a
    window, over subjects to a group, over windows to a rate.
    """

    detector: str
    subject: Subject
    group: str
    window: int  # start, µs UTC
    stream: str
    start: int  # offset of the batch's first event
    seen: int
    fired: int = 0
    missing: int = 0
    sketch: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, Subject, int, str, int]:
        return self.detector, self.subject, self.window, self.stream, self.start


ACTIVITY = "activity"  # the census that no detector keeps: how many own events a subject had in a window, per batch
