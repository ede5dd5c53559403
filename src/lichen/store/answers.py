"""What people do: verdicts, changes and their undoing, signatures, and the trail that remembers who did it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from lichen.core.alert import Alert
from lichen.core.change import Change, Overlay
from lichen.core.signature import Signature
from lichen.core.verdict import Verdict
from lichen.store import schema
from lichen.store.records import causes_of
from lichen.store.rows import json, put_all, struct


class Trace(msgspec.Struct, frozen=True):
    """One line of the audit trail."""

    id: int
    time: int
    by: str
    action: str  # verdict, change, undo, propose, promote, …
    what: str
    body: str = ""


class Answers:
    """Verdicts, changes and signatures of one store; every method is one transaction, its audit line included."""

    def __init__(self, reading: sa.Engine, writing: sa.Engine) -> None:
        self.reading, self.writing = reading, writing

    def answer(
        self, verdict: Verdict, overlays: Sequence[Overlay] = (), summary: str = ""
    ) -> tuple[Verdict, Change | None]:
        """Record a verdict (its id is given here) and, if it teaches anything, the change it makes; the alert carries
        the answer from now on. Raises KeyError on an unknown alert."""
        with self.writing.begin() as connection:
            body = connection.scalar(sa.select(schema.alert.c.body).where(schema.alert.c.uid == verdict.alert))
            if body is None:
                raise KeyError(verdict.alert)
            verdict = _numbered(
                connection, schema.verdict, verdict, alert=verdict.alert, answer=verdict.answer, by=verdict.by
            )
            causes = json(causes_of(struct(body, Alert)))
            told = schema.alert.update().where(schema.alert.c.uid == verdict.alert)
            connection.execute(told.values(status=verdict.answer, causes=causes))
            _trace(connection, verdict.time, verdict.by, "verdict", verdict.alert, json(verdict))
            if not overlays:
                return verdict, None
            change = Change(0, verdict.id, verdict.time, tuple(overlays), summary)
            change = _numbered(connection, schema.change, change, verdict=verdict.id, undone=False)
            _trace(connection, verdict.time, verdict.by, "change", str(change.id), summary)
        return verdict, change

    def undo(self, change: int, by: str, time: int, reason: str = "") -> Change:
        """Take a change back: its overlays count no more, and its alert has the answer before it, or is open again.
        Nothing else is touched. Undoing twice is undoing once. Raises KeyError."""
        table = schema.change
        with self.writing.begin() as connection:
            row = connection.execute(sa.select(table.c.body, table.c.undone).where(table.c.id == change)).one_or_none()
            if row is None:
                raise KeyError(change)
            if not row.undone:
                connection.execute(table.update().where(table.c.id == change).values(undone=True))
                _stand(connection, struct(row.body, Change).verdict)
                _trace(connection, time, by, "undo", str(change), reason)
        return msgspec.structs.replace(struct(row.body, Change), undone=True)

    def changes(self) -> list[Change]:
        """All changes in order of id, those undone too."""
        query = sa.select(schema.change.c.body, schema.change.c.undone).order_by(schema.change.c.id)
        with self.reading.begin() as connection:
            rows = connection.execute(query).all()
        return [msgspec.structs.replace(struct(row.body, Change), undone=row.undone) for row in rows]

    def overlays(self, detector: str | None = None, but: int | None = None) -> tuple[Overlay, ...]:
        """The overlays in force, in order of change: what a model is laid over with. `but` leaves one change out, as if
        it had been undone."""
        return tuple(
            overlay
            for change in self.changes()
            if not change.undone and change.id != but
            for overlay in change.overlays
            if detector is None or overlay.detector == detector
        )

    def verdicts(self, alert: str | None = None) -> list[Verdict]:
        """Verdicts in order of id; those of one alert."""
        query = sa.select(schema.verdict.c.body).order_by(schema.verdict.c.id)
        if alert is not None:
            query = query.where(schema.verdict.c.alert == alert)
        with self.reading.begin() as connection:
            return [struct(body, Verdict) for body in connection.scalars(query)]

    def put_signature(self, signature: Signature, by: str, time: int) -> None:
        """Keep a proposed signature. One that a person promoted keeps its stage."""
        columns, row = (
            ("id", "alert", "stage", "body"),
            (signature.id, signature.alert, signature.stage, json(signature)),
        )
        with self.writing.begin() as connection:
            put_all(connection, schema.signature, columns, [row], keep=("stage",))
            _trace(connection, time, by, "propose", signature.id, signature.title)

    def promote(self, signature: str, by: str, time: int, stage: str = "stable") -> Signature:
        """Move a signature to another stage. Raises KeyError."""
        table = schema.signature
        with self.writing.begin() as connection:
            body = connection.scalar(sa.select(table.c.body).where(table.c.id == signature))
            if body is None:
                raise KeyError(signature)
            connection.execute(table.update().where(table.c.id == signature).values(stage=stage))
            _trace(connection, time, by, "promote", signature, stage)
        return msgspec.structs.replace(struct(body, Signature), stage=stage)

    def signatures(self) -> list[Signature]:
        """All signatures in order of id."""
        table = schema.signature
        with self.reading.begin() as connection:
            rows = connection.execute(sa.select(table.c.body, table.c.stage).order_by(table.c.id)).all()
        return [msgspec.structs.replace(struct(row.body, Signature), stage=row.stage) for row in rows]

    def note(self, by: str, time: int, action: str, what: str, body: str = "") -> None:
        """A line of the audit trail about something that is no row here, such as new model versions."""
        with self.writing.begin() as connection:
            _trace(connection, time, by, action, what, body)

    def last(self, action: str, most: int) -> list[Trace]:
        """The newest lines of the audit trail of one action, newest first."""
        table = schema.audit
        query = sa.select(table).where(table.c.action == action).order_by(table.c.id.desc()).limit(most)
        with self.reading.begin() as connection:
            return [Trace(*row) for row in connection.execute(query)]

    def trail(self, after: int = 0) -> list[Trace]:
        """The audit trail in order. The database refuses to change or remove a line of it."""
        query = sa.select(schema.audit).where(schema.audit.c.id > after).order_by(schema.audit.c.id)
        with self.reading.begin() as connection:
            return [Trace(*row) for row in connection.execute(query)]


def _trace(connection: sa.Connection, time: int, by: str, action: str, what: str, body: str) -> None:
    row = {"time": time, "by": by, "action": action, "what": what, "body": body}
    connection.execute(schema.audit.insert().values(**row))


def _stand(connection: sa.Connection, verdict: int) -> None:
    """The alert that a verdict was about says the last answer that still stands; none of them: it is open."""
    taken_back = sa.select(schema.change.c.verdict).where(schema.change.c.undone.is_(True))
    uid = connection.scalar(sa.select(schema.verdict.c.alert).where(schema.verdict.c.id == verdict))
    query = sa.select(schema.verdict.c.answer).where(
        schema.verdict.c.alert == uid, schema.verdict.c.id.not_in(taken_back)
    )
    answer = connection.scalar(query.order_by(schema.verdict.c.id.desc()).limit(1))
    values = {"status": "open", "causes": "[]"} if answer is None else {"status": answer}
    connection.execute(schema.alert.update().where(schema.alert.c.uid == uid).values(**values))


def _numbered(connection: sa.Connection, table: sa.Table, noun: Any, **columns: Any) -> Any:
    """The noun with the id that its row was given."""
    made = connection.execute(table.insert().values(time=noun.time, body="", **columns))
    (number,) = made.inserted_primary_key or (0,)
    noun = msgspec.structs.replace(noun, id=number)
    connection.execute(table.update().where(table.c.id == number).values(body=json(noun)))
    return noun
