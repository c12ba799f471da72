"""Planning anew while a proposal waits: what people decided and fixed meanwhile stands."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, update
from sqlmodel import col

from agents.cycles import CycleState, PlanningCycle
from agents.dispatches import list_dispatches
from agents.editing import AddStop, Desk, DropStop, LockStop, MoveStop, apply
from agents.errors import ConflictError
from agents.proposals import ProposalState, list_proposals, read_proposal
from agents.reasons import Standing
from agents.review import approve
from agents.shifts import shift_day
from agents.solvers import Solvers
from agents.worker import Worker
from city.clock import ManualClock
from city.database import reading, transaction
from city.registry import Closure, ClosureKind, Truck
from city.settings import Settings
from city.streams import Stream
from routing.plan import Plan
from routing.problem import Problem
from tests.agents.conftest import Inserting
from tests.agents.test_worker import cycles
from tests.agents.town import PLANNING, SERVICE_DATE


def ask(engine: Engine, clock: ManualClock, worker: Worker, actor: str = "ann") -> PlanningCycle:
    """Ask for the morning shift to be planned anew."""
    with reading(engine) as session:
        day = shift_day(session, "garden", SERVICE_DATE, "morning")
    return worker.plan(day, actor=actor)


def test_a_cycle_that_a_person_asks_for_supersedes_the_pending_proposal_of_its_shift(
    engine: Engine, clock: ManualClock, worker: Worker, waiting: str
) -> None:
    again = ask(engine, clock, worker)
    assert (again.run, again.requested_by) == (2, "ann")
    with reading(engine) as session:
        states = {proposal.id: proposal.state for proposal in list_proposals(session)}
    assert states == {waiting: ProposalState.SUPERSEDED, again.proposal_id: ProposalState.PENDING}
    worker.step()
    with pytest.raises(ConflictError, match="superseded"):
        approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    approve(engine, clock, proposal_id=again.proposal_id, version=1, actor="ann")
    worker.step()
    with reading(engine) as session:
        assert len(list_dispatches(session, proposal_id=again.proposal_id)) == 1
    assert [cycle.state for cycle in cycles(engine)] == [CycleState.CLOSED] * 2


class Slow(Solvers):
    """Something happens while it solves."""

    def __init__(self, solver: Solvers, meanwhile: Callable[[], object]) -> None:
        super().__init__(1)
        self._solver, self._meanwhile = solver, meanwhile

    def solve(self, problem: Problem, *_: object, **__: object) -> Plan:
        """Solve after all."""
        self._meanwhile()
        return self._solver.solve(problem, 0.1, seed=1)


def test_a_plan_made_anew_keeps_what_people_locked_and_took_out(
    engine: Engine, clock: ManualClock, worker: Worker, desk: Desk, waiting: str
) -> None:
    with reading(engine) as session:
        route = read_proposal(session, waiting).plan.route_of("garden-1/dry")
    assert route is not None
    other = "garden-truck-2" if route.truck_id == "garden-truck-1" else "garden-truck-1"
    for version, wish in enumerate(
        (MoveStop("garden-1/dry", other), LockStop("garden-1/dry"), DropStop("garden-5/wet")), start=1
    ):
        apply(desk, proposal_id=waiting, version=version, edit=wish, actor="bob")
    again = ask(engine, clock, worker)
    with reading(engine) as session:
        shown = read_proposal(session, again.proposal_id)
    assert shown.version.locks == {"garden-1/dry": other}
    serving = shown.plan.route_of("garden-1/dry")
    assert serving is not None
    assert serving.truck_id == other
    dropped = shown.reasons["garden-5/wet"]
    assert (dropped.standing, dropped.changed_by) == (Standing.DROPPED, "bob")
    apply(desk, proposal_id=again.proposal_id, version=1, edit=AddStop("garden-5", Stream.WET), actor="bob")
    with transaction(engine) as session:
        session.exec(update(Truck).where(col(Truck.id) == other).values(active=False))
    once_more = ask(engine, clock, worker)
    with reading(engine) as session:
        shown = read_proposal(session, once_more.proposal_id)
    assert shown.version.locks == {}
    assert [note.code for note in shown.summary.notes] == ["lock_given_up"]


def test_what_is_approved_is_not_planned_anew_and_wins_over_a_plan_that_was_on_its_way(
    engine: Engine, clock: ManualClock, settings: Settings, worker: Worker, waiting: str
) -> None:
    slow = Slow(Inserting(1), lambda: approve(engine, clock, proposal_id=waiting, version=1, actor="bob"))
    with Worker(engine, clock, settings, machine=clock, solvers=slow) as another:
        overtaken = ask(engine, clock, another)
    assert (overtaken.state, overtaken.outcome["code"]) == (CycleState.QUIET, "already_decided")
    worker.step()
    with reading(engine) as session:
        assert [dispatch.proposal_id for dispatch in list_dispatches(session)] == [waiting]
    with pytest.raises(ConflictError, match="not planned anew"):
        ask(engine, clock, worker)


def test_an_edit_made_while_a_plan_is_made_anew_is_in_the_new_plan(
    engine: Engine, clock: ManualClock, settings: Settings, desk: Desk, waiting: str
) -> None:
    wishes = iter([DropStop("garden-5/wet"), LockStop("garden-1/dry")])

    def edit() -> None:
        for version, wish in enumerate(wishes, start=1):
            apply(desk, proposal_id=waiting, version=version, edit=wish, actor="bob")

    with Worker(engine, clock, settings, machine=clock, solvers=Slow(Inserting(1), edit)) as worker:
        again = ask(engine, clock, worker)
    assert (again.state, again.attempts) == (CycleState.WAITING, 1)
    with reading(engine) as session:
        shown = read_proposal(session, again.proposal_id)
        assert read_proposal(session, waiting).proposal.state is ProposalState.SUPERSEDED
    dropped = shown.reasons["garden-5/wet"]
    assert (dropped.standing, dropped.changed_by) == (Standing.DROPPED, "bob")
    assert set(shown.version.locks) == {"garden-1/dry"}


def test_a_stop_that_a_person_added_stays_in_every_plan_made_anew_until_it_cannot_be_served(
    engine: Engine, clock: ManualClock, worker: Worker, desk: Desk, waiting: str
) -> None:
    apply(desk, proposal_id=waiting, version=1, edit=AddStop("garden-7", Stream.DRY), actor="bob")
    for _ in range(2):
        again = ask(engine, clock, worker)
        with reading(engine) as session:
            shown = read_proposal(session, again.proposal_id)
        assert shown.plan.route_of("garden-7/dry") is not None
        kept = shown.reasons["garden-7/dry"]
        assert (kept.standing, kept.changed_by, kept.required) == (Standing.SERVED, "bob", True)
    with transaction(engine) as session:
        session.add(Closure(kind=ClosureKind.POINT, subject_id="garden-7", starts_at=PLANNING))
    again = ask(engine, clock, worker)
    with reading(engine) as session:
        shown = read_proposal(session, again.proposal_id)
    assert "garden-7/dry" not in shown.reasons
    assert [(note.code, note.numbers) for note in shown.summary.notes] == [
        ("added_given_up", {"stop_id": "garden-7/dry"})
    ]


def test_moving_a_stop_does_not_make_it_one_that_was_added_by_hand(engine: Engine, desk: Desk, waiting: str) -> None:
    with reading(engine) as session:
        route = read_proposal(session, waiting).plan.route_of("garden-1/dry")
    assert route is not None
    other = "garden-truck-2" if route.truck_id == "garden-truck-1" else "garden-truck-1"
    done = apply(desk, proposal_id=waiting, version=1, edit=MoveStop("garden-1/dry", other), actor="bob")
    assert done.reasons["garden-1/dry"].changed_by is None


def test_a_shift_whose_stops_were_all_taken_out_by_hand_has_not_failed_when_it_is_planned_anew(
    engine: Engine, clock: ManualClock, worker: Worker, desk: Desk, waiting: str
) -> None:
    with reading(engine) as session:
        served = [stop_id for route in read_proposal(session, waiting).plan.routes for stop_id in route.stop_ids]
    for version, stop_id in enumerate(served, start=1):
        apply(desk, proposal_id=waiting, version=version, edit=DropStop(stop_id), actor="bob")
    again = ask(engine, clock, worker)
    assert (again.state, again.outcome) == (
        CycleState.QUIET, {"code": "all_taken_out", "numbers": {"stops": len(served)}},
    )  # fmt: skip


class Remembering(Inserting):
    """Remembers what it was to start from."""

    def __init__(self) -> None:
        super().__init__(1)
        self.starts: list[Plan | None] = []

    def solve(self, problem: Problem, *args: object, start: Plan | None = None, **kwargs: object) -> Plan:
        """Solve after all."""
        self.starts.append(start)
        return super().solve(problem, *args, **kwargs)


def test_a_plan_made_anew_starts_from_the_routes_that_wait_for_a_decision(
    engine: Engine, clock: ManualClock, settings: Settings, desk: Desk, waiting: str
) -> None:
    apply(desk, proposal_id=waiting, version=1, edit=DropStop("garden-5/wet"), actor="bob")
    with reading(engine) as session:
        standing = read_proposal(session, waiting).plan
    solvers = Remembering()
    with Worker(engine, clock, settings, machine=clock, solvers=solvers) as worker:
        ask(engine, clock, worker)
    assert solvers.starts == [standing]
