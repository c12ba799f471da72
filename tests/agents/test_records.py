"""Records of service: they move the dispatch and the bins together, once, and what could not be done comes back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from agents.dispatches import Dispatch, DispatchState, list_dispatches, read_dispatch, underway, visits_of
from agents.errors import ConflictError, NotFoundError, RefusedError
from agents.needs import Need, NeedAction, NeedReason
from agents.proposals import ProposalKind, ProposalState, list_proposals, read_proposal
from agents.records import Recorded, record_service
from agents.review import approve
from agents.worker import Worker
from city.clock import ManualClock
from city.database import reading, transaction
from city.journal import AuditRecord
from sensors.levels import BinState
from sensors.service import CouldNotReason, ServiceOutcome, ServiceRecord
from tests.agents.town import EVENING_STARTS, MORNING_STARTS, PLANNING, open_needs

DONE, COULD_NOT = ServiceOutcome.DONE, ServiceOutcome.COULD_NOT


@pytest.fixture
def dispatch(engine: Engine, clock: ManualClock, worker: Worker, waiting: str) -> Dispatch:
    """Approve the morning's proposal; it is 07:00 then."""
    approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    worker.step()
    clock.advance(MORNING_STARTS + timedelta(hours=1) - PLANNING)
    with reading(engine) as session:
        (made,) = list_dispatches(session)
    return made


def stops_of(engine: Engine, dispatch: Dispatch) -> list[str]:
    with reading(engine) as session:
        return [visit.stop_id for visit in visits_of(session, dispatch.id) if visit.stop_id]


def tell(
    engine: Engine, clock: ManualClock, dispatch: Dispatch, stop_id: str, outcome: ServiceOutcome = DONE, **more: object
) -> Recorded:
    return record_service(
        engine,
        clock,
        dispatch_id=dispatch.id,
        stop_id=stop_id,
        outcome=outcome,
        actor="crew 1",
        **more,  # type: ignore[arg-type]
    )


def test_the_first_record_starts_a_dispatch_the_last_one_finishes_it_and_bins_are_empty_then(
    engine: Engine, clock: ManualClock, dispatch: Dispatch
) -> None:
    stops = stops_of(engine, dispatch)
    states = [tell(engine, clock, dispatch, stop_id, weight_kg=90.0).dispatch_state for stop_id in stops]
    assert states == [DispatchState.STARTED] * (len(stops) - 1) + [DispatchState.FINISHED]
    with reading(engine) as session:
        emptied = session.get_one(BinState, "garden-1-dry")
        told = [entry.action for entry in session.exec(select(AuditRecord))]
    assert emptied.fill_level is not None
    assert emptied.fill_level < 0.1
    assert emptied.emptied_at == clock.now()
    assert told.count("dispatch.started") == told.count("dispatch.finished") == 1
    assert told.count("service.recorded") == len(stops)


def test_the_same_record_again_gets_the_same_answer_and_one_that_says_otherwise_is_refused(
    engine: Engine, clock: ManualClock, dispatch: Dispatch
) -> None:
    stop_id = stops_of(engine, dispatch)[0]
    first = tell(engine, clock, dispatch, stop_id, weight_kg=90.0, at=clock.now() - timedelta(minutes=20))
    again = tell(engine, clock, dispatch, stop_id, weight_kg=90.0, at=clock.now() - timedelta(minutes=20))
    assert (first.repeated, again.repeated) == (False, True)
    assert again.record.id == first.record.id
    for outcome, more in (
        (COULD_NOT, {"reason": CouldNotReason.BLOCKED}),
        (DONE, {"weight_kg": 95.0}),
        (DONE, {"weight_kg": 90.0, "at": clock.now()}),
    ):
        with pytest.raises(ConflictError, match="recorded already as done by crew 1"):
            tell(engine, clock, dispatch, stop_id, outcome, **more)
    with reading(engine) as session:
        assert len(session.exec(select(ServiceRecord)).all()) == 1


def test_a_phone_that_sends_eight_times_at_once_makes_one_record(
    engine: Engine, clock: ManualClock, dispatch: Dispatch
) -> None:
    stop_id = stops_of(engine, dispatch)[0]
    with ThreadPoolExecutor(8) as phone:
        answers = list(phone.map(lambda _: tell(engine, clock, dispatch, stop_id, bin_count=1), range(8)))
    assert sum(not answer.repeated for answer in answers) == 1
    with reading(engine) as session:
        assert len(session.exec(select(ServiceRecord)).all()) == 1


