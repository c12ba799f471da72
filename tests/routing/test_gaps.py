"""Gaps that are kept while routes change answer as if they had been made anew."""

from hypothesis import given
from hypothesis import strategies as st

from routing import Problem
from routing.gaps import Gaps
from tests.routing.problems import problem, problems, stop, strict_problems, truck


def answers(gaps: Gaps, day: Problem) -> dict[str, dict[str, int]]:
    return {call.id: {route.truck_id: cents for cents, route in gaps.ways(call)} for call in day.stops}


@given(problems() | strict_problems(), st.randoms(use_true_random=False))
def test_a_changed_route_leaves_no_trace_of_the_old_one(day: Problem, random) -> None:
    gaps = Gaps(day, ())
    routes = {}
    left = list(day.stops)
    random.shuffle(left)
    for call in left:
        ways = list(gaps.ways(call))
        if ways:
            _, route = random.choice(ways)
            routes[route.truck_id] = route
            gaps.replace(route.truck_id, route)
        elif routes:
            routes.pop(gone := random.choice(sorted(routes)))
            gaps.replace(gone, None)
        served = {stop_id for route in routes.values() for stop_id in route.stop_ids}
        assert {stop_id: found for stop_id, found in answers(gaps, day).items() if stop_id not in served} == {
            stop_id: found
            for stop_id, found in answers(Gaps(day, list(routes.values())), day).items()
            if stop_id not in served
        }


def test_of_idle_trucks_that_are_alike_the_next_steps_forward_when_one_leaves() -> None:
    day = problem(stop("a", 2), stop("b", 3), trucks=tuple(truck(name, 0) for name in "tuv"))
    gaps = Gaps(day, ())
    ((_, first),) = gaps.ways(day.stops[0])
    gaps.replace(first.truck_id, first)
    assert [route.truck_id for _, route in gaps.ways(day.stops[1])] == ["t", "u"]
    gaps.replace("t", None)
    assert [route.truck_id for _, route in gaps.ways(day.stops[1])] == ["t"]
