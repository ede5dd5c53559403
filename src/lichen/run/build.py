"""Build the models that ship from the lab's recordings: `python -m lichen.run.build` (needs the extra `train`)."""

from __future__ import annotations

import sys
from pathlib import Path

from lichen import assemble, catalogue
from lichen.config import Settings
from lichen.detect.classifiers.text import mask, request_text
from lichen.run import fit
from lichen.run.recorded import MINUTES, open_session

ARMS = ("all", "rules", "generative", "discriminative")


def say(words: str) -> None:
    """Progress, on stderr."""
    print(words, file=sys.stderr, flush=True)


def public_examples(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Parameter values of a public set as the request texts that the classifier reads: (text, norm or kind)."""
    import polars as pl

    texts = mask(pl.Series([request_text("GET", "/", f"q={value}") for value, _ in pairs], dtype=pl.String)).to_list()
    return [(text, kind) for text, (_, kind) in zip(texts, pairs, strict=True)]


def build(out: Path) -> fit.Judges:
    """Fit everything on benign-fit, benign-calibrate and learn, with the rules that ship, and write it to `out`."""
    lab = catalogue.lab()
    fit_on, calibrate_on, attacked = (open_session(lab / n) for n in ("benign-fit", "benign-calibrate", "learn"))
    rules = assemble.rules_of(Settings(window_minutes=MINUTES))
    learned = fit.learn_all(fit_on, attacked)
    judges, _ = fit.fit_judges(learned, calibrate_on, attacked, rules, say, ARMS)
    fit.save(judges, out)
    return judges


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else catalogue.content("rules").parent / "models")
