"""Rules of streets at certain hours: read, written, and laid on a shift."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.hours import Span
from city.road_rules import (
    WEEK_MIN,
    RoadRule,
    WeekSpan,
    format_rules,
    format_week,
    parse_rules,
    parse_week,
    week_spans,
)

HOUR = 3600


@pytest.mark.parametrize(
    ("text", "first", "minutes"),
    [
        ("Mo-Sa 06:00-11:00", (360, 660), 6 * 300),
        ("Mo-Fr 16:00-11:00;Sa 00:00-11:00", (960, 2100), 5 * 19 * 60 + 0),
        ("22:00-06:00", (0, 360), 7 * 480),
        ("22:00-24:00, 0:00-06:00", (0, 360), 7 * 480),
        ("24/7", (0, WEEK_MIN), WEEK_MIN),
        ("Mo-Fr,PH 07:00-09:00; PH off", (420, 540), 5 * 120),
        ("Mo-Su 08:00-18:00; We off", (480, 1080), 6 * 600),
        ("Sa-Mo 10:00-12:00,14:00-15:00", (600, 720), 3 * 180),
        ("Sa,Su", (5 * 1440, WEEK_MIN), 2 * 1440),
    ],
)
def test_hours_of_real_maps_are_read(text: str, first: tuple[int, int], minutes: int) -> None:
    spans = parse_week(text)
    assert spans[0] == first
    assert sum(end - start for start, end in spans) == minutes


@pytest.mark.parametrize("text", ["sunset-sunrise", "Apr-Sep", "2016 Apr 25 - 2016 Sep 26", "Mo-Xx 07:00-09:00", "7-9"])
def test_what_is_more_than_days_and_times_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_week(text)


minutes_of_week = st.integers(0, WEEK_MIN - 1)
weeks = st.lists(
    st.tuples(minutes_of_week, st.integers(1, 3000)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    min_size=1,
    max_size=3,
).map(week_spans)
rules = st.builds(
    RoadRule,
    weeks,
    st.sampled_from([0.0, 30.0, 12.5]),
    st.sampled_from([0, 3500, 7500]),
    st.booleans(),
)


@given(st.lists(rules, max_size=2))
def test_rules_come_back_as_they_were_written(written: list[RoadRule]) -> None:
    assert parse_rules(format_rules(written)) == tuple(written)


@given(weeks, st.integers(0, 6), st.integers(0, 86_400), st.integers(1, 86_400))
def test_a_shift_is_closed_in_exactly_the_minutes_that_the_rule_names(
    spans: tuple[WeekSpan, ...], weekday: int, start_s: int, length_s: int
) -> None:
    within = Span(start_s, start_s + length_s)
    found = RoadRule(spans).spans(weekday, within)
    for second in range(start_s, start_s + length_s, 1217):
        minute = (weekday * 1440 + second // 60) % WEEK_MIN
        named = any(start <= minute < end for start, end in spans)
        assert named == any(span.start_s <= second < span.end_s for span in found)


def test_the_night_from_sunday_to_monday_is_one() -> None:
    night = parse_week("Su 22:00-05:00")
    assert format_week(night) == "Su 22:00-05:00"
    assert RoadRule(night).spans(6, Span(20 * HOUR, 32 * HOUR)) == [Span(22 * HOUR, 29 * HOUR)]
    assert RoadRule(night).spans(0, Span(0, 8 * HOUR)) == [Span(0, 5 * HOUR)]


def test_a_rule_spares_light_trucks_and_those_with_a_permit() -> None:
    (rule,) = parse_rules("closed @ Mo-Fr 07:30-19:00 above 7500 kg without permit")
    assert rule.concerns(16_000, permit=False)
    assert not rule.concerns(16_000, permit=True)
    assert not rule.concerns(7_500, permit=False)


def test_a_rule_for_all_trucks_binds_one_of_unknown_weight() -> None:
    (rule,) = parse_rules("closed @ 24/7 without permit")
    assert rule.concerns(0, permit=False)


def test_a_broken_rule_is_quoted() -> None:
    with pytest.raises(ValueError, match="'shut at night'"):
        parse_rules("shut at night")
