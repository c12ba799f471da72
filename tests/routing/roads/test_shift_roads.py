"""Streets during a shift: hours of traffic, streets closed for part of it, and the one matrix that holds throughout."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.hours import Span
from city.importing.osm import read_roads
from city.network import RoadClass, RoadNetwork
from routing.conditions import RoadConditions, StreetFactors
from routing.errors import RoutingError
from routing.matrix import UNREACHABLE
from routing.profile import TruckProfile, TurnCosts
from routing.roads import RoadGraph
from routing.shift_roads import Closing, ShiftRoads, ShiftTime
from routing.traffic import CITY_TRAFFIC, NO_TRAFFIC
from tests.routing.roads.drawing import DEG_PER_M, Street, draw
from tests.routing.roads.random_city import cities

HOUR = 3600
TUESDAY = date(2026, 11, 24)
SUNDAY = date(2026, 11, 29)
PLAIN = TruckProfile(share_of_limit=1.0, turns=TurnCosts(0, 0, 0, 0, 0))
MORNING = ShiftTime(TUESDAY, Span(5 * HOUR, 13 * HOUR), Span(5 * HOUR, 13 * HOUR))

# A main road from west to east, and a shorter street beside it from which a yard leads off.
#   0 --- 1 --------- 2 --- 3
#          \\_ 4 ___/
#             5
CORNERS = [(0.0, 0.0), (100.0, 0.0), (1000.0, 0.0), (1100.0, 0.0), (550.0, -20.0), (550.0, -200.0)]
WAY_ROUND = [(100.0, 300.0), (1000.0, 300.0)]


def town(rules: str, **street: object) -> RoadGraph:
    """Make the town, the short street under rules."""
    streets = [
        Street(0, 1, way=1),
        Street(1, 2, way=2, bends=WAY_ROUND),
        Street(2, 3, way=3),
        Street(1, 4, way=4, rules=rules),
        Street(4, 2, way=4, rules=rules),
        Street(4, 5, way=5),
    ]
    return RoadGraph.build(draw(CORNERS, streets), PLAIN, **street)  # type: ignore[arg-type]


def metres(*places: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return longitudes and latitudes of places of the drawing."""
    lon, lat = np.array(places).T * DEG_PER_M
    return lon, lat


WEST, EAST, IN_STREET, IN_YARD = (20.0, 5.0), (1080.0, 5.0), (300.0, -5.0), (545.0, -150.0)


def test_a_street_open_in_the_morning_is_not_driven_through_but_served_in_its_hours() -> None:
    """Heidelberg's pedestrian streets are open to deliveries until 11:00, in the middle of the shift."""
    roads = ShiftRoads.of(town("closed @ 11:00-06:00"), MORNING)
    places = roads.locate(*metres(WEST, EAST, IN_STREET, IN_YARD))
    open_hours = [Span(6 * HOUR, 11 * HOUR)]
    assert [list(places.open_at(place)) for place in range(4)] == [
        [MORNING.left],
        [MORNING.left],
        open_hours,
        open_hours,
    ]
    matrix = places.matrix()
    assert matrix.distance_m[0, 1] == 80 + 1500 + 80
    # To the place in the street one drives in from the nearer end, and out at the other one.
    assert matrix.distance_m[0, 2] < 300
    assert matrix.distance_m[2, 1] < 800
    assert matrix.distance_m[3, 0] < 700
    way = places.ways([(0, 1), (0, 2), (2, 3)])
    assert [one.distance_m for one in way] == [matrix.distance_m[pair] for pair in ((0, 1), (0, 2), (2, 3))]
    assert 4 not in roads.graph.network.way_id[way[0].segments]


def test_a_shift_outside_the_hours_knows_no_closing() -> None:
    early = ShiftTime(TUESDAY, Span(6 * HOUR, 11 * HOUR), Span(6 * HOUR, 11 * HOUR))
    roads = ShiftRoads.of(town("closed @ 11:00-06:00"), early)
    places = roads.locate(*metres(WEST, EAST))
    assert places.matrix().distance_m[0, 1] < 1100
    assert list(places.open_at(0)) == [early.left]


