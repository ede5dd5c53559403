"""One event that a person means: an id of the store, a file or text with one JSON event, or the fields alone."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from lichen import assemble, catalogue
from lichen.collect.inputs.files import FileSource
from lichen.config import Settings
from lichen.core.batch import Batch
from lichen.core.errors import ConfigError, InputError
from lichen.detect.rules.explain import fields_as_event
from lichen.detect.rules.rule import Rule
from lichen.store.store import Store

EVENT_LIMIT_BYTES = 1 << 20
_EVENT_ID = re.compile(r"[0-9a-f]{32}")


def event_of(settings: Settings, rule: Rule, said: str) -> tuple[Batch, str]:
    """The event and, in words, how it was read. `said` is an event id of the store, a file, or JSON.

    JSON that a sensor's mapping knows is read as that sensor's event; else its keys are the fields of the rule, and
    the key `raw` what keywords search. Raises ConfigError and InputError.
    """
    if _EVENT_ID.fullmatch(said):
        return _stored(settings, said), "as it is kept in the store"
    path = Path(said)
    text = said if said.lstrip().startswith("{") else _text_of(path, said)
    read = _read(settings, path if path.is_file() else None, text)
    if read is not None:
        return read.take(np.zeros(1, dtype=np.int64)), f"as an event of {read.stream.sensor}"
    fields = _fields(text, said)
    raw = str(fields.pop("raw", text))
    return fields_as_event(rule, fields, raw), "with its keys as the fields of the rule"


def _text_of(path: Path, said: str) -> str:
    try:
        with path.open("rb") as file:
            found = file.read(EVENT_LIMIT_BYTES + 1)
    except OSError as error:
        remedy = 'give an event id of the store, a file, or JSON such as \'{"Image": "/bin/sh"}\''
        raise ConfigError(f"no event: {error.strerror}", place=said[:200], remedy=remedy) from error
    if len(found) > EVENT_LIMIT_BYTES and found[:1] == b"{":
        raise InputError("too large for one event", place=said, limit=f"{EVENT_LIMIT_BYTES} bytes", remedy="cut it")
    return found.decode("utf-8", "backslashreplace")


def _stored(settings: Settings, event_id: str) -> Batch:
    if not settings.store.exists():
        raise ConfigError("no store", place=str(settings.store), remedy="name one with --store")
    with Store(settings.store) as store:
        for batch in store.lake.by_ids([event_id]):
            return batch
    raise ConfigError("the store has no event of this id", place=event_id, remedy="lichen scan --hits prints ids")


def _read(settings: Settings, path: Path | None, text: str) -> Batch | None:
    """The first event, where a reader or mapping knows its format."""
    with tempfile.TemporaryDirectory(prefix="lichen-") as folder:
        if path is None:
            path = Path(folder) / "event.json"
            path.write_text(" ".join(text.split("\n")) + "\n", encoding="utf-8")
        source = FileSource(
            [path],
            settings=settings,
            inventory=assemble.inventory_of(settings),
            mappings=catalogue.content("mappings"),
            notes=[],
        )
        deliveries = source.read({})
        try:
            return next((batch for each in deliveries for batch in each.batches if len(batch)), None)
        finally:
            deliveries.close()  # type: ignore[attr-defined]


def _fields(text: str, said: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"not JSON: {error}", place=said[:200], remedy="give one JSON object of fields") from error
    if not isinstance(fields, dict):
        raise InputError("not an object of fields", place=said[:200], remedy="give one JSON object of fields")
    return fields
