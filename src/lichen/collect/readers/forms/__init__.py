"""Forms: layouts of text lines that become documents, so that a mapping says the rest, as of JSON. This is their list.

To add one: a module beside this one with a subclass of `form.Form`, its class in FORMS, and a mapping in
content/mappings that names it under `formats`, with a sample and the rows that it must become.
"""

from __future__ import annotations

from collections.abc import Mapping

from lichen.collect.readers.forms.cef import Cef
from lichen.collect.readers.forms.error_logs import ApacheError, NginxError
from lichen.collect.readers.forms.event_xml import EventXml
from lichen.collect.readers.forms.form import Form, Json
from lichen.collect.readers.forms.haproxy import Haproxy
from lichen.collect.readers.forms.logfmt import Logfmt
from lichen.collect.readers.forms.postgres import PostgresCsv, PostgresStderr
from lichen.collect.readers.forms.zeek import ZeekTsv

_ALL: tuple[type[Form], ...] = (
    Json,
    EventXml,
    ZeekTsv,
    Cef,
    Haproxy,
    NginxError,
    ApacheError,
    PostgresCsv,
    PostgresStderr,
    Logfmt,
)
FORMS: Mapping[str, type[Form]] = {form.name: form for form in _ALL}
