"""A generated city: the same from the same seed, in order, and able to travel through files."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from city.check import check
from city.database import reading
from city.errors import CityError
from city.exporting import export
from city.generate import LARGEST, generate
from city.generate.storing import store
from city.importing import import_city
from city.registry import Crew
from city.store import CityData, city_of, load
from city.streams import Stream

ROOT = Path(__file__).resolve().parents[3]
NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)


def written(folder: Path) -> dict[str, str]:
    """Return the digest of every file."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def generate_in_a_process(folder: Path, hash_seed: str, seed: int) -> dict[str, str]:
    words = ["--points", "150", "--districts", "3", "--seed", str(seed), "--out", str(folder)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "api.cli", "city", "generate", *words], check=True, env=environment)
    return written(folder)


def test_the_same_seed_gives_the_same_bytes_in_another_process_and_another_seed_others(tmp_path: Path) -> None:
    first = generate_in_a_process(tmp_path / "first", "1", 7)
    assert len(first) == 10
    assert generate_in_a_process(tmp_path / "again", "2", 7) == first
    export(generate(150, 3, 8), tmp_path / "other")
    other = written(tmp_path / "other")
    assert other["roads.osm.pbf"] != first["roads.osm.pbf"]
    assert other["points.csv"] != first["points.csv"]


def test_importing_the_files_of_a_stored_city_changes_nothing_but_the_note_where_it_came_from(
    town: CityData, engine: Engine, tmp_path: Path
) -> None:
    store(engine, town)
    export(town, tmp_path)
    report = import_city(engine, [str(tmp_path)], at=NOON, actor="test")
    assert report.exclusions == ()
    assert not report.changes.roads
    assert {change.table.rows for change in report.changes if change} <= {"city"}


def test_a_stored_city_comes_back_as_it_was_generated(town: CityData, engine: Engine) -> None:
    store(engine, town)
    with reading(engine) as session:
        found = load(session)
        assert city_of(session).roads_version == town.city.roads_version
    assert [point.model_dump() for point in found.points] == sorted(
        (point.model_dump() for point in town.points), key=lambda point: str(point["id"])
    )
    assert Counter(one.stream for one in found.bins) == Counter(one.stream for one in town.bins)


def test_a_generated_city_replaces_another_one_only_when_told(engine: Engine) -> None:
    store(engine, generate(20, 2, 1))
    store(engine, generate(20, 2, 1))
    with pytest.raises(CityError, match=r"holds Lanjiang \(generated: 20 points, 2 districts, seed 1\).*--replace"):
        store(engine, generate(20, 2, 2))
    store(engine, generate(20, 2, 2), replace=True)
    with reading(engine) as session:
        assert city_of(session).source == "generated: 20 points, 2 districts, seed 2"


def test_nothing_is_wrong_with_a_generated_city(town: CityData) -> None:
    assert check(town) == []


@settings(max_examples=12)
@given(st.data())
def test_a_city_of_any_size_has_what_was_asked_for_and_nothing_is_wrong_with_it(data: st.DataObject) -> None:
    points = data.draw(st.integers(1, 80), "points")
    districts = data.draw(st.integers(1, max(1, points // 5)), "districts")
    city = generate(points, districts, data.draw(st.integers(0, 2**32), "seed"))
    assert len(city.points) == points
    assert {point.district_id for point in city.points} == {district.id for district in city.districts}
    assert len(city.districts) == districts
    assert check(city) == []


def test_every_district_can_collect_all_its_streams_in_the_morning_and_dry_and_wet_in_the_evening(
    town: CityData,
) -> None:
    streams_of = {truck.id: truck.streams for truck in town.trucks}

    def served(shift: str) -> dict[str, set[str]]:
        crews: list[Crew] = [crew for crew in town.crews if crew.shift_id == shift]
        return {d.id: {streams_of[c.truck_id] for c in crews if c.district_id == d.id} for d in town.districts}

    assert all(streams == set(Stream) for streams in served("morning").values())
    assert all(streams == {Stream.DRY, Stream.WET} for streams in served("evening").values())


@pytest.mark.parametrize(
    ("points", "districts", "seed", "says"),
    [
        (0, 1, 1, "ask for at least 1"),
        (-3, 1, 1, "ask for at least 1"),
        (LARGEST + 1, 4, 1, "ask for at most 250000"),
        (100, 0, 1, "0 districts cannot be generated"),
        (7, 8, 1, "ask for at least 40 points or at most 1 districts"),
        (100, 4, -1, "seed -1 is negative"),
    ],
)
def test_an_impossible_city_is_refused_with_what_would_be_possible(
    points: int, districts: int, seed: int, says: str
) -> None:
    with pytest.raises(CityError, match=says):
        generate(points, districts, seed)