def test_a_record_that_cannot_be_is_refused_with_the_reason_and_changes_nothing(
    engine: Engine, clock: ManualClock, dispatch: Dispatch
) -> None:
    stop_id = stops_of(engine, dispatch)[0]
    with pytest.raises(NotFoundError, match="d99"):
        record_service(engine, clock, dispatch_id="d99", stop_id=stop_id, outcome=DONE, actor="crew 1")
    with pytest.raises(NotFoundError, match="has no stop garden-7/wet"):
        tell(engine, clock, dispatch, "garden-7/wet")
    for words, outcome, more in (
        ("Say why", COULD_NOT, {}),
        ("does not fit", DONE, {"reason": CouldNotReason.BLOCKED}),
        ("negative", DONE, {"weight_kg": -1.0}),
        ("not come yet", DONE, {"at": clock.now() + timedelta(minutes=6)}),
        ("sent out only", DONE, {"at": PLANNING - timedelta(minutes=6)}),
    ):
        with pytest.raises(RefusedError, match=words):
            tell(engine, clock, dispatch, stop_id, outcome, **more)
    with reading(engine) as session:
        assert session.exec(select(ServiceRecord)).all() == []
        assert read_dispatch(session, dispatch.id).state is DispatchState.PUBLISHED


def test_a_stop_that_a_truck_is_on_its_way_to_is_not_planned_for_the_next_shift_as_well(
    engine: Engine, clock: ManualClock, worker: Worker, dispatch: Dispatch
) -> None:
    # Nothing is recorded when the evening is planned; all that the morning's truck is sent to would be due again.
    with transaction(engine) as session:
        for visit in visits_of(session, dispatch.id):
            visit.arrives_at += timedelta(hours=6)
            session.add(visit)
    clock.advance(EVENING_STARTS - timedelta(hours=2) - clock.now())
    worker.step()
    coming = [need for need in open_needs(engine) if f"{need.point_id}/{need.stream}" in stops_of(engine, dispatch)]
    assert coming
    assert {need.action_reason["route"] for need in coming} == {None}
    # An attendant swaps the full bin meanwhile; everything else waits for the truck.
    assert {need.action_reason["rule"] for need in coming} == {"truck_on_its_way", "swap_until_truck"}
    # Two hours after it should have been there, it does not count any more.
    clock.advance(timedelta(hours=3))
    with reading(engine) as session:
        assert set(underway(session, "garden", clock.now())) == set()


def test_what_could_not_be_served_is_a_need_of_its_own_next_time_and_must_be_served(
    engine: Engine, clock: ManualClock, worker: Worker, dispatch: Dispatch
) -> None:
    for stop_id in stops_of(engine, dispatch):
        if stop_id == "garden-1/dry":
            tell(engine, clock, dispatch, stop_id, COULD_NOT, reason=CouldNotReason.BLOCKED)
        else:
            tell(engine, clock, dispatch, stop_id)
    clock.advance(EVENING_STARTS - timedelta(hours=2) - clock.now())
    worker.step()
    with reading(engine) as session:
        missed = [need for need in open_needs(engine) if need.reason is NeedReason.MISSED_SERVICE]
        pending = list_proposals(session, states=[ProposalState.PENDING], district_ids=["garden"])
        (proposal,) = (one for one in pending if one.kind is ProposalKind.PLAN)
        shown = read_proposal(session, proposal.id)
    assert [(need.point_id, need.stream, need.action) for need in missed] == [
        ("garden-1", "dry", NeedAction.ROUTE_REQUIRED)
    ]
    assert shown.reasons["garden-1/dry"].required
    assert shown.plan.route_of("garden-1/dry") is not None
    tell_later = ManualClock(EVENING_STARTS)
    approve(engine, clock, proposal_id=proposal.id, version=1, actor="ann")
    worker.step()
    with reading(engine) as session:
        evening = list_dispatches(session, proposal_id=proposal.id)
    for made in evening:
        for stop_id in stops_of(engine, made):
            tell(engine, tell_later, made, stop_id)
    clock.advance(timedelta(hours=16))
    worker.step()
    with reading(engine) as session:
        assert [need for need in open_needs(engine) if need.reason is NeedReason.MISSED_SERVICE] == []
        closed = session.exec(select(Need).where(Need.reason == NeedReason.MISSED_SERVICE)).one()
    assert closed.closed_at == clock.now()
    assert closed.open_key is None
