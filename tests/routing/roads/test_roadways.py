"""Ways on the streets asked for piece by piece are those of the whole matrix."""

from dataclasses import replace

import numpy as np

from benchmarks.waste_days import waste_day
from routing import Budget, solve, verify
from routing.ondemand import OnDemand
from routing.roads import RoadGraph
from routing.roadways import RoadWays
from tests.routing.roads.checkerboard import checkerboard

GRAPH = RoadGraph.build(checkerboard(14, 14, 3))
RNG = np.random.default_rng(1)
SNAPS = GRAPH.snap(
    RNG.uniform(GRAPH.network.lon.min(), GRAPH.network.lon.max(), 84),
    RNG.uniform(GRAPH.network.lat.min(), GRAPH.network.lat.max(), 84),
)
WAYS = RoadWays(GRAPH, SNAPS)
FULL = GRAPH.matrix(SNAPS)


def test_any_table_and_any_legs_are_cut_out_of_the_whole_matrix() -> None:
    starts, ends = np.array([5, 70, 5, 0]), np.array([9, 5, 33])
    seconds, metres = WAYS.table(starts, ends)
    assert (seconds == FULL.duration_s[np.ix_(starts, ends)]).all()
    assert (metres == FULL.distance_m[np.ix_(starts, ends)]).all()
    seconds, metres = WAYS.legs(starts[:3], ends)
    assert (seconds == FULL.duration_s[starts[:3], ends]).all()
    assert (metres == FULL.distance_m[starts[:3], ends]).all()
    assert len(WAYS) == len(FULL)


def test_places_lie_in_metres_as_far_apart_as_the_crow_flies() -> None:
    where = WAYS.plane(np.array([3, 8]))
    apart = float(np.hypot(*(where[0] - where[1])))
    assert FULL.distance_m[3, 8] >= apart - 1


def test_a_day_on_streets_that_are_asked_on_demand_is_planned_and_checked() -> None:
    day = replace(waste_day(80, 1), matrices=(OnDemand(WAYS),))
    plan = solve(day, Budget(600, iterations=100))
    assert verify(replace(day, matrices=(FULL,)), plan).ok
