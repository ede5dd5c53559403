"""From columns to a batch: the view in its types, subjects named, clocks checked; the same for every reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lichen.collect.columns import TEXT, Coded, Rows
from lichen.collect.identity import Facts, Naming
from lichen.collect.processes import Processes
from lichen.core import ocsf
from lichen.core.batch import Batch, LogSource, Shape, Stream
from lichen.core.time import MICROSECONDS

CLASS_OF = {
    "exec": ocsf.PROCESS_ACTIVITY,
    "net": ocsf.NETWORK_ACTIVITY,
    "file": ocsf.FILE_ACTIVITY,
    "auth": ocsf.AUTHENTICATION,
    "protocol": ocsf.NETWORK_ACTIVITY,  # what a network sensor says of a connection besides that it was: tls, ssh, smb
    "http": ocsf.HTTP_ACTIVITY,
    "dns": ocsf.DNS_ACTIVITY,
    "api": ocsf.API_ACTIVITY,
    "account": ocsf.ACCOUNT_CHANGE,
    "group": ocsf.GROUP_MANAGEMENT,
    "access": ocsf.USER_ACCESS,
    "session": ocsf.AUTHORIZE_SESSION,
    "entity": ocsf.ENTITY_MANAGEMENT,
    "app": ocsf.APPLICATION_LIFECYCLE,
    "datastore": ocsf.DATASTORE_ACTIVITY,
    "finding": ocsf.DETECTION_FINDING,
    "process": ocsf.PROCESS_ACTIVITY,  # opened, injected into, ended; what is launched is exec
    "module": ocsf.MODULE_ACTIVITY,
    "driver": ocsf.KERNEL_EXTENSION_ACTIVITY,
    "script": ocsf.SCRIPT_ACTIVITY,
    "job": ocsf.SCHEDULED_JOB_ACTIVITY,
    "service": ocsf.WINDOWS_SERVICE_ACTIVITY,
    "registry_key": ocsf.REGISTRY_KEY_ACTIVITY,
    "registry_value": ocsf.REGISTRY_VALUE_ACTIVITY,
    "log": ocsf.EVENT_LOG_ACTIVITY,
    "other": ocsf.BASE_EVENT,
}
OTHER_ACTIVITY = 99  # OCSF: an activity that its class has no number for
TOLERANCE = 2 * MICROSECONDS  # concurrent writers disorder a log by less than this

Column: TypeAlias = "Coded | pa.Array | Sequence[Any] | npt.NDArray[Any]"


@dataclass(slots=True)
class Clock:
    """The time of the last event read, to notice a clock that ran backwards."""

    latest: int | None = None

    def ran_backwards(self, times: Rows) -> npt.NDArray[np.bool_]:
        """Which events (in the order of the log) are clearly earlier than the one before them."""
        if not len(times):
            return np.zeros(0, dtype=bool)
        before = np.concatenate([[times[0] if self.latest is None else self.latest], times[:-1]])
        self.latest = int(times[-1])
        return np.asarray(times < before - TOLERANCE, dtype=bool)


@dataclass(slots=True)
class Context:
    """What a reader is told of its stream. `modified`: when the file was last written (µs UTC), `zone`: of times that
    name none, `processes`: the table shared by the streams of a source, `by_record`: its lines are numbered records of
    logs (EVTX), of which another file may hold the same."""

    stream: Stream
    naming: Naming
    modified: int
    zone: ZoneInfo
    processes: Processes
    clock: Clock = field(default_factory=Clock)
    by_record: bool = False


def batch_of(
    context: Context,
    kind: str,
    text: Sequence[str],
    offset: Rows,
    times: Rows,
    backwards: npt.NDArray[np.bool_],
    columns: Mapping[str, Column],
    facts: Facts,
    shapes: Sequence[Shape],
) -> Batch:
    """A batch of one kind. `columns` are those of the view that the sensor knows, besides time, class and subjects."""
    every: dict[str, Column] = {
        "time": pa.array(times, type=pa.int64()),
        "class_uid": pa.array(np.full(len(times), CLASS_OF[kind], dtype=np.int32)),
        "clock_ran_backwards": pa.array(backwards),
        **columns,
        **context.naming.subjects(facts, times),
    }
    view = ocsf.view_of({name: in_type(column, ocsf.VIEW[name]) for name, column in every.items()}, len(times))
    return Batch(context.stream, kind, pa.array(text, type=TEXT), offset, view, tuple(shapes))


def in_type(column: Column, kind: pa.DataType) -> pa.Array:
    """A column as an Arrow array that casts to `kind` without fault: numbers that do not fit are null."""
    if isinstance(column, Coded):
        if not pa.types.is_integer(kind):
            return column.plain()
        column = column.numbers()
    if isinstance(column, pa.Array):
        return fitting(column, kind) if pa.types.is_integer(kind) and pa.types.is_integer(column.type) else column
    if pa.types.is_integer(kind):
        return fitting(pa.array(column, type=pa.int64()), kind)
    return pa.array(column, type=kind)


def fitting(numbers: pa.Array, kind: pa.DataType) -> pa.Array:
    """Integers as `kind`, null where they do not fit it."""
    if numbers.type == kind or kind.bit_width == 64:
        return numbers
    bound = 1 << (kind.bit_width - 1)
    values = numbers.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    kept = (values >= -bound) & (values < bound) & numbers.is_valid().to_numpy(zero_copy_only=False)
    return pa.array(np.where(kept, values, 0), mask=~kept, type=pa.int64()).cast(kind)


def fields_shape(source: LogSource, columns: Mapping[str, Column], length: int, event: Rows | None = None) -> Shape:
    """A shape of the columns that hold anything, `length` lines; `event` as in Shape."""
    arrays = {
        name: column.dictionary() if isinstance(column, Coded) else in_type(column, TEXT)
        for name, column in columns.items()
    }
    kept = {name: array for name, array in arrays.items() if array.null_count < length}
    if not kept:  # a record batch knows its length by a column
        kept = {name: pa.nulls(length, TEXT) for name in list(columns)[:1]}
    return Shape(source, pa.RecordBatch.from_pydict(kept), event)
