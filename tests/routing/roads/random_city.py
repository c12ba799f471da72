"""Random small cities for the laws that every road graph obeys."""

import numpy as np
from hypothesis import strategies as st

from city.network import RoadClass, RoadNetwork
from routing.conditions import RoadConditions
from routing.errors import RoutingError
from routing.roads import RoadGraph
from routing.snapping import Snaps
from tests.routing.roads.drawing import DEG_PER_M, Street, draw

POINTS = st.lists(st.tuples(st.integers(-50, 450), st.integers(-50, 450)), min_size=1, max_size=6)

CONDITIONS = st.builds(
    RoadConditions,
    closed_ways=st.frozensets(st.integers(1, 6), max_size=2),
    way_slowdown=st.dictionaries(st.integers(1, 6), st.sampled_from([0.5, 3.0]), max_size=2),
    class_slowdown=st.dictionaries(st.sampled_from([RoadClass.PRIMARY]), st.just(1.7), max_size=1),
)


def snap(graph: RoadGraph, *places: tuple[float, float]) -> Snaps:
    """Snap points given in metres of the drawing."""
    east, north = np.array(places, dtype=float).T * DEG_PER_M
    return graph.snap(east, north)


@st.composite
def cities(choose: st.DrawFn) -> RoadNetwork:
    """Draw a few junctions and random streets: one-ways, parallels, loops, dead ends, limits, forbidden turns."""
    count = choose(st.integers(2, 9))
    places = choose(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=count, max_size=count, unique=True)
    )
    node = st.integers(0, count - 1)
    street = st.builds(
        Street,
        start=node,
        end=node,
        oneway=st.booleans(),
        bends=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=2),
        way=st.integers(1, 6),
        road_class=st.sampled_from([RoadClass.PRIMARY, RoadClass.RESIDENTIAL, RoadClass.SERVICE]),
        kmh=st.sampled_from([float("nan"), 10.0, 30.0, 90.0]),
        truck=st.sampled_from([True, True, True, False]),
    )
    streets = choose(st.lists(street, min_size=1, max_size=20))
    turn = st.tuples(st.integers(0, len(streets) - 1), node, st.integers(0, len(streets) - 1))
    forbidden = choose(st.lists(turn, max_size=12))
    return draw([(10.0 * x, 10.0 * y) for x, y in places], streets, forbidden)


def built(network: RoadNetwork) -> RoadGraph | None:
    """Build a graph, or none where nothing can be driven."""
    try:
        return RoadGraph.build(network)
    except RoutingError:
        return None
