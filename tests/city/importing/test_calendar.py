"""The calendar and the weather come in with the city's files, stay when files do not mention them, and go out again."""

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from city.calendar import read_calendar
from city.check import check
from city.database import reading
from city.exporting import export
from city.importing import import_city
from city.importing.report import ImportReport
from city.registry import CalendarDay, DayKind, WeatherDay
from city.store import load, save
from tests.city.small_city import small_city

NOW = datetime(2026, 9, 20, tzinfo=UTC)
HOLIDAY, MARKET = date(2026, 10, 1), date(2026, 10, 3)


def _import(engine: Engine, path: Path, rows: Sequence[Sequence[object]]) -> ImportReport:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return import_city(engine, [str(path)], at=NOW, actor="test")


@pytest.fixture
def city(engine: Engine) -> Engine:
    """Store a city without a calendar."""
    save(engine, small_city())
    return engine


def test_a_city_without_a_calendar_has_none(city: Engine) -> None:
    with reading(city) as session:
        assert read_calendar(session, date(2026, 1, 1), date(2026, 12, 31)) is None


def test_days_and_weather_are_read_by_district_and_in_chinese_too(city: Engine, tmp_path: Path) -> None:
    days = [["day", "kind", "district_id", "name"], [HOLIDAY, "节假日", "", "国庆节"], [MARKET, "market", "north", ""]]
    weather = [["day", "district_id", "rain_mm", "mean_c"], [MARKET, "", "12.5", ""]]
    assert _import(city, tmp_path / "calendar_days.csv", days).exclusions == ()
    assert _import(city, tmp_path / "weather_days.csv", weather).exclusions == ()
    with reading(city) as session:
        calendar = read_calendar(session, HOLIDAY, MARKET)
        assert check(session) == check(small_city())
    assert calendar is not None
    assert calendar.kinds(HOLIDAY, "south") == {DayKind.HOLIDAY}
    assert calendar.kinds(MARKET, "north") == {DayKind.MARKET, DayKind.RAIN}
    assert calendar.kinds(MARKET, "south") == {DayKind.RAIN}


def test_what_a_file_does_not_mention_stays_and_what_it_calls_off_is_off(city: Engine, tmp_path: Path) -> None:
    _import(city, tmp_path / "calendar_days.csv", [["day", "kind"], [HOLIDAY, "holiday"], [MARKET, "market"]])
    _import(city, tmp_path / "calendar_days.csv", [["day", "kind", "active"], [MARKET, "market", "no"]])
    with reading(city) as session:
        calendar = read_calendar(session, HOLIDAY, MARKET)
    assert calendar is not None
    assert calendar.kinds(HOLIDAY, "north") == {DayKind.HOLIDAY}
    assert not calendar.kinds(MARKET, "north")


def test_a_day_that_cannot_be_is_left_out_and_named(city: Engine, tmp_path: Path) -> None:
    rows = [
        ["day", "kind", "district_id"],
        ["first of May", "holiday", ""],
        [HOLIDAY, "carnival", ""],
        [HOLIDAY, "holiday", "west"],
        [MARKET, "market", ""],
    ]
    report = _import(city, tmp_path / "calendar_days.csv", rows)
    assert {one.line: one.code for one in report.exclusions} == {2: "bad_day", 3: "unknown_word", 4: "names_unknown"}
    assert all("calendar day" in one.sentence("en") and "日历" in one.sentence("zh") for one in report.exclusions)
    with reading(city) as session:
        assert [row.day for row in load(session).calendar_days] == [MARKET]


def test_a_calendar_comes_back_from_its_files(city: Engine, tmp_path: Path) -> None:
    data = small_city()
    data.calendar_days = [
        CalendarDay(day=HOLIDAY, kind=DayKind.HOLIDAY, name="国庆节"),
        CalendarDay(day=MARKET, kind=DayKind.MARKET, district_id="north", active=False),
    ]
    data.weather_days = [
        WeatherDay(day=HOLIDAY, mean_c=-2.5),
        WeatherDay(day=HOLIDAY, district_id="south", rain_mm=3.0),
    ]
    export(data, tmp_path / "files")
    assert import_city(city, [str(tmp_path / "files")], at=NOW, actor="test").exclusions == ()
    with reading(city) as session:
        back = load(session)
    assert [row.model_dump() for row in back.calendar_days] == [row.model_dump() for row in data.calendar_days]
    assert [row.model_dump() for row in back.weather_days] == [row.model_dump() for row in data.weather_days]
