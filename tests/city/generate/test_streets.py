"""The streets look and behave like a city's: ranks, blocks, dead ends, a river, rules that trucks must keep."""

from collections import Counter

import numpy as np
import pytest
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from city.generate.streets import Streets, build_streets
from city.generate.traffic import strongly_connected
from city.network import RoadClass
from city.store import CityData


@pytest.fixture(scope="module")
def lines(streets: Streets) -> np.ndarray:
    """The street segments as geometries."""
    place = streets.layout.place
    return np.array(
        [shapely.LineString(np.column_stack([place[path].real, place[path].imag])) for path in streets.layout.path]
    )


def test_only_a_few_bridges_cross_the_river_and_all_other_streets_end_at_the_bank(
    streets: Streets, lines: np.ndarray
) -> None:
    bridge = np.array([street.bridge for street in streets.layout.streets])[streets.layout.street]
    wet = shapely.intersects(lines, streets.layout.water)
    assert (wet == bridge).all()
    assert 2 <= bridge.sum() <= 6


def test_streets_meet_only_in_junctions(streets: Streets, lines: np.ndarray) -> None:
    crossing = shapely.STRtree(lines).query(lines, predicate="crosses")
    assert crossing.size == 0


def test_roads_have_ranks_in_the_proportions_of_a_city(town: CityData) -> None:
    network = town.network
    length = np.bincount(network.road_class, network.length_m, minlength=len(RoadClass))
    share = length / length.sum()
    main = share[RoadClass.TRUNK] + share[RoadClass.PRIMARY] + share[RoadClass.SECONDARY]
    assert 0.08 < main < 0.25
    assert 0.15 < share[RoadClass.TERTIARY] < 0.35
    assert share[RoadClass.RESIDENTIAL] > share[RoadClass.SERVICE] > share[RoadClass.LIVING_STREET] > 0
    signed = ~np.isnan(network.speed_kmh)
    speed = [network.speed_kmh[signed & (network.road_class == rank)].max(initial=0) for rank in (1, 2, 3, 4, 6, 7)]
    assert speed == sorted(speed, reverse=True)


def test_most_junctions_have_three_or_four_arms_and_some_streets_are_dead_ends(town: CityData) -> None:
    arms = np.bincount(np.concatenate([town.network.from_node, town.network.to_node]))
    share = np.bincount(arms, minlength=6) / len(arms)
    assert share[3] + share[4] > 0.7
    assert share[3] > share[4] > 0.15
    assert 0.05 < share[1] < 0.25
    assert share[5:].sum() < 0.01


def test_the_streets_are_no_plain_grid(streets: Streets) -> None:
    """By Boeing's orientation order (Urban spatial order, 2019): 1 for one grid, 0 for all directions alike."""
    ends = streets.layout.place[streets.layout.ends]
    ahead = ends[:, 1] - ends[:, 0]
    bearing = np.degrees(np.angle(np.concatenate([ahead, -ahead]))) % 360
    share = np.histogram((bearing + 5) % 360, bins=36, range=(0, 360))[0] / len(bearing)
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    most, grid = np.log(36), np.log(4)
    assert 1 - ((entropy - grid) / (most - grid)) ** 2 < 0.6


def test_streets_are_denser_in_the_middle_than_at_the_edge(streets: Streets, lines: np.ndarray) -> None:
    length = shapely.length(lines)
    busy = streets.land.bustle(streets.layout.place[streets.layout.ends].mean(axis=1))
    cuts = np.quantile(busy, [0.2, 0.8])
    assert np.median(length[busy > cuts[1]]) < 0.85 * np.median(length[busy < cuts[0]])


