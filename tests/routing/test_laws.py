"""Laws of `solve` that compare plans: with a plan in hand, with fewer rules, with everything there is to try."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from routing import Budget, Cost, Facility, Plan, Problem, Route, RoutingError, Stop, TimeWindow, solve, verify
from routing.draft import Draft, Merit, merit
from routing.schedule import schedule
from tests.routing.problems import PLANT, problem, problems, stop, truck

# Enough for a few steps of every engine; the time is only there in case a machine is very slow.
QUICK = Budget(seconds=30, iterations=30)
SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large]
few = settings(max_examples=25, suppress_health_check=SLOW_TO_DRAW)


def rank(day: Problem, plan: Plan) -> Merit:
    """Rank a plan as `solve` documents it: smaller is better."""
    return merit(day, Draft(plan.routes, tuple(day.stop_by_id[gone.stop_id] for gone in plan.unserved)))


def with_wider_windows(day: Problem) -> Problem:
    return replace(
        day,
        stops=tuple(replace(stop, windows=()) for stop in day.stops),
        facilities=tuple(replace(facility, windows=()) for facility in day.facilities),
    )


def with_larger_trucks(day: Problem) -> Problem:
    trucks = (
        replace(truck, capacity_kg=2 * truck.capacity_kg + 50, capacity_l=2 * truck.capacity_l + 50)
        for truck in day.trucks
    )
    return replace(day, trucks=tuple(trucks))


def with_longer_shifts(day: Problem) -> Problem:
    trucks = (
        replace(
            truck,
            shift=TimeWindow(truck.shift.start_s - 3600, truck.shift.end_s + 3600),
            max_duration_s=truck.max_duration_s + 3600,
            max_trips=None,
        )
        for truck in day.trucks
    )
    return replace(day, trucks=tuple(trucks))


def with_one_more_truck(day: Problem) -> Problem:
    return replace(day, trucks=(*day.trucks, *(replace(truck, id="one more") for truck in day.trucks[:1])))


def with_free_access(day: Problem) -> Problem:
    stops = (replace(stop, max_width_cm=None, max_height_cm=None, max_weight_kg=None) for stop in day.stops)
    return replace(day, stops=tuple(stops))


def with_no_locks(day: Problem) -> Problem:
    return replace(day, locks=())


def with_no_rules_of_work(day: Problem) -> Problem:
    free = {"breaks": (), "max_driving_s": None, "max_stops": None, "max_shift_kg": None, "max_shift_l": None}
    return replace(day, trucks=tuple(replace(truck, **free) for truck in day.trucks))


def with_no_relations(day: Problem) -> Problem:
    return replace(day, relations=())


def with_roomy_facilities(day: Problem) -> Problem:
    return replace(day, facilities=tuple(replace(gate, max_kg=None, gates=None) for gate in day.facilities))


RELAXATIONS = [
    with_wider_windows,
    with_larger_trucks,
    with_longer_shifts,
    with_one_more_truck,
    with_free_access,
    with_no_locks,
    with_no_rules_of_work,
    with_no_relations,
    with_roomy_facilities,
]


@pytest.mark.parametrize("relax", RELAXATIONS)
@settings(max_examples=10, suppress_health_check=SLOW_TO_DRAW)
@given(day=problems())
def test_relaxing_a_constraint_never_makes_a_plan_in_hand_worse(
    relax: Callable[[Problem], Problem], day: Problem
) -> None:
    plan = solve(day, QUICK)
    relaxed = relax(day)
    assume(verify(relaxed, plan).ok)
    again = solve(relaxed, QUICK, start=plan)
    assert verify(relaxed, again).ok
    assert rank(relaxed, again)[:2] <= rank(relaxed, plan)[:2]


@few
@given(problems(), problems())
def test_a_plan_to_start_from_is_never_made_worse_even_if_it_is_of_another_day(day: Problem, other: Problem) -> None:
    plan = solve(day, QUICK)
    again = solve(day, QUICK, seed=2, start=plan)
    assert rank(day, again)[:2] <= rank(day, plan)[:2]
    assert verify(day, solve(day, QUICK, start=solve(other, QUICK))).ok


def every_tour(stops: tuple[Stop, ...], plant: Facility) -> Iterator[list[Stop | Facility]]:
    """Every way to serve some stops with one truck: any order, unloading after any of them and after the last."""
    for order in itertools.permutations(stops):
        for unloads in itertools.product((False, True), repeat=max(0, len(order) - 1)):
            tour: list[Stop | Facility] = []
            for visited, unload in itertools.zip_longest(order, unloads, fillvalue=True):
                tour += [visited, plant] if unload else [visited]
            yield tour


def best_by_trying_everything(day: Problem) -> tuple[int, int]:
    """Return how many required stops the best plan of two trucks and one facility leaves out, and its cost."""
    plant = day.facilities[0]
    best: dict[tuple[str, frozenset[str]], Route] = {}
    for driven in day.trucks:
        for count in range(1, len(day.stops) + 1):
            for some in itertools.combinations(day.stops, count):
                routes = [schedule(day, driven, tour) for tour in every_tour(some, plant)]
                fitting = [route for route in routes if isinstance(route, Route)]
                if fitting:
                    best[driven.id, frozenset(stop.id for stop in some)] = min(
                        fitting, key=lambda route: rank_of(day, (route,))
                    )
    first, second = ([key for key in best if key[0] == driven.id] for driven in day.trucks)
    plans = [()] + [(best[key],) for key in best]
    plans += [(best[a], best[b]) for a in first for b in second if not a[1] & b[1]]
    return min(rank_of(day, routes)[:2] for routes in plans)


def rank_of(day: Problem, routes: tuple[Route, ...]) -> Merit:
    served = {stop_id for route in routes for stop_id in route.stop_ids}
    return merit(day, Draft(routes, tuple(stop for stop in day.stops if stop.id not in served)))


@st.composite
def tiny_days(draw: st.DrawFn) -> Problem:
    """Draw a day of four stops that must be served and two trucks, tight in time and loads."""
    stops = [
        stop(
            f"s{number}",
            draw(st.integers(2, 5)),
            demand_kg=draw(st.integers(100, 600)),
            windows=draw(st.sampled_from([(), (), (TimeWindow(7 * 3600, 8 * 3600),), (TimeWindow(25_200, 25_900),)])),
        )
        for number in range(4)
    ]
    trucks = tuple(
        truck(
            f"t{number}",
            0,
            capacity_kg=draw(st.integers(500, 1500)),
            max_duration_s=draw(st.sampled_from([4000, 6000, 9000])),
            fixed_cents=draw(st.integers(0, 5000)),
        )
        for number in range(2)
    )
    return problem(*stops, trucks=trucks, facilities=(PLANT,), minutes=draw(st.sampled_from([3, 8, 10])))


@settings(max_examples=25, suppress_health_check=SLOW_TO_DRAW)
@given(tiny_days())
def test_nothing_is_better_where_everything_can_be_tried(day: Problem) -> None:
    plan = solve(day, Budget(seconds=30, iterations=1000))
    assert rank(day, plan)[:2] == best_by_trying_everything(day)


def test_a_problem_with_nothing_in_it_has_an_empty_plan() -> None:
    nothing = problem(trucks=(), facilities=())
    assert solve(nothing, QUICK) == Plan((), (), Cost())


def test_what_cannot_be_served_is_left_out_with_the_constraint_that_forbids_it_and_the_rest_is_served() -> None:
    day = problem(
        stop("fits", 2),
        stop("wet", 3, stream="wet"),
        stop("heavy", 4, demand_kg=9000),
        stop("night", 5, windows=(TimeWindow(0, 3600),)),
    )
    plan = solve(day, QUICK)
    assert [route.stop_ids for route in plan.routes] == [("fits",)]
    assert {gone.stop_id: gone.reason.value for gone in plan.unserved} == {
        "wet": "no_truck_for_stream",
        "heavy": "too_much_for_any_truck",
        "night": "window_outside_shift",
    }


@pytest.mark.parametrize(
    "budget", [{"seconds": 0}, {"seconds": -1}, {"seconds": 1, "cores": 0}, {"seconds": float("nan")}]
)
def test_a_budget_of_nothing_is_refused(budget: dict[str, float]) -> None:
    with pytest.raises(RoutingError, match="must be positive"):
        Budget(**budget)  # type: ignore[arg-type]
