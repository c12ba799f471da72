"""Measures the day in motion: the time from an event to a change that waits, and from its approval to dispatches.

A made-up city's district is planned and sent out; then things happen at random while its trucks drive, one after the
other, each told to the database as the API does, with the worker running as it does in a city. Every second change is
approved, the others are rejected.

    python benchmarks/motion.py --points 1200 --events 40
    python benchmarks/motion.py --database postgresql://postgres@127.0.0.1:5432/empty
"""

import argparse
import json
import random
import tempfile
import threading
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from agents.cycles import CycleState, PlanningCycle
from agents.day_events import DayEvent, Details, EventKind
from agents.dispatches import OVER, Dispatch
from agents.proposals import Proposal, ProposalKind, ProposalState, in_force, read_proposal
from agents.review import approve, reject
from agents.telling import Happened, tell
from agents.worker import Worker
from benchmarks.day import make_city, planned, until
from city.clock import ManualClock
from city.database import open_engine, reading
from city.registry import Bin, CollectionPoint, Facility
from city.settings import Settings
from city.store import load_network

KINDS = tuple(kind for kind in EventKind if kind is not EventKind.STOP_MISSED)


def main() -> None:
    """Let things happen, print how long changes took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1200)
    parser.add_argument("--events", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10.0, help="solving time of the morning's plan")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="", help="an empty database; otherwise SQLite in a fresh directory")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        engine = open_engine(given.database or f"sqlite:///{directory}/motion.sqlite")
        clock = make_city(engine, given.points, 1, given.seed)
        stop = threading.Event()
        running = threading.Thread(
            target=Worker(engine, clock, Settings(solve_seconds=given.seconds)).run, args=(stop,)
        )
        running.start()
        time.sleep(8)  # the solving processes load their engines meanwhile
        try:
            print(json.dumps(a_day(engine, clock, given.events, random.Random(given.seed)), indent=1))
        finally:
            stop.set()
            running.join()
            engine.dispose()


def a_day(engine: Engine, clock: ManualClock, events: int, chance: random.Random) -> dict[str, Any]:
    """Plan, send out, and let things happen."""
    clock.advance(timedelta(seconds=1))
    until(engine, lambda opened: planned(opened, 1))
    with reading(engine) as session:
        (plan,) = session.exec(select(Proposal)).all()
        shown = read_proposal(session, plan.id)
        ways = np.unique(load_network(session).way_id)
    approve(engine, clock, proposal_id=plan.id, version=1, actor="a benchmark")
    until(engine, lambda opened: _state(opened, plan.id) is ProposalState.PUBLISHED)
    starts = plan.expires_at
    clock.advance(starts + timedelta(minutes=30) - clock.now())
    to_proposal: dict[str, list[float]] = defaultdict(list)
    to_dispatches: list[float] = []
    quiet = failed = changes = 0
    for number in range(events):
        clock.advance(timedelta(minutes=3))
        happened = _something(engine, plan.district_id, KINDS[number % len(KINDS)], ways, chance)
        if happened is None:
            continue
        begun = time.perf_counter()
        event = tell(engine, clock, plan.district_id, happened, "a benchmark")
        until(engine, lambda opened, event_id=event.id: _answered(opened, event_id))
        took_s = time.perf_counter() - begun
        to_proposal[happened.kind.value].append(took_s)
        cycle, proposal = _came_of(engine, event.id)
        quiet += cycle.state is CycleState.QUIET
        failed += cycle.state is CycleState.FAILED
        if proposal is None or proposal.state is not ProposalState.PENDING:
            continue
        changes += 1
        if number % 2:
            reject(engine, clock, proposal_id=proposal.id, version=1, actor="a benchmark", reason="every second")
            until(engine, lambda opened, name=proposal.id: _closed(opened, name))
            continue
        begun = time.perf_counter()
        approve(engine, clock, proposal_id=proposal.id, version=proposal.version, actor="a benchmark")
        until(engine, lambda opened, name=proposal.id: _state(opened, name) is ProposalState.PUBLISHED)
        to_dispatches.append(time.perf_counter() - begun)
        until(engine, lambda opened, name=proposal.id: _closed(opened, name))
    every = [took for times in to_proposal.values() for took in times]
    return {
        "stops": shown.summary.stops,
        "trucks": shown.summary.trucks,
        "events": len(every),
        "changes": changes,
        "nothing_to_change": quiet,
        "failed": failed,
        "event_to_proposal_s": _percentiles(every),
        "of_each_kind_s": {kind: _percentiles(times) for kind, times in to_proposal.items()},
        "approval_to_dispatches_s": _percentiles(to_dispatches),
    }


def _something(
    engine: Engine, district_id: str, kind: EventKind, ways: np.ndarray, chance: random.Random
) -> Happened | None:
    """Draw what happens, of what can still happen."""
    with reading(engine) as session:
        trucks = session.exec(select(Dispatch.truck_id).where(col(Dispatch.state).not_in(OVER))).all()
        newest = session.exec(
            select(Proposal).where(Proposal.state == ProposalState.PUBLISHED).order_by(col(Proposal.cycle_id).desc())
        ).first()
        assert newest is not None
        base = in_force(session, newest.district_id, newest.service_date, newest.shift_id)
        assert base is not None
        plan = read_proposal(session, base.id).plan
        routed = {stop_id for route in plan.routes for stop_id in route.stop_ids}
        later = [stop_id for route in plan.routes for stop_id in route.stop_ids[len(route.stop_ids) // 2 :]]
        bins = session.exec(
            select(Bin.point_id, Bin.stream)
            .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
            .where(CollectionPoint.district_id == district_id)
        ).all()
        idle = sorted({f"{point_id}/{stream}" for point_id, stream in bins} - routed)
        facilities = [place.id for place in session.exec(select(Facility)) if place.streams]
    match kind:
        case EventKind.TRUCK_OUT | EventKind.TRUCK_LATE:
            if len(trucks) < 2:
                return None
            return Happened(kind, chance.choice(trucks), details=Details(by_s=chance.randint(600, 3600)))
        case EventKind.STOP_CANCELLED:
            return Happened(kind, chance.choice(later)) if later else None
        case EventKind.STOP_NEEDED:
            return Happened(kind, chance.choice(idle)) if idle else None
        case EventKind.WAYS_CHANGED:
            return Happened(kind, str(chance.choice(ways.tolist())))
    return Happened(kind, chance.choice(facilities)) if len(facilities) > 1 else None


def _came_of(engine: Engine, event_id: int | None) -> tuple[PlanningCycle, Proposal | None]:
    with reading(engine) as session:
        event = session.get_one(DayEvent, event_id)
        cycle = session.get_one(PlanningCycle, event.cycle_id)
        return cycle, session.get(Proposal, cycle.proposal_id)


def _answered(engine: Engine, event_id: int | None) -> bool:
    with reading(engine) as session:
        event = session.get_one(DayEvent, event_id)
        if event.cycle_id is None:
            return False
        return session.get_one(PlanningCycle, event.cycle_id).state is not CycleState.PLANNING


def _state(engine: Engine, proposal_id: str) -> ProposalState:
    with reading(engine) as session:
        return session.get_one(Proposal, proposal_id).state


def _closed(engine: Engine, proposal_id: str) -> bool:
    with reading(engine) as session:
        proposal = session.get_one(Proposal, proposal_id)
        assert proposal.kind is ProposalKind.CHANGE
        return session.get_one(PlanningCycle, proposal.cycle_id).state is CycleState.CLOSED


def _percentiles(times: list[float]) -> dict[str, float]:
    if not times:
        return {}
    p50, p95, most = np.percentile(times, [50, 95, 100])
    return {
        "count": len(times),
        "p50": round(float(p50), 2),
        "p95": round(float(p95), 2),
        "most": round(float(most), 2),
    }


if __name__ == "__main__":
    main()
