"""Which reader a stream needs, told by its first lines and by nothing else: names and suffixes are not believed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from lichen.collect.mapping import Document, SensorMapping
from lichen.collect.readers import Reader
from lichen.collect.readers.access_log import COMBINED, AccessLogReader
from lichen.collect.readers.auditd.join import looks_like_audit
from lichen.collect.readers.auditd.reader import AuditdReader
from lichen.collect.readers.form_lines import FormReader
from lichen.collect.readers.forms import FORMS
from lichen.collect.readers.forms.form import Form
from lichen.collect.readers.journal import JournalReader, journal_time, looks_like_journal
from lichen.collect.readers.json_lines import JsonLinesReader
from lichen.collect.readers.laurel import LaurelReader, looks_like_laurel
from lichen.collect.readers.making import Context
from lichen.collect.readers.syslog import SyslogReader, looks_like_syslog, syslog_time
from lichen.collect.readers.times import access_time, any_time
from lichen.core.time import MICROSECONDS

SAMPLE = 64  # lines that decide
LOOKED_AT = 16384  # signs of a line, to tell what it is
JSON = "json"
UTC = ZoneInfo("UTC")
Make = Callable[[Context], Reader]


@dataclass(frozen=True, slots=True)
class Format:
    """A reader to make, the sensor it reads, and how that is told to a person. `layout` names the format alone."""

    sensor: str
    told: str
    make: Make
    mapping: SensorMapping | None = None
    layout: str = JSON


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person says a stream is, instead of what it looks like: a sensor's name, a format's name."""

    sensor: str | None = None
    layout: str | None = None

    def allows(self, fmt: Format) -> bool:
        return self.sensor in (None, fmt.sensor) and self.layout in (None, fmt.layout)


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A sensor that is read without a mapping."""

    name: str
    title: str
    kinds: tuple[str, ...]
    layouts: tuple[str, ...]
    provenance: str = "our own recording"


BUILT_IN = (
    BuiltIn(
        "auditd",
        "Linux audit, RAW or ENRICHED, or in LAUREL's JSON",
        ("exec", "net", "file", "auth", "other"),
        ("auditd", "laurel"),
    ),
    BuiltIn("access", "access log of nginx or Apache: common, combined, vhost_combined", ("http",), ("access",)),
    BuiltIn("dns", "DNS queries of dnsmasq", ("dns", "other"), ("syslog",)),
    BuiltIn("syslog", "syslog: sshd, sudo, su, cron and others", ("auth", "dns", "other"), ("syslog",)),
    BuiltIn(
        "journald",
        "systemd's journal, as JSON or exported",
        ("auth", "dns", "other"),
        ("journal",),
        "documentation shape, our own values",
    ),
)
LAYOUTS = frozenset({*FORMS, "auditd", "laurel", "journal", "access", "syslog"})
_AUDIT_SECONDS = re.compile(r"(?:audit\(|^\{\"ID\":\")(\d{1,10})\.")
_ACCESS_TIME = re.compile(r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")
_DNSMASQ = " dnsmasq["


def sensors_of(mappings: Sequence[SensorMapping]) -> frozenset[str]:
    """The names of every sensor that is read."""
    return frozenset([*(built_in.name for built_in in BUILT_IN), *(mapping.name for mapping in mappings)])


def choose(lines: Sequence[str], mappings: Sequence[SensorMapping], wanted: Wanted | None = None) -> Format | None:
    """The format of the first lines: the most exact that more than half of them have, else the one that most have.
    None if no line has any. What a person wants is taken even where few lines have it."""
    sample = [line for line in lines if line.strip()][:SAMPLE]
    found = [
        (count, fmt)
        for count, fmt in candidates(sample, mappings, wanted or Wanted())
        if wanted is None or wanted.allows(fmt)
    ]
    if wanted is not None and not found:
        return _as_wanted(wanted, mappings)
    for count, fmt in found:
        if count * 2 > len(sample):
            return fmt
    return max(found, key=lambda pair: pair[0])[1] if found else None


def candidates(
    sample: Sequence[str], mappings: Sequence[SensorMapping], wanted: Wanted
) -> Iterator[tuple[int, Format]]:
    """Formats that some of the lines have, the most exact first, with how many have it."""
    short = [line[:LOOKED_AT] for line in sample]
    for count, fmt in (
        (sum(map(looks_like_audit, sample)), _auditd(any("\x1d" in line for line in sample))),
        (sum(map(looks_like_laurel, sample)), _LAUREL),
        (sum(map(looks_like_journal, sample)), _JOURNAL),
    ):
        if count:
            yield count, fmt
    for form in FORMS.values():
        if form.name != JSON or any(line.startswith("{") for line in sample):
            chosen = [mapping for mapping in mappings if wanted.sensor in (None, mapping.name)]
            yield from _by_form(form, sample, [mapping for mapping in chosen if form.name in mapping.formats])
    if count := sum(COMBINED.fullmatch(line) is not None for line in short):
        yield count, _ACCESS
    if count := sum(map(looks_like_syslog, short)):
        if all(_DNSMASQ in line[:80] for line in sample):
            yield count, Format("dns", "DNS queries of dnsmasq", SyslogReader, layout="syslog")
        yield count, _SYSLOG


def _auditd(enriched: bool) -> Format:
    return Format("auditd", f"auditd log, {'ENRICHED' if enriched else 'RAW'}", AuditdReader, layout="auditd")


_LAUREL = Format("auditd", "auditd events in LAUREL's JSON", LaurelReader, layout="laurel")
_JOURNAL = Format("journald", "systemd's journal", JournalReader, layout="journal")
_ACCESS = Format("access", "access log, combined format", AccessLogReader, layout="access")
_SYSLOG = Format("syslog", "syslog (sshd, sudo, su, cron and others)", SyslogReader, layout="syslog")
_PLAIN = (_auditd(False), _LAUREL, _JOURNAL, _ACCESS, _SYSLOG)


def _as_wanted(wanted: Wanted, mappings: Sequence[SensorMapping]) -> Format | None:
    """What a person wants though no line looks like it: each line will say why not."""
    for mapping in mappings:
        for name in mapping.formats:
            if wanted.allows(fmt := _of_form(FORMS[name], mapping)):
                return fmt
    return next((fmt for fmt in _PLAIN if wanted.allows(fmt)), None)


def _by_form(
    form: type[Form], sample: Sequence[str], mappings: Sequence[SensorMapping]
) -> Iterator[tuple[int, Format]]:
    """The mapping that most documents of a form agree with; of equals the most exact."""
    if not mappings:
        return
    documents, count = documents_of(form, sample)
    counted = [(sum(_is_of(mapping, document) for document in documents), mapping) for mapping in mappings]
    agreeing = [(agreed, mapping) for agreed, mapping in counted if agreed]
    if agreeing:
        best = max(agreeing, key=lambda pair: (min(pair[1].exactness, 1), pair[0], pair[1].exactness))[1]
        yield count, _of_form(form, best)
    elif count and not documents:  # headers alone
        yield count, _of_form(form, mappings[0])


def documents_of(form: type[Form], sample: Sequence[str]) -> tuple[list[Document], int]:
    """The documents of the lines, and how many lines are of the form, headers too."""
    made = form(0, UTC)
    documents: list[Document] = []
    record: list[str] = []
    count = 0
    for line in [*sample, None]:
        if line is not None and record and form.several_lines and made.continues(record, line):
            record.append(line)
            continue
        if record:
            try:
                document = made.document("\n".join(record))
            except ValueError:
                pass
            else:
                count += len(record)
                documents += [] if document is None else [document]
        record = [] if line is None else [line]
    return documents, count


def _of_form(form: type[Form], mapping: SensorMapping) -> Format:
    told = f"{form.title}, {mapping.title}" if form.title != mapping.title else form.title
    if form.name == JSON:
        return Format(mapping.name, told, lambda context: JsonLinesReader(context, mapping), mapping)
    return Format(mapping.name, told, lambda context: FormReader(context, mapping, form), mapping, form.name)


def _is_of(mapping: SensorMapping, document: Document) -> bool:
    document = mapping.named(document)
    return mapping.detect(document) and any_time(mapping.time(document)) is not None


def first_time(fmt: Format, lines: Sequence[str], modified: int, zone: ZoneInfo) -> int:
    """The time (µs UTC) of the first line that has one, to read streams in their order; 0 if none has."""
    form = FORMS[fmt.layout](modified, zone) if fmt.mapping is not None else None
    for line in lines[:SAMPLE]:
        time = _time_of(fmt, form, line, modified, zone)
        if time is not None:
            return time
    return 0


def _time_of(fmt: Format, form: Form | None, line: str, modified: int, zone: ZoneInfo) -> int | None:
    if fmt.mapping is not None and form is not None:
        try:
            document = form.document(line)
        except ValueError:
            return None
        return None if document is None else any_time(fmt.mapping.time(fmt.mapping.named(document)))
    if fmt.layout in ("auditd", "laurel"):
        seconds = _AUDIT_SECONDS.search(line)
        return int(seconds[1]) * MICROSECONDS if seconds else None
    if fmt.layout == "access":
        stamp = _ACCESS_TIME.search(line)
        return access_time(stamp[1]) if stamp else None
    return journal_time(line) if fmt.layout == "journal" else syslog_time(line, modified, zone)
