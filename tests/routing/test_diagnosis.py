"""Why a stop is left out: the constraint that binds is named, with its numbers, in both languages."""

from dataclasses import replace

import numpy as np
import pytest

from routing import (
    UNREACHABLE,
    Budget,
    Lock,
    Matrix,
    Problem,
    Route,
    TimeWindow,
    Unserved,
    UnservedReason,
    schedule,
    solve,
)
from routing.diagnosis import why_never, why_not_beside
from tests.routing.problems import MORNING_S, PLANT, problem, stop, truck

WET = frozenset({"wet"})
SHIFT_END_S = MORNING_S + 8 * 3600
LATE = (TimeWindow(SHIFT_END_S - 1200, SHIFT_END_S),)


def no_way_home() -> Problem:
    day = problem(stop("a", 2))
    seconds = day.matrices[0].duration_s.copy()
    seconds[1, 0] = UNREACHABLE
    return replace(day, matrices=(Matrix(seconds, day.matrices[0].distance_m),))


R = UnservedReason


@pytest.mark.parametrize(
    ("day", "reason", "facts"),
    [
        pytest.param(problem(stop("a", 2, stream="wet")), R.NO_TRUCK_FOR_STREAM,
                     {"stream": "wet", "trucks": 1}, id="no truck carries it"),
        pytest.param(problem(stop("a", 2), trucks=()), R.NO_TRUCK_FOR_STREAM, {"trucks": 0}, id="no trucks at all"),
        pytest.param(problem(stop("a", 2), trucks=(truck("t", 0, max_trips=0),)), R.NO_TRUCK_FOR_STREAM,
                     {"trucks": 1}, id="a truck that may not unload is no truck"),
        pytest.param(problem(stop("a", 2, max_width_cm=200), trucks=(truck("t", 0, width_cm=250),)),
                     R.TRUCK_TOO_LARGE, {"limits": "200 cm / - / -", "trucks": 1}, id="the street is too narrow"),
        pytest.param(problem(stop("a", 2), facilities=()), R.NO_FACILITY_FOR_STREAM, {"facilities": 0}, id="no plant"),
        pytest.param(problem(stop("a", 2), facilities=(replace(PLANT, streams=WET),)), R.NO_FACILITY_FOR_STREAM,
                     {"facilities": 1, "stream": "dry"}, id="no plant for it"),
        pytest.param(problem(stop("a", 2, demand_kg=5001)), R.TOO_MUCH_FOR_ANY_TRUCK,
                     {"kg": 5001, "most_kg": 5000}, id="too heavy for the largest truck"),
        pytest.param(problem(stop("a", 2, demand_l=30_001)), R.TOO_MUCH_FOR_ANY_TRUCK,
                     {"litres": 30_001, "most_l": 30_000}, id="too bulky for the largest truck"),
        pytest.param(problem(stop("a", 2), minutes=UNREACHABLE / 60), R.UNREACHABLE, {"start": "t", "end": "a"},
                     id="no way there"),
        pytest.param(no_way_home(), R.UNREACHABLE, {"start": "plant", "end": "t"}, id="no way home"),
        pytest.param(problem(stop("a", 2, windows=(TimeWindow(0, MORNING_S),))), R.WINDOW_OUTSIDE_SHIFT,
                     {"hours": "00:00-06:00", "shift": "06:00-14:00"}, id="served before the shift"),
        pytest.param(problem(stop("a", 2, windows=LATE)), R.WINDOW_OUTSIDE_SHIFT, {"truck": "t"},
                     id="served too late to be home in time"),
        pytest.param(problem(stop("a", 2), facilities=(replace(PLANT, windows=(TimeWindow(0, MORNING_S),)),)),
                     R.FACILITY_CLOSED, {"facility": "plant", "hours": "00:00-06:00"}, id="the plant closes too early"),
        pytest.param(problem(stop("a", 2), facilities=(replace(PLANT, windows=LATE),)), R.FACILITY_CLOSED,
                     {"facility": "plant"}, id="the plant opens too late to be home in time"),
        pytest.param(problem(stop("a", 2), minutes=160), R.SHIFT_TOO_SHORT,
                     {"needed_min": 3 * 160 + 16, "allowed_min": 480}, id="too far for a shift"),
        pytest.param(problem(stop("a", 2), trucks=(truck("t", 0, max_duration_s=2700),)), R.SHIFT_TOO_SHORT,
                     {"needed_min": 46, "allowed_min": 45}, id="too long for a crew"),
    ],
)  # fmt: skip
def test_a_stop_that_nothing_could_serve_says_why(day: Problem, reason: R, facts: dict[str, object]) -> None:
    (gone,) = solve(day, Budget(0.2)).unserved
    assert gone.reason is reason
    assert facts.items() <= dict(gone.facts).items()
    for language in ("en", "zh"):
        assert all(str(fact) in gone.said(language) for fact in facts.values())


