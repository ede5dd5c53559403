"""`lichen scan --hits`: every rule hit as one JSON object a line, for people who want only that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import lichen.cli.output as output

if TYPE_CHECKING:
    from lichen.config import Settings
    from lichen.run.hits import Hit, Tally


def print_hits(settings: Settings, paths: Sequence[str]) -> Tally:
    """Prints the hits as they are found, and a summary on stderr; what was counted."""
    from lichen.run.hits import Tally, hits
    from lichen.web.words import counted

    tally = Tally()
    output.ndjson(_told(hits(settings, [Path(path) for path in paths], tally)))
    for line in tally.notes:
        output.note(line)
    words = f"{counted(tally.hits, 'hit')} of {counted(len(tally.rules), 'rule')} in {counted(tally.events, 'event')}"
    output.note(words)
    output.refused(tally.refused)
    if tally.dead_letters:
        output.note(f"{counted(tally.dead_letters, 'unreadable record')} set aside; lichen doctor PATH says where")
    return tally


def _told(found: Iterator[Hit]) -> Iterator[dict[str, object]]:
    import msgspec

    for hit in found:
        told = msgspec.to_builtins(hit)
        yield {"type": "hit", **{name: value for name, value in told.items() if value or name == "fields"}}
