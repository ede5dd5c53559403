"""Build the models that ship from the lab's recordings: `python -m lichen.run.build` (needs the extra `train`)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lichen import assemble, catalogue
from lichen.config import Settings
from lichen.run import fit
from lichen.run.public_sets import request_examples
from lichen.run.recorded import MINUTES, open_session

ARMS = ("all", "rules", "generative", "discriminative")


def say(words: str) -> None:
    """Progress, on stderr."""
    print(words, file=sys.stderr, flush=True)


def build(out: Path, public_data: Path | None = None) -> fit.Judges:
    """Fit everything on benign-fit, benign-calibrate and learn, with the rules that ship, and write it to `out`.

    `public_data`: the folder of the public sets that the classifier learns from beside the lab; None: the lab alone.
    """
    lab = catalogue.lab()
    fit_on, calibrate_on, attacked = (open_session(lab / n) for n in ("benign-fit", "benign-calibrate", "learn"))
    rules = assemble.rules_of(Settings(window_minutes=MINUTES))
    public = [] if public_data is None else request_examples(public_data)
    learned = fit.learn_all(fit_on, attacked, public)
    judges, _ = fit.fit_judges(learned, calibrate_on, attacked, rules, say, ARMS)
    fit.save(judges, out)
    return judges


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--out", type=Path, default=catalogue.content("models"))
    asked.add_argument("--public-data", type=Path, help="the folder that holds 03_httpparams.tar.xz and 03_crs.tar.xz")
    given = asked.parse_args()
    build(given.out, given.public_data)
