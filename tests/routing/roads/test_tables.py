"""The quick way to all travel times: the same numbers as Dijkstra, however the map is cut and whatever changes."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from city.network import RoadClass, RoadNetwork
from routing import sweep
from routing.conditions import RoadConditions
from routing.dissection import Dissection, dissect, kept_dissection
from routing.errors import RoutingError
from routing.roads import RoadGraph
from routing.snapping import Snaps
from tests.routing.roads.checkerboard import checkerboard
from tests.routing.roads.dijkstra import assert_same, by_dijkstra
from tests.routing.roads.drawing import Street, draw
from tests.routing.roads.random_city import CONDITIONS, POINTS, built, cities, snap


@pytest.fixture(scope="module")
def town() -> RoadGraph:
    return RoadGraph.build(checkerboard(24, 20, seed=5))


@pytest.fixture(scope="module")
def stops(town: RoadGraph) -> Snaps:
    rng = np.random.default_rng(7)
    network = town.network
    return town.snap(
        rng.uniform(network.lon.min(), network.lon.max(), 120), rng.uniform(network.lat.min(), network.lat.max(), 120)
    )


def test_on_a_town_the_matrix_is_dijkstras(town: RoadGraph, stops: Snaps) -> None:
    assert_same(town.matrix(stops), by_dijkstra(town, stops))
    kerbside = stops.on_own_side()
    assert_same(town.matrix(kerbside), by_dijkstra(town, kerbside))


def test_the_number_of_cores_and_of_ends_at_once_changes_nothing(
    town: RoadGraph, stops: Snaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = town.matrix(stops)
    assert_same(town.matrix(stops, cores=3), alone)
    monkeypatch.setattr(sweep, "ENDS_AT_ONCE", 17)
    assert_same(town.matrix(stops, cores=2), alone)


def test_many_places_on_one_street_reach_each_other(town: RoadGraph) -> None:
    network = town.network
    street = int(town.streets.segment[np.argmax(network.length_m[town.streets.segment])])
    a, b = network.from_node[street], network.to_node[street]
    share = np.linspace(0.0, 1.0, 30)
    snaps = town.snap(
        network.lon[a] + share * (network.lon[b] - network.lon[a]),
        network.lat[a] + share * (network.lat[b] - network.lat[a]),
    )
    assert_same(town.matrix(snaps), by_dijkstra(town, snaps))
    assert_same(town.matrix(snaps.on_own_side()), by_dijkstra(town, snaps.on_own_side()))


@settings(max_examples=100)
@given(cities(), CONDITIONS, CONDITIONS, POINTS)
def test_changed_conditions_give_what_a_new_graph_gives(
    network: RoadNetwork, first: RoadConditions, then: RoadConditions, points: list[tuple[int, int]]
) -> None:
    graph = built(network)
    if graph is None:
        return
    snaps = snap(graph, *points)
    changed = graph.under(first).under(then)
    assert_same(changed.matrix(snaps), RoadGraph.build(network, conditions=then).matrix(snaps))
    assert_same(changed.under(RoadConditions()).matrix(snaps), graph.matrix(snaps))


@settings(max_examples=50)
@given(cities(), POINTS, st.randoms(use_true_random=False))
def test_however_the_map_is_cut_the_matrix_is_the_same(
    network: RoadNetwork, points: list[tuple[int, int]], random: Random
) -> None:
    graph = built(network)
    if graph is None:
        return
    size = len(graph.network.lon)
    order = list(range(size))
    random.shuffle(order)
    depth = [0, *(random.randrange(30) for _ in range(size - 1))]
    cut = Dissection(np.array(order, dtype=np.int32), np.array(depth, dtype=np.uint8))
    snaps = snap(graph, *points)
    assert_same(RoadGraph.build(network, dissection=cut).matrix(snaps), graph.matrix(snaps))


def test_a_graph_under_closures_leaves_the_first_one_alone(town: RoadGraph, stops: Snaps) -> None:
    before = town.matrix(stops)
    ways = frozenset(town.network.way_id[::40].tolist())
    closed = town.under(RoadConditions(closed_ways=ways, class_slowdown={RoadClass.PRIMARY: 2.0}), cores=2)
    assert_same(closed.matrix(stops), by_dijkstra(closed, stops))
    assert_same(town.matrix(stops), before)
    assert (closed.matrix(stops).duration_s != before.duration_s).any()


def test_a_dissection_cuts_few_streets_and_leaves_even_sides() -> None:
    # Two boards of 10 by 10 joined by one bridge: the first cut is the bridge.
    board = [(100.0 * x, 100.0 * y) for x in range(10) for y in range(10)]
    places = [*board, *((x + 2000.0, y) for x, y in board)]
    streets = [
        Street(side + 10 * x + y, side + 10 * (x + dx) + y + dy)
        for side in (0, 100)
        for x in range(10)
        for y in range(10)
        for dx, dy in ((1, 0), (0, 1))
        if x + dx < 10 and y + dy < 10
    ]
    cut = dissect(draw(places, [*streets, Street(95, 105)]))
    middle = int(np.flatnonzero(cut.depth[1:] == 0)[0]) + 1
    assert middle == 100
    assert sorted(cut.order[:100].tolist()) in (list(range(100)), list(range(100, 200)))


def test_a_dissection_is_the_same_for_any_number_of_cores() -> None:
    network = checkerboard(30, 30, seed=3)
    one, three = dissect(network), dissect(network, cores=3)
    assert one.order.tolist() == three.order.tolist()
    assert one.depth.tolist() == three.depth.tolist()


def test_a_dissection_is_kept_by_version_and_found_again(tmp_path: Path) -> None:
    network = checkerboard(6, 6, seed=1)
    first = kept_dissection(network, tmp_path / "cache", "v1")
    kept = tmp_path / "cache" / "roads-v1.npz"
    written = kept.stat().st_mtime_ns
    again = kept_dissection(network, tmp_path / "cache", "v1")
    assert kept.stat().st_mtime_ns == written
    assert again.order.tolist() == first.order.tolist()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["roads-v1.npz"]


def test_a_kept_dissection_that_is_broken_or_of_another_network_is_made_anew(tmp_path: Path) -> None:
    network = checkerboard(6, 6, seed=1)
    kept = tmp_path / "roads-v1.npz"
    kept.write_bytes(b"not numpy")
    with pytest.raises(RoutingError, match="delete it"):
        Dissection.load(kept)
    assert len(kept_dissection(network, tmp_path, "v1").order) == 36
    dissect(checkerboard(5, 5, seed=1)).save(kept)
    assert len(kept_dissection(network, tmp_path, "v1").order) == 36


def test_where_a_dissection_cannot_be_kept_it_is_used_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert len(kept_dissection(checkerboard(6, 6, seed=1), tmp_path / "cache", "v1").order) == 36
    assert "cannot be kept" in caplog.text


def test_a_dissection_of_another_network_is_refused() -> None:
    with pytest.raises(RoutingError, match="network of 25 junctions, this one has 36"):
        RoadGraph.build(checkerboard(6, 6, seed=1), dissection=dissect(checkerboard(5, 5, seed=1)))
