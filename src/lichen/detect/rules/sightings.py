"""Sightings: events that touch something on an indicator list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lichen.core.batch import Batch
from lichen.detect.rules.hits import Hits
from lichen.detect.rules.indicators import IndicatorList

# columns of the OCSF view that name something outside, and how a sentence puts it
READ = {
    "dst_endpoint.ip": "reached",
    "dst_endpoint.hostname": "reached",
    "src_endpoint.ip": "was reached from",
    "query.hostname": "asked for",
    "http_request.url.hostname": "was asked for",
    "file.hashes.value": "touched a file with hash",
}


@dataclass(frozen=True, slots=True)
class _Told:
    """In words, what was seen on which row."""

    words: dict[int, str]

    def __call__(self, row: int) -> str:
        return self.words[row]


def sightings(batch: Batch, lists: Sequence[IndicatorList]) -> Iterator[Hits]:
    """The hits of each list that has any; each distinct value is looked up once."""
    if not lists:
        return
    seen: dict[str, dict[int, str]] = {}
    for name, verb in READ.items():
        column = batch.column(name)
        if column.null_count == len(column):
            continue
        encoded = column.dictionary_encode()
        values = encoded.dictionary.to_pylist()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        for each in lists:
            for code, found in enumerate(each.finds_each(values)):
                if found is not None:
                    words = f"{verb} {values[code][:256]}, which is on the list {each.title}"
                    rows = np.flatnonzero(codes == code).tolist()
                    told = seen.setdefault(each.name, {})
                    told.update((row, words) for row in rows if row not in told)
    for each in lists:
        if each.name in seen:
            told = seen[each.name]
            yield Hits(each.detector, np.array(sorted(told), dtype=np.int64), _Told(told), each.techniques)
