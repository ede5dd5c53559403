"""dnsmasq's query log: a query with the answers that follow it is one event.

Lines without `log-queries=extra` carry no number, so that answers are joined by name: dnsmasq(8), log-queries. A
query's event begins with its own line; answers that come when nobody asked are events of their own (activity 2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lichen.collect.columns import Coded
from lichen.collect.identity import Facts
from lichen.collect.readers import Lines
from lichen.collect.readers.making import Column, Context, batch_of, fields_shape
from lichen.collect.readers.message import Message
from lichen.core import ocsf
from lichen.core.batch import Batch, LogSource
from lichen.core.time import MICROSECONDS

DNS = LogSource(None, "dns", None)
RESPONSE = 2
ANSWERED_WITHIN = 2 * MICROSECONDS  # in a log of whole seconds
HELD_AT_MOST = 512
LONGEST_ANSWER = 4096
_QUERY = re.compile(r"(?:(\d+) (\S+)/(\d+) )?query\[([A-Za-z0-9=]{1,24})\] (\S*) from (\S+)")
_ANSWER = re.compile(
    r"(?:\d+ \S+/\d+ )?(reply|cached|config|DHCP|/\S+|forwarded|dnssec-\S+|validation|special) (\S+) (is|to) (.*)"
)
_CODES = {
    "NXDOMAIN": "NXDOMAIN",
    "REFUSED": "REFUSED",
    "SERVFAIL": "SERVFAIL",
    "NOTIMP": "NOTIMP",
    "FORMERR": "FORMERR",
}


@dataclass(slots=True)
class Query:
    """A query, or an answer without one, with the rows of its lines."""

    message: Message
    place: int  # among the messages given
    name: str
    kind: str | None
    client: str | None
    port: str | None
    rows: list[int]
    answers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Asked:
    """Batches of kind "dns", the rows of lines whose answers may still come, and the places of messages that are
    neither query nor answer."""

    batches: list[Batch] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    others: list[int] = field(default_factory=list)


class Queries:
    """Messages of dnsmasq to queries with their answers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def read(self, lines: Lines, messages: Sequence[Message], backwards: Any, last: bool) -> Asked:
        """The queries among these messages; with `last` even those that may still be answered."""
        asked = Asked()
        queries = self._joined(messages, asked)
        if queries:
            now, far = messages[-1].time, len(lines) - HELD_AT_MOST
            held = [q for q in queries if abs(now - q.message.time) <= ANSWERED_WITHIN and q.rows[-1] >= far]
            asked.held = sorted(row for query in held for row in query.rows)
            if not last:
                kept = set(asked.held)
                queries = [query for query in queries if query.rows[0] not in kept]
        if queries:
            asked.batches = [self._batch(lines, queries, backwards)]
        return asked

    def _joined(self, messages: Sequence[Message], asked: Asked) -> list[Query]:
        queries: list[Query] = []
        waiting: dict[str, Query] = {}
        alias: Query | None = None  # whose last answer was a CNAME: the next answer is for the other name
        for place, message in enumerate(messages):
            if match := _QUERY.fullmatch(message.text):
                _, _, port, kind, name, client = match.groups()
                query = Query(message, place, name, kind, client, port, [message.row])
                queries.append(query)
                waiting[name] = query
                alias = None
            elif match := _ANSWER.fullmatch(message.text):
                how, name, _, answer = match.groups()
                owner = alias or waiting.get(name)
                if owner is None or message.time - owner.message.time > ANSWERED_WITHIN:
                    owner = Query(message, place, name, None, None, None, [message.row])
                    queries.append(owner)
                else:
                    owner.rows.append(message.row)
                if how != "forwarded":
                    owner.answers.append(answer)
                    alias = owner if answer == "<CNAME>" else None
            else:
                asked.others.append(place)
        return queries

    def _batch(self, lines: Lines, queries: Sequence[Query], backwards: Any) -> Batch:
        client = Coded.of([query.client for query in queries])
        name = Coded.of([query.name for query in queries])
        kind = Coded.of([query.kind for query in queries])
        host = Coded.of([query.message.host for query in queries])
        answers = Coded.of([",".join(query.answers)[:LONGEST_ANSWER] or None for query in queries])
        columns: dict[str, Column] = {
            "metadata.product.name": Coded.constant("dns", len(queries)),
            "metadata.event_code": Coded.of(["query" if query.client else "answer" for query in queries]),
            "activity_id": [ocsf.QUERY if query.client else RESPONSE for query in queries],
            "device.hostname": host,
            "src_endpoint.ip": client,
            "src_endpoint.port": Coded.of([query.port for query in queries]),
            "query.hostname": name,
            "query.type": kind,
            "rcode": Coded.of([_rcode(query.answers) for query in queries]),
        }
        fields: dict[str, Column] = {"query": name, "record_type": kind, "answer": answers, "c-ip": client}
        known_as = {"ip": client}
        if not client.present.all():
            known_as["hostname"] = host
        return batch_of(
            self._context,
            "dns",
            ["\n".join([lines.text[row] for row in query.rows]) for query in queries],
            lines.offset[[query.rows[0] for query in queries]],
            np.array([query.message.time for query in queries], dtype=np.int64),
            backwards[[query.place for query in queries]],
            columns,
            Facts(known_as, client=client),
            [fields_shape(DNS, fields, len(queries))],
        )


def _rcode(answers: Sequence[str]) -> str | None:
    """The response code that dnsmasq's answers stand for; None while there is none."""
    if not answers:
        return None
    for answer in answers:
        if (word := answer.split(" ", 1)[0]) in _CODES:
            return word
    return "NOERROR"
