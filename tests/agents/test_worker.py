"""The worker: plans what is due, once; recovers from being killed at any checkpoint; tells people what it cannot do."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from agents.cycles import (
    LEASE,
    MAX_ATTEMPTS,
    CycleState,
    Holder,
    Outcome,
    PlanningCycle,
    abandoned,
    begin,
    hold,
    renew,
    take,
)
from agents.dispatches import list_dispatches
from agents.errors import ConflictError, RefusedError
from agents.proposals import ProposalState, list_proposals, read_proposal
from agents.review import approve
from agents.shifts import shift_day
from agents.solvers import Solvers
from agents.worker import Worker
from city.clock import ManualClock, SystemClock
from city.database import reading, transaction
from city.journal import AuditRecord
from city.registry import Crew, Truck
from city.settings import Settings
from routing.plan import Cost, Plan
from tests.agents.dying import step_and_die
from tests.agents.town import PLANNING, SERVICE_DATE, know

ROOT = Path(__file__).resolve().parent.parent.parent
DAY = timedelta(days=1)
# Later than any claim lasts.
AFTERWARDS = LEASE + timedelta(seconds=1)


def cycles(engine: Engine, district: str = "garden") -> list[PlanningCycle]:
    with reading(engine) as session:
        query = select(PlanningCycle).where(PlanningCycle.district_id == district)
        return sorted(session.exec(query), key=lambda cycle: cycle.number)


def pending(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return [proposal.id for proposal in list_proposals(session, states=[ProposalState.PENDING])]


def fill(engine: Engine) -> None:
    know(engine, 0.97, "garden-1-dry", "garden-2-dry", rate_per_h=0.03)


def only_garden(engine: Engine) -> None:
    """Send the other district's crews home."""
    with transaction(engine) as session:
        session.exec(update(Crew).where(col(Crew.district_id) == "harbour").values(active=False))


def test_a_shift_is_planned_once_two_hours_before_it_starts(
    engine: Engine, clock: ManualClock, settings: Settings, solvers: Solvers
) -> None:
    fill(engine)
    early = ManualClock(PLANNING - timedelta(seconds=1))
    with Worker(engine, early, settings, machine=early, solvers=solvers) as worker:
        assert not worker.step()
        assert cycles(engine) == []
        early.advance(timedelta(seconds=1))
        assert worker.step()
        assert not worker.step()
    (cycle,) = cycles(engine)
    assert (cycle.thread_id, cycle.state) == ("garden/2026-03-03/morning", CycleState.WAITING)
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
        shown = read_proposal(session, proposal.id)
    assert proposal.expires_at == PLANNING + timedelta(hours=2)
    assert shown.summary.stops == 2


def test_a_district_in_which_nothing_is_needed_has_a_quiet_cycle_that_the_journal_tells_of(
    engine: Engine, worker: Worker
) -> None:
    worker.step()
    (cycle,) = cycles(engine)
    assert (cycle.state, cycle.outcome["code"]) == (CycleState.QUIET, "nothing_needed")
    with reading(engine) as session:
        assert list_proposals(session) == []
        told = session.exec(select(AuditRecord).where(AuditRecord.action == "cycle.quiet")).all()
    assert {entry.district_id for entry in told} == {"garden", "harbour"}


def test_a_shift_that_began_is_planned_late_and_one_half_gone_is_not(
    engine: Engine, settings: Settings, solvers: Solvers
) -> None:
    fill(engine)
    late = ManualClock(PLANNING + timedelta(hours=3))
    with Worker(engine, late, settings, machine=late, solvers=solvers) as worker:
        worker.step()
        with reading(engine) as session:
            (proposal,) = list_proposals(session)
            plan = read_proposal(session, proposal.id).plan
        assert proposal.expires_at == late.now() + timedelta(minutes=30)
        # 07:00 and half an hour to decide.
        assert min(route.visits[0].departure_s for route in plan.routes) >= 7.5 * 3600
        late.advance(DAY + timedelta(hours=3))
        worker.step()
    assert [cycle.service_date.day for cycle in cycles(engine)] == [3]


def test_a_worker_that_is_killed_at_any_checkpoint_is_replaced_and_nothing_happens_twice(
    database: str, engine: Engine, settings: Settings, solvers: Solvers
) -> None:
    fill(engine)
    only_garden(engine)
    writes, survived = 0, False
    while not survived:
        writes += 1
        at = PLANNING + writes * DAY
        killed = step_and_die(database, at, settings, solvers, writes=writes)
        assert killed in (0, -signal.SIGKILL)
        clock = ManualClock(at + AFTERWARDS)
        with Worker(engine, clock, settings, machine=clock, solvers=solvers) as successor:
            while successor.step():
                pass
            (proposal_id,) = pending(engine)
            approve(engine, clock, proposal_id=proposal_id, version=1, actor="ann")
            published = step_and_die(database, clock.now(), settings, solvers, writes=writes)
            clock.advance(AFTERWARDS)
            while successor.step():
                pass
        with reading(engine) as session:
            assert len(list_dispatches(session, proposal_id=proposal_id)) == 1
            assert len(list_proposals(session)) == writes
        assert [cycle.state for cycle in cycles(engine)] == [CycleState.CLOSED] * writes
        survived = killed == published == 0
    assert writes > 5
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM checkpoints")).scalar_one() == 0


