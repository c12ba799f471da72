"""Importing a city: what is good is kept, what is not is named, and all of it is stored or nothing."""

import csv
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import numpy as np
import pytest
from shapely import Point
from sqlalchemy import Engine, event
from sqlmodel import col, select

from city.check import check
from city.database import open_engine, reading
from city.errors import CityError
from city.gcj02 import to_gcj02
from city.importing import ImportReport, Options, import_city
from city.importing.osm import read_roads
from city.journal import AuditRecord
from city.migrate import upgrade
from city.placement import Streets
from city.registry import Bin, City, Closure, CollectionPoint, Facility, StreamRule, Truck
from city.store import city_of, load_network
from city.streams import Stream

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)

# The map: a street of 600 m to the east along 49.4 north, with a yard to the north.
ROADS = """<osm version="0.6">
<node id="1" version="1" lat="49.400" lon="8.690"/><node id="2" version="1" lat="49.400" lon="8.694"/>
<node id="3" version="1" lat="49.400" lon="8.698"/><node id="4" version="1" lat="49.401" lon="8.694"/>
<way id="10" version="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/>
<tag k="highway" v="residential"/><tag k="name" v="人民路"/></way>
<way id="20" version="1"><nd ref="2"/><nd ref="4"/><tag k="highway" v="service"/></way></osm>"""

FILES: dict[str, list[list[object]]] = {
    "city.csv": [["name", "timezone"], ["Kleinstadt", "Europe/Berlin"]],
    "districts.csv": [["id", "name"], ["d1", "Altstadt"]],
    "stream_rules.csv": [["stream", "density_kg_per_l", "max_interval_h"], ["dry", 0.15, 72], ["wet", 0.6, ""]],
    "points.csv": [
        ["id", "district_id", "kind", "name", "lon", "lat", "hours", "attended"],
        ["p1", "d1", "bin_room", "Haus 1, hinten", 8.691, 49.4001, "06:00-09:00,17:30-20:00", "yes"],
        ["p2", "d1", "street", "Ecke", 8.697, 49.3999, "", ""],
    ],
    "bins.csv": [
        ["id", "point_id", "stream", "usable_volume_l", "depth_cm"],
        ["b1", "p1", "dry", 240, 95],
        ["b2", "p1", "wet", 120, 80],
        ["b3", "p2", "dry", 60, 70],
    ],
    "facilities.csv": [
        ["id", "kind", "name", "lon", "lat", "streams"],
        ["depot", "depot", "Betriebshof", 8.6901, 49.4001, ""],
        ["plant", "plant", "Werk", 8.6979, 49.4001, "dry,wet"],
    ],
    "trucks.csv": [
        ["id", "plate", "district_id", "depot_id", "streams", "capacity_kg", "capacity_l"],
        ["t1", "HD-DC 1", "d1", "depot", "wet,dry", 9000, 16000],
    ],
    "shifts.csv": [["id", "name", "hours"], ["early", "Früh", "05:30-13:30"]],
    "crews.csv": [["id", "name", "district_id", "shift_id", "truck_id"], ["c1", "", "d1", "early", "t1"]],
    "closures.csv": [
        ["kind", "subject_id", "starts_at", "ends_at", "reason"],
        ["road", "20", "2026-03-02 22:00", "2026-03-03T05:00:00+01:00", "Bauarbeiten"],
    ],
}


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one SQLite database with the current schema."""
    path = tmp_path_factory.mktemp("blank") / "blank.sqlite"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def stored(blank: Path, tmp_path: Path) -> Iterator[Engine]:
    """Yield a copy of it, for tests of files, which are read the same whatever the database."""
    shutil.copy(blank, tmp_path / "stored.sqlite")
    engine = open_engine(f"sqlite:///{tmp_path / 'stored.sqlite'}")
    yield engine
    engine.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder that holds a whole good city."""
    folder = tmp_path / "city"
    folder.mkdir()
    (folder / "roads.osm").write_text(ROADS, encoding="utf-8")
    for name, rows in FILES.items():
        _write(folder / name, rows)
    return folder


