"""Streets from OpenStreetMap files: real extracts, and small ones where one thing is looked at."""

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from pyproj import Geod

from city.canonical import canonical, version_of
from city.errors import CityError
from city.importing.osm import RoadsRead, read_roads
from city.importing.osm_turns import Outcome
from city.network import RoadClass, RoadNetwork

# Nodes of the small maps stand on a grid of about 100 m; node 12 is in row 1 and column 2.
STEP = 0.001


def osm(
    ways: Mapping[int, tuple[str, str]],
    relations: Iterable[str] = (),
    node_tags: Mapping[int, str] | None = None,
    left_out: Iterable[int] = (),
) -> str:
    """Write OSM XML: way id to nodes and tags; relations as ``no_left_turn from 1 via n12 to 2``."""
    nodes = sorted({int(node) for refs, _ in ways.values() for node in refs.split()} - set(left_out))
    lines = ['<osm version="0.6">']
    for node in nodes:
        place = f'lat="{49 + node // 10 * STEP:.7f}" lon="{8 + node % 10 * STEP:.7f}"'
        lines.append(f'<node id="{node}" version="1" {place}>{_tags((node_tags or {}).get(node, ""))}</node>')
    for way, (refs, tags) in ways.items():
        places = "".join(f'<nd ref="{ref}"/>' for ref in refs.split())
        lines.append(f'<way id="{way}" version="1">{places}{_tags(tags)}</way>')
    for number, relation in enumerate(relations, start=1):
        kind, *members = relation.split()
        listed = "".join(
            f'<member type="{"node" if ref[0] == "n" else "way"}" ref="{ref.lstrip("n")}" role="{role}"/>'
            for role, ref in zip(members[::2], members[1::2], strict=True)
        )
        tags = f"type=restriction {kind}" if "=" in kind else f"type=restriction restriction={kind}"
        lines.append(f'<relation id="{number}" version="1">{listed}{_tags(tags)}</relation>')
    return "\n".join([*lines, "</osm>"])


def _tags(text: str) -> str:
    pairs = (part.split("=", 1) for part in text.split())
    return "".join(f'<tag k="{key}" v="{value}"/>' for key, value in pairs)


def read(tmp_path: Path, text: str) -> RoadsRead:
    """Read a small map."""
    path = tmp_path / "small.osm"
    path.write_text(text, encoding="utf-8")
    return read_roads(path)


def ends(network: RoadNetwork) -> set[tuple[int, int, int]]:
    """Return way and end nodes of each segment."""
    ids = network.node_id
    return {
        (int(way), int(ids[tail]), int(ids[head]))
        for way, tail, head in zip(network.way_id, network.from_node, network.to_node, strict=True)
    }


def turns(network: RoadNetwork) -> set[tuple[int, int, int]]:
    """Return the forbidden turns as way, node, way."""
    return {
        (int(network.way_id[before]), int(network.node_id[via]), int(network.way_id[after]))
        for before, via, after in network.forbidden_turns
    }


def test_ways_are_cut_where_they_meet_and_keep_their_bends(tmp_path: Path) -> None:
    network = read(tmp_path, osm({1: ("11 12 13 14", "highway=primary"), 2: ("3 13 24", "highway=track")})).network
    assert ends(network) == {(1, 11, 13), (1, 13, 14), (2, 3, 13), (2, 13, 24)}
    assert (network.shape_start.tolist(), network.shape_lon.tolist()) == ([0, 1, 1, 1, 1], [8.002])
    assert network.road_class.tolist() == [RoadClass.PRIMARY] * 2 + [RoadClass.TRACK] * 2


def test_length_follows_the_bends_on_the_ellipsoid(tmp_path: Path) -> None:
    network = read(tmp_path, osm({1: ("11 12 22", "highway=primary")})).network
    expected = Geod(ellps="WGS84").line_length([8.001, 8.002, 8.002], [49.001, 49.001, 49.002])
    assert network.length_m[0] == pytest.approx(expected, abs=0.01)
    assert 184 < expected < 185


def test_a_way_that_crosses_itself_is_cut_there_and_a_ring_is_one_loop(tmp_path: Path) -> None:
    network = read(
        tmp_path,
        osm({1: ("11 12 13 23 22 12 2", "highway=residential"), 2: ("51 52 62 51", "highway=residential")}),
    ).network
    assert ends(network) == {(1, 11, 12), (1, 12, 12), (1, 12, 2), (2, 51, 51)}


