"""The demo in one process: API, agents and the simulated city, each on a thread of its own, over one database."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlmodel import col, select

from agents.roads import CityRoads
from agents.worker import Worker
from api.accounts import EVERYWHERE, Account, Role, create_account
from api.app import create_app
from api.codes import issue_code
from api.errors import ApiError
from api.keys import AccessKey, create_key, revoke_key
from api.server import address_of, server_of
from city.clock import Clock, SimulatedClock, SystemClock
from city.database import open_engine, reading
from city.migrate import upgrade
from city.registry import Crew
from city.settings import Settings
from scenarios.demo import Home, Made, live_city, take_up
from scenarios.doors import Doors
from scenarios.live import LiveCity

log = logging.getLogger(__name__)

# Who the audit names for what the demo sets up, whose account it prints a code for, whose key the uplinks carry.
ACTOR = "demo"
OPERATOR = "operator"
NETWORK_SERVERS = "simulated network servers"

READY_WITHIN_S = 30.0
# What is under way when the demo is told to stop gets this long.
GRACE_S = 2.0


@dataclass
class Demo:
    """A demo that runs.

    Attributes
    ----------
    code
        One-time code with which the operator signs in.
    broken
        Set when a part has ended that never should; `failure` says why.
    """

    address: str
    code: str
    engine: Engine
    clock: SimulatedClock
    city: LiveCity
    broken: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None


@contextmanager
def running(home: Home, made: Made, speed: float, listener: socket.socket) -> Iterator[Demo]:
    """Run a city that was set up, until the caller is done with it.

    Parameters
    ----------
    speed
        Simulated seconds per second.
    listener
        The bound port for the API.

    Raises
    ------
    CityError
        If the database is from a newer version.
    ScenarioError
        If the simulated city does not fit the database.
    """
    engine = open_engine(home.url)
    try:
        upgrade(engine)
        world, now = take_up(home, engine, made.seed)
        settings = Settings(data_dir=home.directory, database_url=home.url, seed=made.seed)
        clock = SimulatedClock(now, speed)
        roads = CityRoads.of(engine, settings)
        app = create_app(engine, clock, settings, roads=roads)
        accounts = Accounts(engine, clock)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city")
        doors = Doors(client, accounts.fresh_key(), accounts.code_of_crew)
        city = live_city(home, engine, world, doors, clock)
        demo = Demo(address_of(listener), accounts.code_of_operator(), engine, clock, city)
        with _threads(demo, app, listener, client, Worker(engine, clock, settings, roads=roads)):
            yield demo
    finally:
        engine.dispose()


@contextmanager
def _threads(
    demo: Demo, app: FastAPI, listener: socket.socket, client: httpx.AsyncClient, worker: Worker
) -> Iterator[None]:
    """Run the three parts; whatever ends one of them ends all."""
    stop = threading.Event()
    server = server_of(app)

    async def live() -> None:
        async with client:
            await demo.city.run(stop)

    def part(run: Callable[[], object]) -> threading.Thread:
        def guarded() -> None:
            try:
                run()
            except BaseException as failure:  # noqa: BLE001 - told by the main thread, which ends the demo
                demo.failure = failure
            if not stop.is_set():
                demo.broken.set()

        return threading.Thread(target=guarded, name=run.__name__)

    serving = part(lambda: server.run(sockets=[listener]))
    others = [part(lambda: worker.run(stop)), part(lambda: asyncio.run(live()))]
    try:
        serving.start()
        _wait_until(lambda: server.started or demo.broken.is_set())
        for other in others:
            other.start()
        yield
    finally:
        stop.set()
        server.should_exit = True
        for thread in others:
            if thread.ident is not None:
                thread.join()
        serving.join(GRACE_S)
        server.force_exit = True
        serving.join()


def _wait_until(done: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + READY_WITHIN_S
    while not done():
        if time.monotonic() > give_up_s:
            raise ApiError(f"the API did not start within {READY_WITHIN_S:.0f} s")
        time.sleep(0.02)


class Accounts:
    """Accounts of the operator and the crews, and the key of the network servers."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def code_of_operator(self) -> str:
        """Make a one-time code for the operator, who may see and decide everything."""
        self._open(OPERATOR, "Operator of the demo", Role.SUPERVISOR, EVERYWHERE)
        return self._code(OPERATOR)

    def code_of_crew(self, crew_id: str) -> str:
        """Make a one-time code for a crew."""
        with reading(self._engine) as session:
            crew = session.get_one(Crew, crew_id)
        self._open(crew_id, crew.name, Role.CREW, crew.district_id)
        return self._code(crew_id)

    def fresh_key(self) -> str:
        """Make a key for the network servers; the one of the last start counts no more."""
        with reading(self._engine) as session:
            known = session.exec(
                select(AccessKey.id).where(AccessKey.name == NETWORK_SERVERS, col(AccessKey.revoked_at).is_(None))
            ).all()
        for key_id in known:
            revoke_key(self._engine, self._clock, actor=ACTOR, key_id=key_id)
        return create_key(self._engine, self._clock, actor=ACTOR, name=NETWORK_SERVERS, role=Role.DEVICE)[1]

    def _open(self, account_id: str, name: str, role: Role, district_id: str) -> None:
        with reading(self._engine) as session:
            known = session.get(Account, account_id) is not None
        if not known:
            create_account(
                self._engine, self._clock, actor=ACTOR, account_id=account_id, name=name, grants=[(role, district_id)]
            )

    def _code(self, account_id: str) -> str:
        return issue_code(self._engine, self._clock, SystemClock(), actor=ACTOR, account_id=account_id)
