"""YARA rules by yara-x: compiled once, a file that is wrong refused with its place and the rest kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lichen.core.errors import RuleError

SUFFIXES = (".yar", ".yara")
FILE_LIMIT_BYTES = 16 << 20
MATCHES_LIMIT = 100  # of one pattern in one file


@dataclass(frozen=True, slots=True)
class YaraHit:
    """A rule that a file satisfies."""

    rule: str
    file: str  # the rule's file, without suffix
    tags: tuple[str, ...]
    description: str


class TooSlow(Exception):
    """A scan that did not end in its time."""


class YaraRules:
    """Compiled rules. Not to be shared between threads."""

    def __init__(self, compiled: Any, seconds: int) -> None:
        import yara_x

        self._slow = yara_x.TimeoutError
        self._scanner = yara_x.Scanner(compiled)
        self._scanner.set_timeout(seconds)
        self._scanner.max_matches_per_pattern(MATCHES_LIMIT)

    def hits(self, data: bytes) -> list[YaraHit]:
        """The rules that a file's content satisfies. Raises TooSlow."""
        try:
            found = self._scanner.scan(data)
        except self._slow as error:
            raise TooSlow from error
        return [_hit(rule) for rule in found.matching_rules]


def _hit(rule: Any) -> YaraHit:
    said = {str(key): value for key, value in rule.metadata}
    description = said.get("description", "")
    return YaraHit(rule.identifier, rule.namespace, tuple(rule.tags), str(description)[:500])


def load_yara(places: Iterable[Path], seconds: int = 10) -> tuple[YaraRules | None, tuple[RuleError, ...]]:
    """The rules in files and folders (`*.yar`, `*.yara`), each file a namespace; None where none compiles. A rule may
    not include other files."""
    import yara_x

    compiler = yara_x.Compiler(includes_enabled=False)
    refused: list[RuleError] = []
    compiled = 0
    for path in _files(places):
        try:
            if path.stat().st_size > FILE_LIMIT_BYTES:
                raise ValueError(f"larger than {FILE_LIMIT_BYTES} bytes")
            source = path.read_text(encoding="utf-8")
            yara_x.Compiler(includes_enabled=False).add_source(source, origin=str(path))  # a wrong file gives no rule
            compiler.new_namespace(path.stem)
            compiler.add_source(source, origin=str(path))
            compiled += 1
        except (OSError, ValueError, yara_x.CompileError) as error:
            refused.append(RuleError(str(error)[:2000], place=str(path), remedy="mend the rules"))
    return (YaraRules(compiler.build(), seconds) if compiled else None), tuple(refused)


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from sorted(path for path in place.rglob("*") if path.suffix in SUFFIXES and path.is_file())
        else:
            yield place
