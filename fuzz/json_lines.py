"""JSON: lines, documents over several lines and envelopes; of lines each is in an event or a dead letter."""

from __future__ import annotations

import zlib

from fuzz.reading import Folder, every_line_is_told, grown
from fuzz.targets import Target

AS_FOUND, AS_JSON = Folder(), Folder(format="json")


def read(data: bytes) -> None:
    """The file as it is found, or with `--format json`."""
    draw = zlib.crc32(data)
    folder = AS_FOUND if draw & 1 else AS_JSON
    told = folder.read(data)
    if folder.stands_as_it_is():
        every_line_is_told(data, told)
    if (more := grown(data, draw >> 1)) is not None:
        folder.read(more)


WORDS = (
    '"Records"', '"items"', '"data"', '"events"', '"detail"', '"resourceLogs"', '"scopeLogs"', '"logRecords"',
    '"entries"', '"records"', '"time"', '"timestamp"', '"@timestamp"', '"EventID"', '"Channel"', '"EventRecordID"',
    '"Computer"', '"event_type"', '"flow_id"', '"eventVersion"', '"apiVersion"', '"__REALTIME_TIMESTAMP"', '"ID"',
    '"winlog"', '"Event"', '"System"', '"EventData"', "null", "true", "1e999", "-0", "\\u0000", "\\ud800", "\\x80",
    "{}", "[]", "[[[[", '{"a":', "},{", "2026-11-24T10:00:00Z", "1763980000", "9223372036854775808",
)  # fmt: skip
TARGET = Target("json_lines", read, 8192, WORDS)
