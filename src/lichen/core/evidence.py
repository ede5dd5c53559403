"""Evidence: one number per subject, window and detector, with its cause; and the cause, named alike by all."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pyarrow as pa

from lichen.core import ocsf
from lichen.core.batch import Batch
from lichen.core.entity import (
    Subject,
    network_of,
    parameter_class,
    path_template,
    registered_domain,
    route_template,
)

SAMPLES = 8  # the strongest events that a row names


class Evidence(msgspec.Struct, frozen=True):
    """What one detector says of one subject in one window. Rows are cumulative: a later row of the same key replaces.

    `score_nats` is s of docs/belief.md (+ towards malicious); only `decide` makes weights and probabilities of it.
    `n_known`, `n_new`: distinct values that the model knew and did not know before this window. `others`: further
    causes in the same window, in words, of weight 0; `others_nats` their causes and scores where the detector has them
    (what `decide` turns to where the first was answered). `sample_event_ids` are the strongest events first,
    `sample_times` (µs UTC) theirs.
    """

    subject: Subject
    window: int  # start, µs UTC
    detector: str  # profile.process, classifier.behaviour, rule:<id>, indicator:<list>
    score_nats: float
    cause: str
    because: str  # one sentence part that a person can read: "ran sh under python3, never seen on this image"
    first_time: int  # µs UTC
    n_events: int
    version: str
    n_known: int = 0
    n_new: int = 0
    sample_event_ids: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    others_nats: tuple[tuple[str, float], ...] = ()
    sample_times: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[Subject, int, str]:
        return self.subject, self.window, self.detector


def cause_of(batch: Batch, rows: Iterable[int]) -> list[str]:
    """The cause of each given event: what makes evidence of different detectors one reason.

    exec (parent, image) · net (image, domain or /24, port) · file (image, path template) · http (route, parameter
    class) · auth (user, source /24) · dns (registered domain) · other (the sensor's own name of the record).
    """
    wanted = list(rows)
    cut = batch.view.select(_CAUSE_COLUMNS).take(pa.array(wanted, type=pa.int64()))
    return [_cause(row) for row in cut.to_pylist()]


_CAUSE_COLUMNS = [
    "class_uid",
    "actor.process.file.path",
    "process.file.path",
    "dst_endpoint.hostname",
    "dst_endpoint.ip",
    "dst_endpoint.port",
    "file.path",
    "http_request.http_method",
    "http_request.url.path",
    "http_request.url.query_string",
    "user.name",
    "src_endpoint.ip",
    "query.hostname",
    "metadata.event_code",
]


def _cause(event: dict[str, object]) -> str:
    def text(name: str) -> str:
        value = event[name]
        return "" if value is None else str(value)

    image = text("actor.process.file.path")
    match event["class_uid"]:
        case ocsf.PROCESS_ACTIVITY:
            return f"exec {image} {text('process.file.path')}"
        case ocsf.NETWORK_ACTIVITY:
            name = text("dst_endpoint.hostname")
            there = registered_domain(name) if name else network_of(text("dst_endpoint.ip"))
            return f"net {image} {there} {text('dst_endpoint.port')}"
        case ocsf.FILE_ACTIVITY:
            return f"file {image} {path_template(text('file.path'))}"
        case ocsf.HTTP_ACTIVITY:
            route = route_template(text("http_request.url.path"))
            query = parameter_class(text("http_request.url.query_string"))
            return f"http {text('http_request.http_method')} {route} {query}"
        case ocsf.AUTHENTICATION:
            return f"auth {text('user.name')} {network_of(text('src_endpoint.ip'))}"
        case ocsf.DNS_ACTIVITY:
            return f"dns {registered_domain(text('query.hostname'))}"
    return f"other {text('metadata.event_code')}"
