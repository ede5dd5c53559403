"""The records' tables, and how a database is opened: pragmas, write transactions, and its version."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

from lichen.core.errors import ConfigError, LichenError

VERSION = 1  # raised with every change of a table, together with the step that brings an older database here
BUSY_MILLISECONDS = 30_000

_TABLES = MetaData()


def escaped(value: Any) -> Any:
    """Text with NUL, which PostgreSQL refuses, written as \\0 (and a backslash as two)."""
    if value is None or ("\0" not in value and "\\" not in value):
        return value
    return value.replace("\\", "\\\\").replace("\0", "\\0")


class Name(sa.types.TypeDecorator[str]):
    """Text that an attacker may have chosen: any of it is stored, and comes back as it was."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> Any:
        return escaped(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        if value is None or "\\" not in value:
            return value
        return "\\".join(part.replace("\\0", "\0") for part in value.split("\\\\"))


def _key(name: str, kind: Any = Name) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False)


def _table(name: str, *columns: Any) -> Table:
    return Table(name, _TABLES, *columns, sqlite_with_rowid=False)


schema_version = Table(
    "schema_version", _TABLES, Column("version", Integer, primary_key=True), Column("store", Text, nullable=False)
)
position = _table("position", _key("stream"), Column("offset", BigInteger), Column("body", Text))
part = _table(
    "part",
    _key("path"),
    Column("delivery", BigInteger, nullable=False),  # the commit that brought it: the order in which it was judged
    Column("place", BigInteger, nullable=False),  # its turn within that delivery
    Column("stream", Name, nullable=False),
    Column("kind", Name, nullable=False),
    Column("day", Text, nullable=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("last_offset", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("first_time", BigInteger, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Index("part_stream", "stream", "last_offset"),
    Index("part_delivery", "delivery", "place"),
)
checkpoint = Table(  # detectors' memories, as a log (store/checkpoint.py)
    "checkpoint",
    _TABLES,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("whole", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
evidence = _table(
    "evidence",
    _key("window", BigInteger),
    _key("subject_kind"),
    _key("subject"),
    _key("detector"),
    Column("score_nats", Double),
    Column("body", Text),
)
census = _table(  # all that a detector counted of one batch, in one row
    "census",
    _key("detector"),
    _key("stream"),
    _key("start", BigInteger),
    Column("first_window", BigInteger, nullable=False),
    Column("last_window", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("census_window", "last_window"),
)
belief = _table(
    "belief",
    _key("window", BigInteger),
    _key("subject_kind"),
    _key("subject"),
    Column("log_odds", Double),
    Column("unusual_p", Double),
    Column("body", Text),
)
alert = _table(
    "alert",
    _key("uid"),
    Column("lane", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("subject_kind", Name, nullable=False),
    Column("subject", Name, nullable=False),
    Column("day", Text, nullable=False),
    Column("log_odds", Double, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Column("causes", Text, nullable=False),  # those that the standing answer was about; [] while open
    Column("body", Text, nullable=False),
)
dead_letter = _table("dead_letter", _key("stream"), _key("offset", BigInteger), _key("reason"), Column("body", Text))
verdict = Table(
    "verdict",
    _TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("alert", Text, nullable=False, index=True),
    Column("answer", Text, nullable=False),
    Column("by", Name, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)
change = Table(
    "change",
    _TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("verdict", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("undone", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)
signature = _table(
    "signature", _key("id"), Column("alert", Text), Column("stage", Text, nullable=False), Column("body", Text)
)
audit = Table(
    "audit",
    _TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", BigInteger, nullable=False),
    Column("by", Name, nullable=False),
    Column("action", Text, nullable=False),
    Column("what", Name, nullable=False),
    Column("body", Name, nullable=False),
    sqlite_autoincrement=True,
)

_APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER audit_{0} BEFORE {0} ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION audit_stands() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER audit_{0} BEFORE {0} ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_stands()",
    ),
}


def open_database(url: str) -> tuple[sa.Engine, sa.Engine]:
    """(an engine for reading, the same for writing) on an SQLite or PostgreSQL database, made new if it is empty.

    Raises ConfigError where the URL, its driver or the server is at fault, LichenError where the database has another
    version of the tables.
    """
    try:
        engine = sa.create_engine(_driver(url))
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _prepare_sqlite)
            sa.event.listen(engine, "begin", _begin)
        writing = engine.execution_options(writes=True)
        try:
            _create_or_check(engine, writing, url)
        except BaseException:
            engine.dispose()
            raise
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the database's driver {error.name!r} is not installed",
            place=_shown(url),
            remedy="pip install 'psycopg[binary]'",
        ) from error
    except sa.exc.ArgumentError as error:
        raise ConfigError(f"not a database URL: {error}", remedy="as postgresql://user@host/name") from error
    except (sa.exc.OperationalError, sa.exc.DatabaseError) as error:
        raise ConfigError(
            f"the database cannot be used: {error.orig}",
            place=_shown(url),
            remedy="check that it exists, runs and may be written, and that it is a database of ours",
        ) from error
    return engine, writing


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1) if url.startswith("postgresql://") else url


def _shown(url: str) -> str:
    """The URL without its password."""
    return sa.engine.make_url(_driver(url)).render_as_string(hide_password=True)


def _prepare_sqlite(connection: Any, record: Any) -> None:
    """WAL: readers never wait for the writer. NORMAL: the database is whole after a power cut, and whatever the last
    moments lost is read again, since positions live in the same file."""
    connection.isolation_level = None  # we begin transactions ourselves, see _begin
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_MILLISECONDS}",
        "cache_size=-32768",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    """A transaction that will write takes the lock at once: one that reads first cannot be upgraded under WAL."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _create_or_check(engine: sa.Engine, writing: sa.Engine, url: str) -> None:
    with engine.begin() as connection:
        if sa.inspect(connection).has_table("schema_version"):
            return _check(connection, url)
    with writing.begin() as connection:
        if sa.inspect(connection).has_table("schema_version"):  # another process was quicker
            return _check(connection, url)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(5113)")
            if sa.inspect(connection).has_table("schema_version"):
                return _check(connection, url)
        _TABLES.create_all(connection, checkfirst=False)
        connection.execute(schema_version.insert().values(version=VERSION, store=uuid.uuid4().hex))
        for statement in _APPEND_ONLY[connection.dialect.name]:
            for action in ("UPDATE", "DELETE") if "{0}" in statement else ("",):
                connection.exec_driver_sql(statement.format(action))
    return None


def _check(connection: sa.Connection, url: str) -> None:
    found = connection.execute(sa.select(schema_version.c.version)).scalar()
    if found == VERSION:
        return
    newer = found is not None and found > VERSION
    raise LichenError(
        f"the records are of version {found}, this program reads version {VERSION}",
        place=_shown(url),
        remedy="install a newer lichen" if newer else "keep this store aside and scan its logs into a new one",
    )
