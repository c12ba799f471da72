"""Plans on streets as they are in the shift: closures for part of it, rules, the stop's side, and what is too far."""

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select, update

from agents.editing import Desk
from agents.maps import map_of
from agents.proposals import Shown, list_proposals, read_proposal
from agents.reasons import Exclusion, Standing, sentences
from agents.roads import CityRoads, road_closures
from agents.summary import Note
from agents.worker import Worker
from city.database import reading, transaction
from city.hours import Span
from city.network import RoadClass
from city.registry import City, Closure, ClosureKind, CollectionPoint, Truck
from city.roads import RoadNode, RoadSegment
from city.store import zone_of
from routing.shift_roads import Closing, ShiftTime
from tests.agents.town import BLOCK, MORNING_STARTS, SERVICE_DATE, SOUTH, WEST, know

HOUR = 3600

# Garden's points 0 to 3 lie in the middle of the first four streets of the second row of junctions: ways 6 to 9.
WAY_OF_POINT = {0: 6, 1: 7, 2: 8, 3: 9}


def close(engine: Engine, way: int, start_h: float, end_h: float | None) -> None:
    """Close a way for some hours of the morning shift, which begins at 6."""
    midnight = MORNING_STARTS - timedelta(hours=6)
    with transaction(engine) as session:
        session.add(
            Closure(
                kind=ClosureKind.ROAD,
                subject_id=str(way),
                starts_at=midnight + timedelta(hours=start_h),
                ends_at=None if end_h is None else midnight + timedelta(hours=end_h),
            )
        )


def rule(engine: Engine, way: int, text: str) -> None:
    """Put a rule on a street, as an import of the roads would."""
    with transaction(engine) as session:
        session.exec(update(RoadSegment).where(col(RoadSegment.way_id) == way).values(rules=text))
        session.exec(update(City).values(roads_version=f"{text} on {way}"))


def move_into_a_lane(engine: Engine, point_id: str, *, max_width_cm: int | None = None, rules: str = "") -> None:
    """Let a lane lead 570 m out of the town, and put a point at its end."""
    with transaction(engine) as session:
        lon, lat = WEST - 0.006, SOUTH
        session.exec(update(CollectionPoint).where(col(CollectionPoint.id) == point_id).values(lon=lon, lat=lat))
        session.add(RoadNode(id=999, lon=lon, lat=lat))
        session.add(
            RoadSegment(
                id=999, way_id=777, from_node=1, to_node=999, length_m=570.0, road_class=RoadClass.SERVICE,
                max_width_cm=max_width_cm, rules=rules, name="Cat Lane",
            )
        )  # fmt: skip
        session.exec(update(City).values(roads_version="with a lane"))


def planned(engine: Engine, worker: Worker) -> Shown:
    """Let the worker plan the morning, and return its only proposal."""
    worker.step()
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
        return read_proposal(session, proposal.id)


def test_a_stop_in_a_street_that_is_closed_until_ten_is_served_after_ten(engine: Engine, worker: Worker) -> None:
    know(engine, 0.97, "garden-1-dry", "garden-6-dry", rate_per_h=0.03)
    close(engine, WAY_OF_POINT[1], 3, 10)
    shown = planned(engine, worker)
    begun = {visit.subject_id: visit.start_s for route in shown.plan.routes for visit in route.visits}
    assert begun["garden-1/dry"] >= 10 * HOUR


def test_a_rule_of_the_map_counts_like_a_closure_and_a_street_closed_throughout_is_named(
    engine: Engine, worker: Worker
) -> None:
    know(engine, 0.97, "garden-1-dry", "garden-2-dry", "garden-6-dry", rate_per_h=0.03)
    rule(engine, WAY_OF_POINT[1], "closed @ 05:00-15:00")
    rule(engine, WAY_OF_POINT[2], "closed @ 05:00-15:00 above 30000 kg")
    shown = planned(engine, worker)
    served = {stop for route in shown.plan.routes for stop in route.stop_ids}
    assert served == {"garden-2/dry", "garden-6/dry"}
    reason = shown.reasons["garden-1/dry"]
    assert (reason.standing, reason.excluded) == (Standing.EXCLUDED, Exclusion.STREET_CLOSED)
    with reading(engine) as session:
        zone = zone_of(session)
    assert any("closed to the trucks for the rest of the shift" in line for line in sentences(reason, "en", zone))
    assert any("封闭" in line for line in sentences(reason, "zh", zone))


