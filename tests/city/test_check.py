"""The check finds what one thing wrong in an otherwise good city does, says it in words, and finds nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Engine

from city.check import Finding, Severity, check
from city.check.finding import WARNINGS
from city.database import reading
from city.gcj02 import to_gcj02
from city.registry import Bin, Closure, ClosureKind, CollectionPoint, Crew, District, PointKind, Shift
from city.store import CityData, save
from city.streams import Stream
from city.wording import LANGUAGES, catalogue
from tests.city.small_city import no_streets, small_city

Break = Callable[[CityData], object]


def _set(table: str, row: int, **values: object) -> Break:
    def change(data: CityData) -> None:
        for column, value in values.items():
            setattr(getattr(data, table)[row], column, value)

    return change


def _roads(**arrays: object) -> Break:
    return lambda data: setattr(data, "network", replace(data.network, **arrays))


def _without(table: str, row: int) -> Break:
    return lambda data: getattr(data, table).pop(row)


def _with(table: str, row: object) -> Break:
    return lambda data: getattr(data, table).append(row)


def _tags(*tags: str) -> Break:
    return lambda data: [setattr(row, "tag", tag) for row, tag in zip(data.bins, tags, strict=False)]


def _terminals(*numbers: str) -> Break:
    return lambda data: [setattr(row, "terminal", number) for row, number in zip(data.trucks, numbers, strict=False)]


def test_nothing_is_wrong_with_a_good_city() -> None:
    assert check(small_city()) == []


NIGHT = Shift(id="night", name="Night", hours="22:00-06:00")

ONE_THING_WRONG: list[tuple[Break, set[tuple[str, str]]]] = [
    (lambda data: setattr(data.city, "timezone", "Asia/Shanghay"), {("bad_timezone", "黄浦样区")}),
    (_set("points", 1, hours="6-9"), {("bad_hours", "p2")}),
    (_set("shifts", 0, hours="05:30-09:00,10:00-13:30"), {("shift_hours_not_one_span", "morning")}),
    (_set("facilities", 0, streams="glass"), {("bad_streams", "depot")}),
    (_with("bins", Bin(id="b1", point_id="p1", stream="dry", usable_volume_l=9, depth_cm=9)), {("twice", "b1")}),
    (_set("bins", 2, point_id="p9"), {("names_missing", "b3"), ("point_without_bins", "p2")}),
    (_set("points", 1, active=False), {("bin_at_retired_point", "b3"), ("district_without_points", "south")}),
    (
        _set("trucks", 1, active=False),
        {("names_retired", "c-south"), ("district_without_trucks", "south")},
    ),
    (
        _with("closures", Closure(kind=ClosureKind.ROAD, subject_id="999", starts_at=datetime(2026, 1, 1, tzinfo=UTC))),
        {("closure_of_nothing", "road 999")},
    ),
    # Places.
    (_set("points", 0, lon=121.4655), {("off_street", "p1")}),
    (_set("points", 0, lon=122.4), {("lost", "p1")}),
    (_set("facilities", 1, lat=31.26), {("lost", "plant")}),
    (_set("points", 1, lon=121.4702, lat=31.23102), {("same_place", "p2")}),
    # Segment 9, the dead end, leads out only; it is a fifth of the streets, and nobody can turn into it.
    (
        lambda data: [
            _roads(backward=np.array([True, True, False, True, False]))(data),
            _set("points", 1, lon=121.472, lat=31.231)(data),
        ],
        {("roads_cut_off", "黄浦样区"), ("cut_off_nearby", "p2")},
    ),
    # Streams.
    (_without("stream_rules", 1), {("stream_without_rule", "黄浦样区")}),
    (_set("facilities", 1, streams="dry"), {("stream_not_accepted", "黄浦样区")}),
    (_set("trucks", 0, streams="dry"), {("stream_without_truck", "north")}),
    (_set("trucks", 1, streams="wet"), {("stream_without_truck", "south")}),
    (_without("crews", 1), {("district_without_crews", "south")}),
    (_without("bins", 2), {("point_without_bins", "p2")}),
    (_with("districts", District(id="west", name="West")), {("district_without_points", "west")}),
    # Sizes.
    (_set("points", 1, max_width_cm=240), {("trucks_too_wide", "p2")}),
    (_set("points", 1, max_height_cm=310), {("trucks_too_high", "p2")}),
    (_set("points", 1, max_weight_kg=12_000), {("trucks_too_heavy", "p2")}),
    (_set("bins", 0, usable_volume_l=50_000), {("bin_too_large", "b1")}),
    (_set("bins", 1, usable_volume_l=20_000), {("bin_too_heavy", "b2")}),
    # Times.
    (_set("points", 1, hours="14:00-18:00"), {("closed_in_every_shift", "p2")}),
    (_set("facilities", 1, hours="04:00-12:00"), {("facility_closes_early", "plant")}),
    (
        _set("facilities", 1, hours="14:00-20:00"),
        {("stream_closed_in_shift", "morning")},
    ),
    (_set("facilities", 0, hours="06:00-20:00"), {("depot_closed", "depot")}),
    # Fleet.
    (_set("facilities", 0, kind="transfer_station"), {("depot_is_none", "t-north"), ("depot_is_none", "t-south")}),
    (_set("trucks", 1, plate="沪A-0"), {("plate_twice", "t-south")}),
    # Marks: however they are written, and a terminal that is another truck's id.
    (_tags("E2 00-17", "e20017"), {("tag_twice", "b2")}),
    (_terminals("013912345678", "13912345678"), {("terminal_twice", "t-south")}),
    (_terminals("t-south", ""), {("terminal_twice", "t-north")}),
    (_set("crews", 1, truck_id="t-north"), {("crew_elsewhere", "c-south"), ("truck_booked_twice", "t-north")}),
    (_with("shifts", NIGHT), {("shift_without_crews", "night")}),
]


@pytest.mark.parametrize(("break_it", "expected"), ONE_THING_WRONG)
def test_one_thing_wrong_is_found_and_named(break_it: Break, expected: set[tuple[str, str]]) -> None:
    data = small_city()
    break_it(data)
    found = {(finding.code, finding.subject) for finding in check(data)}
    also = {code for code, _ in found} - {code for code, _ in expected}
    assert expected <= found
    # A wrong kind of depot leaves districts without one, and the like: what follows is named too, nothing else.
    assert also <= {"district_without_depot", "stream_closed_in_shift"}


def test_an_empty_city_says_what_it_lacks() -> None:
    empty = CityData(city=small_city().city, network=small_city().network)
    lacking = {"no_districts", "no_points", "no_bins", "no_facilities", "no_trucks", "no_shifts", "no_crews"}
    assert {finding.code for finding in check(empty)} == lacking


def test_a_city_without_roads_or_with_none_for_trucks_says_so() -> None:
    data = small_city()
    _roads(truck=np.zeros(5, bool))(data)
    assert [finding.code for finding in check(data)] == ["no_drivable_roads"]
    data.network = no_streets()
    data.closures.clear()
    assert [finding.code for finding in check(data)] == ["no_roads"]


def test_a_street_cut_off_far_from_all_others_cannot_be_served() -> None:
    data = small_city()
    lon = data.network.lon.copy()
    lon[4] = 121.4790
    _roads(lon=lon, backward=np.array([True, True, False, True, False]))(data)
    _set("points", 1, lon=121.4789, lat=31.231)(data)
    assert ("cut_off", "p2") in {(finding.code, finding.subject) for finding in check(data)}


def test_a_shift_over_midnight_meets_hours_of_both_days() -> None:
    data = small_city()
    _set("shifts", 0, hours="22:00-06:00")(data)
    _set("points", 1, hours="04:00-05:00")(data)
    assert check(data) == []
    _set("facilities", 1, hours="20:00-04:00")(data)
    (early,) = check(data)
    assert early.code == "facility_closes_early"
    assert (early.numbers["closes"], early.numbers["ends"]) == ("04:00", "06:00")


def test_two_crews_may_share_a_truck_one_after_the_other() -> None:
    data = small_city()
    data.shifts.append(Shift(id="evening", name="Evening", hours="14:00-20:00"))
    data.crews.append(Crew(id="c3", name="", district_id="north", shift_id="evening", truck_id="t-north"))
    assert check(data) == []
    data.shifts[1].hours = "13:00-20:00"
    assert [finding.code for finding in check(data)] == ["truck_booked_twice"]


def test_coordinates_of_a_chinese_map_are_recognised() -> None:
    data = small_city()
    along = np.linspace(121.470, 121.471, 30)
    lon, lat = to_gcj02(along, np.full(30, 31.23))
    data.points += [
        CollectionPoint(id=f"g{row}", district_id="north", kind=PointKind.STREET, name="", lon=x, lat=y)
        for row, (x, y) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True))
    ]
    data.bins += [
        Bin(id=f"bg{row}", point_id=f"g{row}", stream=Stream.DRY, usable_volume_l=60, depth_cm=70) for row in range(30)
    ]
    found = {finding.code: finding for finding in check(data)}
    assert found["looks_like_gcj02"].numbers["taken_back_m"] < 1
    assert found["looks_like_gcj02"].numbers["as_is_m"] > 300


def test_errors_come_first() -> None:
    data = small_city()
    _set("trucks", 1, plate="沪A-0")(data)
    _set("points", 1, hours="14:00-18:00")(data)
    severities = [finding.severity for finding in check(data)]
    assert severities == [Severity.ERROR, Severity.WARNING]


def test_a_stored_city_is_checked_as_it_is_stored(engine: Engine) -> None:
    data = small_city()
    _set("points", 1, hours="14:00-18:00")(data)
    save(engine, data)
    with reading(engine) as session:
        assert check(session) == check(data) != []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_can_be_said(language: str) -> None:
    for break_it, _ in ONE_THING_WRONG:
        data = small_city()
        break_it(data)
        for finding in check(data):
            sentence = finding.sentence(language)  # type: ignore[arg-type]
            assert finding.subject.split()[-1] in sentence
            assert "{" not in sentence


def test_findings_in_words() -> None:
    early = Finding(
        "facility_closes_early",
        "facilities",
        "f1",
        {"closes": "12:00", "ends": "13:30", "target": "shifts", "target_id": "morning"},
    )
    assert early.sentence("en") == (
        "Facility f1 closes at 12:00, before shift morning ends at 13:30; trucks that come later cannot unload there."
    )
    assert early.sentence("zh") == "设施“f1”在 12:00 关闭，早于班次“morning”结束的 13:30；晚到的车辆无法在此卸料。"
    narrow = Finding("trucks_too_wide", "points", "p2", {"stream": Stream.WET, "limit": 240, "smallest": 250})
    assert "the narrowest that carries wet waste is 250 cm" in narrow.sentence("en")


def test_every_warning_is_a_finding_that_exists() -> None:
    assert {f"check.{code}" for code in WARNINGS} <= catalogue("city", "en").keys()
