"""Places: the image and the group that hold each subject, as its newest events said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pyarrow as pa

from lichen.core.batch import Batch
from lichen.core.entity import Subject

USERS = "users"
LEVELS = ("group", "image")  # outermost first
PLACE_COLUMNS = ("subject.workload", "subject.host", "subject.group", "subject.image")
MOST = 65_536  # subjects that are kept in hand; all are let go when there are more

Place = dict[str, str]  # level -> name
Ask = Callable[[Subject], Place]
"""What is stored of a subject that was not met yet."""


class Places:
    """Grows with what is read (`see`); of subjects not met there, `ask` is asked once."""

    def __init__(self, ask: Ask = lambda subject: {}) -> None:
        self._ask = ask
        self._met: dict[Subject, Place] = {}

    def see(self, batch: Batch) -> None:
        """Take note of whom a batch speaks of, and where they are."""
        if len(self._met) > MOST:
            self._met = {}
        for subject, found in places_in({name: batch.column(name) for name in PLACE_COLUMNS}).items():
            self._met[subject] = {**self._met.get(subject, {}), **found}

    def of(self, subject: Subject) -> tuple[str, ...]:
        """The nodes over a subject between the fleet and itself, broadest first: ("group orders", "image orders@…");
        a user's are all users."""
        if subject.kind == "user":
            return (USERS,)
        place = self._met.get(subject)
        if place is None or len(place) < len(LEVELS):
            place = self._met[subject] = {**self._ask(subject), **(place or {})}
        return tuple(f"{level} {place[level]}" for level in LEVELS if place.get(level))

    def over(self, subjects: Iterable[Subject]) -> dict[Subject, tuple[str, ...]]:
        """The nodes over each of these."""
        return {subject: self.of(subject) for subject in subjects}


def places_in(columns: Mapping[str, pa.Array]) -> dict[Subject, Place]:
    """Of each workload, and each host that acts for itself, the last group and image that its events name. `columns`:
    PLACE_COLUMNS, equally long."""
    found: dict[Subject, Place] = {}
    alone = columns["subject.workload"].is_null().to_numpy(zero_copy_only=False)
    for level in LEVELS:
        names = columns[f"subject.{level}"]
        if names.null_count == len(names):
            continue
        named = names.is_valid().to_numpy(zero_copy_only=False)
        for kind, own in (("workload", ~alone), ("host", alone)):
            coded = columns[f"subject.{kind}"].dictionary_encode()
            codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(named & own & (codes >= 0))[::-1]
            distinct, first = np.unique(codes[rows], return_index=True)
            for code, place in zip(distinct.tolist(), first.tolist(), strict=True):
                name = names[int(rows[place])].as_py()
                if name:
                    found.setdefault(Subject(kind, coded.dictionary[code].as_py()), {})[level] = name
    return found
