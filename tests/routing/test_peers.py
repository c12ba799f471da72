"""The peers that benchmarks measure against: their models mean our problems, so that comparing is fair."""

from collections.abc import Callable

import pytest

from benchmarks.large_days import large_day
from benchmarks.peers import by_ortools, by_pyvrp
from benchmarks.peers.bending import within_shift_loads, without_breaks
from benchmarks.peers.tours import Peer, is_plain
from benchmarks.routing import plan_of
from benchmarks.waste_days import waste_day
from routing import Problem, TimeWindow, verify
from routing.formats import parse_instance
from tests.routing.formats.test_waste_2006 import DAY

PEERS = pytest.mark.parametrize("peer", [by_pyvrp.solve, by_ortools.solve], ids=["pyvrp", "ortools"])


def plain_day() -> Problem:
    return parse_instance(large_day(25, seed=3).encode(), "plain").problem


def kims_day() -> Problem:
    return parse_instance(DAY.encode(), "day").problem


@PEERS
@pytest.mark.parametrize(
    "day",
    [
        pytest.param(lambda: waste_day(25, 1), id="reloads, windows, prizes"),
        pytest.param(lambda: waste_day(25, 1, lunch=True), id="lunch"),
        pytest.param(plain_day, id="one trip from the depot"),
        pytest.param(kims_day, id="limits of a shift"),
    ],
)
def test_what_a_peer_plans_keeps_our_rules_without_mending(peer: Peer, day: Callable[[], Problem]) -> None:
    problem = day()
    plan, mended = plan_of(problem, peer(problem, 1.5, 1, 1))
    assert verify(problem, plan).ok
    assert mended == 0
    assert not any(problem.must_serve(problem.stop_by_id[gone.stop_id]) for gone in plan.unserved)


def test_only_a_day_of_one_trip_from_the_depot_is_plain() -> None:
    assert is_plain(plain_day())
    assert not is_plain(waste_day(10, 1))


def test_the_day_without_its_break_is_that_much_shorter_after_it() -> None:
    day, bent = without_breaks(waste_day(300, 2, lunch=True))
    assert bent
    assert day.trucks[0].shift == TimeWindow(0, 11 * 3600)
    assert (day.trucks[0].max_duration_s, day.trucks[0].breaks) == (7 * 3600, ())
    windows = {stop.windows[0] for stop in day.stops if stop.windows}
    # From 4 to 6 it lies across the hour from 5 on, from 5 to 7 it begins with it.
    assert {TimeWindow(3 * 3600, 5 * 3600), TimeWindow(4 * 3600, 5 * 3600), TimeWindow(5 * 3600, 6 * 3600)} <= windows


def test_a_limit_of_a_shift_becomes_trips_that_stay_within_it() -> None:
    day, bent = within_shift_loads(kims_day())
    assert bent
    # 400 yards are two trips of 200, or one of 280: two collect more.
    assert {(truck.max_trips, truck.capacity_l) for truck in day.trucks} == {(2, 2000)}
