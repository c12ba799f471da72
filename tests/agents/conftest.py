"""The town in a database of each kind, and a worker that works when a test says so."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from agents.editing import Desk, open_desk
from agents.proposals import list_proposals
from agents.replanning import Replanned, replan_all
from agents.solvers import Solvers
from agents.worker import Worker
from city.clock import ManualClock
from city.database import open_engine, reading
from city.migrate import upgrade
from city.settings import Settings
from city.store import save
from routing.diagnosis import why_never
from routing.insertion import insert
from routing.plan import Plan, Unserved, UnservedReason
from routing.pricing import cost_of
from routing.problem import Problem
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
    """One solving process with little time, where a test solves at all."""
    return Settings(solve_seconds=SOLVE_S, cores=1)


class Inserting(Solvers):
    """Plans by cheapest insertion, here and at once, for tests that are about everything but the search."""

    def warm(self) -> None:
        """Load nothing."""

    def solve(self, problem: Problem, *_: object, **__: object) -> Plan:
        """Serve the required stops, then those that pay, one after the other."""
        left = tuple(
            why_never(problem, stop) or Unserved(stop.id, UnservedReason.NO_TIME_LEFT) for stop in problem.stops
        )
        plan = Plan((), left, cost_of(problem, (), left))
        for stop in sorted(problem.stops, key=lambda stop: not stop.required):
            ways = insert(problem, plan, stop.id)
            if ways and (stop.required or ways[0].extra_cents <= stop.prize_cents):
                plan = ways[0].plan
        return plan

    def replan(self, *given: Any) -> Replanned:
        """Take events in here."""
        return replan_all(*given)


@pytest.fixture(scope="session")
def solvers() -> Solvers:
    """Plan without a search."""
    return Inserting(1)


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


@pytest.fixture
def desk(engine: Engine, clock: ManualClock, worker: Worker) -> Desk:
    """Edit over the same roads that the worker plans on."""
    return open_desk(engine, clock, worker.roads)


@pytest.fixture
def waiting(engine: Engine, worker: Worker) -> str:
    """Plan a morning on which four bins of the garden district are full, and return the id of its proposal."""
    know(engine, 0.97, "garden-1-dry", "garden-2-dry", "garden-5-wet", rate_per_h=0.03)
    know(engine, 1.1, "garden-0-dry")
    assert worker.step()
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
    return proposal.id
