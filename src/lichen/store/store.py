"""One store: the lake, the records, the answers and the models of one folder, and how a delivery is kept."""

from __future__ import annotations

from pathlib import Path

from lichen.core.batch import Delivery
from lichen.store.answers import Answers
from lichen.store.lake import Lake, Reshape
from lichen.store.models import Models
from lichen.store.records import Judged, Records


class Store:
    """Everything that is kept, opened together. `folder` holds lake and models and, unless `url` names a PostgreSQL
    database, the records too.

    Any number of processes read and answer; the first that keeps a delivery is the only one that may, until `close`.
    Raises ConfigError and LichenError where the database is at fault.
    """

    def __init__(self, folder: Path, url: str | None = None, reshape: Reshape | None = None) -> None:
        self.folder = folder
        self.records = Records.at(folder) if url is None else Records(url)
        self.answers = Answers(self.records.reading, self.records.writing)
        self.lake = Lake(folder / "lake", self.records.parts, self.records.id, reshape)
        self.models = Models(folder / "models")

    def keep(self, delivery: Delivery, judged: Judged) -> int:
        """Keep a delivery and what was made of it, whole or not at all; gives its number. Killed before the end, the
        position is the old one and the source delivers again; keeping the same again adds nothing."""
        parts = self.lake.write(delivery.batches)
        return self.records.commit(delivery.position, parts, judged, delivery.dead_letters)

    def close(self) -> None:
        self.lake.close()
        self.records.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
