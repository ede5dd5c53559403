"""Rates: how much of each thing a workload or a user does, in a minute and in a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lichen.core import ocsf
from lichen.core.batch import Batch
from lichen.core.entity import registered_domain
from lichen.detect.profiles.acts import Coded, column_of, joint

Amounts = npt.NDArray[np.float64]
Amount = Callable[[Batch], Amounts]
Thing = Callable[[Batch], Coded]
BOTH, WORKLOADS = frozenset({"workload", "user"}), frozenset({"workload"})


@dataclass(frozen=True)
class Counter:
    """One thing that is counted: an `amount` an event (0: not counted), or how many different `thing`s."""

    name: str  # plural, for people
    kinds: frozenset[str]
    subjects: frozenset[str]
    amount: Amount | None = None
    thing: Thing | None = None
    heavy: bool = False  # a size in bytes, of which a few are very much greater than most


def _each(batch: Batch) -> Amounts:
    return np.ones(len(batch))


def _numbers(batch: Batch, column: str) -> Amounts:
    return np.asarray(np.nan_to_num(batch.column(column).to_numpy(zero_copy_only=False).astype(np.float64)))


def _refused_login(batch: Batch) -> Amounts:
    refused = _numbers(batch, "status_id") == ocsf.FAILURE
    return np.asarray(refused & (_numbers(batch, "activity_id") == ocsf.LOGON), dtype=np.float64)


def _refused_call(batch: Batch) -> Amounts:
    return np.asarray(_numbers(batch, "http_response.code") >= 400, dtype=np.float64)


def _kilobytes(column: str) -> Amount:
    return lambda batch: np.ceil(_numbers(batch, column) / 1000.0)


def _label_letters(batch: Batch) -> Amounts:
    names = column_of(batch, "query.hostname")
    lengths = np.array([len(name) - len(registered_domain(name)) for name in names.values] or [0], dtype=np.float64)
    return np.where(names.present, np.maximum(lengths[names.codes], 0.0), 0.0)


def _object(batch: Batch) -> Coded:
    columns = [column_of(batch, name) for name in ("http_request.http_method", "http_request.url.path")]
    return joint(columns, lambda method, path: f"{method} {path[:200]}" if path else None)


def _peer(batch: Batch) -> Coded:
    columns = [column_of(batch, name) for name in ("dst_endpoint.ip", "dst_endpoint.port")]
    return joint(columns, lambda address, port: f"{address} {port}" if address else None)


def _program(batch: Batch) -> Coded:
    return column_of(batch, "process.file.path")


EVENTS = "events"  # of every kind: also says in which minutes and windows a subject was there at all

COUNTERS = (
    Counter(EVENTS, frozenset({"exec", "net", "file", "auth", "http", "dns"}), BOTH, amount=_each),
    Counter("programs", frozenset({"exec"}), WORKLOADS, amount=_each),
    Counter("different programs", frozenset({"exec"}), WORKLOADS, thing=_program),
    Counter("connections", frozenset({"net"}), WORKLOADS, amount=_each),
    Counter("different peers", frozenset({"net"}), WORKLOADS, thing=_peer),
    Counter("file changes", frozenset({"file"}), WORKLOADS, amount=_each),
    Counter("refused logins", frozenset({"auth"}), BOTH, amount=_refused_login),
    Counter("requests", frozenset({"http"}), BOTH, amount=_each),
    Counter("refused requests", frozenset({"http"}), BOTH, amount=_refused_call),
    Counter("different objects", frozenset({"http"}), BOTH, thing=_object),
    Counter("kilobytes out", frozenset({"http"}), BOTH, amount=_kilobytes("http_response.length"), heavy=True),
    Counter("kilobytes in", frozenset({"http"}), BOTH, amount=_kilobytes("http_request.length"), heavy=True),
    Counter("names asked", frozenset({"dns"}), WORKLOADS, amount=_each),
    Counter("letters before the domain", frozenset({"dns"}), WORKLOADS, amount=_label_letters),
)
HEAVY = frozenset(counter.name for counter in COUNTERS if counter.heavy)
