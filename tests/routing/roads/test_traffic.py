"""Slowdowns by hour: means over a shift's hours, nights that run into the next day, and a city's own table."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.hours import Span
from city.network import RoadClass
from routing.errors import RoutingError
from routing.traffic import CITY_TRAFFIC, NO_TRAFFIC, Traffic, read_traffic

HOUR = 3600
FRIDAY = date(2026, 11, 27)


def test_a_span_is_the_mean_of_its_hours_by_how_much_of_each_it_holds() -> None:
    steps = Traffic({RoadClass.PRIMARY: tuple(1.0 + hour for hour in range(24))}, {})
    found = steps.during(FRIDAY, Span(6 * HOUR + 1800, 8 * HOUR))
    assert found[RoadClass.PRIMARY] == pytest.approx((7 * 0.5 + 8 * 1.0) / 1.5)
    assert found[RoadClass.SERVICE] == 1.0


def test_a_night_from_friday_to_saturday_is_half_a_day_off() -> None:
    days = Traffic({RoadClass.TRUNK: (3.0,) * 24}, {RoadClass.TRUNK: (1.0,) * 24})
    assert days.during(FRIDAY, Span(22 * HOUR, 26 * HOUR))[RoadClass.TRUNK] == 2.0


@given(st.integers(0, 30 * HOUR), st.integers(1, 12 * HOUR), st.dates())
def test_no_hour_of_the_assumed_traffic_is_faster_than_quiet_or_slower_than_the_rush(
    start_s: int, length_s: int, service_date: date
) -> None:
    found = CITY_TRAFFIC.during(service_date, Span(start_s, start_s + length_s))
    assert all(1.0 <= factor <= 1.75 for factor in found.values())
    assert found[RoadClass.RESIDENTIAL] == 1.0
    assert found[RoadClass.TERTIARY] <= found[RoadClass.PRIMARY] <= found[RoadClass.MOTORWAY]
    assert set(NO_TRAFFIC.during(service_date, Span(0, HOUR)).values()) == {1.0}


def test_a_city_brings_its_own_table(tmp_path: Path) -> None:
    path = tmp_path / "traffic.toml"
    path.write_text(f"[workday]\nprimary = {[1.5] * 24}\n[day_off]\nprimary = {[1] * 24}\n", encoding="utf-8")
    read = read_traffic(path)
    assert read.during(FRIDAY, Span(0, HOUR))[RoadClass.PRIMARY] == 1.5
    assert read.during(FRIDAY, Span(24 * HOUR, 25 * HOUR))[RoadClass.PRIMARY] == 1.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[workday]\nboulevard = [1]\n", "no road class 'BOULEVARD'; there are motorway"),
        ("[workday]\nprimary = [1, 2]\n", "give 24 positive factors"),
        ("[workday]\nprimary = 3\n", "no table of traffic"),
        ("[workday\n", "no table of traffic"),
    ],
)
def test_a_broken_table_is_refused_with_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "traffic.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RoutingError, match=says):
        read_traffic(path)


def test_a_span_of_no_time_is_refused() -> None:
    with pytest.raises(RoutingError, match="which is no time"):
        CITY_TRAFFIC.during(FRIDAY, Span(HOUR, HOUR))
