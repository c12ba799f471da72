"""A small city with people in every role, behind the real application."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.app import create_app
from api.server import address_of, bind, server_of
from city.clock import ManualClock
from city.database import open_engine, transaction
from city.migrate import upgrade
from city.settings import Settings
from tests.api.people import People, registry
from tests.databases import copy_of, postgres_database

# 06:00 in Shanghai.
MORNING = datetime(2026, 3, 2, 22, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    """The city's time."""
    return ManualClock(MORNING)


@pytest.fixture
def wall() -> ManualClock:
    """The real time."""
    return ManualClock(MORNING + timedelta(days=100))


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database; a file whose tests do not depend on it picks one."""
    return str(request.param)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Yield a function that makes the small city once on a kind of database and returns where it is.

    Copying a finished database takes a tenth of making one.
    """
    with ExitStack() as made:

        @cache
        def template(kind: str) -> str:
            if kind == "sqlite":
                url = f"sqlite:///{tmp_path_factory.mktemp('city') / 'template.sqlite'}"
            else:
                url = made.enter_context(postgres_database())
            engine = open_engine(url)
            upgrade(engine)
            with transaction(engine) as session:
                for row in registry():
                    session.add(row)
                    session.flush()
            if kind == "sqlite":
                with engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            engine.dispose()
            return url

        yield template


@pytest.fixture
def city(kind: str, templates: Callable[[str], str], tmp_path: Path) -> Iterator[Engine]:
    """Yield a database with the small city in it."""
    with copy_of(templates(kind), tmp_path) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def app(city: Engine, clock: ManualClock, wall: ManualClock) -> FastAPI:
    """The application."""
    return create_app(city, clock, Settings(_env_file=None), wall=wall)  # type: ignore[call-arg]


@pytest.fixture
def door(app: FastAPI) -> Iterator[TestClient]:
    """Yield somebody without any credential."""
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture
def people(app: FastAPI, city: Engine, clock: ManualClock, wall: ManualClock) -> People:
    """Make people for the application."""
    return People(app, city, clock, wall)


@pytest.fixture
def server(app: FastAPI) -> Iterator[str]:
    """Yield the address of a real server on a free port, for what only happens over sockets."""
    listener = bind("127.0.0.1", 0)
    running = server_of(app)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    yield address_of(listener)
    running.should_exit = True
    thread.join()
    listener.close()
