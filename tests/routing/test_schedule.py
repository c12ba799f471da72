"""Timing one truck's sequence."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import (
    UNREACHABLE,
    Break,
    Facility,
    Lock,
    Matrix,
    Misfit,
    Plan,
    Problem,
    Route,
    Stop,
    TimeWindow,
    Unserved,
    UnservedReason,
    Visit,
    VisitKind,
    schedule,
    verify,
)
from routing.pricing import cost_of
from routing.problem import Place
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


def shortest_by_trial(day: Problem, places: tuple[Place, ...], pause: Break | None = None) -> tuple[int, int] | None:
    """Try every leaving time and every place for the break; the shortest duration and the earliest time it is had."""
    vehicle = day.trucks[0]
    matrix = day.matrices[vehicle.profile]
    found = []
    breaks = [None] if pause is None else [None, *range(len(places) + 1)]
    for leaving_s, paused in itertools.product(range(vehicle.shift.start_s, vehicle.shift.end_s + 1), breaks):
        now, here = leaving_s, vehicle.start_location
        for number, place in enumerate((*places, None)):
            if pause is not None and paused == number:
                now = max(now, pause.window.start_s)
                if now > pause.window.end_s:
                    break
                now += pause.duration_s
            if place is None:
                now += int(matrix.duration_s[here, vehicle.end_location])
                taken = paused is not None or pause is None
                if now <= vehicle.shift.end_s and (taken or not leaving_s < pause.window.end_s < now):
                    found.append((now - leaving_s, leaving_s))
                break
            now += int(matrix.duration_s[here, place.location])
            here = place.location
            if place.windows:
                choices = [max(now, opens) for opens, closes in place.windows if now <= closes]
                if not choices:
                    break
                now = min(choices)
            now += place.service_s if isinstance(place, Stop) else place.unloading_s
    return min(found, default=None)


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
    places = (*day.stops, *day.facilities)
    route = schedule(day, day.trucks[0], places)
    by_trial = shortest_by_trial(day, places)
    if isinstance(route, Route):
        assert (route.duration_s, route.visits[0].departure_s) == by_trial
    else:
        assert by_trial is None


@given(tight_days(), st.integers(0, 150), st.integers(0, 60), st.integers(0, 60))
def test_the_break_comes_where_the_route_gets_shortest(day: Problem, opens_s: int, open_s: int, pause_s: int) -> None:
    pause = Break(TimeWindow(opens_s, opens_s + open_s), pause_s)
    day = replace(day, trucks=(replace(day.trucks[0], breaks=(pause,)),))
    places = (*day.stops, *day.facilities)
    route = schedule(day, day.trucks[0], places)
    by_trial = shortest_by_trial(day, places, pause)
    if isinstance(route, Route):
        assert by_trial is not None
        assert route.duration_s == by_trial[0]
        assert not verify(day, Plan((route,), (), cost_of(day, (route,), ()))).violations
    else:
        assert by_trial is None


def test_a_crew_rests_before_it_has_driven_too_long() -> None:
    stops = tuple(stop(f"s{row}", row) for row in range(2, 6))
    rule = {"max_driving_s": 2 * 3600, "rest_s": 2700, "shift": TimeWindow(MORNING_S, MORNING_S + 12 * 3600)}
    day = problem(*stops, minutes=50, trucks=(truck("t", 0, max_duration_s=12 * 3600, **rule),))
    route = schedule(day, day.trucks[0], (*stops, PLANT))
    assert isinstance(route, Route)
    assert [visit.kind for visit in route.visits].count(VisitKind.BREAK) == 2
    assert verify(day, Plan((route,), (), cost_of(day, (route,), ()))).ok
    lunch = Break(TimeWindow(MORNING_S + 2 * 3600, MORNING_S + 4 * 3600), 2700)
    day = replace(day, trucks=(replace(day.trucks[0], breaks=(lunch,)),))
    route = schedule(day, day.trucks[0], (*stops, PLANT))
    assert isinstance(route, Route)
    assert [visit.kind for visit in route.visits].count(VisitKind.BREAK) == 2, "lunch is a rest too"
    assert verify(day, Plan((route,), (), cost_of(day, (route,), ()))).ok


def test_a_truck_goes_on_from_what_it_has_begun() -> None:
    stops = tuple(stop(f"s{row}", row) for row in range(2, 5))
    day = problem(*stops)
    whole = schedule(day, day.trucks[0], (*stops, PLANT))
    assert isinstance(whole, Route)
    late = replace(
        whole.visits[1], start_s=whole.visits[1].start_s + 300, departure_s=whole.visits[1].departure_s + 300
    )
    day = replace(day, trucks=(replace(day.trucks[0], begun=(whole.visits[0], late)),))
    rest = schedule(day, day.trucks[0], (stops[2], stops[1], PLANT))
    assert isinstance(rest, Route)
    assert rest.visits[:2] == (whole.visits[0], late)
    assert rest.stop_ids == ("s2", "s4", "s3")
    assert rest.duration_s == whole.duration_s + 300
    assert rest.distance_m == whole.distance_m - 1000
    assert verify(day, Plan((rest,), (), cost_of(day, (rest,), ()))).ok


def test_a_break_that_is_past_when_a_truck_goes_on_is_not_asked_for() -> None:
    lunch = Break(TimeWindow(MORNING_S, MORNING_S + 600), 1800)
    day = problem(stop("a", 2), trucks=(truck("t", 0, breaks=(lunch,), max_driving_s=7200),))
    left = Visit(VisitKind.START, "", MORNING_S + 900, MORNING_S + 900, MORNING_S + 900, 0, 0)
    day = replace(day, trucks=(replace(day.trucks[0], begun=(left,)),))
    for places in ((), (day.stops[0], PLANT)):
        route = schedule(day, day.trucks[0], places)
        assert isinstance(route, Route)
        unserved = () if places else (Unserved("a", UnservedReason.TAKEN_OUT),)
        assert verify(day, Plan((route,), unserved, cost_of(day, (route,), unserved))).ok


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