def test_only_trucks_with_a_permit_drive_where_one_is_asked_for(engine: Engine, worker: Worker) -> None:
    know(engine, 0.97, "garden-3-dry", rate_per_h=0.03)
    move_into_a_lane(engine, "garden-3", rules="closed @ 24/7 without permit")
    with transaction(engine) as session:
        session.exec(update(Truck).where(col(Truck.id) == "garden-truck-1").values(road_permit=False))
    shown = planned(engine, worker)
    assert [route.truck_id for route in shown.plan.routes] == ["garden-truck-2"]


def test_a_place_far_from_streets_says_which_street_the_trucks_cannot_use(engine: Engine, worker: Worker) -> None:
    know(engine, 0.97, "garden-3-dry", "garden-6-dry", rate_per_h=0.03)
    move_into_a_lane(engine, "garden-3", max_width_cm=200)
    shown = planned(engine, worker)
    reason = shown.reasons["garden-3/dry"]
    assert reason.excluded is Exclusion.OFF_NETWORK
    with reading(engine) as session:
        zone = zone_of(session)
    assert "The nearest street (Cat Lane, 0 m) is too narrow, too low or too weak" in " ".join(
        sentences(reason, "en", zone)
    )


def test_a_closure_of_a_road_that_the_map_does_not_have_is_pointed_out(engine: Engine, worker: Worker) -> None:
    know(engine, 0.97, "garden-1-dry", rate_per_h=0.03)
    close(engine, 4711, 3, None)
    shown = planned(engine, worker)
    assert Note(code="closed_way_unknown", numbers={"way": 4711}) in shown.summary.notes


def test_crews_find_the_stop_on_the_kerb_and_need_not_turn(engine: Engine, worker: Worker, desk: Desk) -> None:
    """Points on both sides of a street are reached with traffic keeping right, and left as they were reached."""
    know(engine, 0.97, *(f"garden-{number}-dry" for number in range(4)), rate_per_h=0.03)
    with transaction(engine) as session:
        for number in range(4):
            aside = BLOCK * 0.04 * (1 if number % 2 else -1)
            session.exec(
                update(CollectionPoint)
                .where(col(CollectionPoint.id) == f"garden-{number}")
                .values(lat=SOUTH + BLOCK + aside)
            )
    shown = planned(engine, worker)
    with reading(engine) as session:
        drawn = map_of(desk, session, shown)
    arriving = {
        leg["properties"]["to"]: leg["geometry"]["coordinates"][-2:]
        for leg in drawn["features"]
        if leg["properties"]["kind"] == "leg"
    }
    leaving = {
        leg["properties"]["from"]: leg["geometry"]["coordinates"][:2]
        for leg in drawn["features"]
        if leg["properties"]["kind"] == "leg"
    }
    for number in range(4):
        before, at = arriving[f"garden-{number}/dry"]
        _, after = leaving[f"garden-{number}/dry"]
        westward = number % 2 == 1
        assert (at[0] < before[0]) is westward
        assert (after[0] < at[0]) is westward


@pytest.mark.parametrize(
    ("starts_h", "ends_h", "expected"), [(3, 5, ()), (15, 16, ()), (5, 7, ((5, 7),)), (8, None, ((8, 14),))]
)
def test_closures_count_for_what_is_left_of_the_shift(
    engine: Engine, starts_h: float, ends_h: float | None, expected: tuple[tuple[int, int], ...]
) -> None:
    close(engine, 7, starts_h, ends_h)
    when = ShiftTime(SERVICE_DATE, Span(6 * HOUR, 14 * HOUR), Span(6 * HOUR, 14 * HOUR))
    with reading(engine) as session:
        found = road_closures(session, zone_of(session), when)
    assert tuple((one.span.start_s // HOUR, one.span.end_s // HOUR) for one in found) == expected
    assert all(one.way_id == 7 for one in found)


def test_shifts_with_the_same_hours_share_their_streets(engine: Engine) -> None:
    roads = CityRoads(engine)
    with reading(engine) as session:
        trucks = session.exec(select(Truck)).all()
    shifts = [
        ShiftTime(day, Span(6 * HOUR, 14 * HOUR), Span(left * HOUR, 14 * HOUR))
        for day, left in ((date(2026, 3, 3), 6), (date(2026, 3, 4), 6), (date(2026, 3, 3), 9))
    ]
    closures = [Closing(7, Span(10 * HOUR, 12 * HOUR))]
    graphs = [roads.during(trucks, when, closures).roads[0].throughout for when in shifts]
    assert graphs[0] is graphs[1] is graphs[2]
    assert roads.during(trucks, shifts[0], ()).roads[0].throughout is not graphs[0]
