"""One stop more, one less, one elsewhere."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import (
    Cost,
    Lock,
    Plan,
    Problem,
    Route,
    RoutingError,
    TimeWindow,
    Unserved,
    UnservedReason,
    insert,
    move,
    remove,
    schedule,
    verify,
)
from routing.draft import Draft, complete
from routing.pricing import cost_of, route_cents
from routing.schedule import places_of
from tests.routing.problems import MORNING_S, PLANT, problem, problems, stop, strict_problems, truck

BOTH = frozenset({"dry", "wet"})


def nothing_served(day: Problem) -> Plan:
    unserved = tuple(Unserved(stop.id, UnservedReason.TAKEN_OUT) for stop in day.stops)
    return Plan((), unserved, cost_of(day, (), unserved))


def greedy(day: Problem) -> Plan:
    """Make a plan by inserting what can be inserted."""
    draft = complete(day, Draft((), day.stops), deadline=float("inf"))
    unserved = tuple(Unserved(stop.id, UnservedReason.NO_TIME_LEFT) for stop in draft.missing)
    return Plan(draft.routes, unserved, cost_of(day, draft.routes, unserved))


def sequence(route: Route) -> list[str]:
    return [visit.subject_id for visit in route.visits[1:-1]]


def test_ways_are_ranked_by_what_they_cost_more() -> None:
    day = problem(stop("a", 2), stop("b", 3), trucks=(truck("t", 0), truck("u", 0)))
    plan = insert(day, nothing_served(day), "a", "t")[0].plan
    first, second = insert(day, plan, "b")
    # On the way: one more kilometre, ten more minutes and a minute of service. A truck of its own: all of it again.
    assert (first.truck_id, first.extra_m, first.extra_s, first.extra_cents) == ("t", 1000, 660, 400 + 1650)
    assert (second.truck_id, second.extra_m, second.extra_s) == ("u", 3000, 1800 + 60 + 900)
    assert second.extra_cents == 30_000 + 1200 + 6900
    assert second.plan.cost == Cost(60_000, 2400, 13_800, 0)
    assert first.start_s == first.plan.routes[0].visit_of("b").start_s


def test_a_full_truck_unloads_once_more() -> None:
    day = problem(stop("a", 2, demand_kg=4000), stop("b", 3, demand_kg=4000))
    plan = greedy(day)
    assert [sequence(route) for route in plan.routes] == [["a", "plant", "b", "plant"]]


def test_a_stop_of_another_stream_gets_a_trip_of_its_own() -> None:
    day = problem(
        stop("a", 2),
        stop("b", 3, stream="wet"),
        trucks=(truck("t", 0, streams=BOTH),),
        facilities=(replace(PLANT, streams=BOTH),),
    )
    plan = greedy(day)
    assert [route.trips for route in plan.routes] == [2]
    assert verify(day, plan).ok


def test_before_the_last_unloading_another_stream_may_begin_a_trip() -> None:
    once = (TimeWindow(MORNING_S + 7200, MORNING_S + 7200),)
    mixed = replace(PLANT, id="mixed plant", location=4, streams=BOTH, windows=once)
    day = problem(
        stop("a", 2),
        stop("b", 3, stream="wet"),
        trucks=(truck("t", 0, streams=BOTH),),
        facilities=(PLANT, mixed),
    )
    route = schedule(day, day.trucks[0], (day.stops[0], mixed))
    assert isinstance(route, Route)
    plan = Plan((route,), (Unserved("b", UnservedReason.TAKEN_OUT),), cost_of(day, (route,), ()))
    (way,) = insert(day, plan, "b")
    assert sequence(way.plan.routes[0]) == ["a", "plant", "b", "mixed plant"]


def test_a_locked_stop_goes_to_its_truck_alone_and_moves_nowhere() -> None:
    day = problem(stop("a", 2), trucks=(truck("t", 0), truck("u", 0)), locks=(Lock("a", "u"),))
    (only,) = insert(day, nothing_served(day), "a")
    assert only.truck_id == "u"
    with pytest.raises(RoutingError, match="locked to truck u"):
        move(day, only.plan, "a", "t")


def test_of_idle_trucks_that_are_alike_one_speaks_for_all_until_another_is_asked() -> None:
    day = problem(stop("a", 2), trucks=(truck("t", 0), truck("u", 0), truck("v", 0, capacity_kg=200)))
    ways = insert(day, nothing_served(day), "a")
    assert [(way.truck_id, way.alike) for way in ways] == [("t", ("u",)), ("v", ())]
    (asked,) = insert(day, nothing_served(day), "a", "u")
    assert (asked.truck_id, asked.alike, asked.extra_cents) == ("u", ("t",), ways[0].extra_cents)
    assert verify(day, asked.plan).ok


def test_moving_counts_both_trucks() -> None:
    day = problem(stop("a", 2), stop("b", 3), trucks=(truck("t", 0), truck("u", 0)))
    plan = greedy(day)
    (both,) = plan.routes
    moved = move(day, plan, "a", "t" if both.truck_id == "u" else "u")
    assert moved is not None
    assert (moved.extra_m, moved.extra_s) == (2000, 600 * 2 + 900)
    assert moved.extra_cents == moved.plan.cost.driving_cents - plan.cost.driving_cents


def test_a_truck_with_nothing_left_stays_at_home() -> None:
    day = problem(stop("a", 2))
    emptied = remove(day, greedy(day), "a")
    assert emptied.routes == ()
    assert emptied.unserved == (Unserved("a", UnservedReason.TAKEN_OUT),)
    assert emptied.cost.total_cents == 0


def test_a_facility_that_bears_the_name_of_a_stop_is_not_mistaken_for_it() -> None:
    day = problem(stop("plant", 2), stop("b", 3))
    assert [sequence(route) for route in remove(day, greedy(day), "plant").routes] == [["b", "plant"]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda day, plan: insert(day, plan, "z"), "z is not in the problem", id="unknown stop"),
        pytest.param(lambda day, plan: insert(day, plan, "a"), "already on truck t", id="already served"),
        pytest.param(lambda day, plan: insert(day, plan, "b", "z"), "truck z is not in", id="unknown truck"),
        pytest.param(lambda day, plan: remove(day, plan, "b"), "b is not served", id="not served"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(call, message) -> None:
    day = problem(stop("a", 2), stop("b", 3, windows=(TimeWindow(0, 1),)))
    with pytest.raises(RoutingError, match=message):
        call(day, insert(day, nothing_served(day), "a")[0].plan)


@given(problems() | strict_problems())
def test_whatever_is_inserted_or_removed_the_plan_stays_good(day: Problem) -> None:
    plan = greedy(day)
    assert verify(day, plan).ok, verify(day, plan).violations
    for gone in plan.unserved:
        for way in insert(day, plan, gone.stop_id):
            assert verify(day, way.plan).ok
    for route in plan.routes:
        for stop_id in route.stop_ids:
            try:
                less = remove(day, plan, stop_id)
            except RoutingError:
                continue  # without the triangle inequality a route may not work with less
            assert verify(day, less).ok


def every_insertion(day: Problem, plan: Plan, stop_id: str) -> dict[str, int]:
    """Try a stop alone, and with any facility before or after it, in every gap; return the least cost by truck."""
    call = day.stop_by_id[stop_id]
    routes = {route.truck_id: route for route in plan.routes}
    least: dict[str, int] = {}
    for vehicle in day.trucks:
        route = routes.get(vehicle.id)
        places = places_of(day, route) if route else ()
        chains = [(call,)] + [chain for gate in day.facilities for chain in ((call, gate), (gate, call))]
        for chain in chains:
            for gap in range(len(places) + 1):
                longer = schedule(day, vehicle, (*places[:gap], *chain, *places[gap:]))
                if isinstance(longer, Route):
                    extra = route_cents(vehicle, longer) - (route_cents(vehicle, route) if route else 0)
                    least[vehicle.id] = min(extra, least.get(vehicle.id, extra))
    return least


@given(problems(), st.randoms(use_true_random=False))
def test_no_cheaper_way_is_overlooked(day: Problem, random) -> None:
    # What binds trucks together is beyond a truck's own schedule, by which this test tries.
    open_to_all = tuple(replace(gate, max_kg=None, gates=None) for gate in day.facilities)
    day = replace(day, facilities=open_to_all, relations=())
    plan = greedy(day)
    served = [stop_id for route in plan.routes for stop_id in route.stop_ids]
    if served:
        try:
            plan = remove(day, plan, random.choice(served))
        except RoutingError:
            return
    for gone in plan.unserved:
        ways = insert(day, plan, gone.stop_id)
        found = {name: way.extra_cents for way in ways for name in (way.truck_id, *way.alike)}
        least = every_insertion(day, plan, gone.stop_id)
        assert found.keys() == least.keys()
        for truck_id, cents in found.items():
            assert least[truck_id] <= cents <= least[truck_id] + 2  # what rounding can make