def unserved(day: Problem) -> dict[str, Unserved]:
    return {gone.stop_id: gone for gone in solve(day, Budget(0.3)).unserved}


def test_an_optional_stop_says_what_it_would_cost_and_what_it_is_worth() -> None:
    day = problem(stop("a", 2), stop("far", 3, required=False, prize_cents=2049))
    gone = unserved(day)["far"]
    assert gone.reason is R.NOT_WORTH_IT
    assert dict(gone.facts) == {"extra_cents": 2050, "prize_cents": 2049}


def test_it_is_served_as_soon_as_it_is_worth_more_than_it_costs() -> None:
    assert unserved(problem(stop("a", 2), stop("far", 3, required=False, prize_cents=2051))) == {}


def test_where_two_stops_compete_for_one_shift_one_finds_no_time_left() -> None:
    day = problem(stop("a", 2), stop("b", 3), trucks=(truck("t", 0, max_duration_s=3000),))
    (gone,) = unserved(day).values()
    assert gone.reason is R.NO_TIME_LEFT


def test_a_locked_stop_that_its_truck_has_no_time_for_says_so() -> None:
    both = (truck("t", 0, max_duration_s=3000), truck("u", 0))
    day = problem(stop("a", 2), stop("b", 3), trucks=both, locks=(Lock("a", "t"), Lock("b", "t")))
    (gone,) = unserved(day).values()
    assert (gone.reason, dict(gone.facts)) == (R.LOCKED_TRUCK_FULL, {"truck": "t"})


def test_the_truck_that_comes_furthest_gives_the_reason() -> None:
    nowhere = np.where(np.eye(6), 0, UNREACHABLE)
    day = problem(stop("a", 2))
    day = Problem(
        day.stops,
        day.facilities,
        (truck("cut off", 0, profile=1), truck("t", 0, max_duration_s=2700)),
        (*day.matrices, Matrix(nowhere, nowhere)),
    )
    (gone,) = solve(day, Budget(0.2)).unserved
    assert gone.reason is R.SHIFT_TOO_SHORT


def beside(day: Problem, served: str) -> Unserved:
    """Serve one stop on the first truck and ask why the other is not served beside it."""
    route = schedule(day, day.trucks[0], (day.stop_by_id[served], day.facilities[0]))
    assert isinstance(route, Route)
    (gone,) = why_not_beside(day, [other for other in day.stops if other.id != served], [route])
    return gone


SHORT = truck("t", 0, max_duration_s=3000)
BOTH = (SHORT, replace(SHORT, id="u"))


@pytest.mark.parametrize(
    ("day", "reason", "facts"),
    [
        pytest.param(problem(stop("a", 2), stop("b", 3), trucks=(SHORT,)), R.NO_TIME_LEFT, {}, id="nobody has time"),
        pytest.param(problem(stop("a", 2), stop("b", 3), trucks=BOTH), R.PLANNING_TIME_OVER,
                     {"truck": "u", "extra_cents": 30_000 + 1200 + 6900}, id="an idle truck could have gone"),
        pytest.param(problem(stop("a", 2), stop("b", 3)), R.PLANNING_TIME_OVER,
                     {"truck": "t", "extra_cents": 2050}, id="the truck could have gone on"),
        pytest.param(problem(stop("a", 2), stop("b", 3, required=False, prize_cents=2050)), R.NOT_WORTH_IT,
                     {"extra_cents": 2050, "prize_cents": 2050}, id="worth no more than it costs"),
        pytest.param(problem(stop("a", 2), stop("b", 3, required=False, prize_cents=2051)), R.PLANNING_TIME_OVER,
                     {"truck": "t", "extra_cents": 2050}, id="worth it, but not tried"),
        pytest.param(problem(stop("a", 2), stop("b", 3, required=False), trucks=(SHORT,)), R.NO_TIME_LEFT, {},
                     id="optional, and nobody has time"),
        pytest.param(problem(stop("a", 2), stop("b", 3), trucks=BOTH, locks=(Lock("b", "t"),)), R.LOCKED_TRUCK_FULL,
                     {"truck": "t"}, id="its own truck is full, though another is free"),
    ],
)  # fmt: skip
def test_a_stop_left_out_beside_others_says_what_it_would_take(
    day: Problem, reason: R, facts: dict[str, object]
) -> None:
    gone = beside(day, "a")
    assert (gone.reason, dict(gone.facts)) == (reason, facts)
    for language in ("en", "zh"):
        assert all(str(fact) in gone.said(language) for fact in facts.values())


def test_alike_trucks_are_counted_though_only_one_of_them_is_tried() -> None:
    fleet = (truck("t", 0, width_cm=250), truck("u", 0, width_cm=250), truck("v", 0, streams=WET))
    gone = why_never(problem(stop("a", 2, max_width_cm=200), trucks=fleet), stop("a", 2, max_width_cm=200))
    assert gone is not None
    assert (gone.reason, dict(gone.facts)["trucks"]) == (R.TRUCK_TOO_LARGE, 2)
