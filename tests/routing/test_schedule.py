"""Timing one truck's sequence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import UNREACHABLE, Facility, Lock, Matrix, Misfit, Problem, Route, TimeWindow, VisitKind, schedule
from routing.schedule import Obstacle
from tests.routing.problems import MORNING_S, PLANT, problem, problems, stop, truck


def test_a_truck_leaves_as_late_as_the_first_window_allows() -> None:
    opens_s = MORNING_S + 7200
    market = stop("market", 2, windows=(TimeWindow(opens_s, opens_s + 600),))
    day = problem(market)
    route = schedule(day, day.trucks[0], (market, PLANT))
    assert isinstance(route, Route)
    assert [visit.kind for visit in route.visits] == [
        VisitKind.START,
        VisitKind.STOP,
        VisitKind.UNLOAD,
        VisitKind.END,
    ]
    assert route.visits[0].departure_s == opens_s - 600
    assert route.duration_s == 600 + 60 + 600 + 900 + 600
    assert route.distance_m == 3000
    assert [visit.load_kg for visit in route.visits] == [0, 100, 0, 0]


def test_a_later_window_of_the_first_stop_is_taken_where_that_saves_waiting_at_the_second() -> None:
    school = stop("school", 2, windows=(TimeWindow(MORNING_S, MORNING_S + 3600), TimeWindow(43_200, 46_800)))
    market = stop("market", 3, windows=(TimeWindow(43_800, 50_000),))
    day = problem(school, market)
    route = schedule(day, day.trucks[0], (school, market, PLANT))
    assert isinstance(route, Route)
    assert route.visit_of("school").start_s >= 43_200
    assert all(visit.start_s == visit.arrival_s for visit in route.visits)


def shortest_by_trial(day: Problem, route: Route) -> tuple[int, int]:
    """Try every leaving time; return the shortest duration and the earliest time at which it is had."""
    vehicle = day.truck_by_id[route.truck_id]
    matrix = day.matrices[vehicle.profile]
    found = []
    for leaving_s in range(vehicle.shift.start_s, vehicle.shift.end_s + 1):
        now, here = leaving_s, vehicle.start_location
        for visit in route.visits[1:-1]:
            served = visit.kind is VisitKind.STOP
            place = day.stop_by_id[visit.subject_id] if served else day.facility_by_id[visit.subject_id]
            now += int(matrix.duration_s[here, place.location])
            here = place.location
            if place.windows:
                choices = [max(now, opens) for opens, closes in place.windows if now <= closes]
                if not choices:
                    break
                now = min(choices)
            now += place.service_s if served else place.unloading_s
        else:
            now += int(matrix.duration_s[here, vehicle.end_location])
            if now <= vehicle.shift.end_s:
                found.append((now - leaving_s, leaving_s))
    return min(found)


@st.composite
def tight_days(draw: st.DrawFn) -> Problem:
    """Draw one truck and a few stops with several windows each, all within five minutes, so that trial is possible."""
    size = 5
    seconds = np.array(draw(st.lists(st.integers(0, 20), min_size=size**2, max_size=size**2))).reshape(size, size)
    np.fill_diagonal(seconds, 0)

    def windows() -> tuple[TimeWindow, ...]:
        bounds = draw(st.lists(st.integers(0, 200), max_size=6, unique=True).map(sorted))
        return tuple(TimeWindow(*pair) for pair in zip(bounds[::2], bounds[1::2], strict=False))

    stops = [
        stop(f"s{row}", row, service_s=draw(st.integers(0, 10)), windows=windows())
        for row in range(draw(st.integers(1, 3)))
    ]
    shift = TimeWindow(draw(st.integers(0, 30)), draw(st.integers(100, 300)))
    plant = Facility("plant", 3, frozenset({"dry"}), draw(st.integers(0, 20)), windows())
    return Problem(tuple(stops), (plant,), (truck("t", 4, shift=shift),), (Matrix(seconds, seconds),))


@given(tight_days())
def test_the_route_is_as_short_as_any_leaving_time_makes_it_and_leaves_at_the_earliest_of_these(day: Problem) -> None:
    route = schedule(day, day.trucks[0], (*day.stops, *day.facilities))
    if isinstance(route, Route):
        assert (route.duration_s, route.visits[0].departure_s) == shortest_by_trial(day, route)


WET = stop("wet", 3, stream="wet")
GLASS = Facility("glass works", 4, frozenset({"glass"}), 900)


@pytest.mark.parametrize(
    ("day", "visited", "obstacle", "position"),
    [
        pytest.param(problem(stop("a", 2, max_width_cm=200), trucks=(truck("t", 0, width_cm=250),)), "ap",
                     Obstacle.CANNOT_CARRY, 0, id="the street is too narrow"),
        pytest.param(problem(WET), "ap", Obstacle.CANNOT_CARRY, 0, id="another stream"),
        pytest.param(problem(stop("a", 2), trucks=(truck("t", 0), truck("u", 0)), locks=(Lock("a", "u"),)), "ap",
                     Obstacle.LOCKED_ELSEWHERE, 0, id="locked to another truck"),
        pytest.param(problem(stop("a", 2), WET, trucks=(truck("t", 0, streams=frozenset({"dry", "wet"})),)), "abp",
                     Obstacle.MIXES_STREAMS, 1, id="two streams in one trip"),
        pytest.param(problem(stop("a", 2), facilities=(GLASS,)), "ap", Obstacle.FACILITY_REFUSES, 1, id="refused"),
        pytest.param(problem(stop("a", 2)), "app", Obstacle.NOTHING_TO_UNLOAD, 2, id="unloading twice"),
        pytest.param(problem(stop("a", 2, demand_kg=3000), stop("b", 3, demand_kg=3000)), "abp",
                     Obstacle.OVERLOADED, 1, id="too heavy together"),
        pytest.param(problem(stop("a", 2, demand_l=20_000), stop("b", 3, demand_l=20_000)), "abp",
                     Obstacle.OVERLOADED, 1, id="too bulky together"),
        pytest.param(problem(stop("a", 2), stop("b", 3), trucks=(truck("t", 0, max_trips=1),)), "apbp",
                     Obstacle.TOO_MANY_TRIPS, 3, id="one trip too many"),
        pytest.param(problem(stop("a", 2)), "a", Obstacle.NOT_EMPTY_AT_HOME, 1, id="comes home loaded"),
        pytest.param(problem(stop("a", 2, windows=(TimeWindow(0, MORNING_S + 599),))), "ap",
                     Obstacle.WINDOW_MISSED, 0, id="a second too late"),
        pytest.param(problem(stop("a", 2), minutes=160), "ap", Obstacle.HOME_TOO_LATE, 2, id="home after the shift"),
        pytest.param(problem(stop("a", 2), trucks=(truck("t", 0, max_duration_s=2759),)), "ap",
                     Obstacle.TOO_LONG, 2, id="a second too long"),
        pytest.param(problem(stop("a", 2), minutes=UNREACHABLE / 60), "ap", Obstacle.UNREACHABLE, 0, id="no way"),
    ],
)  # fmt: skip
def test_what_keeps_a_sequence_from_being_driven_is_named(
    day: Problem, visited: str, obstacle: Obstacle, position: int
) -> None:
    places = [day.facilities[0] if letter == "p" else day.stops["ab".index(letter)] for letter in visited]
    assert schedule(day, day.trucks[0], places) == Misfit(obstacle, position)


@given(problems())
def test_loads_and_times_only_ever_move_forward(day: Problem) -> None:
    for vehicle in day.trucks:
        for call in day.stops:
            for facility in day.facilities:
                route = schedule(day, vehicle, (call, facility))
                if isinstance(route, Route):
                    moments = [
                        moment
                        for visit in route.visits
                        for moment in (visit.arrival_s, visit.start_s, visit.departure_s)
                    ]
                    assert moments == sorted(moments)
                    assert route.duration_s == moments[-1] - moments[0]