def _write(path: Path, rows: Sequence[Sequence[object]], encoding: str = "utf-8", delimiter: str = ",") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def _add(folder: Path, name: str, *rows: Sequence[object]) -> None:
    _write(folder / name, [*FILES[name], *rows])


def _import(engine: Engine, *paths: Path | str, **options: object) -> ImportReport:
    return import_city(engine, [str(path) for path in paths], Options(**options), at=NOW, actor="a test")  # type: ignore[arg-type]


def _why(report: ImportReport) -> dict[str, str]:
    return {one.subject: one.code for one in report.exclusions}


def test_a_folder_becomes_a_city_that_nothing_is_wrong_with(engine: Engine, folder: Path) -> None:
    report = _import(engine, folder)
    assert report.written
    assert report.exclusions == ()
    assert [remark.code for remark in report.remarks] == ["roads"]
    with reading(engine) as session:
        assert check(session) == []
        point = session.get_one(CollectionPoint, "p1")
        assert (point.name, point.attended, point.lon, point.service_s) == ("Haus 1, hinten", True, 8.691, 60)
        assert session.get_one(Truck, "t1").streams == "dry,wet"
        assert session.get_one(StreamRule, Stream.WET).max_interval_h is None
        (closure,) = session.exec(select(Closure)).all()
        assert closure.starts_at == datetime(2026, 3, 2, 21, tzinfo=UTC)
        assert closure.ends_at == datetime(2026, 3, 3, 4, tzinfo=UTC)
        assert city_of(session).timezone == "Europe/Berlin"
        assert "人民路" in load_network(session).names


def test_an_import_is_on_record(stored: Engine, folder: Path) -> None:
    _import(stored, folder)
    with reading(stored) as session:
        (record,) = session.exec(select(AuditRecord)).all()
    assert (record.actor, record.action, record.at) == ("a test", "city.imported", NOW)
    assert record.after["added_updated_retired"]["bins"] == [3, 0, 0]


def test_importing_the_same_files_again_changes_nothing_and_records_nothing(engine: Engine, folder: Path) -> None:
    _import(engine, folder)
    again = _import(engine, folder)
    assert not again.written
    assert not again.changes
    with reading(engine) as session:
        assert len(session.exec(select(AuditRecord)).all()) == 1


def test_one_file_leaves_the_rest_of_the_city_alone(engine: Engine, folder: Path) -> None:
    _import(engine, folder)
    _add(folder, "bins.csv", ["b4", "p2", "recyclable", 240, 95])
    report = _import(engine, folder / "bins.csv")
    assert [(change.table.rows, len(change.added)) for change in report.changes if change] == [("bins", 1)]
    assert not report.changes.roads


def test_what_a_file_no_longer_mentions_is_retired_unless_it_is_to_be_kept(engine: Engine, folder: Path) -> None:
    _import(engine, folder)
    _write(folder / "bins.csv", FILES["bins.csv"][:-1])
    assert not _import(engine, folder / "bins.csv", keep=True).written
    report = _import(engine, folder / "bins.csv")
    assert [change.retired for change in report.changes if change] == [["b3"]]
    with reading(engine) as session:
        assert session.get_one(Bin, "b3").active is False


def test_a_dry_run_says_what_would_change_and_changes_nothing(stored: Engine, folder: Path) -> None:
    report = _import(stored, folder, dry_run=True)
    assert report.changes
    assert not report.written
    with reading(stored) as session:
        assert session.exec(select(City)).all() == []


