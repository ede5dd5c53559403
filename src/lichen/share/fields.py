"""Fields: events as Sigma reads them, a table of text a kind, and the benign ground that a signature must not touch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from lichen.core import ocsf
from lichen.core.batch import Batch, LogSource, Rows, Shape

REGROUP_LINES = 200_000  # lines held before equal ones are counted together


@dataclass(frozen=True, slots=True)
class Dialect:
    """How Sigma reads one sort of event: the batch's kind, the log source, each of its fields beside the view's column,
    and the activities that it is about (none: all)."""

    kind: str
    source: LogSource
    columns: Mapping[str, str]
    activities: tuple[int, ...] = ()

    @property
    def category(self) -> str:
        return self.source.category or ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)


_PROCESS = {
    "Image": "process.file.path",
    "CommandLine": "process.cmd_line",
    "ParentImage": "actor.process.file.path",
    "User": "actor.user.name",
    "CurrentDirectory": "process.working_directory",
}
_CONNECTION = {
    "Image": "actor.process.file.path",
    "DestinationIp": "dst_endpoint.ip",
    "DestinationPort": "dst_endpoint.port",
    "DestinationHostname": "dst_endpoint.hostname",
    "User": "actor.user.name",
}
_FILE = {"TargetFilename": "file.path", "Image": "actor.process.file.path", "User": "actor.user.name"}
_REQUEST = {
    "cs-method": "http_request.http_method",
    "cs-uri-stem": "http_request.url.path",
    "cs-uri-query": "http_request.url.query_string",
    "cs-user-agent": "http_request.user_agent",
    "cs-username": "actor.user.name",
    "c-ip": "src_endpoint.ip",
    "sc-status": "http_response.code",
}
_QUESTION = {"query": "query.hostname", "record_type": "query.type", "c-ip": "src_endpoint.ip"}
_WRITTEN = (ocsf.CREATE, ocsf.UPDATE, ocsf.RENAME, ocsf.LINK)

DIALECTS = {
    one.category: one
    for one in (
        Dialect("exec", LogSource("linux", "process_creation"), _PROCESS),
        Dialect("net", LogSource("linux", "network_connection"), _CONNECTION),
        Dialect("file", LogSource("linux", "file_event"), _FILE, _WRITTEN),
        Dialect("file", LogSource("linux", "file_access"), _FILE, (ocsf.READ,)),
        Dialect("file", LogSource("linux", "file_delete"), _FILE, (ocsf.DELETE,)),
        Dialect("file", LogSource("linux", "file_change"), _FILE, (ocsf.SET_ATTRIBUTES, ocsf.SET_SECURITY)),
        Dialect("http", LogSource(None, "webserver"), _REQUEST),
        Dialect("dns", LogSource(None, "dns"), _QUESTION),
    )
}


@dataclass(frozen=True, slots=True)
class Lines:
    """A batch's lines of one dialect under Sigma's names, as text (null where absent), and the event row of each."""

    dialect: Dialect
    lines: pl.DataFrame
    event: Rows


def lines_of(batch: Batch) -> list[Lines]:
    """The batch's lines in every dialect that reads it; none for a kind without one. The shape that rules will read is
    taken where the batch has shapes, else the view."""
    found = []
    for dialect in DIALECTS.values():
        if dialect.kind == batch.kind and len(batch):
            one = _from_shape(batch, dialect) if batch.shapes else _from_view(batch, dialect)
            found += [one] if one is not None and len(one.lines) else []
    return found


def _from_view(batch: Batch, dialect: Dialect) -> Lines:
    columns = {name: batch.column(column).cast(pa.large_string()) for name, column in dialect.columns.items()}
    lines, event = pl.DataFrame(pa.table(columns)), np.arange(len(batch), dtype=np.int64)
    if dialect.activities:
        activity = batch.column("activity_id").fill_null(0).to_numpy(zero_copy_only=False)
        event = np.flatnonzero(np.isin(activity, dialect.activities))
        lines = lines[event]
    return Lines(dialect, lines, event)


def _from_shape(batch: Batch, dialect: Dialect) -> Lines | None:
    shape = _shape(batch, dialect)
    if shape is None:
        return None
    columns = {name: _values(shape, name) for name in dialect.names}
    event = np.arange(shape.fields.num_rows, dtype=np.int64) if shape.event is None else shape.event
    return Lines(dialect, pl.DataFrame(pa.table(columns)), event)


def _shape(batch: Batch, dialect: Dialect) -> Shape | None:
    return next((one for one in batch.shapes if one.source.category == dialect.source.category), None)


def _values(shape: Shape, name: str) -> pa.Array:
    if name not in shape.fields.schema.names:
        return pa.nulls(shape.fields.num_rows, pa.large_string())
    return shape.fields.column(name).cast(pa.large_string())


@dataclass(frozen=True)
class Ground:
    """Distinct lines of one kind with how often each was seen; `events` counts the events behind them."""

    dialect: Dialect
    lines: pl.DataFrame
    events: int
    _codes: dict[str, tuple[npt.NDArray[np.int64], pa.Array]] = field(default_factory=dict, repr=False)

    @cached_property
    def weight(self) -> npt.NDArray[np.float64]:
        """How often each distinct line was seen."""
        return self.lines["seen"].cast(pl.Float64).to_numpy()

    def coded(self, name: str) -> tuple[npt.NDArray[np.int64], pa.Array]:
        """A field's codes (-1 null), and its distinct values."""
        if name not in self._codes:
            values = self.lines[name].to_arrow().cast(pa.large_string()).dictionary_encode()
            codes = values.indices.fill_null(-1).cast(pa.int64()).to_numpy(zero_copy_only=False)
            self._codes[name] = codes, values.dictionary
        return self._codes[name]

    def line(self, number: int) -> dict[str, str]:
        """One line's fields that hold something."""
        row = self.lines.row(number, named=True)
        return {name: row[name] for name in self.dialect.names if row[name] is not None}


def grounds_of(batches: Iterable[Batch]) -> dict[str, Ground]:
    """The ground of each category in these batches: equal lines are counted, not kept, so that a million events fit."""
    pending: dict[str, list[pl.DataFrame]] = {}
    held: dict[str, int] = {}
    events: dict[str, int] = {}
    for batch in batches:
        for one in lines_of(batch):
            name = one.dialect.category
            pending.setdefault(name, []).append(one.lines.with_columns(seen=pl.lit(1, pl.Int64)))
            held[name] = held.get(name, 0) + len(one.lines)
            events[name] = events.get(name, 0) + len(np.unique(one.event))
            if held[name] > REGROUP_LINES:
                pending[name], held[name] = [_grouped(pending[name], DIALECTS[name])], 0
    lines = {name: _grouped(frames, DIALECTS[name]) for name, frames in pending.items()}
    return {name: Ground(DIALECTS[name], lines[name], events[name]) for name in lines}


def _grouped(frames: list[pl.DataFrame], dialect: Dialect) -> pl.DataFrame:
    names = list(dialect.names)
    return pl.concat(frames).group_by(names).agg(pl.col("seen").sum()).sort(names)
