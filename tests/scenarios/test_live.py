"""The simulated city keeps up with a clock through the public API, and goes on after a kill as if nothing happened."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine, func
from sqlmodel import col, select

from agents.dispatches import Dispatch, DispatchState, DispatchVisit
from agents.proposals import ProposalState, list_proposals
from agents.review import approve
from agents.worker import Worker
from api.app import create_app
from api.demo import Accounts
from city.clock import ManualClock
from city.database import open_engine, reading
from city.settings import Settings
from scenarios.demo import Home, Made, live_city, set_up, take_up
from scenarios.doors import ClosedError, Doors
from scenarios.live import LiveCity
from sensors.service import ServiceOutcome, ServiceRecord
from sensors.telemetry import DeadLetter, Reading

MADE = Made(points=20, districts=1, seed=3)


@dataclass
class Scene:
    """A city whose morning shift is approved and sent out, before the trucks leave."""

    home: Home
    engine: Engine
    clock: ManualClock

    def live(self, transport: httpx.AsyncBaseTransport | None = None) -> tuple[LiveCity, httpx.AsyncClient]:
        """Put the world as it was saved beside the API."""
        world, _ = take_up(self.home, self.engine, MADE.seed)
        app = create_app(self.engine, self.clock, Settings())
        client = httpx.AsyncClient(transport=transport or httpx.ASGITransport(app), base_url="http://city")
        accounts = Accounts(self.engine, self.clock)
        doors = Doors(client, accounts.fresh_key(), accounts.code_of_crew)
        return live_city(self.home, self.engine, world, doors, self.clock), client

    def count(self, table: type) -> int:
        """Count the rows of a table."""
        with reading(self.engine) as session:
            return session.exec(select(func.count()).select_from(table)).one()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Set a city up, plan its morning and approve it."""
    home = Home(tmp_path)
    set_up(home, MADE, lambda _step, _done: None)
    engine = open_engine(home.url)
    _, now = take_up(home, engine, MADE.seed)
    clock = ManualClock(now + timedelta(minutes=1))
    with Worker(engine, clock, Settings(solve_seconds=0.5, cores=1), machine=clock) as worker:
        while worker.step():
            pass
        with reading(engine) as session:
            (proposal,) = list_proposals(session, states=[ProposalState.PENDING])
        approve(engine, clock, proposal_id=proposal.id, version=proposal.version, actor="a test")
        while worker.step():
            pass
    yield Scene(home, engine, clock)
    engine.dispose()


async def live_until(scene: Scene, city: LiveCity, hours: float) -> None:
    """Let the clock run for some hours, with a look at the dispatches every half hour."""
    for _ in range(round(hours * 2)):
        scene.clock.advance(timedelta(minutes=30))
        await city.look_for_dispatches()
        await city.step(scene.clock.now())


async def _a_shift(scene: Scene) -> tuple[LiveCity, list[int]]:
    city, client = scene.live()
    counts = []
    async with client:
        await live_until(scene, city, 4.0)
        city.save()
        await live_until(scene, city, 0.5)
        counts += [scene.count(Reading), scene.count(ServiceRecord)]
        # Killed here: what happened since the saving is in the database and not in the file.
        resumed, again = scene.live()
        async with again:
            await resumed.look_for_dispatches()
            await resumed.step(scene.clock.now())
            counts += [scene.count(Reading), scene.count(ServiceRecord)]
            assert np.array_equal(resumed.world.levels, city.world.levels)
            await live_until(scene, resumed, 6.0)
    return resumed, counts


def test_crews_drive_what_was_approved_also_over_a_kill(scene: Scene) -> None:
    before = scene.count(Reading)
    city, counts = asyncio.run(_a_shift(scene))
    readings, records, readings_after_kill, records_after_kill = counts
    assert readings_after_kill == readings > before
    assert records_after_kill == records
    assert (city.told.refused, scene.count(DeadLetter)) == (0, 0)
    with reading(scene.engine) as session:
        dispatches = session.exec(select(Dispatch)).all()
        stops = session.exec(
            select(DispatchVisit.dispatch_id, DispatchVisit.stop_id).where(col(DispatchVisit.stop_id).is_not(None))
        ).all()
        told = session.exec(select(ServiceRecord).where(col(ServiceRecord.dispatch_id).is_not(None))).all()
    assert dispatches
    assert {dispatch.state for dispatch in dispatches} == {DispatchState.FINISHED}
    assert sorted((record.dispatch_id, record.stop_id) for record in told) == sorted(stops)
    crews = {dispatch.id: dispatch.crew_id for dispatch in dispatches}
    assert all(record.actor == crews[record.dispatch_id or ""] for record in told)
    done = [record for record in told if record.outcome is ServiceOutcome.DONE]
    assert len(done) > 0.8 * len(told)
    assert all(record.weight_kg is not None and record.bin_count for record in done)


async def _shut(scene: Scene) -> None:
    answers = [httpx.Response(503), httpx.Response(503)]

    async def answer(request: httpx.Request) -> httpx.Response:
        return answers.pop() if answers else httpx.Response(200, json={"stored": 1})

    city, client = scene.live(httpx.MockTransport(answer))
    async with client:
        saved = city.world.at
        for _ in range(2):
            with pytest.raises(ClosedError, match="503"):
                await city.step(saved + timedelta(hours=1))
            city.save()
        assert take_up(scene.home, scene.engine, MADE.seed)[0].at == saved
        await city.step(saved + timedelta(hours=1))
        city.save()
        assert take_up(scene.home, scene.engine, MADE.seed)[0].at == saved + timedelta(hours=1)
        assert city.told.readings > 0


def test_what_the_api_cannot_take_is_told_again_and_not_forgotten(scene: Scene) -> None:
    asyncio.run(_shut(scene))
