"""Rule files: YAML read with the line of everything, so that a fault can be shown where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lichen.core.errors import RuleError

FILE_LIMIT_BYTES = 1 << 20
NODES_LIMIT = 100_000  # of one document
UNFOLDED_LIMIT = 10_000  # of a file shorter than that: what aliases and `action: repeat` can blow up without end


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its data and, beside it, the node tree that knows the lines. `ordinal` counts from 1 within
    the file."""

    path: Path
    data: dict[str, Any]
    node: yaml.MappingNode
    ordinal: int = 1

    @property
    def name(self) -> str:
        """What a rule without an id is called: its file, with a number from the second of a file on."""
        return self.path.stem if self.ordinal == 1 else f"{self.path.stem}-{self.ordinal}"

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def child(self, *names: str) -> yaml.Node:
        """The node of a nested key; the deepest one that exists on the way there."""
        node: yaml.Node = self.node
        for name in names:
            found = [value for key, value in node.value if key.value == name] if _is_mapping(node) else []
            if not found:
                break
            node = found[0]
        return node

    def line_at(self, *names: str) -> int:
        """The line of a nested key; of the deepest one that exists on the way there."""
        line, node = self.line, self.node
        for name in names:
            found = [(key, value) for key, value in node.value if key.value == name] if _is_mapping(node) else []
            if not found:
                break
            line, node = line_of(found[0][0]), found[0][1]
        return line

    def place(self, line: int | None = None) -> str:
        """Where it stands, as file:line."""
        return f"{self.path}:{self.line if line is None else line}"


def line_of(node: yaml.Node) -> int:
    """The line that a node starts on, counted from 1."""
    return int(node.start_mark.line) + 1


def read_documents(path: Path, text: str | bytes | None = None) -> Iterator[Document | RuleError]:
    """The documents of a rule file, or of `text` as if it stood there; a fault ends the file with a RuleError."""
    try:
        source = path.read_bytes() if text is None else text
        source = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    except OSError as error:
        yield RuleError(f"cannot be read: {error.strerror}", place=str(path), remedy="check path and permissions")
        return
    if len(source) > FILE_LIMIT_BYTES:
        yield RuleError("the file is too large", place=str(path), limit=f"{FILE_LIMIT_BYTES} bytes", remedy="split it")
        return
    loader = yaml.CSafeLoader(source)
    ordinal, left = 0, max(UNFOLDED_LIMIT, len(source))  # a file without aliases has fewer values than bytes
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                continue
            fault = _fault_of(path, node, min(left, NODES_LIMIT))
            if fault is not None:
                yield fault
                return
            left -= values_in(node)
            data = loader.construct_document(node)
            if data is None:  # an empty document, as a last `---` makes it
                continue
            if not isinstance(node, yaml.MappingNode):
                yield RuleError("a rule is a mapping", place=f"{path}:{line_of(node)}", remedy="see docs/sigma.md")
                return
            ordinal += 1
            yield Document(path, data, node, ordinal)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        yield RuleError(f"not YAML: {error.problem or error.context}", place=place, remedy="mend the file")
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        yield RuleError(f"not YAML: {error}", place=str(path), remedy="mend the file")
    finally:
        loader.dispose()


def values_in(node: yaml.Node) -> int:
    """How many values a node holds, itself and those that aliases stand for included."""
    waiting, seen = [node], 0
    while waiting:
        current = waiting.pop()
        seen += 1
        if isinstance(current, yaml.SequenceNode):
            waiting.extend(current.value)
        elif _is_mapping(current):
            waiting.extend(value for _, value in current.value)
    return seen


def _fault_of(path: Path, node: yaml.Node, limit: int) -> RuleError | None:
    """What no rule may have: a key twice in a mapping, more nodes than a person writes."""
    waiting, seen = [node], 0
    while waiting:
        current = waiting.pop()
        seen += 1
        if seen > limit:
            return RuleError("too many values", place=str(path), limit=f"{limit}", remedy="split the rule")
        if isinstance(current, yaml.SequenceNode):
            waiting.extend(current.value)
        elif _is_mapping(current):
            names = set()
            for key, value in current.value:
                place = f"{path}:{line_of(key)}"
                if not isinstance(key, yaml.ScalarNode):
                    return RuleError("a key that is no plain text", place=place, remedy="name the key in plain text")
                if key.value in names:
                    return RuleError(f"the key {key.value!r} twice", place=place, remedy="join the two, or use |all")
                names.add(key.value)
                waiting.append(value)
    return None


def _is_mapping(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode)
