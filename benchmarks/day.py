"""How long the agents take from the tick of the clock to proposals that wait, and from approvals to dispatches.

    .venv/bin/python benchmarks/day.py [--points 600] [--districts 4] [--seconds 5] [--database URL]

Makes a city, lets every bin's level be known, starts a worker as ``dustcart work`` does and moves the clock to the
planning of the morning shift. Prints JSON: wall times, and where the time went that was not solving (seconds of all
districts added up, so that districts planned side by side count twice where they wait for each other).
"""

import argparse
import json
import resource
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agents import graph, planner
from agents.cycles import PLANNING_LEAD, CycleState, PlanningCycle
from agents.dispatches import Dispatch
from agents.needs import Need
from agents.proposals import ProposalState, list_proposals, read_proposal
from agents.reasons import Standing
from agents.review import approve
from agents.shifts import shift_days
from agents.solvers import Solvers
from agents.worker import Worker
from city.clock import ManualClock, SystemClock
from city.database import open_engine, reading, transaction
from city.generate import generate
from city.migrate import upgrade
from city.registry import Bin
from city.settings import Settings
from city.store import save, zone_of
from city.streams import Stream
from sensors.levels import BinState, LevelSource

# Hours since a bin of each stream was last emptied, at most, and how fast it fills, on a usual day.
EMPTIED_H = {Stream.DRY: 36, Stream.WET: 24, Stream.RECYCLABLE: 72, Stream.HAZARDOUS: 500}
PER_H = {Stream.DRY: 0.025, Stream.WET: 0.03, Stream.RECYCLABLE: 0.01, Stream.HAZARDOUS: 0.001}


class Stages:
    """Adds up where time goes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._mutex = threading.Lock()

    def watch(self, owner: Any, name: str) -> None:
        """Measure every call of a function."""
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                with self._mutex:
                    self.seconds[name] += time.perf_counter() - begun

        setattr(owner, name, timed)


def make_city(engine: Engine, points: int, districts: int, seed: int) -> ManualClock:
    """Make a city whose bins are all known, and return a clock that stands just before the planning of a morning."""
    upgrade(engine)
    save(engine, generate(points, districts, seed))
    with reading(engine) as session:
        zone = zone_of(session)
        today = SystemClock().now().astimezone(zone).date() + timedelta(days=1)
        first = min(day.starts_at for day in shift_days(session, zone, [today]))
        bins = session.exec(select(Bin.id, Bin.stream).order_by(col(Bin.id))).all()
    at = first - PLANNING_LEAD - timedelta(seconds=1)
    rng = np.random.default_rng(seed)
    with transaction(engine) as session:
        rows = []
        for bin_id, stream in bins:
            emptied_h = float(rng.uniform(0, EMPTIED_H[stream]))
            rate = PER_H[stream] * float(rng.lognormal(0, 0.4))
            rows.append(
                {
                    "bin_id": bin_id, "fill_level": rate * emptied_h, "sigma": 0.05, "as_of": at, "rate_per_h": rate,
                    "rate_sigma": 0.1 * rate, "volatility": 0.03, "emptied_at": at - timedelta(hours=emptied_h),
                    "heard_at": at, "source": LevelSource.SENSOR,
                }
            )  # fmt: skip
        session.connection().execute(BinState.__table__.insert(), [default_state() | row for row in rows])
    return ManualClock(at)


def default_state() -> dict[str, Any]:
    """Return what a bin's state holds where nothing else is said."""
    return {
        name: field.default
        for name, field in BinState.model_fields.items()
        if name != "bin_id" and not field.is_required()
    }


def until(engine: Engine, done: Callable[[Engine], bool]) -> float:
    """Wait until something is so; return how long it took."""
    begun = time.perf_counter()
    while not done(engine):
        time.sleep(0.02)
    return time.perf_counter() - begun


def planned(engine: Engine, districts: int) -> bool:
    """Whether every district's cycle has come to rest."""
    with reading(engine) as session:
        states = session.exec(select(PlanningCycle.state)).all()
    return len(states) == districts and CycleState.PLANNING not in states


def closed(engine: Engine) -> bool:
    """Whether every cycle is closed."""
    with reading(engine) as session:
        states = set(session.exec(select(PlanningCycle.state)))
    return states <= {CycleState.CLOSED, CycleState.QUIET, CycleState.FAILED}


def main() -> None:
    """Plan a morning, approve it, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=600)
    parser.add_argument("--districts", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0, help="solving time of each district")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="", help="an empty database; otherwise SQLite in a fresh directory")
    given = parser.parse_args()
    stages = Stages()
    agents_do = "outlooks find_causes keep_needs read_needs decide keep_decisions read_briefing propose"
    planner_does = "build_task check explain"
    for owner, names in ((graph, agents_do), (planner, planner_does), (Solvers, "solve")):
        for name in names.split():
            stages.watch(owner, name)
    for node in ("monitor", "dispatcher", "planner"):
        stages.watch(graph, node)
    with tempfile.TemporaryDirectory() as directory:
        engine = open_engine(given.database or f"sqlite:///{directory}/day.sqlite")
        clock = make_city(engine, given.points, given.districts, given.seed)
        stop = threading.Event()
        worker = Worker(engine, clock, Settings(solve_seconds=given.seconds))
        running = threading.Thread(target=worker.run, args=(stop,))
        running.start()
        time.sleep(5)  # the solving processes load their engines meanwhile
        clock.advance(timedelta(seconds=1))
        begun_cpu = time.process_time()
        wall_s = until(engine, lambda opened: planned(opened, given.districts))
        cpu_s = time.process_time() - begun_cpu
        with reading(engine) as session:
            waiting = list_proposals(session, states=[ProposalState.PENDING])
            shown = [read_proposal(session, proposal.id) for proposal in waiting]
            summaries = [one.summary for one in shown]
            why = Counter(
                reason.unserved.reason if reason.unserved else str(reason.excluded)
                for one in shown
                for reason in one.reasons.values()
                if reason.standing is not Standing.SERVED
            )
            needs = len(session.exec(select(Need.id)).all())
        for proposal in waiting:
            approve(engine, clock, proposal_id=proposal.id, version=1, actor="a benchmark")
        published_s = until(engine, closed)
        with reading(engine) as session:
            dispatches = len(session.exec(select(Dispatch.id)).all())
        stop.set()
        running.join()
        engine.dispose()
    seconds = {name: round(value, 3) for name, value in sorted(stages.seconds.items())}
    nodes_s = sum(stages.seconds[node] for node in ("monitor", "dispatcher", "planner"))
    print(
        json.dumps(
            {
                "points": given.points,
                "districts": given.districts,
                "proposals": len(waiting),
                "stops": sum(summary.stops for summary in summaries),
                "trucks": sum(summary.trucks for summary in summaries),
                "left_out": sum(summary.left_out for summary in summaries),
                "left_out_because": dict(why),
                "riskiest_left_out": [summary.riskiest_left_out for summary in summaries],
                "needs": needs,
                "wall_s": round(wall_s, 2),
                "cpu_of_all_but_solving_s": round(cpu_s, 2),
                "all_but_solving_s": round(nodes_s - stages.seconds["solve"], 2),
                "approvals_to_dispatches_s": round(published_s, 2),
                "dispatches": dispatches,
                "stages_s": seconds,
                "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
