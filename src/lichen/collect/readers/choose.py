"""Which reader a stream needs, told by its first lines and by nothing else: names and suffixes are not believed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from lichen.collect.mapping import Document, SensorMapping
from lichen.collect.readers import Reader
from lichen.collect.readers.access_log import COMBINED, AccessLogReader
from lichen.collect.readers.auditd.join import looks_like_audit
from lichen.collect.readers.auditd.reader import AuditdReader
from lichen.collect.readers.json_lines import JsonLinesReader, parse_document
from lichen.collect.readers.making import Context
from lichen.collect.readers.syslog import SyslogReader, looks_like_syslog
from lichen.collect.readers.times import access_time, any_time, iso_time, syslog_times
from lichen.core.time import MICROSECONDS

SAMPLE = 64  # lines that decide
Make = Callable[[Context], Reader]


@dataclass(frozen=True, slots=True)
class Format:
    """A reader to make, the sensor it reads, and how that is told to a person."""

    sensor: str
    told: str
    make: Make
    mapping: SensorMapping | None = None


_AUDIT_SECONDS = re.compile(r"audit\((\d{1,10})\.")
_ACCESS_TIME = re.compile(r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")
_DNSMASQ = " dnsmasq["


def choose(lines: Sequence[str], mappings: Sequence[SensorMapping]) -> Format | None:
    """The format that most of the first lines have; None if no line has any."""
    sample = [line for line in lines if line.strip()][:SAMPLE]
    counted = {
        "auditd": sum(looks_like_audit(line) for line in sample),
        "json": sum(line.startswith("{") for line in sample),
        "access": sum(COMBINED.fullmatch(line[:16384]) is not None for line in sample),
        "syslog": sum(looks_like_syslog(line[:4096]) for line in sample),
    }
    best = max(counted, key=lambda name: counted[name])
    if not counted[best]:
        return None
    if best == "json":
        return _json_format(sample, mappings)
    if best == "auditd":
        enriched = any("\x1d" in line for line in sample)
        return Format("auditd", f"auditd log, {'ENRICHED' if enriched else 'RAW'}", AuditdReader)
    if best == "access":
        return Format("access", "access log, combined format", AccessLogReader)
    if all(_DNSMASQ in line[:80] for line in sample):
        return Format("dns", "DNS queries of dnsmasq", SyslogReader)
    return Format("syslog", "syslog (sshd, sudo, su, cron and others)", SyslogReader)


def first_time(fmt: Format, lines: Sequence[str], modified: int, zone: ZoneInfo) -> int:
    """The time (µs UTC) of the first line that has one, to read streams in their order; 0 if none has."""
    for line in lines[:SAMPLE]:
        time = _time_of(fmt, line, modified, zone)
        if time is not None:
            return time
    return 0


def _time_of(fmt: Format, line: str, modified: int, zone: ZoneInfo) -> int | None:
    if fmt.sensor == "auditd":
        seconds = _AUDIT_SECONDS.search(line)
        return int(seconds[1]) * MICROSECONDS if seconds else None
    if fmt.sensor == "access":
        stamp = _ACCESS_TIME.search(line)
        return access_time(stamp[1]) if stamp else None
    if fmt.mapping is not None:
        try:
            return any_time(fmt.mapping.time(parse_document(line)))
        except ValueError:
            return None
    return syslog_times(modified, zone)(line[:15]) or iso_time(line.partition(" ")[0])


def _is_of(mapping: SensorMapping, document: Document) -> bool:
    return mapping.detect(document) and any_time(mapping.time(document)) is not None


def _json_format(sample: Sequence[str], mappings: Sequence[SensorMapping]) -> Format | None:
    """The mapping that most documents agree with; of equals the most exact."""
    documents: list[Document] = []
    for line in sample:
        try:
            documents.append(parse_document(line))
        except ValueError:
            continue
    counted = [(sum(_is_of(mapping, document) for document in documents), mapping) for mapping in mappings]
    agreeing = [(count, mapping) for count, mapping in counted if count]
    if not agreeing:
        return None
    best = max(agreeing, key=lambda pair: (min(pair[1].exactness, 1), pair[0], pair[1].exactness))[1]
    return Format(best.name, f"JSON lines, {best.title}", lambda context: JsonLinesReader(context, best), best)
