"""The database: one engine for SQLite and PostgreSQL, UTC times, and transactions that either happen or do not."""

import enum
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, DateTime, Dialect, Engine, Enum, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

from city.errors import CityError

# How long a writer waits for another one on SQLite before it gives up.
BUSY_TIMEOUT_MS = 15_000


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always timezone-aware UTC in Python, on both databases.

    SQLite has no time zones: it stores the naive UTC value.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware UTC time."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Read SQLite's text at once: intake reads nine moments with every bin."""
        return _from_sqlite if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _from_sqlite(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text + "+00:00")


def moment(*, nullable: bool = False, index: bool = False, primary_key: bool = False) -> Column[datetime]:
    """Make a column that holds a moment."""
    return Column(UtcDateTime, nullable=nullable, index=index, primary_key=primary_key)


def word(
    words: type[enum.StrEnum], *, nullable: bool = False, index: bool = False, primary_key: bool = False
) -> Column[str]:
    """Make a column that holds one word of a closed list, stored as the word itself.

    Not a native enumeration type: a new word then needs no change of schema on PostgreSQL.
    """
    stored = Enum(words, native_enum=False, length=32, values_callable=lambda listed: [item.value for item in listed])
    return Column(stored, nullable=nullable, index=index, primary_key=primary_key)


def open_engine(url: str) -> Engine:
    """Open the database behind an SQLAlchemy URL, ``sqlite:///...`` or ``postgresql://...``.

    Raises
    ------
    CityError
        If the URL names another database or cannot be read.
    """
    try:
        parsed = make_url(url)
    except Exception as error:
        raise CityError(
            "the database URL (DUSTCART_DATABASE_URL) cannot be read; write it like postgresql://user:password@host:5432/name"
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(parsed, connect_args={"check_same_thread": False})
            _prepare_sqlite(engine)
            return engine
        case "postgresql":
            return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        case other:
            raise CityError(f"database {other!r} is not supported; use sqlite:/// or postgresql://")


def _prepare_sqlite(engine: Engine) -> None:
    """Write-ahead log, foreign keys, and transactions that SQLAlchemy begins itself (pysqlite begins them late)."""

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('durable') else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a session that only reads, and sees one moment of the database however many queries it makes.

    SQLite does so by itself.
    """
    postgres = engine.dialect.name == "postgresql"
    source = engine.execution_options(isolation_level="REPEATABLE READ") if postgres else engine
    with Session(source, expire_on_commit=False) as session:
        yield session


@contextmanager
def transaction(engine: Engine, *, durable: bool = False) -> Iterator[Session]:
    """Open a session whose work is committed at the end as one, or not at all.

    On SQLite it takes the write lock at once, so that two writers queue up instead of failing half-way.

    Parameters
    ----------
    durable
        Whether what was committed outlasts a power cut. PostgreSQL sees to that anyway; SQLite with its write-ahead
        log only when asked to, for some milliseconds a commit. A killed process loses nothing either way.
    """
    with (
        engine.connect().execution_options(writes=True, durable=durable) as connection,
        Session(connection, expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


@contextmanager
def turn(engine: Engine) -> Iterator[Session]:
    """Open a `transaction` for one part of long work, and afterwards stay away for as long as the part took.

    SQLite lets one write at a time and keeps no queue: who writes again at once keeps everybody else out, until they
    give up after `BUSY_TIMEOUT_MS`. An engine with the execution option ``alone`` has nobody to wait for.
    """
    with transaction(engine) as session:
        begun_s = time.monotonic()
        yield session
    if engine.dialect.name == "sqlite" and not engine.get_execution_options().get("alone"):
        time.sleep(time.monotonic() - begun_s)


def insert_missing(session: Session, table: type[SQLModel], **values: Any) -> None:
    """Insert a row unless one with its key is there already, whoever else is inserting it right now."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(table).values(**values).on_conflict_do_nothing())
