"""On real maps: a German town with its turn restrictions and limits, and the middle of Shanghai."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from city.importing.osm import read_roads
from city.network import RoadNetwork
from routing.conditions import RoadConditions
from routing.matrix import Matrix
from routing.profile import TruckProfile
from routing.roads import RoadGraph
from routing.snapping import Snaps, polylines
from tests.routing.roads.dijkstra import assert_same, by_dijkstra
from tests.routing.roads.driving import assert_drawn, assert_legal

TRUCK = TruckProfile(width_cm=250, height_cm=320, weight_kg=16_000)


@pytest.fixture(scope="module")
def heidelberg(shared_data: Path) -> RoadGraph:
    return RoadGraph.build(read_roads(shared_data / "osm" / "heidelberg.test.osm.pbf").network, TRUCK)


@pytest.fixture(scope="module")
def shanghai(shared_data: Path) -> RoadGraph:
    return RoadGraph.build(read_roads(shared_data / "osm" / "shanghai.osm").network, TRUCK)


def near_junctions(graph: RoadGraph, count: int, seed: int) -> Snaps:
    rng = np.random.default_rng(seed)
    network = graph.network
    junction = rng.choice(np.unique(graph.streets.tail), count)
    shake = rng.normal(0.0, 3e-4, (2, count))
    return graph.snap(network.lon[junction] + shake[0], network.lat[junction] + shake[1])


@pytest.mark.parametrize("city", ["heidelberg", "shanghai"])
def test_the_matrix_of_a_real_town_is_dijkstras(city: str, request: pytest.FixtureRequest) -> None:
    graph: RoadGraph = request.getfixturevalue(city)
    snaps = near_junctions(graph, 60, seed=11)
    assert_same(graph.matrix(snaps), by_dijkstra(graph, snaps))
    closed = graph.under(RoadConditions(closed_ways=frozenset(graph.network.way_id[::50].tolist())))
    kerbside = snaps.on_own_side()
    assert_same(closed.matrix(kerbside), by_dijkstra(closed, kerbside))


@pytest.mark.parametrize("city", ["heidelberg", "shanghai"])
def test_ways_through_a_real_town_are_legal_and_as_long_as_the_matrix_says(
    city: str, request: pytest.FixtureRequest
) -> None:
    graph: RoadGraph = request.getfixturevalue(city)
    snaps = near_junctions(graph, 20, seed=12)
    matrix = graph.matrix(snaps)
    pairs = [(start, end) for start in range(20) for end in range(20)]
    for (start, end), way in zip(pairs, graph.ways(snaps, pairs), strict=True):
        assert (way.duration_s, way.distance_m) == (matrix.duration_s[start, end], matrix.distance_m[start, end])
        assert_legal(graph, way)
        assert_drawn(snaps, way, start, end)


def test_turn_restrictions_are_driven_round(heidelberg: RoadGraph) -> None:
    network = heidelberg.network
    before, _, after = network.forbidden_turns[network.forbidden_turns[:, 0] != network.forbidden_turns[:, 2]].T
    there = np.isin(before, heidelberg.streets.segment) & np.isin(after, heidelberg.streets.segment)
    lon, lat = middles(network, np.concatenate([before[there], after[there]]))
    signs = int(there.sum())
    assert signs > 300
    free = RoadGraph.build(replace(network, forbidden_turns=network.forbidden_turns[:0]), TRUCK)
    obeying, ignoring = heidelberg.snap(lon, lat), free.snap(lon, lat)
    same = (obeying.segment == ignoring.segment).reshape(2, signs).all(axis=0)
    over = heidelberg.matrix(obeying).duration_s - free.matrix(ignoring).duration_s
    detour_s = np.diagonal(over, offset=signs)[same]
    assert detour_s.min() == 0
    assert (detour_s > 30).mean() > 0.5


def middles(network: RoadNetwork, segments: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a point about half-way along each segment."""
    lon, lat, start = polylines(network, segments)
    bend = (start[:-1] + start[1:]) // 2
    return (lon[bend - 1] + lon[bend]) / 2, (lat[bend - 1] + lat[bend]) / 2


def test_a_larger_truck_gets_to_less_of_the_town(heidelberg: RoadGraph) -> None:
    car_sized = RoadGraph.build(heidelberg.network, TruckProfile(width_cm=180, height_cm=180, weight_kg=2_000))
    assert car_sized.cut.kept_length_m > heidelberg.cut.kept_length_m + 10_000


def test_the_middle_of_shanghai_is_cut_to_what_hangs_together(shanghai: RoadGraph) -> None:
    # One-way streets that leave the map split it: 61 % is known to be one strongly connected part.
    share = shanghai.cut.kept_segments / len(shanghai.network.length_m)
    assert 0.55 < share < 0.70
    assert any(
        "路" in name for way in shanghai.ways(near_junctions(shanghai, 9, 1), [(0, 5)]) for name in way.street_names
    )


def worst_detour_saved(matrix: Matrix) -> int:
    """Return by how many seconds a way over a third place beats the direct one at most."""
    seconds = matrix.duration_s
    return max(int((seconds - (seconds[:, [third]] + seconds[[third], :])).max()) for third in range(len(seconds)))


@pytest.mark.parametrize("city", ["heidelberg", "shanghai"])
def test_on_their_own_side_no_way_over_a_third_stop_beats_the_direct_one(
    city: str, request: pytest.FixtureRequest
) -> None:
    """The triangle law holds to rounding: three ways are rounded to whole seconds."""
    graph: RoadGraph = request.getfixturevalue(city)
    snaps = near_junctions(graph, 80, seed=13)
    kerbside = snaps.without_turning(np.ones(len(snaps), dtype=np.bool_))
    assert worst_detour_saved(graph.matrix(kerbside)) <= 1
    assert not (kerbside.along & kerbside.against).any()
