"""Edits by hand: priced, verified, a new version each; what would break the plan is refused and changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from agents.editing import AddStop, Desk, DropStop, Edit, LockStop, MoveStop, UnlockStop, apply, preview
from agents.errors import ConflictError, EditRefusedError, NotFoundError, RefusedError, StaleVersionError
from agents.proposals import ProposalState, current, read_proposal
from agents.reasons import Standing, sentences
from agents.review import approve
from agents.worker import Worker
from city.clock import ManualClock
from city.database import reading, transaction
from city.registry import Closure, ClosureKind, CollectionPoint
from city.streams import Stream
from routing.verify import verify
from tests.agents.town import MORNING_STARTS, PLANNING, SOUTH, WEST

FIRST, SECOND = "garden-truck-1", "garden-truck-2"


def seen(engine: Engine, proposal_id: str) -> tuple[int, dict[str, str]]:
    """Return a proposal's version and which truck serves which stop."""
    with reading(engine) as session:
        shown = read_proposal(session, proposal_id)
    return shown.version.version, {stop_id: route.truck_id for route in shown.plan.routes for stop_id in route.stop_ids}


def edit(desk: Desk, proposal_id: str, wish: Edit, version: int = 1) -> int:
    return apply(desk, proposal_id=proposal_id, version=version, edit=wish, actor="ann").version


def test_dropping_a_stop_says_what_it_saves_and_makes_a_version_with_an_author(
    engine: Engine, desk: Desk, waiting: str
) -> None:
    tried = preview(desk, proposal_id=waiting, version=1, edit=DropStop("garden-5/wet"), actor="ann")
    assert seen(engine, waiting)[0] == 1
    done = apply(desk, proposal_id=waiting, version=1, edit=DropStop("garden-5/wet"), actor="ann")
    assert done.cost == tried.cost
    assert done.cost.stops == -1
    assert done.cost.distance_m < 0
    assert done.cost.cents < 0
    version, serves = seen(engine, waiting)
    assert version == 2
    assert "garden-5/wet" not in serves
    with reading(engine) as session:
        shown = read_proposal(session, waiting)
        first = read_proposal(session, waiting, 1)
    assert shown.version.author == "ann"
    assert shown.version.change == {"edit": "drop_stop", "stop_id": "garden-5/wet"}
    assert shown.version.material_hash != first.version.material_hash
    dropped = shown.reasons["garden-5/wet"]
    assert (dropped.standing, dropped.changed_by) == (Standing.DROPPED, "ann")
    assert "ann took it out of the plan." in sentences(dropped, "en", desk.clock.now().tzinfo)  # type: ignore[arg-type]
    assert shown.summary.left_out == 1


def test_a_dropped_stop_can_be_added_again_and_the_plan_costs_what_it_cost(
    engine: Engine, desk: Desk, waiting: str
) -> None:
    edit(desk, waiting, DropStop("garden-5/wet"))
    back = apply(desk, proposal_id=waiting, version=2, edit=AddStop("garden-5", Stream.WET), actor="bob")
    with reading(engine) as session:
        first, last = read_proposal(session, waiting, 1), read_proposal(session, waiting)
    assert last.plan.cost == first.plan.cost
    assert last.reasons["garden-5/wet"].standing is Standing.SERVED
    assert back.cost.stops == 1


def test_a_stop_with_no_need_at_a_place_that_was_not_in_the_problem_can_be_added(
    engine: Engine, desk: Desk, worker: Worker, clock: ManualClock, waiting: str
) -> None:
    done = apply(desk, proposal_id=waiting, version=1, edit=AddStop("garden-7", Stream.DRY, SECOND), actor="ann")
    assert done.plan.route_of("garden-7/dry") is not None
    assert (done.cost.stops, done.cost.trucks) == (1, 1)
    reason = done.reasons["garden-7/dry"]
    assert (reason.rule, reason.changed_by, reason.demand_l > 0) == ("added_by_person", "ann", True)
    approve(engine, clock, proposal_id=waiting, version=2, actor="ann")
    worker.step()
    with reading(engine) as session:
        assert current(session, waiting).state is ProposalState.PUBLISHED


def test_a_stop_moves_to_another_truck_and_to_a_position(engine: Engine, desk: Desk, waiting: str) -> None:
    truck = seen(engine, waiting)[1]["garden-1/dry"]
    other = SECOND if truck == FIRST else FIRST
    moved = apply(desk, proposal_id=waiting, version=1, edit=MoveStop("garden-1/dry", other), actor="ann")
    assert seen(engine, waiting)[1]["garden-1/dry"] == other
    assert moved.cost.stops == 0
    apply(desk, proposal_id=waiting, version=2, edit=MoveStop("garden-2/dry", other, position=0), actor="ann")
    with reading(engine) as session:
        plan = read_proposal(session, waiting).plan
    assert [route.stop_ids for route in plan.routes if route.truck_id == other] == [("garden-2/dry", "garden-1/dry")]
    with pytest.raises(EditRefusedError, match="after 5 others"):
        edit(desk, waiting, MoveStop("garden-2/dry", other, position=5), version=3)


