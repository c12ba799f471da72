"""The day in motion: what happens during a shift becomes a change that a person approves; dispatches follow, once."""

import signal
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text, update
from sqlmodel import col, select

from agents.cycles import LEASE, CycleState, PlanningCycle
from agents.day_events import DayEvent, Details, EventKind, note_event
from agents.dispatches import Dispatch, DispatchState, list_dispatches, visits_of
from agents.editing import Desk, DropStop, apply
from agents.errors import ConflictError
from agents.proposals import ProposalKind, ProposalState, Shown, list_proposals, read_proposal
from agents.records import record_service
from agents.review import approve, expire, reject
from agents.shifts import shift_day
from agents.solvers import Solvers
from agents.summary import Note
from agents.worker import Worker
from city.clock import ManualClock
from city.database import reading, transaction
from city.journal import AuditRecord
from city.registry import Closure, ClosureKind, Crew, Truck
from city.settings import Settings
from routing.verify import verify
from sensors.alarms import AlarmKind, Cause, settle
from sensors.service import CouldNotReason, ServiceOutcome
from tests.agents.dying import step_and_die
from tests.agents.town import MORNING_STARTS, SERVICE_DATE, know

# What does not depend on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
# Later than any claim lasts.
AFTERWARDS = LEASE + timedelta(seconds=1)
ONE, TWO = "garden-truck-1", "garden-truck-2"
DONE, COULD_NOT = ServiceOutcome.DONE, ServiceOutcome.COULD_NOT


@pytest.fixture
def driving(engine: Engine, clock: ManualClock, worker: Worker) -> str:
    """Send the morning's trucks out, and wait until one is on the road; return the id of the plan in force."""
    full = [f"garden-{number}-dry" for number in (1, 2, 3, 4, 6, 7)]
    know(engine, 0.97, *full, "garden-5-wet", rate_per_h=0.03)
    worker.step()
    with reading(engine) as session:
        (proposal,) = list_proposals(session, district_ids=["garden"])
    approve(engine, clock, proposal_id=proposal.id, version=1, actor="ann")
    worker.step()
    clock.advance(MORNING_STARTS - timedelta(minutes=10) - clock.now())
    return proposal.id


def happens(engine: Engine, clock: ManualClock, kind: EventKind, subject: str, cause: str = "", **more: object) -> None:
    with transaction(engine) as session:
        note_event(
            session,
            shift_day(session, "garden", SERVICE_DATE, "morning"),
            kind,
            subject,
            cause=cause or f"{kind}/{subject}",
            happened_at=clock.now(),
            noticed_at=clock.now(),
            actor="ann",
            details=Details.model_validate(more),
        )


def waiting_change(engine: Engine) -> Shown:
    with reading(engine) as session:
        (pending,) = [
            proposal
            for proposal in list_proposals(session, states=[ProposalState.PENDING], district_ids=["garden"])
            if proposal.kind is ProposalKind.CHANGE
        ]
        return read_proposal(session, pending.id)


