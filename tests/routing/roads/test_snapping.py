"""Points on streets: the nearest place, how far, which side, from which directions."""

import math

import numpy as np
import pytest

from routing.errors import RoutingError
from routing.profile import TruckProfile
from routing.roads import RoadGraph
from routing.snapping import SNAP_LIMIT_M
from tests.routing.roads.drawing import DEG_PER_M, Street, draw
from tests.routing.roads.random_city import snap

SQUARE = [(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0), (-50.0, 0.0)]
RING = [Street(0, 1), Street(1, 2), Street(2, 3), Street(3, 0), Street(0, 4)]


def test_a_point_is_put_on_the_nearest_place_of_a_bent_street() -> None:
    graph = RoadGraph.build(draw([(0, 0), (100, 100)], [Street(0, 1, bends=[(100, 0)])]))
    snaps = snap(graph, (110, 50), (30, 20))
    assert snaps.fraction == pytest.approx([0.75, 0.15])
    assert snaps.distance_m == pytest.approx([10, 20])
    assert snaps.street_lon / DEG_PER_M == pytest.approx([100, 30])
    assert snaps.street_lat / DEG_PER_M == pytest.approx([50, 0], abs=1e-6)
    assert snaps.side.tolist() == [1, -1]


def test_a_far_point_is_put_on_a_street_but_reported() -> None:
    graph = RoadGraph.build(draw(SQUARE, RING))
    snaps = snap(graph, (50, -149), (50, -151), (50, 10))
    assert snaps.far().tolist() == [1]
    assert snaps.far(limit_m=5.0).tolist() == [0, 1, 2]
    assert snaps.distance_m[1] > SNAP_LIMIT_M


def test_points_are_not_put_on_streets_that_were_cut_off() -> None:
    lonely = [*SQUARE, (50.0, 40.0), (50.0, 60.0)]
    graph = RoadGraph.build(draw(lonely, [*RING, Street(5, 6)]))
    assert snap(graph, (55, 50)).segment.tolist() == [1]


def test_of_equally_near_streets_the_first_is_taken() -> None:
    graph = RoadGraph.build(draw(SQUARE, RING))
    # Beyond the corner, the end of street 0 and the start of street 1 are equally near.
    assert snap(graph, (110, -10)).segment.tolist() == [0]


@pytest.mark.parametrize(("left_hand", "along"), [(False, [True, False]), (True, [False, True])])
def test_on_its_own_side_a_stop_is_served_with_the_kerb_towards_it(left_hand: bool, along: list[bool]) -> None:
    graph = RoadGraph.build(draw(SQUARE, RING), TruckProfile(left_hand=left_hand))
    # Street 0 runs east: a point in the south is to its right.
    snaps = snap(graph, (50, -5), (50, 5), (50, 0)).on_own_side()
    assert snaps.along.tolist() == [*along, True]
    assert snaps.against.tolist() == [not along[0], not along[1], True]


def test_a_one_way_street_is_served_on_both_sides() -> None:
    graph = RoadGraph.build(draw(SQUARE, [Street(0, 1, oneway=True), *RING[1:]]))
    snaps = snap(graph, (50, -5), (50, 5))
    assert snaps.against.tolist() == [False, False]
    assert snaps.on_own_side().along.tolist() == [True, True]


def test_some_points_may_keep_both_directions() -> None:
    graph = RoadGraph.build(draw(SQUARE, RING))
    snaps = snap(graph, (50, -5), (50, -6)).on_own_side(np.array([True, False]))
    assert snaps.against.tolist() == [False, True]


@pytest.mark.parametrize(("lon", "lat"), [(math.nan, 1.0), (8.0, math.inf), (181.0, 0.0), (0.0, -91.0)])
def test_a_coordinate_that_is_nowhere_is_named(lon: float, lat: float) -> None:
    graph = RoadGraph.build(draw(SQUARE, RING))
    with pytest.raises(RoutingError, match=r"point 1 has coordinates .* nowhere on the globe"):
        graph.snap(np.array([0.0, lon]), np.array([0.0, lat]))


def test_lists_of_different_length_are_refused() -> None:
    graph = RoadGraph.build(draw(SQUARE, RING))
    with pytest.raises(RoutingError, match="same length"):
        graph.snap(np.zeros(2), np.zeros(3))


def test_no_points_are_no_snaps_and_an_empty_matrix() -> None:
    graph = RoadGraph.build(draw(SQUARE, RING))
    snaps = graph.snap(np.array([]), np.array([]))
    assert len(snaps) == 0
    assert len(graph.matrix(snaps)) == 0


def test_without_turning_every_stop_has_one_direction() -> None:
    graph = RoadGraph.build(draw(SQUARE, RING))
    snaps = snap(graph, (50, -5), (50, 5), (50, 0))
    fixed = snaps.without_turning(np.array([True, True, True]))
    assert fixed.along.tolist() == [True, False, True]
    assert fixed.against.tolist() == [False, True, False]
    assert snaps.without_turning(np.zeros(3, np.bool_)).against.all()


def test_a_point_beyond_the_end_of_a_street_is_on_neither_side() -> None:
    graph = RoadGraph.build(draw([(0, 0), (100, 0)], [Street(0, 1)]))
    assert snap(graph, (130, 0), (130, 0.3), (130, 9), (-20, -9)).side.tolist() == [0, 0, -1, 1]


def test_some_places_can_be_picked() -> None:
    graph = RoadGraph.build(draw(SQUARE, RING))
    snaps = snap(graph, (50, -5), (50, 5), (20, 0))
    picked = snaps.pick(np.array([2, 0]))
    assert (picked.lon.tolist(), picked.side.tolist()) == (snaps.lon[[2, 0]].tolist(), snaps.side[[2, 0]].tolist())
    assert picked.kerb == snaps.kerb