SUBPROCESS = """
import sys, threading
from datetime import datetime
from agents.worker import Worker
from city.clock import SimulatedClock
from city.database import open_engine
from city.settings import Settings
from city.streams import Stream
settings = Settings(database_url=sys.argv[1], solve_seconds=0.3, cores=1)
clock = SimulatedClock(datetime.fromisoformat(sys.argv[2]), 1.0)
Worker(open_engine(settings.url), clock, settings).run(threading.Event())
"""


def test_a_real_worker_killed_while_a_proposal_waits_leaves_it_waiting_and_its_solvers_end_with_it(
    database: str, engine: Engine, clock: ManualClock, settings: Settings, solvers: Solvers
) -> None:
    fill(engine)
    process = subprocess.Popen(
        [sys.executable, "-c", SUBPROCESS, database, PLANNING.isoformat()],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "."},
    )
    try:
        until = time.monotonic() + 60
        while not pending(engine) and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    finally:
        process.kill()
        process.wait()
    (proposal_id,) = pending(engine)
    assert children
    approve(engine, clock, proposal_id=proposal_id, version=1, actor="ann")
    machine = ManualClock(SystemClock().now() + AFTERWARDS)
    with Worker(engine, clock, settings, machine=machine, solvers=solvers) as successor:
        assert successor.step()
    with reading(engine) as session:
        assert len(list_dispatches(session)) == 1
    until = time.monotonic() + 10
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


class Wrong(Solvers):
    """Returns plans with a number in them that is not right."""

    def solve(self, *_: object, **__: object) -> Plan:
        """Claim to leave everything out at no cost."""
        return Plan((), (), Cost())


class Failing(Solvers):
    """Fails in a way that nobody foresaw."""

    def solve(self, *_: object, **__: object) -> Plan:
        """Fail."""
        raise ZeroDivisionError


def test_a_plan_that_fails_verify_is_never_proposed_and_the_operator_is_told_why(
    engine: Engine, clock: ManualClock, settings: Settings
) -> None:
    fill(engine)
    with Worker(engine, clock, settings, machine=clock, solvers=Wrong(1)) as worker:
        worker.step()
        assert not worker.step()
    (cycle,) = cycles(engine)
    assert cycle.state is CycleState.FAILED
    assert cycle.outcome["code"] == "plan_fails_verification"
    with reading(engine) as session:
        assert list_proposals(session) == []
        (told,) = session.exec(select(AuditRecord).where(AuditRecord.action == "cycle.failed")).all()
    assert "broke 2 rules" in told.reason
    assert "forgotten: garden-1/dry" in told.reason


def test_a_shift_in_which_nothing_that_must_be_served_can_be_fails_with_an_example_in_both_languages(
    engine: Engine, worker: Worker
) -> None:
    fill(engine)
    with transaction(engine) as session:
        session.exec(update(Truck).values(capacity_l=10, compaction=1.0))
    worker.step()
    (cycle,) = cycles(engine)
    assert cycle.state is CycleState.FAILED
    outcome = Outcome.model_validate(cycle.outcome)
    assert "For example garden-1/dry: " in outcome.say("en")
    assert "garden-1/dry" in outcome.say("zh")


def test_a_failure_that_nobody_foresaw_is_tried_again_a_few_times_and_then_given_up(
    engine: Engine, clock: ManualClock, settings: Settings, solvers: Solvers, caplog: pytest.LogCaptureFixture
) -> None:
    fill(engine)
    only_garden(engine)
    with Worker(engine, clock, settings, machine=clock, solvers=Failing(1)) as worker:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            assert worker.step()
            assert not worker.step()
            assert [(cycle.state, cycle.attempts) for cycle in cycles(engine)] == [(CycleState.PLANNING, attempt)]
            clock.advance(timedelta(minutes=1))
        worker.step()
    (cycle,) = cycles(engine)
    assert (cycle.state, cycle.outcome["code"]) == (CycleState.FAILED, "given_up")
    assert "ZeroDivisionError" in caplog.text
    with Worker(engine, clock, settings, machine=clock, solvers=solvers) as worker, reading(engine) as session:
        again = worker.plan(shift_day(session, "garden", SERVICE_DATE, "morning"), actor="ann")
    assert (again.run, again.state) == (2, CycleState.WAITING)


