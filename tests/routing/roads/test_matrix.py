"""Travel times between places: as the signs allow, to the metre, the same as plain Dijkstra on every turn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from city.network import RoadClass, RoadNetwork
from routing.conditions import RoadConditions
from routing.errors import RoutingError
from routing.matrix import UNREACHABLE
from routing.profile import TruckProfile, TurnCosts
from routing.roads import RoadGraph
from tests.routing.roads.drawing import Street, draw
from tests.routing.roads.oracle import durations_cs
from tests.routing.roads.random_city import CONDITIONS, POINTS, built, cities, snap

FREE_TURNS = TurnCosts(straight_s=0, near_s=0, far_s=0, give_way_s=0, turn_round_s=0)
# 36 km/h: ten metres a second, so that seconds are metres over ten.
PLAIN = TruckProfile(share_of_limit=1.0, turns=FREE_TURNS)


def block() -> list[Street]:
    """Draw a square of 100 m, corners 0 to 3 counter-clockwise from the origin, and a tail from 1 east to 4."""
    return [Street(0, 1), Street(1, 2), Street(2, 3), Street(3, 0), Street(1, 4)]


CORNERS = [(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0), (200.0, 0.0)]


def test_the_way_along_one_street_is_as_long_as_the_piece_between() -> None:
    graph = RoadGraph.build(draw(CORNERS, block()), PLAIN)
    matrix = graph.matrix(snap(graph, (20, 5), (90, -5)))
    assert matrix.distance_m.tolist() == [[0, 70], [70, 0]]
    assert matrix.duration_s.tolist() == [[0, 7], [7, 0]]


def test_against_a_one_way_street_the_truck_drives_round_the_block() -> None:
    streets = [Street(0, 1, oneway=True), *block()[1:]]
    graph = RoadGraph.build(draw(CORNERS, streets), PLAIN)
    matrix = graph.matrix(snap(graph, (20, 5), (90, -5)))
    assert matrix.distance_m.tolist() == [[0, 70], [330, 0]]


def test_a_forbidden_turn_is_driven_round_to_the_metre() -> None:
    # From the tail into the street to corner 2 is forbidden: straight on, round the square the other way.
    network = draw(CORNERS, block(), forbidden=[(4, 1, 1)])
    graph = RoadGraph.build(network, PLAIN)
    matrix = graph.matrix(snap(graph, (150, 5), (105, 50)))
    assert matrix.distance_m.tolist() == [[0, 50 + 300 + 50], [100, 0]]


def test_a_truck_turns_round_at_a_dead_end_and_pays_for_it() -> None:
    profile = TruckProfile(share_of_limit=1.0, turns=TurnCosts(0, 0, 0, 0, turn_round_s=40))
    graph = RoadGraph.build(draw(CORNERS, block()), profile)
    snaps = snap(graph, (150, -5), (140, -5)).on_own_side()
    # Both on the south side of the tail, served driving east: back to the first means round the dead end and the block.
    matrix = graph.matrix(snaps)
    assert matrix.distance_m[1, 0] == 10
    assert matrix.distance_m[0, 1] == 50 + 100 + 400 + 40
    assert matrix.duration_s[0, 1] == 59 + 40


def test_a_truck_never_turns_round_at_a_junction_that_goes_on() -> None:
    # A cross of two-way streets, no blocks: turning round happens only at the four ends.
    cross = draw([(0, 0), (100, 0), (-100, 0), (0, 100), (0, -100)], [Street(0, end) for end in (1, 2, 3, 4)])
    graph = RoadGraph.build(cross, PLAIN)
    snaps = snap(graph, (50, -5), (50, 5)).on_own_side()
    matrix = graph.matrix(snaps)
    assert matrix.distance_m.tolist() == [[0, 100], [300, 0]]


def test_a_loop_street_can_be_driven_both_ways_round() -> None:
    # A lasso: a street to a junction, from which a loop of 300 m returns to it.
    loop = Street(1, 1, bends=[(200, 0), (200, 100), (100, 100)])
    graph = RoadGraph.build(draw([(0, 0), (100, 0)], [Street(0, 1), loop]), PLAIN)
    matrix = graph.matrix(snap(graph, (50, 0), (150, 2), (98, 60)))
    assert matrix.distance_m.tolist() == [[0, 100, 110], [100, 0, 110], [110, 110, 0]]


def test_streets_too_low_for_the_truck_are_driven_round() -> None:
    streets = [Street(0, 1, max_height_cm=300), *block()[1:]]
    low, high = (TruckProfile(height_cm=h, share_of_limit=1.0, turns=FREE_TURNS) for h in (290, 320))
    places = ((-5, 50), (150, 5))
    for profile, metres in ((low, 200), (high, 300)):
        graph = RoadGraph.build(draw(CORNERS, streets), profile)
        assert graph.matrix(snap(graph, *places)).distance_m[0, 1] == metres


def test_a_closure_is_driven_round_and_what_lies_behind_it_is_unreachable() -> None:
    graph = RoadGraph.build(draw(CORNERS, block()), PLAIN)
    snaps = snap(graph, (50, 5), (105, 50), (150, 5), (-5, 50))
    closed = graph.under(RoadConditions(closed_ways=frozenset({1})))
    assert graph.matrix(snaps).distance_m[1, 3] == 200
    assert closed.matrix(snaps).distance_m[:, 1].tolist() == [UNREACHABLE, 0, UNREACHABLE, UNREACHABLE]
    assert closed.matrix(snaps).distance_m[0, 2] == 100
    with pytest.raises(RoutingError, match="no way from place 0 to place 1 with 1 ways closed"):
        closed.way(snaps, 0, 1)
    assert closed.way(snaps, 1, 1).distance_m == 0
    tail = graph.under(RoadConditions(closed_ways=frozenset({4}))).matrix(snaps)
    assert (tail.distance_m[[0, 1, 3], 2] == UNREACHABLE).all()
    assert graph.matrix(snaps).distance_m.max() < 1000


def test_in_front_of_a_closure_a_truck_turns_round() -> None:
    line = draw([(0, 0), (100, 0), (200, 0), (300, 0)], [Street(0, 1), Street(1, 2), Street(2, 3)])
    graph = RoadGraph.build(line, PLAIN)
    snaps = snap(graph, (50, -5), (50, 5)).on_own_side()
    assert graph.matrix(snaps).distance_m[0, 1] == 500
    assert graph.under(RoadConditions(closed_ways=frozenset({1}))).matrix(snaps).distance_m[0, 1] == 100


def test_slowdowns_lengthen_times_by_way_and_class() -> None:
    graph = RoadGraph.build(draw([(0, 0), (100, 0)], [Street(0, 1, way=77)]), PLAIN)
    snaps = snap(graph, (0, 0), (100, 0))
    slow = graph.under(RoadConditions(way_slowdown={77: 2.0}, class_slowdown={RoadClass.RESIDENTIAL: 1.5}))
    assert graph.matrix(snaps).duration_s[0, 1] == 10
    assert slow.matrix(snaps).duration_s[0, 1] == 30
    assert slow.matrix(snaps).distance_m[0, 1] == 100


def test_places_of_another_graph_are_refused() -> None:
    small = RoadGraph.build(draw(CORNERS, block()), PLAIN)
    large = RoadGraph.build(draw([*CORNERS, (300.0, 0.0)], [*block(), Street(4, 5)]), PLAIN)
    with pytest.raises(RoutingError, match="another road network"):
        small.matrix(snap(large, (250, 0)))


@settings(max_examples=200)
@given(cities(), CONDITIONS, POINTS, st.booleans())
def test_the_matrix_is_what_plain_dijkstra_over_all_turns_finds(
    network: RoadNetwork, conditions: RoadConditions, points: list[tuple[int, int]], own_side: bool
) -> None:
    graph = built(network)
    if graph is None:
        return
    snaps = snap(graph, *points)
    snaps = snaps.on_own_side() if own_side else snaps
    now = graph.under(conditions)
    expected = durations_cs(now, snaps)
    seconds = np.where(np.isfinite(expected), np.floor(np.nan_to_num(expected, posinf=0.0) / 100 + 0.5), UNREACHABLE)
    assert now.matrix(snaps).duration_s.tolist() == seconds.astype(np.int32).tolist()


@settings(max_examples=100)
@given(cities(), POINTS)
def test_without_closures_everything_in_the_graph_is_reachable(
    network: RoadNetwork, points: list[tuple[int, int]]
) -> None:
    graph = built(network)
    if graph is not None:
        assert graph.matrix(snap(graph, *points)).duration_s.max() < UNREACHABLE


def detours(duration_s: NDArray[np.int32]) -> NDArray[np.int64]:
    """By how much the direct time exceeds the shortest time over one other place."""
    over = duration_s[:, :, None].astype(np.int64) + duration_s[None, :, :]
    return (duration_s[:, None, :] - over).ravel()


@settings(max_examples=100)
@given(cities(), POINTS)
def test_no_detour_is_quicker_where_trucks_keep_to_their_side(
    network: RoadNetwork, points: list[tuple[int, int]]
) -> None:
    graph = built(network)
    if graph is not None:
        snaps = snap(graph, *points).on_own_side()
        matrix = graph.matrix(snaps)
        # A point on the street itself has no side: serving it may turn the truck round.
        sided = ~(snaps.along & snaps.against)
        # Each of the three times is rounded to the whole second.
        assert detours(matrix.duration_s[np.ix_(sided, sided)]).max(initial=0) <= 1


def test_a_stop_left_the_other_way_hides_a_turn_in_the_street() -> None:
    """On a street with two dead ends a truck comes back to the stop before by turning at both ends."""
    graph = RoadGraph.build(draw([(0, 0), (1000, 0)], [Street(0, 1)]), PLAIN)
    snaps = snap(graph, (100, -5), (500, -5))
    assert graph.matrix(snaps).distance_m.tolist() == [[0, 400], [400, 0]]
    honest = graph.matrix(snaps.without_turning(np.array([True, True])))
    assert honest.distance_m.tolist() == [[0, 400], [500 + 1000 + 100, 0]]
