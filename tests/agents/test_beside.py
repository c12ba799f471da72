"""What a proposal shows beside its plan: two alternatives in numbers, and in plain words what would make it invalid."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, update
from sqlmodel import col

from agents.alternatives import find_alternatives
from agents.editing import Desk, DropStop, apply
from agents.proposals import ProposalState, Shown, list_proposals, read_proposal
from agents.review import approve
from agents.solvers import Solvers
from agents.summary import Wish
from agents.worker import Worker
from city.clock import ManualClock
from city.database import reading, transaction
from city.registry import Closure, ClosureKind, Crew, Shift, StreamRule, Truck
from routing import Break, Budget, TimeWindow, solve
from tests.agents.town import MORNING_STARTS, PLANNING, know
from tests.api.proposing import planned

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
TRUCKS = ("garden-truck-1", "garden-truck-2")


class Searching(Solvers):
    """Searches here, with few steps."""

    def solve(self, problem, seconds, *, seed, start=None):  # type: ignore[no-untyped-def]
        """Search with few steps."""
        return solve(problem, Budget(seconds, cores=1, iterations=50), seed=seed, start=start)


def close(engine: Engine, kind: ClosureKind, subject: str, hours: float | None) -> None:
    until = None if hours is None else MORNING_STARTS + timedelta(hours=hours)
    with transaction(engine) as session:
        session.add(Closure(kind=kind, subject_id=subject, starts_at=PLANNING - timedelta(days=1), ends_at=until))


def propose(engine: Engine, worker: Worker) -> Shown:
    know(engine, 0.97, *[f"garden-{number}-dry" for number in range(1, 7)], rate_per_h=0.03)
    worker.step()
    with reading(engine) as session:
        (proposal,) = list_proposals(session, states=[ProposalState.PENDING], district_ids=["garden"])
        return read_proposal(session, proposal.id)


def test_the_fewest_trucks_and_the_least_change_are_worked_out_from_the_plan_with_their_cost() -> None:
    made = planned("garden")
    one, two = TRUCKS
    usual = dict.fromkeys(made.plan.routes[0].stop_ids, two) | {"gone/dry": one}
    (nearest,) = find_alternatives(Searching(1), made.problem, made.plan, usual, seconds=10, seed=1)
    assert nearest.wish is Wish.LEAST_CHANGE
    assert (nearest.changed, nearest.plan_changed) == (0, len(made.plan.routes[0].stop_ids))
    assert nearest.cost_cents >= made.plan.cost.driving_cents
    assert nearest.left_out_required == 0


@on_sqlite
def test_a_truck_in_repair_is_planned_from_when_it_is_back_and_the_proposal_says_so(
    engine: Engine, worker: Worker, desk: Desk
) -> None:
    for truck in TRUCKS:
        close(engine, ClosureKind.TRUCK, truck, 1.5)
    shown = propose(engine, worker)
    assert all(route.visits[0].departure_s >= 7.5 * 3600 for route in shown.plan.routes)
    said = [note.say("en") for note in shown.summary.invalid_if]
    assert any("is not back from repair by 07:30" in line for line in said)
    first = shown.plan.routes[0].stop_ids[0]
    edited = apply(desk, proposal_id=shown.proposal.id, version=1, edit=DropStop(first), actor="ann")
    assert edited.summary.invalid_if == shown.summary.invalid_if


@on_sqlite
def test_a_truck_in_repair_all_shift_stays_at_home_and_a_road_that_ought_to_open_is_named(
    engine: Engine, worker: Worker
) -> None:
    close(engine, ClosureKind.TRUCK, TRUCKS[1], None)
    close(engine, ClosureKind.ROAD, "7", 2)
    shown = propose(engine, worker)
    assert {route.truck_id for route in shown.plan.routes} == {TRUCKS[0]}
    assert "truck_in_repair" in [note.code for note in shown.summary.notes]
    assert [note.say("zh") for note in shown.summary.invalid_if] == ["道路 7 在 08:00 之后仍封闭或缓行。"]


@on_sqlite
def test_the_next_day_the_habit_of_the_last_is_known(engine: Engine, clock: ManualClock, worker: Worker) -> None:
    shown = propose(engine, worker)
    approve(engine, clock, proposal_id=shown.proposal.id, version=1, actor="ann")
    worker.step()
    clock.advance(timedelta(days=1))
    again = propose(engine, worker)
    (nearest,) = (one for one in again.summary.alternatives if one.wish is Wish.LEAST_CHANGE)
    assert nearest.changed is not None


@on_sqlite
def test_breaks_overtime_and_certificates_of_the_registry_hold_in_the_plan(
    engine: Engine, worker: Worker, desk: Desk
) -> None:
    with transaction(engine) as session:
        values = {"break_hours": "06:15-06:30", "break_s": 1200, "max_overtime_s": 3600}
        session.exec(update(Shift).where(col(Shift.id) == "morning").values(**values))
        session.exec(update(StreamRule).where(col(StreamRule.stream) == "dry").values(certificate="dangerous goods"))
        certified = col(Crew.truck_id) == TRUCKS[1]
        session.exec(update(Crew).where(certified).values(certificates="first aid, dangerous goods"))
        session.exec(update(Truck).values(overtime_cost_per_h=45.0))
    shown = propose(engine, worker)
    assert {route.truck_id for route in shown.plan.routes} == {TRUCKS[1]}, "the only crew that is certified"
    with reading(engine) as session:
        problem = desk.problems.read(session, shown.version.problem_hash)
    assert {(truck.max_overtime_s, truck.overtime_cents_per_h) for truck in problem.trucks} == {(3600, 4500)}
    assert {truck.breaks for truck in problem.trucks} == {(Break(TimeWindow(22_500, 23_400), 1200),)}
