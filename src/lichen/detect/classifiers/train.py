"""Training the linear model: labelled texts in, frozen weights out (needs the extra `train`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lichen.core.batch import Batch
from lichen.core.errors import ModelError
from lichen.detect.classifiers.linear import LinearModel
from lichen.detect.classifiers.ngrams import BITS, presence
from lichen.detect.classifiers.text import texts_of

STRENGTH = 10.0  # C of the logistic regression, chosen on `learn` cross-fitted by kind
FLOOR = 1e-4  # weights below it are dropped: they weigh nothing and fill the file
PUBLIC_SHARE = 0.3  # what public sets weigh together, on each side, beside the lab's own (docs/classifiers.md)


@dataclass(slots=True)
class Examples:
    """Texts with their total weight on each side; attacks apart by kind, so that a kind can be left out.

    A text counts once a step however often it was repeated, and every step weighs the same: 100 requests of one scan
    are one example of a scan.
    """

    benign: dict[str, float] = field(default_factory=dict)
    attack: dict[str, dict[str, float]] = field(default_factory=dict)
    public_benign: set[str] = field(default_factory=set)
    public_attack: dict[str, set[str]] = field(default_factory=dict)

    def add_benign(self, batch: Batch) -> None:
        """Every event of the batch; the square root of how often a text came, so that pollers do not drown the rest."""
        for text in _texts(batch, range(len(batch))):
            self.benign[text] = self.benign.get(text, 0.0) + 1.0

    def add_attack(self, batch: Batch, steps: Mapping[int, str], kind_of: Mapping[str, str]) -> None:
        """The labelled events: event row -> step, and step -> kind."""
        rows = sorted(steps)
        for row, text in zip(rows, _texts(batch, rows), strict=False):
            kind = self.attack.setdefault(kind_of[steps[row]], {})
            kind[text] = kind.get(text, 0.0) + 1.0

    def add_public(self, text: str, kind: str | None) -> None:
        """A distinct text of a public set: of a kind of attack, or ordinary (None)."""
        (self.public_benign if kind is None else self.public_attack.setdefault(kind, set())).add(text)

    def without(self, kind: str, alike: Collection[str] = ()) -> Examples:
        """The same examples but for one kind of attack, and the public kinds that are like it."""
        attack = {name: texts for name, texts in self.attack.items() if name != kind}
        public = {name: texts for name, texts in self.public_attack.items() if name not in alike}
        return Examples(self.benign, attack, self.public_benign, public)


def _texts(batch: Batch, rows: Iterable[int]) -> list[str]:
    texts = texts_of(batch)
    if texts is None:
        return []
    shown = texts.dictionary.to_pylist()
    codes = texts.indices.to_pylist()
    return [shown[codes[row]] for row in rows]


def fit(examples: Examples, card: Mapping[str, Any] | None = None) -> LinearModel:
    """L2-regularised logistic regression on both sides at equal total weight, so that its log-odds are a log ratio.

    Texts that stand on both sides are benign with the share of benign weight. Raises ModelError without either side.
    """
    try:
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ModelError(
            "training needs scikit-learn", place="lichen[train]", remedy="pip install 'lichen[train]'"
        ) from error
    texts, labels, weights = weighed(examples)
    if not {0, 1} <= set(labels.tolist()):
        raise ModelError(
            "examples of one side only", place="classifier.behaviour", remedy="give attacks and benign events"
        )
    who, what, value = presence(texts)
    matrix = csr_matrix((value, (who, what)), shape=(len(texts), 1 << BITS))
    used = np.flatnonzero(np.asarray((matrix != 0).sum(axis=0)).ravel())
    model = LogisticRegression(C=STRENGTH, solver="liblinear", max_iter=500, random_state=0)
    model.fit(matrix[:, used], labels, sample_weight=weights)
    weight = model.coef_.ravel()
    kept = np.flatnonzero(np.abs(weight) > FLOOR)
    about = {
        "benign_texts": int((labels == 0).sum()),
        "attack_texts": int((labels == 1).sum()),
        "kinds": sorted(examples.attack),
        "public_kinds": sorted(examples.public_attack),
        **(card or {}),
    }
    return LinearModel(used[kept].astype(np.int64), weight[kept], float(model.intercept_[0]), about)


def weighed(examples: Examples) -> tuple[list[str], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Texts, labels and weights: the attack side weighs every kind alike, benign the square root of its count; public
    sets weigh PUBLIC_SHARE of that together; and the two sides weigh the same in all."""
    benign = {text: count**0.5 for text, count in examples.benign.items()}
    attack: dict[str, float] = {}
    for kind_texts in examples.attack.values():
        total = sum(count**0.5 for count in kind_texts.values())
        for text, count in kind_texts.items():
            attack[text] = attack.get(text, 0.0) + count**0.5 / total
    shared = benign.keys() & attack.keys()
    scale = sum(benign.values()) / max(sum(attack.values()), 1e-9)
    attack = {text: weight * scale for text, weight in attack.items()}
    public = {text: 1 / len(texts) for texts in examples.public_attack.values() for text in texts}
    _join_public(attack, public)
    _join_public(benign, dict.fromkeys(examples.public_benign, 1.0))
    texts = [*benign, *attack]
    labels = np.array([0] * len(benign) + [1] * len(attack))
    weights = np.array([*benign.values(), *attack.values()])
    quiet = np.array([text in shared for text in texts]) & (labels == 1)
    weights[quiet] *= 0.05  # what benign machines also do says little about an attack, even inside one
    return texts, labels, weights / weights.mean()


def _join_public(own: dict[str, float], public: Mapping[str, float]) -> None:
    """Adds public texts to our own, at PUBLIC_SHARE of their weight in all."""
    share = PUBLIC_SHARE * sum(own.values()) / max(sum(public.values()), 1e-9)
    for text in sorted(public):
        own[text] = own.get(text, 0.0) + public[text] * share


def cross_fit(examples: Examples, kinds: Sequence[str]) -> dict[str, LinearModel]:
    """A model per kind that has never seen that kind: its scores on it are what the fusion head learns from."""
    return {kind: fit(examples.without(kind), {"left_out": kind}) for kind in kinds}