def test_a_street_closed_for_the_whole_shift_takes_its_yard_with_it() -> None:
    places = ShiftRoads.of(town("closed @ 04:00-14:00"), MORNING).locate(*metres(WEST, IN_STREET, IN_YARD))
    assert [list(places.open_at(place)) for place in range(3)] == [[MORNING.left], [], []]
    assert (places.matrix().duration_s[0, 1:] == UNREACHABLE).all()
    with pytest.raises(RoutingError, match="no way"):
        places.ways([(0, 1)])


def test_a_rule_binds_by_weight_permit_and_day() -> None:
    rules = "closed @ Mo-Fr 07:00-09:00 above 7500 kg | closed @ 24/7 without permit"
    heavy, light, none = (
        TruckProfile(weight_kg=weight, permit=permit) for weight, permit in ((16_000, True), (7_500, True), (1, False))
    )
    network = town(rules).network
    graphs = [RoadGraph.build(network, profile) for profile in (heavy, light)]
    closings = [ShiftRoads.of(graph, MORNING).closings for graph in graphs]
    assert closings == [((), (Span(7 * HOUR, 9 * HOUR),)), ((),)]
    assert ShiftRoads.of(graphs[0], MORNING._replace(service_date=SUNDAY)).closings == ((),)
    without = RoadGraph.build(network, none)
    assert 4 not in network.way_id[without.streets.segment]
    assert "closed by rule" in without.cut.summary


def test_a_closure_in_the_middle_of_a_shift_leaves_the_hours_around_it() -> None:
    closure = Closing(4, Span(8 * HOUR, 9 * HOUR))
    roads = ShiftRoads.of(town("closed @ 11:00-06:00"), MORNING, [closure])
    places = roads.locate(*metres(WEST, IN_STREET))
    assert list(places.open_at(1)) == [Span(6 * HOUR, 8 * HOUR), Span(9 * HOUR, 11 * HOUR)]
    # When the shift has gone on the closure is over.
    later = MORNING._replace(left=Span(9 * HOUR, 13 * HOUR))
    again = ShiftRoads.of(town("closed @ 11:00-06:00"), later, [closure]).locate(*metres(IN_STREET))
    assert list(again.open_at(0)) == [Span(9 * HOUR, 11 * HOUR)]


def test_works_that_slow_a_street_for_a_while_count_for_their_share_of_the_shift() -> None:
    graph = RoadGraph.build(draw([(0, 0), (1000, 0)], [Street(0, 1, way=7)]), PLAIN)
    works = [Closing(7, Span(4 * HOUR, 7 * HOUR), slower=3.0)]
    # Two of eight hours at a third of the speed; they still count when they are over.
    for left in (MORNING.left, Span(9 * HOUR, 13 * HOUR)):
        roads = ShiftRoads.of(graph, MORNING._replace(left=left), works)
        assert roads.locate(*metres((100.0, 5.0), (900.0, 5.0))).matrix().duration_s[0, 1] == round(80 * (1 + 0.25 * 2))
        assert roads.closings == ((),)
    with pytest.raises(RoutingError, match="way 7 is said to be 0"):
        ShiftRoads.of(graph, MORNING, [Closing(7, MORNING.left, slower=0.5)])


