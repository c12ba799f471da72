"""The town in a database of each kind, planned by workers that share one solving process with a small budget."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine

from agents.solvers import Solvers
from agents.worker import Worker
from city.clock import ManualClock
from city.database import open_engine
from city.migrate import upgrade
from city.settings import Settings
from city.store import save
from tests.agents.town import PLANNING, bins_of, know, town
from tests.databases import copy_of, postgres_database

# Enough for eight stops.
SOLVE_S = 0.3


@pytest.fixture
def clock() -> ManualClock:
    """The city's time: the moment when the morning shift is planned."""
    return ManualClock(PLANNING)


@pytest.fixture(scope="session")
def settings() -> Settings:
    """One solving process with little time."""
    return Settings(solve_seconds=SOLVE_S, cores=1)


@pytest.fixture(scope="session")
def solvers() -> Iterator[Solvers]:
    """Start one solving process for all tests: loading the engines takes longer than most of them."""
    started = Solvers(1)
    yield started
    started.close()


@pytest.fixture(scope="session")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Yield a function that makes the town once on a kind of database and returns where it is."""
    with ExitStack() as made:

        @cache
        def template(kind: str) -> str:
            if kind == "sqlite":
                url = f"sqlite:///{tmp_path_factory.mktemp('town') / 'town.sqlite'}"
            else:
                url = made.enter_context(postgres_database())
            engine = open_engine(url)
            upgrade(engine)
            save(engine, town(("garden", "harbour")))
            for district in ("garden", "harbour"):
                know(engine, 0.2, *bins_of(district))
            if kind == "sqlite":
                with engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            engine.dispose()
            return url

        yield template


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, towns: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a fresh copy of the town, once on SQLite and once on PostgreSQL."""
    with copy_of(towns(request.param), tmp_path) as url:
        yield url


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """Open a fresh copy of the town: two districts of eight points, every bin at 0.2 and emptied twelve hours ago."""
    opened = open_engine(database)
    yield opened
    opened.dispose()


@pytest.fixture
def worker(engine: Engine, clock: ManualClock, settings: Settings, solvers: Solvers) -> Iterator[Worker]:
    """Start a worker that works when a test says so."""
    with Worker(engine, clock, settings, machine=clock, solvers=solvers) as started:
        yield started
