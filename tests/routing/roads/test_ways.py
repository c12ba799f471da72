"""A way through the streets: legal, unbroken, named, and exactly as long as the matrix says."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from city.network import RoadNetwork
from routing import travel
from routing.conditions import RoadConditions
from routing.profile import TruckProfile, TurnCosts
from routing.roads import RoadGraph
from routing.snapping import Snaps
from routing.unfold import Atlas, unfold
from tests.routing.roads.checkerboard import checkerboard
from tests.routing.roads.drawing import DEG_PER_M, Street, draw
from tests.routing.roads.driving import assert_drawn, assert_legal
from tests.routing.roads.random_city import CONDITIONS, POINTS, built, cities, snap

PLAIN = TruckProfile(share_of_limit=1.0, turns=TurnCosts(0, 0, 0, 0, 0))


@settings(max_examples=150)
@given(cities(), POINTS)
def test_every_way_is_legal_unbroken_and_as_long_as_the_matrix_says(
    network: RoadNetwork, points: list[tuple[int, int]]
) -> None:
    graph = built(network)
    if graph is None:
        return
    snaps = snap(graph, *points)
    matrix = graph.matrix(snaps)
    for start in range(len(snaps)):
        for end in range(len(snaps)):
            way = graph.way(snaps, start, end)
            assert (way.duration_s, way.distance_m) == (matrix.duration_s[start, end], matrix.distance_m[start, end])
            assert_legal(graph, way)
            assert_drawn(snaps, way, start, end)


@settings(max_examples=150)
@given(cities(), CONDITIONS, POINTS, st.booleans())
def test_a_way_unfolded_from_tables_costs_what_dijkstra_finds_and_what_its_turns_add_up_to(
    network: RoadNetwork, conditions: RoadConditions, points: list[tuple[int, int]], own_side: bool
) -> None:
    graph = built(network)
    if graph is None:
        return
    graph = graph.under(conditions)
    snaps = snap(graph, *points)
    check_unfolding(graph, snaps.on_own_side() if own_side else snaps)


def test_ways_across_a_town_unfold_from_tables() -> None:
    graph = RoadGraph.build(checkerboard(16, 16, seed=2))
    rng = np.random.default_rng(4)
    junction = rng.choice(graph.streets.tail, 25)
    check_unfolding(graph, graph.snap(graph.network.lon[junction] + 2e-4, graph.network.lat[junction]))


def check_unfolding(graph: RoadGraph, snaps: Snaps) -> None:
    places, turns = graph._places(snaps), graph.turns
    atlas = Atlas(graph._parts, graph._tables)
    expected = np.empty((len(snaps), len(snaps)))
    travel.between(turns, places, (0, len(snaps)), expected)
    for source, target in itertools.product(range(len(snaps)), repeat=2):
        cost, back = unfold(atlas, places, source, target)
        on_one_edge = places.edge[source] == places.edge[target]
        stays = (on_one_edge & (places.edge[source] >= 0) & (places.behind[target] >= places.behind[source])).any()
        assert cost >= expected[source, target] if stays else cost == expected[source, target]
        if not np.isfinite(cost):
            assert back == []
            continue
        way = back[::-1]
        total = 0.0
        for edge, following in itertools.pairwise(way):
            steps = turns.step[turns.start[edge] : turns.start[edge + 1]]
            total += steps[turns.to[turns.start[edge] : turns.start[edge + 1]] == following][0]
        left = places.behind[source][places.edge[source] == way[0]][0]
        assert total - left + places.behind[target][places.edge[target] == way[-1]][0] == cost


def test_the_line_follows_every_bend_and_names_each_street_once() -> None:
    streets = [
        Street(0, 1, bends=[(50, 50)], name="Hauptstraße"),
        Street(1, 2, name="Hauptstraße"),
        Street(2, 3),
        Street(3, 4, name="人民路"),
    ]
    graph = RoadGraph.build(draw([(0, 0), (100, 0), (200, 0), (300, 0), (300, 100)], streets), PLAIN)
    snaps = snap(graph, (10, 12), (303, 60))
    way = graph.way(snaps, 0, 1)
    line = np.round(np.stack([way.lon, way.lat], axis=1) / DEG_PER_M, 3).tolist()
    assert line == [[11, 11], [50, 50], [100, 0], [200, 0], [300, 0], [300, 60]]
    assert way.street_names == ("Hauptstraße", "人民路")
    back = graph.way(snaps, 1, 0)
    assert np.allclose(back.lon, way.lon[::-1], rtol=0, atol=1e-12)
    assert back.street_names == ("人民路", "Hauptstraße")


@settings(max_examples=50)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_piece_of_one_street_is_drawn_as_long_as_it_is(begin: float, end: float) -> None:
    graph = RoadGraph.build(draw([(0, 0), (100, 100)], [Street(0, 1, bends=[(100, 0)])]), PLAIN)
    snaps = snap(graph, *((200 * f, 0) if f <= 0.5 else (100, 200 * f - 100) for f in (begin, end)))
    way = graph.way(snaps, 0, 1)
    drawn = np.hypot(np.diff(way.lon), np.diff(way.lat)).sum() / DEG_PER_M
    assert abs(drawn - 200 * abs(end - begin)) < 1e-6
    assert abs(way.distance_m - drawn) <= 0.51
