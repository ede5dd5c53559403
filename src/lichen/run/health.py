"""Health: what the corner of every page and `lichen doctor` say of the running whole; what was not measured is said."""

from __future__ import annotations

import time

from lichen.assemble import Platform
from lichen.core.desk import Health
from lichen.run import canary, silence

DROPS = "drops of sensors before they wrote, and of files removed before they were read"


def health_of(platform: Platform) -> Health:
    """The store's sources with their last event, which of them are silent, what could not be read, and the last round
    of canaries."""
    kept, now = platform.store.records, time.time_ns() // 1000
    counts = kept.counts()
    parts = kept.parts()
    places = silence.places_of(kept.positions().values())
    sources: dict[str, tuple[int, int]] = {}
    for part in parts:
        place = places.get(part.stream, part.stream)
        last, events = sources.get(place, (0, 0))
        sources[place] = (max(last, part.last_time), events + part.rows)
    paths = silence.followed(platform.store.folder)
    told = silence.rhythms(parts, places, platform.store.lake.folder, now, paths)
    quiet = {each.place for each in told if each.silent}
    newest: dict[str, str] = {}
    for place, (last, _) in sources.items():  # of a rotated log the file of today is the source
        name = silence.source_of(place)
        if name not in newest or last > sources[newest[name]][0]:
            newest[name] = place
    sent = canary.last(platform.store.folder)
    unmeasured = [f"silence of {each.place}" for each in told if each.silent is None]
    return Health(
        sources=tuple((place, last, events) for place, (last, events) in sorted(sources.items())),
        silent=tuple(sorted(newest[name] for name in quiet)),
        dead_letters=counts["dead_letter"],
        dropped=None,
        canaries_seen=sent.seen if sent else 0,
        canaries_sent=len(sent.sent) if sent else 0,
        events=counts["events"],
        canaries_time=sent.time if sent else 0,
        canaries_missed=tuple(f"{name}: {why}" for name, why in sorted(sent.missed.items())) if sent else (),
        drops=tuple(kept.dead_letters_by_reason()),
        not_measured=(DROPS, *unmeasured),
    )
