"""What machines write: positions, memories, evidence, census, beliefs, alerts; one transaction a delivery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from lichen.core.alert import Alert
from lichen.core.batch import DeadLetter, Position
from lichen.core.belief import Belief
from lichen.core.census import CensusRow
from lichen.core.doors import Memory
from lichen.core.entity import Subject
from lichen.core.errors import ConfigError
from lichen.core.evidence import Evidence
from lichen.store import checkpoint, rows, schema
from lichen.store.parts import Part
from lichen.store.rows import json, put_all, struct

Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the detectors made of one delivery: cumulative evidence, census rows, each detector's memory afterwards
    (by its name), and the beliefs and alerts that follow, if they were computed in the same go."""

    evidence: Sequence[Evidence] = ()
    census: Sequence[CensusRow] = ()
    memory: Mapping[str, Memory] = field(default_factory=dict)
    beliefs: Sequence[Belief] = ()
    alerts: Sequence[Alert] = ()


class Records:
    """The records of one store. Reading never blocks writing; every method is one transaction.

    `url` is `sqlite:///PATH` or `postgresql://…`. Raises ConfigError and LichenError as `schema.open_database`.
    """

    def __init__(self, url: str) -> None:
        self.reading, self.writing = schema.open_database(url)
        self._kept = checkpoint.Kept()
        with self.reading.begin() as connection:
            self.id: str = connection.scalar(sa.select(schema.schema_version.c.store)) or ""

    @classmethod
    def at(cls, folder: Path) -> Records:
        """The SQLite records in a store's folder."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            fault = f"no folder for a store: {error.strerror}"
            raise ConfigError(fault, place=str(folder), remedy="name another folder") from error
        return cls(f"sqlite:///{folder / 'records.sqlite'}")

    def close(self) -> None:
        self.reading.dispose()

    def commit(
        self,
        position: Position | None,
        parts: Sequence[Part],
        judged: Judged,
        dead_letters: Sequence[DeadLetter] = (),
    ) -> int:
        """Everything that one delivery became, or nothing of it. `parts` must stand in the lake already. Gives the
        delivery's number. Committing the same again changes nothing but the number of the next."""
        with self.writing.begin() as connection:
            number = 1 + (connection.scalar(sa.select(sa.func.max(schema.part.c.delivery))) or 0)
            _put_parts(connection, parts, number)
            if position is not None:
                row = (position.stream, position.offset, json(position))
                put_all(connection, schema.position, ("stream", "offset", "body"), [row])
            pending = self._kept.put(connection, judged.memory)
            put_all(connection, schema.evidence, rows.EVIDENCE, [rows.evidence_row(row) for row in judged.evidence])
            put_all(connection, schema.census, rows.CENSUS, rows.census_rows(judged.census))
            put_all(connection, schema.belief, rows.BELIEF, [rows.belief_row(row) for row in judged.beliefs])
            put_all(
                connection, schema.dead_letter, rows.DEAD_LETTER, [rows.dead_letter_row(row) for row in dead_letters]
            )
            _put_alerts(connection, judged.alerts)
        self._kept.committed(pending)
        return number

    def judge_again(self, beliefs: Sequence[Belief] = (), alerts: Sequence[Alert] = ()) -> None:
        """Beliefs and alerts computed anew (after a verdict, an undo or a calibration), in one transaction."""
        with self.writing.begin() as connection:
            put_all(connection, schema.belief, rows.BELIEF, [rows.belief_row(row) for row in beliefs])
            _put_alerts(connection, alerts)

    def positions(self) -> dict[str, Position]:
        """Where every stream was read to: what `Source.read(since)` asks for."""
        with self.reading.begin() as connection:
            bodies = connection.scalars(sa.select(schema.position.c.body)).all()
        found = (struct(body, Position) for body in bodies)
        return {position.stream: position for position in found}

    def memory(self, detector: str, memory_type: Any) -> Memory:
        """A detector's memory as last committed, decoded as its `memory_type`; empty if there is none."""
        with self.reading.begin() as connection:
            return self._kept.get(connection, detector, memory_type)

    def evidence(
        self,
        since: int | None = None,
        until: int | None = None,
        subject: Subject | None = None,
        detector: str | None = None,
    ) -> list[Evidence]:
        """Evidence of the windows that start in [since, until), by window, subject and detector."""
        table = schema.evidence
        query = sa.select(table.c.body).where(*_within(table, since, until, subject))
        if detector is not None:
            query = query.where(table.c.detector == detector)
        query = query.order_by(table.c.window, table.c.subject_kind, table.c.subject, table.c.detector)
        with self.reading.begin() as connection:
            return [struct(body, Evidence) for body in connection.scalars(query)]

    def census(
        self,
        since: int | None = None,
        until: int | None = None,
        subject: Subject | None = None,
        detector: str | None = None,
    ) -> list[CensusRow]:
        """Census rows of the windows that start in [since, until), in order of key."""
        table = schema.census
        query = sa.select(table.c.detector, table.c.stream, table.c.start, table.c.body)
        query = query.where(*([table.c.last_window >= since] if since is not None else []))
        query = query.where(*([table.c.first_window < until] if until is not None else []))
        if detector is not None:
            query = query.where(table.c.detector == detector)
        with self.reading.begin() as connection:
            found = [row for batch in connection.execute(query) for row in rows.census_of(*batch)]
        wanted = [
            row
            for row in found
            if (since is None or row.window >= since)
            and (until is None or row.window < until)
            and (subject is None or row.subject == subject)
        ]
        return sorted(wanted, key=lambda row: (row.window, row.detector, row.subject, row.stream, row.start))

    def beliefs(
        self,
        since: int | None = None,
        until: int | None = None,
        subject: Subject | None = None,
        over: float | None = None,
    ) -> list[Belief]:
        """Beliefs of the windows that start in [since, until), by window and subject; those of log-odds `over`."""
        table = schema.belief
        query = sa.select(table.c.body).where(*_within(table, since, until, subject))
        if over is not None:
            query = query.where(table.c.log_odds > over)
        query = query.order_by(table.c.window, table.c.subject_kind, table.c.subject)
        with self.reading.begin() as connection:
            return [struct(body, Belief) for body in connection.scalars(query)]

    def alerts(self, lane: str | None = None, status: str | None = None, since: int | None = None) -> list[Alert]:
        """Alerts of a lane, status and with a last event at or after `since`; strongest first, newest first among
        equals. `status` "answered" is any but open."""
        table = schema.alert
        query = sa.select(table.c.body, table.c.status).order_by(table.c.log_odds.desc(), table.c.last_time.desc())
        if lane is not None:
            query = query.where(table.c.lane == lane)
        if status is not None:
            query = query.where(table.c.status != "open" if status == "answered" else table.c.status == status)
        if since is not None:
            query = query.where(table.c.last_time >= since)
        with self.reading.begin() as connection:
            return [_alert_of(row.body, row.status) for row in connection.execute(query)]

    def alert(self, uid: str) -> Alert:
        """One alert. Raises KeyError."""
        query = sa.select(schema.alert.c.body, schema.alert.c.status).where(schema.alert.c.uid == uid)
        with self.reading.begin() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise KeyError(uid)
        return _alert_of(row.body, row.status)

    def dead_letters(self, last: int | None = None) -> list[DeadLetter]:
        """Input that could not become events, in order of stream and offset; at most `last` of them."""
        table = schema.dead_letter
        query = sa.select(table.c.body).order_by(table.c.stream, table.c.offset, table.c.reason).limit(last)
        with self.reading.begin() as connection:
            return [struct(body, DeadLetter) for body in connection.scalars(query)]

    def dead_letters_by_reason(self, most: int = 20) -> list[tuple[str, int]]:
        """(reason, dead letters), the most frequent first."""
        table = schema.dead_letter
        number = sa.func.count()
        query = sa.select(table.c.reason, number).group_by(table.c.reason).order_by(number.desc(), table.c.reason)
        with self.reading.begin() as connection:
            return [(reason, count) for reason, count in connection.execute(query.limit(most))]

    def counts(self) -> dict[str, int]:
        """How many events, dead letters, evidence rows, alerts and deliveries there are."""
        tables = (schema.dead_letter, schema.evidence, schema.alert)
        with self.reading.begin() as connection:
            found = {t.name: connection.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in tables}
            found["events"] = int(connection.scalar(sa.select(sa.func.sum(schema.part.c.rows))) or 0)
            found["deliveries"] = connection.scalar(sa.select(sa.func.max(schema.part.c.delivery))) or 0
        return found

    def pinned_versions(self) -> dict[str, set[str]]:
        """Detector -> the versions that alerts refer to: those must stay, so that an alert can be judged again."""
        pinned: dict[str, set[str]] = {}
        for alert in self.alerts():
            for detector, version in alert.versions.items():
                pinned.setdefault(detector, set()).add(version)
        return pinned

    def parts(
        self,
        *,
        kinds: Iterable[str] | None = None,
        since: int | None = None,
        until: int | None = None,
        after_delivery: int = 0,
        stream: str | None = None,
        offsets: tuple[int, int] | None = None,
    ) -> list[Part]:
        """The lake's committed parts in the order in which they were judged: those that hold times in [since, until),
        came after a delivery, or touch a range of one stream's offsets (both ends included)."""
        table = schema.part
        wanted: list[Condition] = []
        if kinds is not None:
            wanted.append(table.c.kind.in_(list(kinds)))
        if since is not None:
            wanted.append(table.c.last_time >= since)
        if until is not None:
            wanted.append(table.c.first_time < until)
        if stream is not None:
            wanted.append(table.c.stream == stream)
        if offsets is not None:
            wanted += [table.c.last_offset >= offsets[0], table.c.first_offset <= offsets[1]]
        query = sa.select(table).where(table.c.delivery > after_delivery, *wanted)
        query = query.order_by(table.c.delivery, table.c.place, table.c.path)
        query = query.with_only_columns(*(table.c[name] for name in Part.__struct_fields__))
        with self.reading.begin() as connection:
            return [Part(*row) for row in connection.execute(query)]