def test_a_crash_while_storing_leaves_no_half_city(engine: Engine, folder: Path) -> None:
    def crash(conn: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("INSERT INTO crew "):
            raise ConnectionAbortedError("the machine lost power")

    event.listen(engine, "before_cursor_execute", crash)
    with pytest.raises(ConnectionAbortedError):
        _import(engine, folder)
    event.remove(engine, "before_cursor_execute", crash)
    with reading(engine) as session:
        assert session.exec(select(CollectionPoint)).all() == []
        assert session.exec(select(AuditRecord)).all() == []


def _point(name: str, **other: object) -> list[object]:
    columns = {"id": name, "district_id": "d1", "kind": "street", "name": "", "lon": 8.692, "lat": 49.4, "hours": ""}
    return list((columns | other).values())


BAD_ROWS: list[tuple[str, list[object], str, str]] = [
    ("points.csv", _point("x", lon=3.0, lat=54.0), "x", "lost"),
    ("points.csv", _point("x", lon=0, lat=0), "x", "lost"),
    ("points.csv", _point("x", lat=95), "x", "nowhere"),
    ("points.csv", _point("x", lat=""), "x", "missing_value"),
    ("points.csv", _point("x", lat="49,4"), "x", "not_a_number"),
    ("points.csv", _point("x", district_id="d9"), "x", "names_unknown"),
    ("points.csv", _point("x", kind="skip"), "x", "unknown_word"),
    ("points.csv", _point("x", hours="6 to 9"), "x", "bad_hours"),
    ("points.csv", _point("x", hours="06:00-09:00,08:00-10:00"), "x", "bad_hours"),
    ("points.csv", [*_point("x"), "perhaps"], "x", "not_yes_or_no"),
    ("points.csv", [*_point("x"), "yes", "1", "2"], "x", "too_many_cells"),
    ("points.csv", _point("p1"), "p1", "twice"),
    ("points.csv", _point(""), "", "missing_value"),
    ("bins.csv", ["b1", "p2", "dry", 240, 95], "b1", "twice"),
    ("bins.csv", ["x", "p9", "dry", 240, 95], "x", "names_unknown"),
    ("bins.csv", ["x", "p1", "glass", 240, 95], "x", "unknown_word"),
    ("bins.csv", ["x", "p1", "dry", 1.1, 95], "x", "wrong_unit"),
    ("bins.csv", ["x", "p1", "dry", "lots", 95], "x", "not_a_number"),
    ("bins.csv", ["x", "p1", "dry", 0, 95], "x", "too_small"),
    ("bins.csv", ["x", "p1", "dry", 240, 1.2], "x", "wrong_unit"),
    ("bins.csv", ["x", "p1", "dry", 240, 1200], "x", "wrong_unit"),
    ("bins.csv", ["x", "p1", "dry", 999_999, 90], "x", "implausible"),
    ("stream_rules.csv", ["hazardous", 300, 24], "hazardous", "wrong_unit"),
    ("trucks.csv", ["x", "X", "d1", "depot", "dry", 9, 16000], "x", "wrong_unit"),
    ("stream_rules.csv", ["hazardous", 0.3, "inf"], "hazardous", "not_a_number"),
    ("trucks.csv", ["x", "X", "d1", "garage", "dry", 9000, 16000], "x", "names_unknown"),
    ("trucks.csv", ["x", "X", "d1", "depot", "dry,glass", 9000, 16000], "x", "bad_streams"),
    ("shifts.csv", ["x", "", "05:30-09:00,10:00-12:00"], "x", "bad_hours"),
    ("crews.csv", ["x", "", "d1", "late", "t1"], "x", "names_unknown"),
    ("closures.csv", ["road", "99", "2026-03-02", "", ""], "road 99 2026-03-02", "closes_nothing"),
    ("closures.csv", ["point", "p1", "next week", "", ""], "point p1 next week", "bad_moment"),
    ("closures.csv", ["point", "p1", "2026-03-02 22:00", "2026-03-02 22:00", ""], "point p1", "ends_before_start"),
    ("closures.csv", ["point", "p1", "2026-03-02 22:00", "2026-03-01", ""], "point p1", "ends_before_start"),
    ("points.csv", _point("x", kind="str\0eet"), "x", "no_text"),
    ("points.csv", _point("x", hours="06:00\0"), "x", "no_text"),
]


@pytest.mark.parametrize(("name", "row", "subject", "code"), BAD_ROWS)
def test_a_bad_row_is_left_out_and_named_and_the_good_ones_are_kept(
    stored: Engine, folder: Path, name: str, row: list[object], subject: str, code: str
) -> None:
    _add(folder, name, row)
    report = _import(stored, folder)
    (exclusion,) = report.exclusions
    assert (exclusion.file, exclusion.line, exclusion.code) == (name, len(FILES[name]) + 1, code)
    assert exclusion.subject.startswith(subject.partition(" ")[0])
    for language in ("en", "zh"):
        sentence = exclusion.sentence(language)  # type: ignore[arg-type]
        assert name in sentence
        assert subject in sentence or code == "closes_nothing"
        assert "{" not in sentence
    with reading(stored) as session:
        assert len(session.exec(select(Bin)).all()) == 3
        assert check(session) == []


def test_a_road_may_be_slower_instead_of_closed_and_nothing_else_may(stored: Engine, folder: Path) -> None:
    rows = [
        ["kind", "subject_id", "starts_at", "ends_at", "slower"],
        ["road", "20", "2026-03-04 07:00", "2026-03-04 09:00", "2.5"],
        ["point", "p1", "2026-03-04 07:00", "2026-03-04 09:00", "2"],
        ["road", "20", "2026-03-05 07:00", "2026-03-05 09:00", "70"],
    ]
    _write(folder / "closures.csv", rows)
    report = _import(stored, folder)
    assert [exclusion.code for exclusion in report.exclusions] == ["only_roads_are_slower", "implausible"]
    assert "only a road can be slower" in report.exclusions[0].sentence("en")
    with reading(stored) as session:
        slower = session.exec(select(Closure).where(col(Closure.slower).is_not(None))).one()
    assert (slower.subject_id, slower.slower) == ("20", 2.5)


def test_what_names_a_row_that_is_left_out_is_left_out_with_that_reason(stored: Engine, folder: Path) -> None:
    _add(folder, "points.csv", _point("sea", lon=3.0, lat=54.0))
    _add(folder, "bins.csv", ["x", "sea", "dry", 240, 95])
    assert _why(_import(stored, folder)) == {"sea": "lost", "x": "names_left_out"}


def test_a_row_that_goes_bad_stays_as_the_registry_knew_it(stored: Engine, folder: Path) -> None:
    _import(stored, folder)
    broken = [*FILES["points.csv"][:2], ["p2", "d1", "street", "Ecke neu", 8.697, 49.3999, "at noon", ""]]
    _write(folder / "points.csv", broken)
    report = _import(stored, folder / "points.csv")
    assert _why(report) == {"p2": "bad_hours"}
    assert not report.written
    with reading(stored) as session:
        point = session.get_one(CollectionPoint, "p2")
        assert (point.name, point.active) == ("Ecke", True)


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("points.csv", [FILES["points.csv"][0]], "it has no rows; leave the file out"),
        ("points.csv", [], "it is empty"),
        ("bins.csv", [["id", "stream"], ["b1", "dry"]], "lacks point_id, usable_volume_l, depth_cm"),
        ("points.csv", [["id", "district_id", "kind", "name"], ["p1", "d1", "street", ""]], "has no coordinates"),
        (
            "points.csv",
            [FILES["points.csv"][0], _point("p1", lon=49.4, lat=8.692)],
            "longitude and latitude are swapped",
        ),
        ("points.csv", [FILES["points.csv"][0], _point("p1", lon=0, lat=0)], "near 0, 0 mean that none were given"),
        ("points.csv", [FILES["points.csv"][0], _point("p1", lon=477_000, lat=5_472_000)], "declare it with --crs"),
        ("points.csv", [FILES["points.csv"][0], _point("p1", lon=31.2, lat=121.5)], "look swapped"),
        ("points.csv", [FILES["points.csv"][0], _point("p1", lon=13.4, lat=52.5)], "roads are another city's"),
        ("city.csv", [["name", "timezone"], ["K", "Europe/Atlantis"]], "no time zone 'Europe/Atlantis'"),
        ("city.csv", [["name", "timezone"], ["K", "Europe/Berlin"], ["L", "Asia/Shanghai"]], "it has 2 rows"),
        ("city.csv", [["name"], ["K"]], "no name and time zone yet"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name_and_nothing_is_written(
    stored: Engine, folder: Path, name: str, rows: list[list[object]], message: str
) -> None:
    _write(folder / name, rows)
    with pytest.raises(CityError, match=message) as caught:
        _import(stored, folder)
    assert name in str(caught.value) or name == "city.csv"
    with reading(stored) as session:
        assert session.exec(select(City)).all() == []


def test_without_roads_there_is_no_city(stored: Engine, folder: Path) -> None:
    (folder / "roads.osm").unlink()
    with pytest.raises(CityError, match="no roads yet"):
        _import(stored, folder)


def test_what_cannot_be_imported_is_said_before_anything_is_read(stored: Engine, folder: Path) -> None:
    (folder / "empty").mkdir()
    stray = folder / "sammelstellen.csv"
    _write(stray, FILES["points.csv"])
    for paths, message in (
        ([folder / "empty"], "there is nothing to import"),
        ([folder / "nowhere"], "there is no such file or folder"),
        ([stray], "its name does not say what it holds"),
        ([folder / "points.csv", f"points={stray}"], "points come from two places"),
    ):
        with pytest.raises(CityError, match=message):
            _import(stored, *paths)
    picture = folder / "map.png"
    picture.write_bytes(b"\x89PNG")
    with pytest.raises(CityError, match="files of this kind"):
        _import(stored, picture)
    with pytest.raises(CityError, match="no such coordinate system"):
        _import(stored, folder, crs="EPSG:1")


def test_files_and_columns_that_were_not_read_are_mentioned(stored: Engine, folder: Path) -> None:
    _write(folder / "notes.csv", [["a"], ["b"]])
    _write(
        folder / "shifts.csv", [[*FILES["shifts.csv"][0], "nme_zh", "boss"], ["early", "Früh", "05:30-13:30", "", ""]]
    )
    _write(folder / "city.csv", [[*FILES["city.csv"][0], "mayor"], [*FILES["city.csv"][1], "Meier"]])
    said = [remark.sentence("en") for remark in _import(stored, folder).remarks]
    assert any("notes.csv" in one for one in said)
    assert "shifts.csv: columns nme_zh, boss were not read; are name_zh meant?" in said
    assert "city.csv: columns mayor were not read." in said


def test_a_file_of_another_name_is_told_what_it_holds(stored: Engine, folder: Path) -> None:
    (folder / "bins.csv").rename(folder / "export 2026.csv")
    report = _import(stored, folder, f"bins={folder / 'export 2026.csv'}")
    assert {change.table.rows: len(change.added) for change in report.changes}["bins"] == 3


def test_another_city_is_refused_unless_it_is_to_replace_this_one(stored: Engine, folder: Path) -> None:
    _import(stored, folder)
    _write(folder / "points.csv", [FILES["points.csv"][0], _point("q1"), _point("q2", lon=8.693)])
    for dry_run in (True, False):
        with pytest.raises(CityError, match="retire 2 of the 2 collection points"):
            _import(stored, folder / "points.csv", dry_run=dry_run)
    assert _import(stored, folder / "points.csv", replace=True, dry_run=True).changes
    assert _import(stored, folder / "points.csv", replace=True).written


def test_words_and_punctuation_of_chinese_files_are_understood(stored: Engine, folder: Path) -> None:
    points: list[list[object]] = [
        ["id", "district_id", "kind", "name", "lon", "lat", "hours", "attended"],
        ["p1", "d1", "垃圾房", "人民路一号", 8.691, 49.4001, "06：00～09：00；17:30—20:00", "是"],
        ["p2", "d1", "废物箱", "街角", 8.697, 49.3999, "全天", "否"],
    ]
    _write(folder / "points.csv", points, encoding="gb18030")
    _write(folder / "bins.csv", [FILES["bins.csv"][0], ["b1", "p1", "厨余垃圾", 120, 80]], encoding="gb18030")
    trucks = [FILES["trucks.csv"][0], ["t1", "沪A12345", "d1", "depot", "湿垃圾、干垃圾", 9000, 16000]]
    _write(folder / "trucks.csv", trucks, encoding="gb18030")
    (folder / "shifts.csv").write_text("id,name,hours\nearly,Early,05:30-13:30\n", encoding="gb18030")
    with pytest.raises(CityError, match=r"bins\.csv: it is not utf-8.*--encoding gb18030"):
        _import(stored, folder)
    report = _import(stored, folder, encoding="gb18030")
    assert report.exclusions == ()
    with reading(stored) as session:
        point = session.get_one(CollectionPoint, "p1")
        assert (point.kind, point.hours, point.attended) == ("bin_room", "06:00-09:00,17:30-20:00", True)
        assert session.get_one(CollectionPoint, "p2").hours == ""
        assert session.get_one(Bin, "b1").stream is Stream.WET
        assert session.get_one(Truck, "t1").streams == "dry,wet"


def test_semicolons_and_a_byte_order_mark_are_understood(stored: Engine, folder: Path) -> None:
    _write(folder / "bins.csv", FILES["bins.csv"], encoding="utf-8-sig", delimiter=";")
    _write(folder / "shifts.csv", FILES["shifts.csv"], delimiter="\t")
    assert _import(stored, folder).exclusions == ()


def _frame(name: str, crs: str) -> geopandas.GeoDataFrame:
    header, *rows = FILES[name]
    columns = {column: [_empty(row[place]) for row in rows] for place, column in enumerate(map(str, header))}
    places = geopandas.points_from_xy(columns.pop("lon"), columns.pop("lat"))
    return geopandas.GeoDataFrame(columns, geometry=places, crs="EPSG:4326").to_crs(crs)


def _empty(value: object) -> object:
    return None if value == "" else value


def _replace_csv(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).unlink()


def test_geopackage_layers_in_a_declared_system_and_geojson(stored: Engine, folder: Path) -> None:
    _frame("points.csv", "EPSG:25832").to_file(folder / "places.gpkg", layer="points", engine="pyogrio")
    _frame("facilities.csv", "EPSG:3857").to_file(folder / "places.gpkg", layer="facilities", engine="pyogrio")
    _frame("points.csv", "EPSG:4326").head(1).to_file(folder / "places.gpkg", layer="sketch", engine="pyogrio")
    _replace_csv(folder, "points.csv", "facilities.csv")
    report = _import(stored, folder)
    assert report.exclusions == ()
    with reading(stored) as session:
        assert check(session) == []
        point = session.get_one(CollectionPoint, "p1")
        assert (point.lon, point.lat) == pytest.approx((8.691, 49.4001), abs=1e-8)
    _frame("points.csv", "EPSG:4326").to_file(folder / "points.geojson", driver="GeoJSON", engine="pyogrio")
    _import(stored, folder / "points.geojson")
    with reading(stored) as session:
        point = session.get_one(CollectionPoint, "p1")
        assert (point.lon, point.lat, point.attended) == (pytest.approx(8.691, abs=1e-8), pytest.approx(49.4001), True)


def test_a_shape_that_is_no_point_is_left_out(stored: Engine, folder: Path) -> None:
    frame = _frame("points.csv", "EPSG:4326")
    frame.loc[2] = {**frame.loc[1].to_dict(), "id": "park", "geometry": Point(8.692, 49.4).buffer(0.0001)}
    frame.to_file(folder / "points.geojson", driver="GeoJSON", engine="pyogrio")
    _replace_csv(folder, "points.csv")
    assert _why(_import(stored, folder)) == {"park": "not_a_point"}


def test_a_file_that_is_no_geopackage_is_refused(stored: Engine, folder: Path) -> None:
    (folder / "points.gpkg").write_text("no database", encoding="utf-8")
    with pytest.raises(CityError, match=r"points\.gpkg.*cannot be read"):
        _import(stored, folder / "points.gpkg")


def test_projected_coordinates_of_a_csv_file_are_declared(stored: Engine, folder: Path) -> None:
    frame = _frame("points.csv", "EPSG:25832")
    rows = [["id", "district_id", "kind", "name", "x", "y"]]
    rows += [[one.id, "d1", one.kind, one.name, one.geometry.x, one.geometry.y] for one in frame.itertuples()]
    _write(folder / "points.csv", rows)
    facilities = _frame("facilities.csv", "EPSG:25832")
    facilities.to_file(folder / "facilities.gpkg", layer="facilities", engine="pyogrio")
    _replace_csv(folder, "facilities.csv")
    _import(stored, folder, crs="EPSG:25832")
    with reading(stored) as session:
        assert session.get_one(CollectionPoint, "p1").lon == pytest.approx(8.691, abs=1e-8)
        assert session.get_one(Facility, "depot").lat == pytest.approx(49.4001, abs=1e-8)


def test_degrees_that_are_declared_projected_are_refused(stored: Engine, folder: Path) -> None:
    with pytest.raises(CityError, match=r"look like degrees|in another system"):
        _import(stored, folder, crs="EPSG:25832")


def test_a_city_may_leave_its_kinds_of_numbers_to_the_geopackage(stored: Engine, folder: Path) -> None:
    """Ids that are numbers, and whole numbers that a gap turned into floats, are what they look like."""
    frame = _frame("points.csv", "EPSG:4326")
    frame["id"], frame["max_width_cm"] = [101, 102], [250.0, np.nan]
    frame.to_file(folder / "points.gpkg", layer="points", engine="pyogrio")
    _replace_csv(folder, "points.csv", "bins.csv")
    assert _import(stored, folder).exclusions == ()
    with reading(stored) as session:
        assert session.get_one(CollectionPoint, "101").max_width_cm == 250
        assert session.get_one(CollectionPoint, "102").max_width_cm is None


def _points_along_streets(shared_data: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    network = read_roads(shared_data / "osm" / "shanghai.osm").network
    streets = np.flatnonzero(Streets(network).connected)
    nodes = network.from_node[np.random.default_rng(7).choice(streets, count, replace=False)]
    return network.lon[nodes] + 3e-5, network.lat[nodes] + 3e-5


def test_central_shanghai_with_points_of_a_chinese_map(stored: Engine, folder: Path, shared_data: Path) -> None:
    lon, lat = _points_along_streets(shared_data, 60)
    shifted = to_gcj02(lon, lat)
    header: list[object] = ["id", "district_id", "kind", "name", "lon", "lat"]
    rows = [[f"p{row}", "d1", "street", "", *place] for row, place in enumerate(zip(*shifted, strict=True))]
    _write(folder / "points.csv", [header, *rows])
    depot, plant = rows[0][4:], rows[1][4:]
    _write(
        folder / "facilities.csv",
        [FILES["facilities.csv"][0], ["depot", "depot", "", *depot, ""], ["plant", "plant", "", *plant, "dry,wet"]],
    )
    _replace_csv(folder, "roads.osm", "closures.csv", "city.csv")
    roads = shared_data / "osm" / "shanghai.osm"
    as_is = _import(stored, folder, roads, name="上海", timezone="Asia/Shanghai", dry_run=True)
    assert "looks_like_gcj02" in {remark.code for remark in as_is.remarks}
    report = _import(stored, folder, roads, name="上海", timezone="Asia/Shanghai", crs="gcj02")
    assert "looks_like_gcj02" not in {remark.code for remark in report.remarks}
    with reading(stored) as session:
        stored = [session.get_one(CollectionPoint, f"p{row}") for row in range(60)]
        assert np.allclose([point.lon for point in stored], lon, atol=1e-8)
        assert np.allclose([point.lat for point in stored], lat, atol=1e-8)
        found = {finding.code for finding in check(session)}
    assert {"roads_cut_off", "point_without_bins"} <= found
    assert not found & {"off_street", "lost", "cut_off", "looks_like_gcj02"}


def test_heidelberg_from_its_real_streets(stored: Engine, folder: Path, shared_data: Path) -> None:
    (folder / "roads.osm").unlink()
    (folder / "closures.csv").unlink()
    report = _import(stored, folder, shared_data / "osm" / "heidelberg.test.osm.pbf")
    turns = next(remark for remark in report.remarks if remark.code == "roads_turns")
    assert "476 turn restrictions: 463 kept" in turns.sentence("en")
    with reading(stored) as session:
        assert len(load_network(session).segment_id) == 24_835
        findings = check(session)
    assert "roads_cut_off" in {finding.code for finding in findings}
