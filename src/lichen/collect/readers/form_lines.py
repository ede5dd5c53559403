"""Lines of a form (forms/) by a mapping: each record's document, then as of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lichen.collect.mapping import SensorMapping
from lichen.collect.readers import Fault, Lines, Reading
from lichen.collect.readers.forms.form import Form
from lichen.collect.readers.json_lines import JsonLinesReader, Parsed
from lichen.collect.readers.making import Context


class FormReader(JsonLinesReader):
    """Records of one form and one sensor."""

    def __init__(self, context: Context, mapping: SensorMapping, form: type[Form]) -> None:
        super().__init__(context, mapping)
        self._form = form(context.modified, context.zone)

    def state(self) -> dict[str, Any]:
        return self._form.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._form.restore(state)

    def _parsed(self, lines: Lines, last: bool, reading: Reading) -> Iterator[Parsed]:
        for begin, end in self._grouped(lines, last, reading):
            text = "\n".join(lines.text[begin:end])
            try:
                document = self._form.document(text)
            except ValueError as error:
                reading.faults += [Fault(row, str(error), self._form.remedy) for row in range(begin, end)]
                continue
            if document is not None:
                yield Parsed(begin, text, self._mapping.named(document))

    def _grouped(self, lines: Lines, last: bool, reading: Reading) -> Iterator[tuple[int, int]]:
        """The rows of each record; of a last one that may grow, they are held."""
        begin = 0
        for row in range(1, len(lines) + 1):
            whole = lines.text[begin:row]
            if row < len(lines) and self._form.several_lines and self._form.continues(whole, lines.text[row]):
                continue
            if row == len(lines) and self._form.may_grow(whole):
                reading.held = list(range(begin, row))
                if not last:
                    return
            yield begin, row
            begin = row