def _within(
    table: sa.Table, since: int | None, until: int | None, subject: Subject | None
) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if since is not None:
        wanted.append(table.c.window >= since)
    if until is not None:
        wanted.append(table.c.window < until)
    if subject is not None:
        wanted += [table.c.subject_kind == subject.kind, table.c.subject == subject.name]
    return wanted


def _put_parts(connection: sa.Connection, parts: Sequence[Part], number: int) -> None:
    """New parts get this delivery's number; a part that replaces an equal one keeps the number it was judged under."""
    columns = tuple(column.name for column in schema.part.columns)
    put = []
    for place, part in enumerate(parts):
        told = msgspec.structs.asdict(part) | {"delivery": number, "place": place}
        put.append(tuple(told[name] for name in columns))
    put_all(connection, schema.part, columns, put, keep=("delivery", "place"))


def causes_of(alert: Alert) -> list[str]:
    """The causes that speak for the alert, sorted."""
    return sorted({line.cause for belief in alert.beliefs for line in belief.ledger if line.nats > 0 and line.cause})


def _put_alerts(connection: sa.Connection, alerts: Sequence[Alert]) -> None:
    """Alerts as re-emitted. An answer stands while the causes are those it was about; a new cause opens it again."""
    if not alerts:
        return
    table = schema.alert
    query = sa.select(table.c.uid, table.c.status, table.c.causes).where(table.c.uid.in_([a.uid for a in alerts]))
    standing = {row.uid: (row.status, row.causes) for row in connection.execute(query)}
    put = []
    for alert in alerts:
        status, causes = standing.get(alert.uid, (alert.status, "[]"))
        if status != "open" and not set(causes_of(alert)) <= set(msgspec.json.decode(causes)):
            status, causes = "open", "[]"
        strength = max((belief.log_odds for belief in alert.beliefs), default=0.0)
        who = (alert.subject.kind, alert.subject.name, alert.day)
        put.append((alert.uid, alert.lane, status, *who, strength, alert.last_time, causes, json(alert)))
    put_all(connection, table, tuple(column.name for column in table.columns), put)


def _alert_of(body: str, status: str) -> Alert:
    return msgspec.structs.replace(struct(body, Alert), status=status)