def test_between_streets_with_different_hours_one_drives_over_both() -> None:
    streets = [
        Street(0, 1, way=1),
        Street(1, 2, way=2, rules="closed @ 06:00-07:00"),
        Street(2, 3, way=3, rules="closed @ 10:00-11:00"),
        Street(3, 0, way=4, bends=[(1100, 900), (0, 900)]),
        Street(0, 4, way=5),
    ]
    corners = [(0.0, 0.0), (100.0, 0.0), (1000.0, 0.0), (1100.0, 0.0), (-100.0, 0.0)]
    roads = ShiftRoads.of(RoadGraph.build(draw(corners, streets), PLAIN), MORNING)
    places = roads.locate(*metres((50.0, 5.0), (990.0, 5.0), (1010.0, 5.0), (0.0, 500.0)))
    matrix = places.matrix()
    assert matrix.distance_m[1, 2] == 20
    assert matrix.distance_m[0, 1] == 940
    # Over the first street while it is open; the second one is not sure to be.
    assert matrix.distance_m[1, 3] == 990 + 500
    assert list(places.open_at(1)) == [Span(5 * HOUR, 6 * HOUR), Span(7 * HOUR, 13 * HOUR)]


def test_speeds_that_hold_at_night_count_for_their_share_of_the_shift() -> None:
    street = [Street(0, 1, kmh=36.0, rules="18 km/h @ 22:00-06:00")]
    roads = ShiftRoads.of(RoadGraph.build(draw([(0, 0), (1000, 0)], street), PLAIN), MORNING)
    # One hour of eight at half the speed.
    places = roads.locate(*metres((100.0, 5.0), (900.0, 5.0)))
    assert places.matrix().duration_s[0, 1] == round(80 * (1 + 1 / 8))


def test_traffic_of_the_rush_hour_slows_main_roads() -> None:
    by_class = {
        road_class: RoadGraph.build(draw([(0, 0), (1000, 0)], [Street(0, 1, road_class=road_class)]), PLAIN)
        for road_class in (RoadClass.PRIMARY, RoadClass.RESIDENTIAL)
    }
    rush = Span(8 * HOUR, 9 * HOUR)
    seconds = {
        (road_class, day, span): int(
            ShiftRoads.of(graph, ShiftTime(day, span, span), traffic=CITY_TRAFFIC)
            .locate(*metres((0.0, 5.0), (1000.0, 5.0)))
            .matrix()
            .duration_s[0, 1]
        )
        for road_class, graph in by_class.items()
        for day in (TUESDAY, SUNDAY)
        for span in (rush, Span(2 * HOUR, 3 * HOUR))
    }
    night = Span(2 * HOUR, 3 * HOUR)
    assert seconds[RoadClass.PRIMARY, TUESDAY, night] == 100
    assert 160 < seconds[RoadClass.PRIMARY, TUESDAY, rush] < 180
    assert seconds[RoadClass.PRIMARY, SUNDAY, rush] < 120
    assert seconds[RoadClass.RESIDENTIAL, TUESDAY, rush] == 100


def test_stops_are_served_from_their_own_side_and_facilities_from_either() -> None:
    graph = RoadGraph.build(draw([(0, 0), (1000, 0)], [Street(0, 1)]), PLAIN)
    places = ShiftRoads.of(graph, MORNING).locate(*metres((500.0, -5.0), (500.0, 5.0)), np.array([True, False]))
    assert places.snaps.along.tolist() == [True, True]
    assert places.snaps.against.tolist() == [False, True]


def test_factors_of_another_network_are_refused() -> None:
    graph = town("")
    with pytest.raises(RoutingError, match="factors for 2 segments, the network has 6"):
        graph.under(StreetFactors(np.ones(2)))


spans = st.tuples(st.integers(4, 14), st.integers(1, 4)).map(lambda at: Span(at[0] * HOUR, (at[0] + at[1]) * HOUR))


# So dear that ways without turning round are told from those with it: in front of a closure a truck may turn.
TURN_S = 200
NEVER_TURNING = TruckProfile(turns=TurnCosts(turn_round_s=TURN_S))