def test_two_workers_never_hold_one_district_and_one_that_was_asleep_cannot_write_after_it_was_replaced(
    engine: Engine, clock: ManualClock
) -> None:
    first, second = (Holder(token, clock.now()) for token in ("first", "second"))
    with reading(engine) as session:
        morning, evening = (shift_day(session, "garden", SERVICE_DATE, shift) for shift in ("morning", "evening"))
    cycle = begin(engine, morning, first, clock.now())
    assert cycle is not None
    assert begin(engine, morning, second, clock.now()) is None
    assert begin(engine, evening, second, clock.now()) is None
    assert take(engine, cycle, second) is None
    later = Holder("second", clock.now() + AFTERWARDS)
    taken = take(engine, cycle, later)
    assert taken is not None
    assert taken.attempts == 2
    with pytest.raises(ConflictError, match="Another worker"), transaction(engine) as session:
        hold(session, cycle.number, "first")
    with transaction(engine) as session:
        assert hold(session, cycle.number, "second").number == cycle.number


def test_a_worker_renews_only_the_claims_it_works_on_so_that_no_cycle_stays_stuck_with_it(
    engine: Engine, clock: ManualClock
) -> None:
    holder = Holder("first", clock.now())
    with reading(engine) as session:
        days = [shift_day(session, district, SERVICE_DATE, "morning") for district in ("garden", "harbour")]
    working, forgotten = (begin(engine, day, holder, clock.now()) for day in days)
    assert working is not None
    assert forgotten is not None
    renew(engine, Holder("first", clock.now() + LEASE / 2), [working.number])
    renew(engine, Holder("first", clock.now() + LEASE / 2), [])
    with reading(engine) as session:
        assert [cycle.number for cycle in abandoned(session, clock.now() + LEASE)] == [forgotten.number]


def test_a_failure_that_cannot_even_be_written_down_is_logged_and_its_cycle_taken_over_after_the_lease(
    engine: Engine,
    clock: ManualClock,
    settings: Settings,
    solvers: Solvers,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise OperationalError("UPDATE planning_cycle", {}, Exception("disk full"))

    fill(engine)
    only_garden(engine)
    with Worker(engine, clock, settings, machine=clock, solvers=Wrong(1)) as worker, monkeypatch.context() as patch:
        patch.setattr("agents.worker.rest", break_down)
        worker.step()
    assert "stays claimed until its lease ends" in caplog.text
    clock.advance(AFTERWARDS)
    with Worker(engine, clock, settings, machine=clock, solvers=solvers) as successor:
        successor.step()
    assert [(cycle.state, cycle.attempts) for cycle in cycles(engine)] == [(CycleState.WAITING, 2)]


def test_a_shift_without_crews_and_one_that_is_over_are_refused(
    engine: Engine, clock: ManualClock, worker: Worker
) -> None:
    only_garden(engine)
    with reading(engine) as session:
        nobody = shift_day(session, "harbour", SERVICE_DATE, "morning")
    with pytest.raises(RefusedError, match="Nobody with a truck"):
        worker.plan(nobody, actor="ann")
    clock.advance(timedelta(hours=10))
    with pytest.raises(RefusedError, match="over"):
        worker.plan(nobody, actor="ann")
    assert cycles(engine) == []


def test_a_worker_that_runs_carries_a_decision_out_by_itself(
    engine: Engine, clock: ManualClock, settings: Settings, solvers: Solvers, waiting: str
) -> None:
    stop = threading.Event()
    running = threading.Thread(target=Worker(engine, clock, settings, machine=clock, solvers=solvers).run, args=(stop,))
    running.start()
    try:
        approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
        until = time.monotonic() + 20
        while cycles(engine)[0].state is not CycleState.CLOSED and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        stop.set()
        running.join()
    with reading(engine) as session:
        assert len(list_dispatches(session)) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_worker_that_is_told_to_stop_gives_up_what_it_solves_and_leaves_it_to_the_next(
    engine: Engine, clock: ManualClock, solvers: Solvers
) -> None:
    fill(engine)
    only_garden(engine)
    stop = threading.Event()
    patient = Worker(engine, clock, Settings(solve_seconds=120.0, cores=1), machine=clock)
    running = threading.Thread(target=patient.run, args=(stop,))
    running.start()
    until = time.monotonic() + 20
    while not cycles(engine) and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    running.join(60)
    assert not running.is_alive()
    (cycle,) = cycles(engine)
    assert (cycle.state, cycle.claim, cycle.attempts) == (CycleState.PLANNING, None, 0)
    with Worker(engine, clock, Settings(), machine=clock, solvers=solvers) as successor:
        successor.step()
    assert len(pending(engine)) == 1
