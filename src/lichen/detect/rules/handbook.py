"""The handbook of rules: docs/rules.md, written from the rules themselves (`lichen rule handbook`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lichen.detect.rules.companions import Case, cases_of
from lichen.detect.rules.sigma_compile import Rule

HEAD = """# The rules that ship

Written by `lichen rule handbook` from the rules themselves; a test holds the two together. What Sigma means here, and
how to write a rule, stands in [sigma.md](sigma.md).

Each rule has a hit, a miss and a near-miss beside it (`NAME.test.yaml`), and says what could fire it wrongly. What a
hit is worth is not the rule's to say: it depends on how often rules that rare fire on a quiet day here
([belief.md](belief.md)).
"""
TITLES = {"cloudtrail": "AWS CloudTrail", "container": "Containers", "dns": "DNS", "kubernetes": "Kubernetes audit"}


def handbook(rules: Iterable[Rule], folder: Path) -> str:
    """Every rule of a folder, by the folders in it, as Markdown."""
    by_part: dict[str, list[Rule]] = {}
    for rule in sorted(rules, key=lambda rule: (rule.path.parent, rule.title.lower())):
        by_part.setdefault(rule.path.relative_to(folder).parts[0], []).append(rule)
    total = sum(map(len, by_part.values()))
    parts = ", ".join(f"{_title(part)} {len(members)}" for part, members in by_part.items())
    pages = [HEAD, f"{total} rules: {parts}.\n"]
    for part, members in by_part.items():
        pages.append(f"## {_title(part)}\n")
        pages.extend(map(_entry, members))
    return "\n".join(pages)


def _title(part: str) -> str:
    return TITLES.get(part, part.capitalize())


def _entry(rule: Rule) -> str:
    cases = sum(isinstance(case, Case) for case in cases_of(rule))
    reads = " ".join(filter(None, (rule.source.product, rule.source.category, rule.source.service)))
    techniques = ", ".join(rule.techniques) or "no technique"
    lines = [
        f"### {rule.title}",
        "",
        f"{rule.description}",
        "",
        f"`{rule.path.stem}` · {rule.level} · reads {reads} · {techniques} · {cases} cases",
        "",
        f"*Fires wrongly on:* {' '.join(rule.falsepositives)}",
        "",
    ]
    return "\n".join(lines)
