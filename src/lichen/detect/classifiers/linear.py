"""One linear model over hashed n-grams: frozen weights, scored by lookup, with its strongest reasons in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lichen.core import ocsf
from lichen.core.batch import Batch, Rows
from lichen.core.census import CensusRow
from lichen.core.doors import Memory
from lichen.core.entity import Subject
from lichen.core.errors import ModelError
from lichen.core.evidence import Evidence
from lichen.detect.classifiers.ngrams import BITS, grams, presence
from lichen.detect.classifiers.text import texts_of
from lichen.detect.windows import FoldMemory, Scores, fold

CLIP = 6.0  # nats, both ways: no classifier is surer than that of anything
REMEMBERED = 1 << 16  # distinct texts whose score is kept
FORMAT = 1


@dataclass(frozen=True)
class LinearModel:
    """`score = intercept + Σ weight[feature] · value` in nats: the log ratio of attack to benign at equal odds.

    `features` ascending indices below 2**BITS, `weights` theirs; all others weigh nothing. `card` says what it learned
    from. Follows L2-regularised logistic regression; see docs/classifiers.md.
    """

    features: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    intercept: float
    card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dense = np.zeros(1 << BITS)
        dense[self.features] = self.weights
        object.__setattr__(self, "_dense", dense)

    @property
    def dense(self) -> npt.NDArray[np.float64]:
        return self.__dict__["_dense"]  # type: ignore[no-any-return]

    @property
    def version(self) -> str:
        """Twelve hex digits over everything that scores depend on."""
        digest = hashlib.sha256(np.float64(self.intercept).tobytes())
        digest.update(self.features.tobytes())
        digest.update(self.weights.tobytes())
        return digest.hexdigest()[:12]

    def scores(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Nats of each text, clipped to ±CLIP."""
        who, what, value = presence(texts)
        total = np.bincount(who, weights=self.dense[what] * value, minlength=len(texts))
        return np.asarray(np.clip(self.intercept + total, -CLIP, CLIP), dtype=np.float64)

    def strongest_piece(self, text: str) -> str:
        """The stretch of the text (at most 60 characters) that speaks most for an attack: the greatest sum of weights
        over neighbouring bytes (Kadane), on one line of the text."""
        _, what, where = grams([text])
        raw = text.encode("utf-8", "replace")
        worth = np.bincount(where, weights=self.dense[what], minlength=len(raw))
        worth[np.frombuffer(raw, dtype=np.uint8) == 10] = -1e9
        best, start, total, best_range = 0.0, 0, 0.0, (0, 0)
        for i, gain in enumerate(worth.tolist()):
            if total <= 0:
                start, total = i, 0.0
            total += gain
            if total > best and i - start < 60:
                best, best_range = total, (start, i + 3)
        piece = raw[best_range[0] : best_range[1] + 1].decode("utf-8", "replace")
        return piece.split("\n", 1)[0].strip()

    def save(self, folder: Path) -> None:
        """Write model.arrow (features, weights) and card.json."""
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.table({"feature": self.features.astype(np.int32), "weight": self.weights})
        with (
            pa.OSFile(str(folder / "model.arrow"), "wb") as sink,
            pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer,
        ):
            writer.write_table(table)
        head = {"format": FORMAT, "bits": BITS, "intercept": self.intercept, "version": self.version, "card": self.card}
        (folder / "card.json").write_text(json.dumps(head, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises ModelError where it is absent, damaged or of another format."""
        try:
            head = json.loads((folder / "card.json").read_text(encoding="utf-8"))
            with pa.memory_map(str(folder / "model.arrow")) as source:
                table = pa.ipc.open_file(source).read_all()
            model = cls(
                features=table["feature"].to_numpy().astype(np.int64),
                weights=table["weight"].to_numpy().astype(np.float64),
                intercept=float(head["intercept"]),
                card=head["card"],
            )
        except (OSError, ValueError, KeyError, IndexError, pa.ArrowInvalid) as error:
            raise ModelError(
                f"not a classifier: {error}", place=str(folder), remedy="build the models again: make models"
            ) from error
        if head["format"] != FORMAT or head["bits"] != BITS or head["version"] != model.version:
            raise ModelError("damaged, or of another format", place=str(folder), remedy="make models")
        return model


class BehaviourClassifier:
    """The detector `classifier.behaviour`: commands, requests, file touches, connections and names, by their looks."""

    name = "classifier.behaviour"
    memory_type = FoldMemory
    judges_alone = True  # an event's score is the same whatever stands beside it

    def __init__(self, model: LinearModel, minutes: int) -> None:
        self.model, self.minutes = model, minutes
        self._remembered: dict[str, float] = {}  # a memo of a pure function; losing it changes nothing

    @property
    def version(self) -> str:
        return self.model.version

    def detect(self, batch: Batch, memory: Memory) -> tuple[list[Evidence], list[CensusRow], Memory]:
        scores = self.score(batch)
        if scores is None:
            return [], [], memory
        return fold(scores, batch, memory, detector=self.name, version=self.version, minutes=self.minutes)

    def score(self, batch: Batch) -> Scores | None:
        """Nats of every event in reach, on its workload, else its host, else its user; requests on their user too."""
        texts = texts_of(batch)
        if texts is None:
            return None
        shown: list[str] = texts.dictionary.to_pylist()
        nats = np.array(self._scores(shown))
        codes = texts.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        rows, subject, subjects, groups = subjects_of(batch)
        value = codes[rows]
        return Scores(
            rows=rows,
            subject=subject,
            subjects=subjects,
            groups=groups,
            nats=nats[value],
            value=value,
            values=shown,
            known=nats[value] <= 0,
            because=lambda i: self._because(shown[value[i]]),
        )

    def _scores(self, texts: list[str]) -> list[float]:
        fresh = [text for text in texts if text not in self._remembered]
        if fresh:
            if len(self._remembered) + len(fresh) > REMEMBERED:
                self._remembered.clear()
                fresh = texts
            self._remembered.update(zip(fresh, self.model.scores(fresh).tolist(), strict=True))
        return [self._remembered[text] for text in texts]

    def _because(self, text: str) -> str:
        kind = text.split("\n", 1)[0]
        piece = self.model.strongest_piece(text)
        return f"{_NOUNS.get(kind, kind)} reads like known attacks, most of all “{piece}”"


_NOUNS = {
    "exec": "a command",
    "http": "a request",
    "file": "a file access",
    "net": "a connection",
    "dns": "a name asked for",
    "auth": "a login",
}


def subjects_of(batch: Batch) -> tuple[Rows, Rows, list[Subject], list[str]]:
    """Who each event speaks about: (event row, index into subjects) pairs. Workload, else host, else user; a request or
    login with a named user speaks about that user as well."""
    columns = {kind: batch.column(f"subject.{kind}").dictionary_encode() for kind in ocsf.SUBJECT_KINDS}
    named = {kind: column.is_valid().to_numpy(zero_copy_only=False) for kind, column in columns.items()}
    placed = named["workload"] | named["host"]
    chosen = {
        "workload": named["workload"],
        "host": named["host"] & ~named["workload"],
        "user": named["user"] & (~placed | (batch.kind in {"http", "auth"})),
    }
    group_column = batch.column("subject.group")
    rows: list[Rows] = []
    codes: list[Rows] = []
    subjects: list[Subject] = []
    groups: list[str] = []
    for kind, members in chosen.items():
        where = np.flatnonzero(members).astype(np.int64)
        if not len(where):
            continue
        code = columns[kind].indices.take(pa.array(where)).to_numpy(zero_copy_only=False).astype(np.int64)
        distinct, first, back = np.unique(code, return_index=True, return_inverse=True)
        rows.append(where)
        codes.append(back + len(subjects))
        subjects += [Subject(kind, columns[kind].dictionary[name].as_py()) for name in distinct.tolist()]
        groups += [group_column[row].as_py() or "" for row in where[first].tolist()]
    if not rows:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, [], []
    return np.concatenate(rows), np.concatenate(codes), subjects, groups
