"""Databases that a test has for itself."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

POSTGRES_URL = os.environ.get("DUSTCART_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


@contextmanager
def postgres_database(template: str | None = None) -> Iterator[str]:
    """Make a PostgreSQL database, a copy of another if one is named, and drop it at the end."""
    server = create_engine(POSTGRES_URL, isolation_level="AUTOCOMMIT")
    name = f"dustcart_test_{uuid.uuid4().hex}"
    try:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else "")))
    except OperationalError as error:
        pytest.skip(f"no PostgreSQL at {POSTGRES_URL} ({error}); name one in DUSTCART_TEST_POSTGRES")
    yield server.url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@contextmanager
def copy_of(url: str, folder: Path) -> Iterator[str]:
    """Copy a database that nobody has open: a tenth of the time that making it took."""
    source = make_url(url)
    if source.get_backend_name() != "sqlite":
        with postgres_database(source.database) as copied:
            yield copied
        return
    path = folder / f"{uuid.uuid4().hex}.sqlite"
    shutil.copy(str(source.database), path)
    yield f"sqlite:///{path}"
