"""Ruin and recreate: what it plans can be driven as planned, and small days come out as a person would plan them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from routing import Break, Facility, Preferences, Problem, Relation, RelationKind, Stop, TimeWindow, Truck
from routing.draft import Draft, draft_of
from routing.engines.limit import Limit
from routing.engines.recreate import Recreate
from routing.engines.weights import Weights
from tests.routing.problems import MORNING_S, PLANT, problem, problems, stop, truck

STEPS = Limit(60, 60)


def planned(day: Problem) -> tuple[Mapping[str, Sequence[Stop | Facility]], Draft]:
    tours = Recreate(day, Weights.of(day)).run(None, STEPS, 1)
    return tours, draft_of(day, tours)


def stops_of(day: Problem) -> list[list[str]]:
    return [list(route.stop_ids) for route in planned(day)[1].routes]


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(problems())
def test_whatever_it_plans_can_be_driven_as_it_was_planned(day: Problem) -> None:
    # Trucks take turns at gates only when a plan is timed, and where breaks and rests meet, timing is not exact.
    day = replace(
        day,
        facilities=tuple(replace(gate, gates=None) for gate in day.facilities),
        trucks=tuple(replace(truck, max_driving_s=None) if truck.breaks else truck for truck in day.trucks),
    )
    if not (day.stops and day.trucks and day.facilities):
        return
    tours, draft = planned(day)
    toured = {place.id for tour in tours.values() for place in tour if isinstance(place, Stop)}
    assert toured == set(day.stop_by_id) - {left.id for left in draft.missing}


def test_a_trip_is_begun_for_the_stop_that_fills_the_truck() -> None:
    day = problem(stop("a", 2, demand_kg=3000), stop("b", 3, demand_kg=3000))
    tours, draft = planned(day)
    assert not draft.missing
    assert [len(tour) for tour in tours.values()] == [4], "each stop, and the plant after each"


def test_lunch_is_had_before_one_more_stop_is_served() -> None:
    lunch = Break(TimeWindow(MORNING_S + 1800, MORNING_S + 3600), 3600)
    crew: dict[str, object] = {"breaks": (lunch,), "max_duration_s": 3 * 3600}
    stops = tuple(stop(f"s{row}", row, required=False, prize_cents=10**6) for row in range(2, 6))
    with_time = problem(*stops, trucks=(truck("t", 0, max_duration_s=3 * 3600),))
    with_lunch = problem(*stops, trucks=(truck("t", 0, **crew),))
    assert len(stops_of(with_time)[0]) == 4
    assert len(stops_of(with_lunch)[0]) == 4
    shorter = problem(*stops, trucks=(truck("t", 0, **(crew | {"max_duration_s": 8300})),))
    assert len(stops_of(shorter)[0]) < 4, "an hour is gone"


def test_stops_that_belong_together_ride_together_in_their_order_and_others_apart() -> None:
    names = ("a", "b", "c", "d")
    stops = tuple(stop(name, row) for row, name in enumerate(names, 2))
    fleet: tuple[Truck, ...] = (truck("t", 0), truck("u", 0))
    day = replace(
        problem(*stops, trucks=fleet),
        relations=(Relation(RelationKind.IN_ORDER, ("d", "a")), Relation(RelationKind.APART, ("b", "d"))),
    )
    routes = stops_of(day)
    assert sorted(name for route in routes for name in route) == sorted(names)
    (with_d,) = [route for route in routes if "d" in route]
    assert with_d.index("d") < with_d.index("a")
    assert "b" not in with_d


def test_a_full_plant_sends_trucks_to_one_that_is_farther() -> None:
    far = Facility("far plant", 5, frozenset({"dry"}), 1800)
    day = problem(
        stop("a", 2, demand_kg=4000), stop("b", 3, demand_kg=4000), facilities=(replace(PLANT, max_kg=4000), far)
    )
    _, draft = planned(day)
    assert not draft.missing
    assert {visit.subject_id for visit in draft.routes[0].visits} >= {"plant", "far plant"}


def test_what_is_in_force_stays_where_a_change_costs_more_than_it_saves() -> None:
    fleet = (truck("t", 0), truck("u", 0, cents_per_h=9100))
    stops = (stop("a", 2), stop("b", 3))
    assert [route.truck_id for route in planned(problem(*stops, trucks=fleet))[1].routes] == ["t"]
    dear = Preferences(change_cents=10_000, in_force=(("a", "u"), ("b", "u")))
    held = replace(problem(*stops, trucks=fleet), preferences=dear)
    assert [route.truck_id for route in planned(held)[1].routes] == ["u"]