def pending_ids(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return [proposal.id for proposal in list_proposals(session, states=[ProposalState.PENDING])]


def changes(engine: Engine) -> dict[str, ProposalState]:
    with reading(engine) as session:
        found = list_proposals(session, district_ids=["garden"])
    return {proposal.id: proposal.state for proposal in found if proposal.kind is ProposalKind.CHANGE}


def dispatches(engine: Engine) -> dict[str, Dispatch]:
    with reading(engine) as session:
        return {one.truck_id: one for one in list_dispatches(session, district_ids=["garden"])}


def stops(engine: Engine, truck_id: str) -> list[str]:
    with reading(engine) as session:
        return [visit.stop_id for visit in visits_of(session, dispatches(engine)[truck_id].id) if visit.stop_id]


def tell(
    engine: Engine, clock: ManualClock, truck_id: str, stop_id: str, outcome: ServiceOutcome = DONE, **more: object
) -> None:
    record_service(
        engine, clock, dispatch_id=dispatches(engine)[truck_id].id, stop_id=stop_id, outcome=outcome,
        actor=f"crew of {truck_id}", **more,  # type: ignore[arg-type]
    )  # fmt: skip


def accept(engine: Engine, clock: ManualClock, worker: Worker) -> str:
    change = waiting_change(engine)
    approve(engine, clock, proposal_id=change.proposal.id, version=change.version.version, actor="ann")
    worker.step()
    return change.proposal.id


def notes(shown: Shown) -> list[str]:
    return [note.code for note in shown.summary.notes]


def leader(engine: Engine) -> str:
    """Return the truck with the most stops."""
    return max(dispatches(engine), key=lambda truck_id: len(stops(engine, truck_id)))


def test_a_truck_that_breaks_down_gives_its_stops_away_and_what_it_had_done_stays_done(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    other = ONE if truck == TWO else TWO
    first, *rest = stops(engine, truck)
    clock.advance(timedelta(minutes=20))
    tell(engine, clock, truck, first)
    happens(engine, clock, EventKind.TRUCK_OUT, truck)
    assert worker.step()
    change = waiting_change(engine)
    assert (change.proposal.base_id, change.difference is not None) == (driving, True)
    assert change.difference is not None
    assert {moved.stop_id for moved in change.difference.moved} | {
        gone.stop_id for gone in change.difference.dropped
    } == set(rest)
    assert "event_truck_out" in notes(change)
    assert dispatches(engine)[truck].version == 1, "nothing changes before somebody approves"
    accept(engine, clock, worker)
    assert stops(engine, truck) == [first]
    assert dispatches(engine)[truck].state is DispatchState.STOPPED
    assert set(stops(engine, other)) >= {moved.stop_id for moved in change.difference.moved}
    assert worker.step() is False
    with reading(engine) as session:
        told = [entry.action for entry in session.exec(select(AuditRecord))]
    assert told.count("dispatch.stopped") == 1


@on_sqlite
def test_a_stop_that_could_not_be_served_is_offered_to_another_truck_and_not_to_the_same(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    stop_id = next(stop_id for stop_id in stops(engine, truck) if stop_id.endswith("dry"))
    clock.advance(timedelta(minutes=20))
    tell(engine, clock, truck, stop_id, COULD_NOT, reason=CouldNotReason.BLOCKED)
    worker.step()
    change = waiting_change(engine)
    other = ONE if truck == TWO else TWO
    assert [(added.stop_id, added.truck_id) for added in change.difference.added] == [(stop_id, other)]  # type: ignore[union-attr]
    accept(engine, clock, worker)
    assert stop_id in stops(engine, other)
    assert stop_id in stops(engine, truck), "that it was tried stays on record"
    with reading(engine) as session:
        event = session.exec(select(DayEvent)).one()
    assert event.more.truck_id == truck


@on_sqlite
def test_what_a_crew_found_contaminated_is_for_people_and_no_other_truck_is_sent(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    clock.advance(timedelta(minutes=20))
    tell(engine, clock, truck, stops(engine, truck)[0], COULD_NOT, reason=CouldNotReason.CONTAMINATED)
    assert worker.step() is False
    assert changes(engine) == {}


@on_sqlite
def test_a_stop_that_is_cancelled_leaves_its_dispatch_and_the_order_of_the_rest_stays(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    before = stops(engine, truck)
    happens(engine, clock, EventKind.STOP_CANCELLED, before[-1])
    worker.step()
    accept(engine, clock, worker)
    assert stops(engine, truck) == before[:-1]
    changed = dispatches(engine)[truck]
    assert (changed.version, changed.changed_by is not None) == (2, True)


@on_sqlite
def test_a_stop_that_nobody_thought_of_is_served_and_is_explained(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    happens(engine, clock, EventKind.STOP_NEEDED, "garden-3/wet")
    worker.step()
    change = waiting_change(engine)
    assert [added.stop_id for added in change.difference.added] == ["garden-3/wet"]  # type: ignore[union-attr]
    assert change.reasons["garden-3/wet"].changed_by == "ann"
    accept(engine, clock, worker)
    assert "garden-3/wet" in stops(engine, ONE)


@on_sqlite
def test_a_bin_that_overflows_on_the_way_is_noticed_where_no_truck_comes_and_nobody_swaps_it(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    with transaction(engine) as session:
        for number in (0, 3, 5):
            causes = Cause(AlarmKind.OVERFLOW, f"bin/garden-{number}-wet", clock.now(), {}, f"garden-{number}-wet")
            settle(session, causes=[causes], now=clock.now())
    worker.step()
    worker.step()
    with reading(engine) as session:
        noticed = [event.subject_id for event in session.exec(select(DayEvent))]
    assert noticed == ["garden-3/wet"], "garden-5 is on a truck already, and an attendant is at garden-0"
    assert [added.stop_id for added in waiting_change(engine).difference.added] == noticed  # type: ignore[union-attr]


@on_sqlite
def test_two_events_make_one_change_and_a_third_makes_it_anew(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    before = stops(engine, truck)
    happens(engine, clock, EventKind.STOP_CANCELLED, before[-1])
    happens(engine, clock, EventKind.STOP_CANCELLED, before[-2])
    worker.step()
    first = waiting_change(engine)
    assert len(first.difference.dropped) == 2  # type: ignore[union-attr]
    happens(engine, clock, EventKind.STOP_CANCELLED, before[-3])
    worker.step()
    second = waiting_change(engine)
    assert changes(engine)[first.proposal.id] is ProposalState.SUPERSEDED
    assert len(second.difference.dropped) == 3  # type: ignore[union-attr]
    assert "made_anew" in notes(second)
    with pytest.raises(ConflictError):
        approve(engine, clock, proposal_id=first.proposal.id, version=1, actor="ann")
    accept(engine, clock, worker)
    assert stops(engine, truck) == before[:-3]


@on_sqlite
def test_a_change_can_be_edited_and_what_is_carried_out_is_what_was_edited(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str, desk: Desk
) -> None:
    truck = leader(engine)
    before = stops(engine, truck)
    happens(engine, clock, EventKind.STOP_CANCELLED, before[-1])
    worker.step()
    waits = waiting_change(engine).proposal
    apply(desk, proposal_id=waits.id, version=1, edit=DropStop(before[-2]), actor="ann")
    edited = waiting_change(engine)
    assert {gone.stop_id for gone in edited.difference.dropped} == set(before[-2:])  # type: ignore[union-attr]
    accept(engine, clock, worker)
    assert stops(engine, truck) == before[:-2]


@on_sqlite
def test_a_second_change_goes_on_from_the_first(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    before = stops(engine, truck)
    happens(engine, clock, EventKind.STOP_CANCELLED, before[-1])
    worker.step()
    first = accept(engine, clock, worker)
    happens(engine, clock, EventKind.STOP_CANCELLED, before[-2])
    worker.step()
    assert waiting_change(engine).proposal.base_id == first
    accept(engine, clock, worker)
    assert (stops(engine, truck), dispatches(engine)[truck].version) == (before[:-2], 3)


@on_sqlite
def test_a_change_that_the_day_has_moved_on_beyond_is_refused_and_made_anew(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    before = stops(engine, truck)
    happens(engine, clock, EventKind.STOP_CANCELLED, before[1])
    worker.step()
    shown = waiting_change(engine)
    clock.advance(timedelta(minutes=25))
    for stop_id in before[:2]:
        tell(engine, clock, truck, stop_id)
    with pytest.raises(ConflictError, match="moved on") as refused:
        approve(engine, clock, proposal_id=shown.proposal.id, version=1, actor="ann")
    assert refused.value.code == "day_moved_on"
    worker.step()
    # The stop is done: nothing is left to change.
    assert changes(engine) == {shown.proposal.id: ProposalState.SUPERSEDED}
    assert stops(engine, truck) == before


def test_a_record_that_comes_after_the_approval_withdraws_the_change_instead_of_carrying_it_out(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    before = stops(engine, truck)
    happens(engine, clock, EventKind.STOP_CANCELLED, before[0])
    worker.step()
    shown = waiting_change(engine)
    approve(engine, clock, proposal_id=shown.proposal.id, version=1, actor="ann")
    tell(engine, clock, truck, before[0])
    worker.step()
    assert changes(engine)[shown.proposal.id] is ProposalState.WITHDRAWN
    assert stops(engine, truck) == before
    worker.step()
    assert ProposalState.PENDING not in changes(engine).values()


def test_a_crew_without_signal_that_serves_a_stop_given_away_keeps_it_and_the_other_crew_is_told(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    other = ONE if truck == TWO else TWO
    happens(engine, clock, EventKind.TRUCK_OUT, truck)
    worker.step()
    moved = [one.stop_id for one in waiting_change(engine).difference.moved]  # type: ignore[union-attr]
    accept(engine, clock, worker)
    clock.advance(timedelta(minutes=30))
    tell(engine, clock, truck, moved[0], at=clock.now() - timedelta(minutes=5))
    assert moved[0] not in stops(engine, other)
    told = dispatches(engine)[other]
    tell(engine, clock, other, moved[0], at=clock.now() - timedelta(minutes=1))
    with reading(engine) as session:
        conflict = session.exec(select(AuditRecord).where(AuditRecord.action == "service.conflict")).one()
    assert conflict.after["emptied_by"] == dispatches(engine)[truck].id
    assert conflict.after["again_by"] == told.id


@on_sqlite
def test_a_truck_that_is_late_but_still_manages_bothers_nobody(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    before = stops(engine, truck)
    happens(engine, clock, EventKind.TRUCK_LATE, truck, by_s=1800)
    worker.step()
    assert changes(engine) == {}, "half an hour late, and everything still fits: nobody is asked"
    assert stops(engine, truck) == before


@on_sqlite
def test_a_truck_out_of_service_by_the_registry_and_a_street_that_closes_are_noticed_once(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    with transaction(engine) as session:
        session.exec(update(Truck).where(col(Truck.id) == truck).values(active=False))
        session.add(Closure(kind=ClosureKind.ROAD, subject_id="7", starts_at=clock.now(), reason="a burst pipe"))
    worker.step()
    worker.step()
    with reading(engine) as session:
        noticed = sorted((event.kind, event.subject_id) for event in session.exec(select(DayEvent)))
    assert [one for one in noticed if one[1] in (truck, "7")] == [
        (EventKind.TRUCK_OUT, truck),
        (EventKind.WAYS_CHANGED, "7"),
    ]
    shown = waiting_change(engine)
    assert {"event_truck_out", "event_ways_changed"} <= set(notes(shown))


@on_sqlite
def test_a_facility_that_is_full_with_no_other_is_a_failure_that_people_are_told_of(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    clock.advance(timedelta(minutes=20))
    tell(engine, clock, leader(engine), stops(engine, leader(engine))[0])
    happens(engine, clock, EventKind.FACILITY_CLOSED, "transfer", from_at=clock.now())
    worker.step()
    with reading(engine) as session:
        cycle = session.exec(select(PlanningCycle).where(PlanningCycle.kind == ProposalKind.CHANGE)).one()
        told = session.exec(select(AuditRecord).where(AuditRecord.action == "cycle.failed")).one()
    assert cycle.state is CycleState.FAILED
    assert "on board" in told.reason


@on_sqlite
def test_an_event_for_a_dispatch_that_is_finished_changes_nothing(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    clock.advance(timedelta(hours=3))
    for one in dispatches(engine):
        for stop_id in stops(engine, one):
            tell(engine, clock, one, stop_id)
    happens(engine, clock, EventKind.TRUCK_OUT, truck)
    worker.step()
    assert changes(engine) == {}
    assert dispatches(engine)[truck].state is DispatchState.FINISHED
    with reading(engine) as session:
        cycle = session.exec(select(PlanningCycle).where(PlanningCycle.kind == ProposalKind.CHANGE)).one()
    assert (cycle.state, cycle.outcome["code"]) == (CycleState.QUIET, "nothing_changes")


@on_sqlite
def test_a_change_that_is_rejected_or_expires_leaves_the_day_as_it_is_and_is_not_asked_again(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    truck = leader(engine)
    before = stops(engine, truck)
    happens(engine, clock, EventKind.STOP_CANCELLED, before[-1])
    worker.step()
    shown = waiting_change(engine)
    reject(engine, clock, proposal_id=shown.proposal.id, version=1, actor="ann", reason="go there all the same")
    worker.step()
    happens(engine, clock, EventKind.STOP_CANCELLED, before[-1], "told again")
    worker.step()
    again = waiting_change(engine)
    expire(engine, again.proposal.expires_at)
    clock.advance(again.proposal.expires_at - clock.now())
    worker.step()
    assert set(changes(engine).values()) == {ProposalState.REJECTED, ProposalState.EXPIRED}
    assert stops(engine, truck) == before


@on_sqlite
def test_a_change_keeps_the_rules_of_its_problem(
    engine: Engine, clock: ManualClock, worker: Worker, driving: str
) -> None:
    happens(engine, clock, EventKind.STOP_NEEDED, "garden-3/wet")
    happens(engine, clock, EventKind.STOP_CANCELLED, stops(engine, leader(engine))[-1])
    clock.advance(timedelta(minutes=20))
    worker.step()
    shown = waiting_change(engine)
    with reading(engine) as session:
        problem = worker._surroundings.problems.read(session, shown.version.problem_hash)
    assert verify(problem, shown.plan).ok
    assert all(isinstance(note, Note) and note.say("zh") for note in shown.summary.notes)


def test_a_worker_killed_at_any_checkpoint_of_a_change_is_replaced_and_every_dispatch_is_changed_once(
    database: str, engine: Engine, settings: Settings, solvers: Solvers, clock: ManualClock, worker: Worker
) -> None:
    know(engine, 0.97, *[f"garden-{number}-dry" for number in range(1, 6)], rate_per_h=0.03)
    with transaction(engine) as session:
        session.exec(update(Crew).where(col(Crew.district_id) == "harbour").values(active=False))
    worker.step()
    (plan,) = pending_ids(engine)
    approve(engine, clock, proposal_id=plan, version=1, actor="ann")
    worker.step()
    truck = leader(engine)
    before = stops(engine, truck)
    toggled, writes, survived = before[-1], 0, False
    while not survived:
        writes += 1
        kind = EventKind.STOP_CANCELLED if writes % 2 else EventKind.STOP_NEEDED
        happens(engine, clock, kind, toggled, f"event {writes}")
        killed = step_and_die(database, clock.now(), settings, solvers, writes=writes)
        assert killed in (0, -signal.SIGKILL)
        clock.advance(AFTERWARDS)
        while worker.step():
            pass
        change = waiting_change(engine)
        approve(engine, clock, proposal_id=change.proposal.id, version=1, actor="ann")
        published = step_and_die(database, clock.now(), settings, solvers, writes=writes)
        clock.advance(AFTERWARDS)
        while worker.step():
            pass
        assert changes(engine)[change.proposal.id] is ProposalState.PUBLISHED
        expected = set(before) - {toggled} if writes % 2 else set(before)
        assert set(stops(engine, truck)) == expected
        assert dispatches(engine)[truck].version == writes + 1
        survived = killed == published == 0
    assert writes > 3
    assert len(changes(engine)) == writes
    with reading(engine) as session:
        states = session.exec(select(PlanningCycle.state).where(PlanningCycle.kind == ProposalKind.CHANGE)).all()
        assert len(list_dispatches(session)) == len(dispatches(engine))
        told = session.exec(select(AuditRecord).where(AuditRecord.action == "dispatch.changed")).all()
    assert states == [CycleState.CLOSED] * writes
    assert len(told) == writes
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM checkpoints")).scalar_one() == 0