@given(cities(), st.lists(st.builds(Closing, st.integers(1, 6), spans, st.just(np.inf)), max_size=3), st.booleans())
def test_closing_streets_never_makes_a_way_shorter_and_lines_are_as_long_as_the_matrix(
    network: RoadNetwork, closures: list[Closing], at_kerb: bool
) -> None:
    try:
        graph = RoadGraph.build(network, NEVER_TURNING)
    except RoutingError:
        return
    lon, lat = graph.network.lon, graph.network.lat
    sides = np.full(len(lon), at_kerb)
    before = ShiftRoads.of(graph, MORNING).locate(lon, lat, sides).matrix()
    places = ShiftRoads.of(graph, MORNING, closures).locate(lon, lat, sides)
    after = places.matrix()
    assert (after.duration_s >= np.minimum(before.duration_s, TURN_S)).all()
    pairs = np.argwhere(after.duration_s < UNREACHABLE)[:: max(1, len(lon) // 3)]
    for (start, end), way in zip(pairs.tolist(), places.ways([tuple(pair) for pair in pairs.tolist()]), strict=True):
        assert (way.duration_s, way.distance_m) == (after.duration_s[start, end], after.distance_m[start, end])
    # Between places that are always open the ways use no street that is ever closed.
    always = np.flatnonzero([not closed for closed in places.closed])
    closed_ways = {c.way_id for c in closures if c.span.start_s < 13 * HOUR and c.span.end_s > 5 * HOUR}
    never_used = graph.under(RoadConditions(closed_ways=frozenset(closed_ways)))
    assert np.array_equal(
        never_used.matrix(places.snaps.pick(always)).duration_s, after.duration_s[np.ix_(always, always)]
    )


@pytest.fixture(scope="module")
def heidelberg(shared_data: Path) -> RoadGraph:
    """The streets of Heidelberg for a truck of 7.5 t, the heaviest that may drive into the old town."""
    network = read_roads(shared_data / "osm" / "heidelberg.test.osm.pbf").network
    return RoadGraph.build(network, TruckProfile(weight_kg=7_500))


def test_the_old_town_of_heidelberg_is_collected_before_eleven(heidelberg: RoadGraph) -> None:
    network = heidelberg.network
    hours = [row for row, text in enumerate(network.rules) if text.endswith("Sa 11:00-24:00; Su 00:00-24:00")]
    old_town = np.isin(network.rule, hours) & np.isin(np.arange(len(network.rule)), heidelberg.streets.segment)
    assert old_town.sum() > 80
    middle = np.flatnonzero(old_town)[::8]
    others = heidelberg.streets.segment[:: len(heidelberg.streets) // 40]
    rows = np.concatenate([middle, others])
    lon, lat = network.lon[network.from_node[rows]], network.lat[network.from_node[rows]]
    monday = ShiftTime(date(2026, 11, 23), Span(5 * HOUR, 13 * HOUR), Span(5 * HOUR, 13 * HOUR))
    roads = ShiftRoads.of(heidelberg, monday, traffic=NO_TRAFFIC)
    places = roads.locate(lon, lat)
    closed = [place for place in range(len(rows)) if places.closed[place]]
    assert len(closed) >= len(middle) // 2
    matrix = places.matrix()
    served = [place for place in closed if places.open_at(place)]
    # The rest lies at and behind streets that open at 16:00.
    assert len(served) > 0.8 * len(closed)
    for place in served:
        assert list(places.open_at(place)) == [Span(6 * HOUR, 11 * HOUR)]
        assert (matrix.duration_s[place] < UNREACHABLE).mean() > 0.9
        assert (matrix.duration_s[:, place] < UNREACHABLE).mean() > 0.9
    always = np.flatnonzero([not spans for spans in places.closed])
    free = heidelberg.matrix(places.snaps).duration_s
    assert (matrix.duration_s >= free).all()
    assert (matrix.duration_s[np.ix_(always, always)] > free[np.ix_(always, always)]).any()
    # On a Sunday they are closed all day.
    sunday = ShiftRoads.of(heidelberg, monday._replace(service_date=SUNDAY)).locate(lon, lat)
    assert np.mean([not sunday.open_at(place) for place in served]) > 0.9
