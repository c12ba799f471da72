"""Where LangGraph keeps its threads: in Dustcart's own database, SQLite or PostgreSQL, over a connection of its own."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from sqlalchemy import Engine

from city.database import BUSY_TIMEOUT_MS

# Any number that nothing else in the database uses: it makes workers that start together set the tables up in turn.
SETUP_LOCK = 0x6475_7374


@contextmanager
def open_checkpoints(engine: Engine) -> Iterator[BaseCheckpointSaver[Any]]:
    """Open the checkpoints of the database that an engine is for, and make their tables where they are missing.

    Only plain values are ever read back: a thread carries ids, so anything else in a checkpoint is not ours.
    """
    plain = JsonPlusSerializer(allowed_msgpack_modules=None)
    if engine.dialect.name == "sqlite":
        connection = sqlite3.connect(
            engine.url.database or ":memory:", timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False
        )
        with closing(connection):
            connection.execute("PRAGMA synchronous=NORMAL")
            embedded = SqliteSaver(connection, serde=plain)
            embedded.setup()
            yield embedded
        return
    with _open_postgres(engine, plain) as saver:
        yield saver


@contextmanager
def _open_postgres(engine: Engine, plain: JsonPlusSerializer) -> Iterator[BaseCheckpointSaver[Any]]:
    # PostgreSQL is an extra: an installation on SQLite has none of these packages.
    from langgraph.checkpoint.postgres import PostgresSaver  # noqa: PLC0415
    from psycopg import Connection  # noqa: PLC0415
    from psycopg.rows import DictRow, dict_row  # noqa: PLC0415
    from psycopg_pool import ConnectionPool  # noqa: PLC0415

    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
        address,
        min_size=1,
        max_size=2,
        open=False,
        check=ConnectionPool.check_connection,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
    )
    with pool:
        saver = PostgresSaver(pool, serde=plain)
        with pool.connection() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (SETUP_LOCK,))
            try:
                saver.setup()
            finally:
                connection.execute("SELECT pg_advisory_unlock(%s)", (SETUP_LOCK,))
        yield saver