def test_ways_are_a_quarter_longer_than_the_beeline(town: CityData) -> None:
    network = town.network
    forward, backward = network.forward, network.backward
    tails = np.concatenate([network.from_node[forward], network.to_node[backward]])
    heads = np.concatenate([network.to_node[forward], network.from_node[backward]])
    lengths = np.concatenate([network.length_m[forward], network.length_m[backward]])
    size = len(network.node_id)
    rows = np.random.default_rng(1).choice(size, 40)
    ways = dijkstra(coo_matrix((lengths, (tails, heads)), shape=(size, size)), indices=rows)[:, ::5]
    east = np.radians(network.lon) * np.cos(np.radians(33.0)) * 6_371_009
    north = np.radians(network.lat) * 6_371_009
    beeline = np.hypot(east[rows][:, None] - east[::5], north[rows][:, None] - north[::5])
    ratio = (ways / np.maximum(beeline, 1))[(beeline > 500) & np.isfinite(ways)]
    assert 1.2 < ratio.mean() < 1.5


def test_trucks_reach_nearly_everything_but_not_all(town: CityData) -> None:
    network = town.network
    ends = np.column_stack([network.from_node, network.to_node]).astype(np.int64)
    one_way = ~network.backward
    assert strongly_connected(ends, one_way).mean() > 0.99
    fits = network.truck & (network.max_width_cm == 0) & (network.max_height_cm == 0) & (network.max_weight_kg == 0)
    assert 0.95 < strongly_connected(ends[fits], one_way[fits]).sum() / len(ends) < 1.0


def test_one_way_streets_come_in_pairs_of_opposite_directions(streets: Streets) -> None:
    layout, one_way = streets.layout, streets.traffic.one_way
    assert 0.03 < one_way.mean() < 0.3
    starts = layout.run_start[:-1]
    runs = np.flatnonzero(one_way[starts])
    ends = layout.place[layout.ends]
    start, end = ends[starts[runs], 0], ends[layout.run_start[runs + 1] - 1, 1]
    ahead, middle = (end - start) / np.abs(end - start), (start + end) / 2
    opposite = (ahead[:, None] * ahead.conj()).real < -0.9
    near = np.abs(middle[:, None] - middle) < 300
    assert (opposite & near).any(axis=1).mean() > 0.5


def test_turns_are_forbidden_at_junctions_of_main_roads_only(town: CityData) -> None:
    network = town.network
    before, via, after = network.forbidden_turns.T
    assert len(via) > 100
    on_main = np.zeros(len(network.node_id), bool)
    main = network.road_class <= RoadClass.PRIMARY
    on_main[network.from_node[main]] = on_main[network.to_node[main]] = True
    assert on_main[via].all()
    for segment in (before, after):
        assert ((network.from_node[segment] == via) | (network.to_node[segment] == via)).all()


def test_some_streets_limit_what_may_pass(town: CityData) -> None:
    network = town.network
    for limit, least, most in (
        (network.max_width_cm, 200, 260),
        (network.max_height_cm, 270, 400),
        (network.max_weight_kg, 7_500, 20_000),
    ):
        assert 0 < (limit > 0).mean() < 0.05
        assert ((limit == 0) | ((limit >= least) & (limit <= most))).all()
    assert 0 < (~network.truck).mean() < 0.03


def test_streets_are_named_in_characters_and_pinyin_and_no_two_alike(streets: Streets) -> None:
    named = Counter(
        name
        for name, street in zip(streets.names, streets.layout.streets, strict=True)
        if name and not street.ring and not street.bridge and not street.riverside
    )
    assert named.most_common(1)[0][1] == 1
    assert len(named) > 500
    for name in named:
        zh, pinyin = name.split(" ", 1)
        assert all("\u4e00" <= sign <= "\u9fff" or sign.isdigit() for sign in zh)
        assert pinyin.isascii()


@pytest.mark.parametrize("seed", range(4))
def test_every_seed_gives_a_connected_city_with_bridges(seed: int) -> None:
    small = build_streets(8.0, np.random.default_rng(seed))
    assert strongly_connected(small.layout.ends, small.traffic.one_way).mean() > 0.99
    assert any(street.bridge for street in small.layout.streets)
