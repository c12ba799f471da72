"""Real proposals without waiting for a solver: a small problem, planned by insertion, proposed as the agents do."""

from datetime import date, timedelta

import numpy as np
from sqlalchemy import Engine

from agents.cycles import CycleState, PlanningCycle
from agents.decisions import Rule
from agents.needs import NeedReason
from agents.planner import Planned
from agents.proposing import propose
from agents.publish import publish
from agents.reasons import BinEvidence, Standing, StopReason
from agents.review import approve
from agents.stop_ids import stop_id_of
from agents.summary import summarise
from city.clock import Clock
from city.database import transaction
from city.streams import Stream
from routing import (
    Break,
    Cost,
    Facility,
    Matrix,
    Plan,
    Problem,
    Stop,
    TimeWindow,
    Truck,
    Unserved,
    UnservedReason,
    insert,
)
from tests.api.people import HERE

SERVICE_DATE, OTHER_DATE = date(2026, 3, 3), date(2026, 3, 4)
SHIFT = TimeWindow(6 * 3600 + 1800, 13 * 3600)
SEVEN_S = 7 * 3600
LEFT_OUT = 3
STREAMS = frozenset({"dry", "wet"})


def stops_of(district: str) -> list[str]:
    """Return the ids of the four stops a proposal is about; the last is left out."""
    return [stop_id_of(f"{district}-p{number}", Stream.DRY) for number in range(4)]


def planned(district: str, breaks: tuple[Break, ...] = ()) -> Planned:
    """Plan a district's four points for its two trucks; with breaks, somebody waits at the first one until seven."""
    names = stops_of(district)
    problem = Problem(
        stops=tuple(
            Stop(
                id=name, location=2 + at, stream="dry", demand_kg=90, demand_l=600, service_s=120,
                required=at != LEFT_OUT, prize_cents=10 if at == LEFT_OUT else 0,
                windows=(TimeWindow(SHIFT.start_s, SEVEN_S),) if breaks and at == 0 else (),
            )
            for at, name in enumerate(names)
        ),
        facilities=(Facility(id=f"{district}-transfer", location=1, streams=STREAMS, unloading_s=900),),
        trucks=tuple(
            Truck(
                id=f"{district}-truck-{number}", start_location=0, end_location=0, streams=STREAMS,
                capacity_kg=5000, capacity_l=12000, shift=SHIFT, max_duration_s=8 * 3600, fixed_cents=30_000,
                cents_per_km=400, cents_per_h=9_000, breaks=breaks,
            )
            for number in (1, 2)
        ),
        matrices=(Matrix(*(np.where(np.eye(6, dtype=bool), 0, value) for value in (420, 2800))),),
    )  # fmt: skip
    plan = Plan((), tuple(Unserved(name, UnservedReason.TAKEN_OUT) for name in names), Cost())
    for name in names[:LEFT_OUT]:
        plan = insert(problem, plan, name)[0].plan
    plan = Plan(plan.routes, (_not_worth_it(names[LEFT_OUT]),), plan.cost)
    reasons = {
        name: _reason(district, number, Standing.LEFT_OUT if number == LEFT_OUT else Standing.SERVED)
        for number, name in enumerate(names)
    }
    return Planned(problem, plan, reasons, summarise(plan, reasons, []))


def _not_worth_it(stop_id: str) -> Unserved:
    return Unserved(stop_id, UnservedReason.NOT_WORTH_IT, (("extra_cents", 900), ("prize_cents", 10)))


def _reason(district: str, number: int, standing: Standing) -> StopReason:
    left_out = standing is Standing.LEFT_OUT
    return StopReason(
        stop_id=stops_of(district)[number],
        point_id=f"{district}-p{number}",
        point_name=f"{number} Renmin Road",
        stream=Stream.DRY,
        standing=standing,
        required=not left_out,
        prize_cents=10 if left_out else 0,
        probability=0.04 if left_out else 0.92,
        next_chance_at=None,
        demand_kg=90,
        demand_l=600,
        rule=Rule.OVERFLOW_PRIZE if left_out else Rule.OVERFLOW_LIMIT,
        numbers={"probability": 0.04 if left_out else 0.92, "limit": 0.2, "next_at": "2026-03-03T22:00:00Z"},
        bins=(
            BinEvidence(
                bin_id=f"{district}-p{number}-dry", level=0.81, sigma=0.06, rate_per_h=0.05, probability=0.92,
                expected_l=200.0, emptied_at=None, heard_at=None, need=NeedReason.OVERFLOW_RISK,
            ),
        ),
        unserved=_not_worth_it(stops_of(district)[number]) if left_out else None,
    )  # fmt: skip


def make_proposal(
    engine: Engine,
    clock: Clock,
    district: str = HERE,
    service_date: date = SERVICE_DATE,
    breaks: tuple[Break, ...] = (),
) -> str:
    """Store a proposal that waits for a decision for half an hour, and return its id."""
    with transaction(engine) as session:
        cycle = PlanningCycle(
            district_id=district, service_date=service_date, shift_id="morning", state=CycleState.WAITING,
            requested_by="clock", started_at=clock.now(),
        )  # fmt: skip
        session.add(cycle)
        session.flush()
        expires_at = clock.now() + timedelta(minutes=30)
        propose(session, cycle, planned(district, breaks), expires_at=expires_at, at=clock.now())
        return cycle.proposal_id


def make_dispatch(engine: Engine, clock: Clock, district: str = HERE) -> str:
    """Store a proposal, approve and publish it, and return the id of its first dispatch."""
    proposal_id = make_proposal(engine, clock, district)
    approve(engine, clock, proposal_id=proposal_id, version=1, actor="test")
    return publish(engine, clock, proposal_id)[0]
