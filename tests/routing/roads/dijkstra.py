"""The matrix that Dijkstra's algorithm finds, one search a place, to compare the quick one with."""

import numpy as np

from routing import travel
from routing.matrix import Matrix
from routing.roads import RoadGraph
from routing.snapping import Snaps


def by_dijkstra(graph: RoadGraph, snaps: Snaps) -> Matrix:
    """Return travel between places by one search from each."""
    places = graph._places(snaps)
    cost = np.empty((len(snaps), len(snaps)))
    travel.between(graph.turns, places, (0, len(snaps)), cost)
    np.fill_diagonal(cost, 0.0)
    return Matrix(*travel.unpack(cost))


def assert_same(one: Matrix, other: Matrix) -> None:
    """Check that two matrices agree to the second and the metre."""
    assert one.duration_s.tolist() == other.duration_s.tolist()
    assert one.distance_m.tolist() == other.distance_m.tolist()