def test_a_bollard_cuts_a_street_in_two_dead_ends_and_a_gate_does_not(tmp_path: Path) -> None:
    result = read(
        tmp_path,
        osm({1: ("11 12 13 14", "highway=residential")}, node_tags={12: "barrier=bollard", 13: "barrier=gate"}),
    )
    assert result.barriers == 1
    first, second = sorted(ends(result.network), reverse=True)
    assert (first[1], second[2]) == (11, 14)
    assert first[2] < 0
    assert second[1] < 0
    assert first[2] != second[1]
    here = result.network.node_id < 0
    assert set(result.network.lon[here]) == {8.002}


def test_a_height_barrier_limits_the_street_it_stands_in(tmp_path: Path) -> None:
    network = read(
        tmp_path,
        osm(
            {1: ("11 12 13", "highway=service"), 2: ("13 14", "highway=service")},
            node_tags={12: "barrier=height_restrictor maxheight=2.1"},
        ),
    ).network
    assert network.max_height_cm.tolist() == [210, 0]


def test_a_street_ends_where_the_extract_ends(tmp_path: Path) -> None:
    result = read(tmp_path, osm({1: ("11 12 13 14 15", "highway=residential")}, left_out=[13]))
    assert ends(result.network) == {(1, 11, 12), (1, 14, 15)}
    assert result.missing_nodes == 1


# A crossing of four streets in node 22: 1 from the west, 2 to the east, 3 to the north, 4 to the south.
CROSSING = {
    1: ("21 22", "highway=primary"),
    2: ("22 23", "highway=primary"),
    3: ("22 32", "highway=primary"),
    4: ("22 12", "highway=primary oneway=yes"),
}


def test_what_a_sign_forbids_is_forbidden(tmp_path: Path) -> None:
    result = read(tmp_path, osm(CROSSING, ["no_left_turn from 1 via n22 to 3"]))
    assert turns(result.network) == {(1, 22, 3)}
    assert result.restrictions == {Outcome.USED: 1}


def test_what_a_sign_commands_forbids_the_rest_turning_round_included(tmp_path: Path) -> None:
    network = read(tmp_path, osm(CROSSING, ["only_straight_on from 1 via n22 to 2"])).network
    assert turns(network) == {(1, 22, 1), (1, 22, 3), (1, 22, 4)}


def test_no_entry_from_several_streets(tmp_path: Path) -> None:
    network = read(tmp_path, osm(CROSSING, ["no_entry from 1 from 2 via n22 to 4"])).network
    assert turns(network) == {(1, 22, 4), (2, 22, 4)}


def test_turning_round_can_be_forbidden(tmp_path: Path) -> None:
    assert turns(read(tmp_path, osm(CROSSING, ["no_u_turn from 1 via n22 to 1"])).network) == {(1, 22, 1)}


@pytest.mark.parametrize(
    "relation",
    [
        "no_left_turn from 4 via n22 to 3",
        "no_left_turn from 1 via n22 to 99",
        "only_right_turn from 1 via n23 to 4",
    ],
)
def test_a_restriction_that_binds_nobody_here_is_counted_as_elsewhere(tmp_path: Path, relation: str) -> None:
    result = read(tmp_path, osm(CROSSING, [relation]))
    assert len(result.network.forbidden_turns) == 0
    assert result.restrictions == {Outcome.ELSEWHERE: 1}


def test_a_restriction_on_a_way_that_goes_on_beyond_the_junction_is_not_guessed(tmp_path: Path) -> None:
    ways = {1: ("21 22 23", "highway=primary"), 3: ("22 32", "highway=primary")}
    result = read(tmp_path, osm(ways, ["no_left_turn from 1 via n22 to 3"]))
    assert len(result.network.forbidden_turns) == 0
    assert result.restrictions == {Outcome.AMBIGUOUS: 1}


def test_a_restriction_for_trucks_binds_and_one_that_exempts_them_does_not(tmp_path: Path) -> None:
    relations = [
        "restriction:hgv=no_left_turn from 1 via n22 to 3",
        "restriction:bicycle=no_u_turn from 1 via n22 to 1",
    ]
    assert turns(read(tmp_path, osm(CROSSING, relations)).network) == {(1, 22, 3)}
    exempt = osm(CROSSING, ["no_left_turn from 1 via n22 to 3"]).replace(
        'v="no_left_turn"/>', 'v="no_left_turn"/><tag k="except" v="psv;hgv"/>'
    )
    assert turns(read(tmp_path, exempt).network) == set()


