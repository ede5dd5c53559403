"""What every form is: records of one layout to documents; and the plainest of them, a JSON object a line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from lichen.collect.readers.documents import parse_document
from lichen.collect.values import Document

LINES_AT_MOST = 1000  # of one record; what follows is a record of its own


class Form(ABC):
    """Records of one layout to documents. Made for each stream: `modified` is when it was last written (µs UTC),
    `zone` that of times which name none. What it has in hand between records is its state."""

    name: ClassVar[str]
    title: ClassVar[str]
    remedy: ClassVar[str] = "docs/sources.md shows what is read"
    several_lines: ClassVar[bool] = False

    def __init__(self, modified: int, zone: ZoneInfo) -> None:
        self.modified, self.zone = modified, zone

    @abstractmethod
    def document(self, record: str) -> Document | None:
        """The document of a record; None if it says nothing of its own (a header). Raises ValueError."""

    def continues(self, record: Sequence[str], line: str) -> bool:
        """Whether a line belongs to the record that these lines began; only of forms of several lines."""
        return False

    def may_grow(self, record: Sequence[str]) -> bool:
        """Whether the last record may go on in lines that have not come yet."""
        return False

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: B027 (most forms have nothing in hand)
        """Take up what was in hand."""


class Json(Form):
    """A JSON object a line."""

    name = "json"
    title = "JSON lines"
    remedy = "one JSON object a line; `jq -c '.[]'` makes lines of an array"

    def document(self, record: str) -> Document | None:
        try:
            return parse_document(record)
        except ValueError as error:
            raise ValueError(f"not JSON that can be read: {error}") from error
