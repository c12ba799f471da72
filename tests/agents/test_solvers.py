"""Solving processes: they know only routing, and one that is killed is replaced."""

import os
import signal

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from agents.errors import PlanningError
from agents.needs import Need
from agents.planner import Planned
from agents.proposals import list_proposals
from agents.rehearsal import rehearse
from agents.roads import CityRoads
from agents.shifts import shift_day
from agents.solvers import Solvers
from agents.surroundings import Surroundings
from city.clock import ManualClock
from city.database import reading
from city.settings import Settings
from routing.verify import verify
from tests.agents.town import SERVICE_DATE, know


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_rehearsal_solves_in_another_process_survives_its_death_and_leaves_no_trace(
    engine: Engine, clock: ManualClock, settings: Settings
) -> None:
    know(engine, 0.97, "garden-1-dry", "garden-2-dry", "garden-6-dry", rate_per_h=0.03)
    with reading(engine) as session:
        day = shift_day(session, "garden", SERVICE_DATE, "morning")
    solvers = Solvers(1)
    surroundings = Surroundings(engine, clock, settings, CityRoads(engine), solvers)
    try:
        first = rehearse(surroundings, day)
        (process,) = solvers.processes()
        assert process != os.getpid()
        os.kill(process, signal.SIGKILL)
        second = rehearse(surroundings, day)
    finally:
        solvers.close()
    for planned in (first, second):
        assert isinstance(planned, Planned)
        assert verify(planned.problem, planned.plan).ok
        assert sorted(stop_id for route in planned.plan.routes for stop_id in route.stop_ids) == [
            "garden-1/dry",
            "garden-2/dry",
            "garden-6/dry",
        ]
    with reading(engine) as session:
        assert session.exec(select(Need)).all() == []
        assert list_proposals(session) == []
    with pytest.raises(PlanningError, match="ended"):
        rehearse(surroundings, day)
