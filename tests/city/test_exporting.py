"""A city's files: real road networks come back from them, and a folder holds all of them or none."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from city.canonical import canonical
from city.clock import SystemClock
from city.database import reading
from city.errors import CityError
from city.exporting import export
from city.exporting.osm import write_roads
from city.importing import import_city
from city.importing.osm import read_roads
from city.network import RoadNetwork
from city.store import load, save
from tests.city.small_city import small_city, small_network

RULES = [
    "length_m",
    "road_class",
    "forward",
    "backward",
    "truck",
    "max_width_cm",
    "max_height_cm",
    "max_weight_kg",
    "rule",
]


def there_and_back(network: RoadNetwork, folder: Path) -> RoadNetwork:
    """Write a network and read it again."""
    write_roads(network, folder / "roads.osm.pbf")
    return canonical(read_roads(folder / "roads.osm.pbf").network)


def by_place(network: RoadNetwork) -> tuple[np.ndarray, set[tuple[float, ...]]]:
    """Return segments and forbidden turns by coordinates instead of ids."""
    start, end = (np.column_stack([network.lon[at], network.lat[at]]) for at in (network.from_node, network.to_node))
    speed = np.nan_to_num(network.speed_kmh, nan=-1)
    segments = np.column_stack([start, end, speed, *(getattr(network, rule) for rule in RULES)])
    before, via, after = network.forbidden_turns.T
    junction = np.column_stack([network.lon[via], network.lat[via]])
    turns = np.column_stack([start[before], end[before], junction, start[after], end[after]])
    return segments[np.lexsort(segments.T)], set(map(tuple, turns.tolist()))


def test_the_streets_of_shanghai_come_back_exactly(shared_data: Path, tmp_path: Path) -> None:
    network = canonical(read_roads(shared_data / "osm" / "shanghai.osm").network)
    again = there_and_back(network, tmp_path)
    for field in fields(network):
        before, after = getattr(network, field.name), getattr(again, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(before, after, err_msg=field.name)
        else:
            assert before == after


def test_turns_and_limits_come_back_where_ways_have_to_be_cut_and_ids_renewed(
    shared_data: Path, tmp_path: Path
) -> None:
    network = canonical(read_roads(shared_data / "osm" / "heidelberg.test.osm.pbf").network)
    segments, turns = by_place(network)
    segments_again, turns_again = by_place(there_and_back(network, tmp_path))
    np.testing.assert_allclose(segments, segments_again, rtol=0, atol=2e-3)
    assert turns == turns_again
    assert len(turns) > 400


def test_what_holds_at_certain_hours_comes_back(tmp_path: Path) -> None:
    rules = (
        "",
        "30 km/h @ 22:00-06:00",
        "closed @ 07:30-19:00 above 7500 kg",
        "closed @ Mo-Fr 11:00-16:00; Sa 11:00-24:00",
        "closed @ 24/7 without permit",
    )
    network = replace(small_network(), rules=rules, rule=np.array([0, 1, 2, 3, 4], np.int32))
    again = there_and_back(network, tmp_path)
    assert again.rules == canonical(network).rules
    assert len(set(again.rule.tolist())) == len(rules)


def test_a_small_city_with_a_closure_comes_back_from_its_files(engine: Engine, tmp_path: Path) -> None:
    city = small_city()
    files = export(city, tmp_path / "files")
    assert {file.name for file in files} >= {"city.csv", "points.csv", "closures.csv", "roads.osm.pbf"}
    save(engine, city)
    report = import_city(engine, [str(tmp_path / "files")], at=SystemClock().now(), actor="test")
    assert report.exclusions == ()
    assert {change.table.rows for change in report.changes if change} <= {"city"}
    with reading(engine) as session:
        assert [row.model_dump() for row in load(session).bins] == [row.model_dump() for row in city.bins]


def test_a_file_in_the_place_of_the_folder_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(CityError, match="taken: the city cannot be written there"):
        export(small_city(), tmp_path / "taken")
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]
