"""A way through the streets: legal, unbroken, named, and exactly as long as the matrix says."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from city.network import RoadNetwork
from routing.profile import TruckProfile, TurnCosts
from routing.roads import RoadGraph
from tests.routing.roads.drawing import DEG_PER_M, Street, draw
from tests.routing.roads.driving import assert_drawn, assert_legal
from tests.routing.roads.random_city import POINTS, built, cities, snap

PLAIN = TruckProfile(share_of_limit=1.0, turns=TurnCosts(0, 0, 0, 0, 0))


@settings(max_examples=150, deadline=None)
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


@settings(max_examples=50, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_piece_of_one_street_is_drawn_as_long_as_it_is(begin: float, end: float) -> None:
    graph = RoadGraph.build(draw([(0, 0), (100, 100)], [Street(0, 1, bends=[(100, 0)])]), PLAIN)
    snaps = snap(graph, *((200 * f, 0) if f <= 0.5 else (100, 200 * f - 100) for f in (begin, end)))
    way = graph.way(snaps, 0, 1)
    drawn = np.hypot(np.diff(way.lon), np.diff(way.lat)).sum() / DEG_PER_M
    assert abs(drawn - 200 * abs(end - begin)) < 1e-6
    assert abs(way.distance_m - drawn) <= 0.51
