"""Ways worked out on demand: asked like a matrix, planned and checked like one, without ever being one."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.waste_days import waste_day
from routing import Budget, Matrix, Problem, RoutingError, dump_problem, problem_to_json, solve, verify
from routing.excerpt import excerpt
from routing.ondemand import CrowWays, OnDemand, PickedWays, look_ahead
from routing.positions import positions

RNG = np.random.default_rng(4)
EAST_M, NORTH_M = RNG.uniform(0, 9000, (2, 164))
WAYS = CrowWays(EAST_M, NORTH_M)
ALL = np.arange(len(WAYS))
FULL = Matrix(*WAYS.table(ALL, ALL))


@pytest.fixture
def day() -> Problem:
    """A waste day whose ways are worked out on demand."""
    return replace(waste_day(160, 2), matrices=(OnDemand(WAYS),))


def test_it_answers_like_the_matrix_it_stands_for() -> None:
    asked = OnDemand(WAYS)
    some, others = np.array([3, 9, 9, 120]), np.array([0, 9, 4, 7])
    for table, right in ((asked.duration_s, FULL.duration_s), (asked.distance_m, FULL.distance_m)):
        assert table[3, 7] == right[3, 7]
        assert (table[some, others] == right[some, others]).all()
        assert (table[some, 5] == right[some, 5]).all()
        assert (table[np.ix_(some, others)] == right[np.ix_(some, others)]).all()
    assert len(asked) == len(FULL)


def test_looking_ahead_changes_no_answer_and_saves_asking_again() -> None:
    asked_for: list[int] = []

    class Counting(CrowWays):
        def legs(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            asked_for.append(len(starts))
            return super().legs(starts, ends)

    asked = OnDemand(Counting(EAST_M, NORTH_M))
    legs = [(number, number + 1) for number in range(160)]
    asked.look_ahead(legs)
    assert asked_for == [160]
    for start, end in legs:
        assert asked.duration_s[start, end] == FULL.duration_s[start, end]
    assert asked_for == [160]
    assert asked.distance_m[0, 100] == FULL.distance_m[0, 100]
    assert asked_for == [160, 1]


def test_a_city_too_large_for_a_matrix_is_planned_and_checked_like_any_other(day: Problem) -> None:
    held = replace(day, matrices=(FULL,))
    plan = solve(day, Budget(600, iterations=200))
    assert plan == solve(held, Budget(600, iterations=200))
    assert verify(held, plan).ok
    assert verify(day, plan).ok


def test_checking_finds_a_wrong_number_without_a_matrix(day: Problem) -> None:
    plan = solve(day, Budget(600, iterations=50))
    wrong = replace(plan.routes[0], distance_m=plan.routes[0].distance_m + 1)
    found = verify(day, replace(plan, routes=(wrong, *plan.routes[1:])))
    assert [violation.code.value for violation in found.violations] == ["wrong_distance"]


def test_a_small_part_has_a_matrix_and_a_large_one_asks_on(day: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    stops = {stop.id for stop in day.stops[:40]}
    small = excerpt(day, stops, day.truck_by_id.keys())
    assert isinstance(small.matrices[0], Matrix)
    monkeypatch.setattr("routing.ondemand.MOST_HELD", 30)
    large = excerpt(day, stops, day.truck_by_id.keys())
    assert isinstance(large.matrices[0], OnDemand)
    smaller = excerpt(large, {stop.id for stop in large.stops[:35]}, large.truck_by_id.keys())
    assert isinstance(smaller.matrices[0], OnDemand)
    assert isinstance(smaller.matrices[0].ways, PickedWays)
    assert smaller.matrices[0].ways.ways is WAYS  # a part of a part asks the whole
    rows = np.arange(len(small.matrices[0]))
    assert (large.matrices[0].duration_s[np.ix_(rows, rows)] == small.matrices[0].duration_s).all()


def test_places_lie_where_the_ways_say_they_lie(day: Problem) -> None:
    where = positions(day)
    assert where[5].tolist() == [EAST_M[5], NORTH_M[5]]


def test_it_is_not_written_as_if_it_were_a_matrix(day: Problem) -> None:
    for write in (dump_problem, problem_to_json):
        with pytest.raises(RoutingError, match="split the problem"):
            write(day)


def test_routes_of_trucks_and_places_unknown_are_passed_over(day: Problem) -> None:
    plan = solve(day, Budget(600, iterations=20))
    strange = replace(plan.routes[0], truck_id="nobody's")
    look_ahead(replace(day, stops=day.stops[50:]), (*plan.routes, strange))


@pytest.mark.parametrize(
    ("east", "north", "detour"),
    [([0.0, 1.0], [0.0], 1.3), ([0.0, np.nan], [0.0, 1.0], 1.3), ([0.0], [0.0], 0.5), ([[0.0]], [[0.0]], 1.3)],
)
def test_places_that_are_nowhere_are_refused(east: list[float], north: list[float], detour: float) -> None:
    with pytest.raises(RoutingError):
        CrowWays(np.array(east), np.array(north), detour)
