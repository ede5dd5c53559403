"""Dead letters: what could not become an event, told with place, reason, remedy and its first bytes, escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lichen.collect.inputs.blocks import EXCERPT_BYTES, TooLong
from lichen.collect.readers import Fault, Lines
from lichen.core.batch import DeadLetter, Stream

OF_A_DELIVERY = 1000  # told one by one; the rest of a delivery is counted in one letter


def escaped(text: str | bytes) -> str:
    """Printable ASCII of at most 1 KiB; everything else as \\xNN or \\uNNNN."""
    if isinstance(text, bytes):
        text = text[:EXCERPT_BYTES].decode("latin-1")
    return text[:EXCERPT_BYTES].encode("unicode_escape").decode("ascii")[:EXCERPT_BYTES]


@dataclass(slots=True)
class Letters:
    """The dead letters of one delivery."""

    stream: Stream
    letters: list[DeadLetter] = field(default_factory=list)
    more: int = 0

    def put(self, offset: int, number: int, reason: str, remedy: str, excerpt: str | bytes) -> None:
        """Add a letter about a line."""
        if len(self.letters) >= OF_A_DELIVERY:
            self.more += 1
            return
        place = f"{self.stream.place}:{number}" if number else self.stream.place
        self.letters.append(DeadLetter(place, self.stream.identity, offset, reason, remedy, escaped(excerpt)))

    def put_faults(self, lines: Lines, faults: Sequence[Fault]) -> None:
        """Add what a reader could not read."""
        for fault in faults:
            row = fault.row
            self.put(int(lines.offset[row]), int(lines.number[row]), fault.reason, fault.remedy, lines.text[row])

    def put_too_long(self, lines: Sequence[TooLong], limit: int) -> None:
        """Add lines beyond the limit."""
        for line in lines:
            reason = f"a line longer than {limit} bytes"
            self.put(line.offset, line.number, reason, "raise line_limit_bytes if such lines are wanted", line.first)

    def all(self) -> tuple[DeadLetter, ...]:
        """The letters, closed by one that counts those not told one by one."""
        if not self.more:
            return tuple(self.letters)
        last = self.letters[-1]
        reason = f"{self.more} more lines of this block could not be read"
        return (*self.letters, DeadLetter(last.place, last.stream, last.offset, reason, last.remedy, ""))
