"""The uses that ship: each a small file naming what it reads, whom it is about and its words."""

from __future__ import annotations

from lichen.detect.profiles.use import Use
from lichen.detect.profiles.uses import destination, pair, path, process, route, sequence

USES: dict[str, Use] = {module.USE.name: module.USE for module in (process, pair, path, destination, route, sequence)}