def test_a_truck_that_may_not_carry_the_stream_is_refused_and_nothing_changes(
    engine: Engine, desk: Desk, waiting: str
) -> None:
    before = seen(engine, waiting)
    for wish in (MoveStop("garden-5/wet", SECOND), MoveStop("garden-5/wet", SECOND, position=0)):
        with pytest.raises(EditRefusedError, match="cannot take stop garden-5/wet"):
            edit(desk, waiting, wish)
    assert seen(engine, waiting) == before


def test_a_lock_holds_a_stop_on_its_truck_through_later_edits_until_it_is_taken_off(
    engine: Engine, desk: Desk, waiting: str
) -> None:
    truck = seen(engine, waiting)[1]["garden-1/dry"]
    other = SECOND if truck == FIRST else FIRST
    version = edit(desk, waiting, LockStop("garden-1/dry"))
    version = edit(desk, waiting, DropStop("garden-2/dry"), version)
    for wish in (MoveStop("garden-1/dry", other), DropStop("garden-1/dry"), LockStop("garden-1/dry")):
        with pytest.raises(EditRefusedError, match="locked"):
            edit(desk, waiting, wish, version)
    with reading(engine) as session:
        assert read_proposal(session, waiting).version.locks == {"garden-1/dry": truck}
    version = edit(desk, waiting, UnlockStop("garden-1/dry"), version)
    edit(desk, waiting, MoveStop("garden-1/dry", other), version)
    assert seen(engine, waiting)[1]["garden-1/dry"] == other


NONSENSE: list[tuple[Edit, type[Exception], str]] = [
    (DropStop("garden-3/dry"), NotFoundError, "garden-3/dry"),
    (DropStop("nowhere/dry"), NotFoundError, "nowhere/dry"),
    (AddStop("garden-1", Stream.DRY), EditRefusedError, "already"),
    (AddStop("garden-1", Stream.HAZARDOUS), NotFoundError, "garden-1/hazardous"),
    (AddStop("harbour-1", Stream.DRY), NotFoundError, "harbour-1/dry"),
    (AddStop("garden-3", Stream.DRY, "harbour-truck-1"), NotFoundError, "harbour-truck-1"),
    (MoveStop("garden-1/dry", "harbour-truck-1"), NotFoundError, "harbour-truck-1"),
    (UnlockStop("garden-1/dry"), EditRefusedError, "not locked"),
    (UnlockStop("nowhere/dry"), NotFoundError, "nowhere/dry"),
]


def test_edits_that_make_no_sense_are_refused_by_name(engine: Engine, desk: Desk, waiting: str) -> None:
    for wish, error, words in NONSENSE:
        with pytest.raises(error, match=words):
            edit(desk, waiting, wish)
    assert seen(engine, waiting)[0] == 1


def test_a_closed_point_and_one_far_from_any_street_cannot_be_added(engine: Engine, desk: Desk, waiting: str) -> None:
    with transaction(engine) as session:
        session.add(Closure(kind=ClosureKind.POINT, subject_id="garden-3", starts_at=PLANNING, ends_at=None))
        point = session.get_one(CollectionPoint, "garden-4")
        point.lon, point.lat = WEST - 1, SOUTH
        session.add(point)
    with pytest.raises(EditRefusedError, match="not open"):
        edit(desk, waiting, AddStop("garden-3", Stream.DRY))
    with pytest.raises(EditRefusedError, match="m from the nearest street"):
        edit(desk, waiting, AddStop("garden-4", Stream.DRY))
    assert seen(engine, waiting)[0] == 1


def test_of_two_edits_of_one_version_one_counts(engine: Engine, desk: Desk, waiting: str) -> None:
    def drop(stop_id: str) -> str:
        try:
            return str(edit(desk, waiting, DropStop(stop_id)))
        except StaleVersionError as error:
            return error.code

    with ThreadPoolExecutor(2) as people:
        answers = sorted(people.map(drop, ("garden-1/dry", "garden-2/dry")))
    assert answers == ["2", "stale_version"]
    assert seen(engine, waiting)[0] == 2


def test_what_is_decided_or_out_of_time_is_not_edited(
    engine: Engine, desk: Desk, clock: ManualClock, waiting: str
) -> None:
    with pytest.raises(RefusedError, match="Nobody"):
        apply(desk, proposal_id=waiting, version=1, edit=DropStop("garden-1/dry"), actor="")
    clock.advance(MORNING_STARTS - PLANNING - timedelta(seconds=1))
    preview(desk, proposal_id=waiting, version=1, edit=DropStop("garden-1/dry"), actor="ann")
    clock.advance(timedelta(seconds=1))
    with pytest.raises(ConflictError, match="time to decide"):
        edit(desk, waiting, DropStop("garden-1/dry"))


def test_every_version_passes_verify_with_the_problem_it_names(engine: Engine, desk: Desk, waiting: str) -> None:
    version = edit(desk, waiting, AddStop("garden-6", Stream.WET))
    version = edit(desk, waiting, LockStop("garden-6/wet"), version)
    edit(desk, waiting, MoveStop("garden-0/dry", SECOND), version)
    with reading(engine) as session:
        for number in range(1, 5):
            shown = read_proposal(session, waiting, number)
            problem = desk.problems.read(session, shown.version.problem_hash)
            assert verify(problem, shown.plan).ok