# A dual carriageway: 1 leads east to 22, 5 links 22 to 32, 6 leads back west from 32; 7 leaves 32 northward.
DUAL = {
    1: ("21 22", "highway=primary oneway=yes"),
    2: ("22 23", "highway=primary oneway=yes"),
    5: ("22 32", "highway=primary_link"),
    6: ("32 31", "highway=primary oneway=yes"),
    7: ("32 42", "highway=primary"),
}
OVER_THE_LINK = ["no_u_turn from 1 via 5 to 6"]


def test_a_restriction_over_a_street_entered_from_one_side_only_is_kept_exactly(tmp_path: Path) -> None:
    result = read(tmp_path, osm(DUAL, OVER_THE_LINK))
    assert turns(result.network) == {(5, 32, 6)}
    assert result.restrictions == {Outcome.USED: 1}


def test_a_restriction_over_a_street_that_leads_nowhere_else_forbids_entering_it(tmp_path: Path) -> None:
    ways = {way: street for way, street in DUAL.items() if way != 7} | {8: ("12 22", "highway=primary")}
    assert turns(read(tmp_path, osm(ways, OVER_THE_LINK)).network) == {(1, 22, 5)}


def test_a_restriction_over_a_street_that_others_use_too_is_left_out_and_counted(tmp_path: Path) -> None:
    result = read(tmp_path, osm(DUAL | {8: ("12 22", "highway=primary")}, OVER_THE_LINK))
    assert turns(result.network) == set()
    assert result.restrictions == {Outcome.OVER_WAYS: 1}


def test_the_order_of_ways_in_the_file_does_not_matter(tmp_path: Path) -> None:
    relations = ["no_left_turn from 1 via n22 to 3"]
    backward = dict(reversed(CROSSING.items()))
    versions = {version_of(canonical(read(tmp_path, osm(ways, relations)).network)) for ways in (CROSSING, backward)}
    assert len(versions) == 1


def test_a_compressed_file_is_the_same_city(tmp_path: Path) -> None:
    plain = read(tmp_path, osm(CROSSING)).network
    packed = tmp_path / "small.osm.gz"
    packed.write_bytes(gzip.compress(osm(CROSSING).encode()))
    assert version_of(canonical(read_roads(packed).network)) == version_of(canonical(plain))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.osm", '<osm version="0.6"><node id="1"', "cannot be read as OpenStreetMap"),
        ("not.osm.pbf", "not protocol buffers", "cannot be read as OpenStreetMap"),
        ("empty.osm", '<osm version="0.6"></osm>', "no street in it"),
        ("paths.osm", osm({1: ("11 12", "highway=footway")}), "no street in it"),
        ("unsorted.osm", osm({1: ("11 12", "highway=service")}, left_out=[11, 12]), "sort the file"),
    ],
)
def test_a_file_without_streets_is_refused_by_name(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CityError, match=message) as caught:
        read_roads(path)
    assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CityError, match=r"nowhere\.osm"):
        read_roads(tmp_path / "nowhere.osm")


def test_central_shanghai(shared_data: Path) -> None:
    """796 ways; three are closed to all, without which 778 junctions and 1,597 directed streets remain."""
    result = read_roads(shared_data / "osm" / "shanghai.osm")
    network = result.network
    assert (result.ways, len(network.node_id), len(network.segment_id)) == (796, 782, 1175)
    assert int(network.forward.sum() + network.backward.sum()) == 1608
    assert (result.closed_segments, len(network.forbidden_turns)) == (5, 0)
    assert int(np.isnan(network.speed_kmh).sum()) == 1132
    assert {"人民路", "中山东一路", "九江路"} <= set(network.names)
    assert network.length_m.sum() == pytest.approx(101_966, abs=1)


def test_heidelberg_and_its_turn_restrictions(shared_data: Path) -> None:
    """Of 476 restrictions 463 bind trucks; 13 concern cycleways, ways outside the extract, or one-way streets."""
    result = read_roads(shared_data / "osm" / "heidelberg.test.osm.pbf")
    network = result.network
    assert result.restrictions == {Outcome.USED: 463, Outcome.ELSEWHERE: 13}
    assert len(network.forbidden_turns) == 576
    assert (len(network.node_id), len(network.segment_id)) == (20_283, 24_835)
    assert result.barriers == 247
    assert not result.unread
    assert {350, 400} <= set(network.max_height_cm.tolist())
    assert {3500, 7500} <= set(network.max_weight_kg.tolist())
