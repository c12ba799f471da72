"""What every way must keep to: legal streets and turns without a break, drawn from place to place."""

import numpy as np

from routing.roads import RoadGraph
from routing.snapping import Snaps
from routing.ways import Way


def assert_legal(graph: RoadGraph, way: Way) -> None:
    """Check that a truck may drive a way as it is."""
    network = graph.network
    begins = np.where(way.backward, network.to_node[way.segments], network.from_node[way.segments])
    ends = np.where(way.backward, network.from_node[way.segments], network.to_node[way.segments])
    assert (ends[:-1] == begins[1:]).all()
    assert np.where(way.backward, network.backward[way.segments], network.forward[way.segments]).all()
    assert network.truck[way.segments].all()
    signs = {tuple(row) for row in network.forbidden_turns.tolist()}
    driven = zip(way.segments[:-1].tolist(), ends[:-1].tolist(), way.segments[1:].tolist(), strict=True)
    assert signs.isdisjoint(driven)


def assert_drawn(snaps: Snaps, way: Way, start: int, end: int) -> None:
    """Check that a way's line leads from one place to the other."""
    for place, at in ((start, 0), (end, -1)):
        assert abs(way.lon[at] - snaps.street_lon[place]) < 1e-9
        assert abs(way.lat[at] - snaps.street_lat[place]) < 1e-9
    assert len(way.lon) >= 2
