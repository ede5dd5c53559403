"""Sightings: events that touch something on an indicator list, while it was valid and sure enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lichen.core.batch import Batch
from lichen.detect.rules.hits import Hits
from lichen.detect.rules.indicators import Entry, IndicatorList, Kind
from lichen.detect.rules.told_rows import ToldRows

# columns of the OCSF view that name something outside, and how a sentence puts it
READ = {
    "dst_endpoint.ip": "reached",
    "dst_endpoint.hostname": "reached",
    "src_endpoint.ip": "was reached from",
    "query.hostname": "asked for",
    "http_request.url.hostname": "was asked for",
    "file.hashes.value": "touched a file with hash",
}
URL = ("http_request.url.hostname", "http_request.url.path", "http_request.url.query_string")
SCHEMES = ("http", "https")  # a server's log does not say which


@dataclass(frozen=True, slots=True)
class _Column:
    """Values of one column: `codes` of the rows (-1: none) into `values`."""

    verb: str
    values: pa.Array
    codes: npt.NDArray[np.int64]


def sightings(batch: Batch, lists: Sequence[IndicatorList]) -> Iterator[Hits]:
    """The hits of each list that has any; each distinct value is looked up once."""
    columns = _columns(batch, any(each.count(Kind.URL) for each in lists)) if lists else []
    if not columns:
        return
    values = pa.concat_arrays([column.values for column in columns])
    edges = np.cumsum([0, *(len(column.values) for column in columns)])
    times = batch.times()
    for each in lists:
        told: dict[int, str] = {}
        for place, number in zip(*(side.tolist() for side in each.matches(values)), strict=True):
            at = int(np.searchsorted(edges, place, side="right")) - 1
            column, entry = columns[at], each.entry(number)
            words = _words(column.verb, values[place].as_py(), each, entry)
            for row in np.flatnonzero(column.codes == place - edges[at]).tolist():
                if row not in told and entry.confidence_at(int(times[row]), each.about) >= each.about.least_confidence:
                    told[row] = words
        if told:
            yield Hits(each.detector, np.array(sorted(told), dtype=np.int64), ToldRows(told), each.techniques)


def _columns(batch: Batch, with_urls: bool) -> list[_Column]:
    found = []
    for name, verb in READ.items():
        array = batch.column(name)
        if array.null_count < len(array):
            found.append(_column(verb, array))
    if with_urls:
        host, path, query = (batch.column(name).cast(pa.large_string()) for name in URL)
        if host.null_count < len(host):
            asked = _joined("?", query).fill_null("")
            urls = (_joined(f"{scheme}://", host, path.fill_null("/"), asked) for scheme in SCHEMES)
            found += [_column("was asked for", url) for url in urls]
    return found


def _joined(*parts: pa.Array | str) -> pa.Array:
    """The parts of each row, one after the other; null where one is."""
    whole = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*whole, pa.scalar("", pa.large_string()))


def _column(verb: str, array: pa.Array) -> _Column:
    encoded = array.cast(pa.large_string()).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return _Column(verb, encoded.dictionary, codes)


def _words(verb: str, value: str, one: IndicatorList, entry: Entry) -> str:
    source = f" by {entry.source[:80]}" if entry.source else ""
    sure = f", confidence {entry.confidence} of 100" if entry.confidence is not None else ""
    return f"{verb} {value[:256]}, which is on the list {one.title}{source}{sure}"
