"""What is in a road graph, what is cut off and why, and networks no graph can be made of."""

from dataclasses import replace

import numpy as np
import pytest

from city.network import RoadClass
from routing.conditions import RoadConditions
from routing.cut import CutReason
from routing.errors import RoutingError
from routing.profile import CLASS_KMH, TruckProfile, TurnCosts
from routing.roads import RoadGraph
from tests.routing.roads.drawing import Street, draw
from tests.routing.roads.random_city import snap

SQUARE = [(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0), (-50.0, 0.0)]
# A block with a dead end to turn round in; without one, its two directions would never meet.
RING = [Street(0, 1), Street(1, 2), Street(2, 3), Street(3, 0), Street(0, 4)]


def test_what_is_cut_off_is_counted_and_drawn_with_its_reason() -> None:
    places = [*SQUARE, (300.0, 0.0), (400.0, 0.0), (100.0, 150.0)]
    streets = [
        *RING,
        Street(5, 6, name="Insel"),
        Street(0, 2, truck=False),
        Street(1, 3, max_width_cm=200),
        Street(2, 7, oneway=True),
    ]
    cut = RoadGraph.build(draw(places, streets)).cut
    assert {part.reason: (part.segments, round(part.length_m)) for part in cut.parts} == {
        CutReason.NOT_FOR_TRUCKS: (1, 141),
        CutReason.TOO_SMALL_FOR_TRUCK: (1, 141),
        CutReason.NOT_CONNECTED: (2, 150),
    }
    assert cut.kept_segments == 5
    assert cut.kept_length_m == pytest.approx(450)
    drawn = {feature["properties"]["name"]: feature for feature in cut.geojson()["features"]}
    assert drawn["Insel"]["properties"]["reason"] == "not_connected"
    assert len(drawn["Insel"]["geometry"]["coordinates"]) == 2
    assert "left out: 1 not for trucks (0.1 km)" in cut.summary


def test_a_street_whose_only_way_on_leaves_the_map_is_kept_by_turning_round() -> None:
    # From the square a two-way street leads to 5; from there only a one-way street goes on, and out.
    places = [*SQUARE, (200.0, 0.0), (300.0, 0.0)]
    graph = RoadGraph.build(draw(places, [*RING, Street(1, 5), Street(5, 6, oneway=True)]))
    assert graph.cut.rows.tolist() == [6]
    assert graph.matrix(snap(graph, (150, 5), (50, 5))).distance_m.tolist() == [[0, 100], [100, 0]]


def test_a_ring_without_a_place_to_turn_keeps_one_direction_and_says_so() -> None:
    graph = RoadGraph.build(draw(SQUARE, RING[:4]))
    assert len(graph.streets) == 4
    assert {part.reason: part.segments for part in graph.cut.parts} == {CutReason.ONE_DIRECTION_NOT_CONNECTED: 4}


def test_a_dead_end_where_turning_is_forbidden_is_cut_off() -> None:
    graph = RoadGraph.build(draw([*SQUARE, (200.0, 0.0)], [*RING, Street(1, 5)], forbidden=[(5, 5, 5)]))
    assert graph.cut.rows.tolist() == [5]


def test_turns_cost_what_the_profile_says() -> None:
    # A crossing of a primary street from west to east with a residential one from south to north.
    cross = draw(
        [(0, 0), (-100, 0), (100, 0), (0, -100), (0, 100)],
        [
            Street(0, 1, road_class=RoadClass.PRIMARY),
            Street(0, 2, road_class=RoadClass.PRIMARY),
            Street(0, 3),
            Street(0, 4),
        ],
    )
    costs = TurnCosts(straight_s=1, near_s=3, far_s=8, give_way_s=5, turn_round_s=40)
    profile = TruckProfile(share_of_limit=1.0, turns=costs)
    places = ((-50, 0), (50, 0), (0, -50), (0, 50))
    for left_hand, near, far in ((False, 3, 8), (True, 8, 3)):
        graph = RoadGraph.build(cross, replace(profile, left_hand=left_hand))
        duration = graph.matrix(snap(graph, *places)).duration_s
        west, east, south, north = range(4)
        assert duration[west, east] == 10 + 1
        assert duration[west, south] == 10 + near
        assert duration[west, north] == 10 + far
        assert duration[south, north] == 10 + 1 + 5
        assert duration[south, east] == 10 + near + 5


def test_speeds_come_from_the_source_or_the_class_and_never_exceed_the_truck() -> None:
    streets = [
        Street(0, 1, kmh=50.0),
        Street(1, 2, kmh=float("nan"), road_class=RoadClass.SERVICE),
        Street(2, 3, kmh=130.0, road_class=RoadClass.MOTORWAY),
    ]
    line = draw([(0, 0), (1000, 0), (2000, 0), (3000, 0)], streets)
    graph = RoadGraph.build(line, TruckProfile(share_of_limit=0.8))
    duration = graph.matrix(snap(graph, (0, 0), (1000, 0), (2000, 0), (3000, 0))).duration_s
    expected = (3600 / 40, 3600 / CLASS_KMH[RoadClass.SERVICE], 3600 / 80)
    assert np.diagonal(duration, offset=1) == pytest.approx(expected, abs=0.5)


def test_an_empty_network_says_to_import_roads() -> None:
    with pytest.raises(RoutingError, match="import roads"):
        RoadGraph.build(draw([], []))


def test_a_network_no_truck_may_use_says_why() -> None:
    streets = [Street(0, 1, truck=False), Street(1, 2, max_weight_kg=3_500)]
    with pytest.raises(RoutingError, match=r"none of the 2 .* 1 are closed to goods vehicles, 1 are too narrow"):
        RoadGraph.build(draw(SQUARE, streets))


def test_streets_without_a_way_back_are_no_graph() -> None:
    with pytest.raises(RoutingError, match="reached from each other"):
        RoadGraph.build(draw(SQUARE, [Street(0, 1, oneway=True), Street(1, 2, oneway=True)]))


def test_a_junction_without_coordinates_is_named() -> None:
    network = draw(SQUARE, RING)
    broken = replace(network, lon=np.where(network.node_id == 102, np.nan, network.lon))
    with pytest.raises(RoutingError, match="junction 102"):
        RoadGraph.build(broken)


def test_a_network_half_round_the_globe_is_refused() -> None:
    network = draw(SQUARE, RING)
    with pytest.raises(RoutingError, match="km across"):
        RoadGraph.build(replace(network, lon=network.lon + np.array([0, 0, 0, 0, 90.0])))


def test_a_segment_without_length_or_end_is_named() -> None:
    network = draw(SQUARE, RING)
    with pytest.raises(RoutingError, match="segment 1002 has length nan"):
        RoadGraph.build(replace(network, length_m=np.array([100, 100, np.nan, 100, 50], dtype=np.float32)))
    with pytest.raises(RoutingError, match="segment 1001 has to_node 9; there are 5"):
        RoadGraph.build(replace(network, to_node=np.array([1, 9, 3, 0, 4], dtype=np.int32)))


def test_a_slowdown_that_is_no_factor_is_refused() -> None:
    with pytest.raises(RoutingError, match="way 7"):
        RoadConditions(way_slowdown={7: 0.0})
    with pytest.raises(RoutingError, match="road class PRIMARY"):
        RoadConditions(class_slowdown={RoadClass.PRIMARY: float("nan")})


def test_closures_of_ways_that_are_not_there_are_told() -> None:
    network = draw(SQUARE, RING)
    assert RoadConditions(closed_ways=frozenset({2, 99})).unknown_ways(network) == (99,)
