"""When a place can be used in a shift: the same instants that its hours and closures name, nothing else."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from agents.windows import Closed, closed_times, open_windows, to_begin
from city.hours import DAY_S, Span
from city.registry import Closure, ClosureKind
from routing.problem import TimeWindow

HOUR = 3600
MORNING = Span(6 * HOUR, 14 * HOUR)


def test_no_hours_means_always_which_routing_writes_as_no_windows() -> None:
    assert open_windows("", (), MORNING) == (MORNING,)
    assert to_begin([MORNING], MORNING, 300) == ()


def test_drop_off_hours_are_cut_to_the_shift_and_the_service_must_end_in_them() -> None:
    spans = open_windows("05:00-09:00,17:30-20:00", (), MORNING)
    assert spans == (Span(6 * HOUR, 9 * HOUR),)
    assert to_begin(spans, MORNING, 600) == (TimeWindow(6 * HOUR, 9 * HOUR - 600),)


def test_a_time_shorter_than_the_service_must_be_begun_with_it() -> None:
    assert to_begin([Span(6 * HOUR, 6 * HOUR + 60)], MORNING, 300) == (TimeWindow(6 * HOUR, 6 * HOUR),)


def test_a_night_shift_finds_the_hours_of_both_its_days() -> None:
    night = Span(22 * HOUR, 30 * HOUR)
    assert open_windows("23:00-01:00,05:00-08:00", (), night) == (
        Span(23 * HOUR, 25 * HOUR),
        Span(29 * HOUR, 30 * HOUR),
    )
    assert open_windows("00:00-24:00", (), night) == (night,)


def test_a_place_closed_until_further_notice_has_no_time_at_all() -> None:
    assert open_windows("", (Closed(0, None),), MORNING) == ()
    assert to_begin([], MORNING, 0) is None


def test_a_closure_in_the_middle_leaves_the_time_before_and_after() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    noon = datetime(2026, 3, 3, 4, tzinfo=UTC)
    closure = Closure(
        kind=ClosureKind.POINT, subject_id="p", starts_at=noon - timedelta(hours=2), ends_at=noon - timedelta(hours=1)
    )
    closed = closed_times([closure], date(2026, 3, 3), shanghai, by=noon)
    assert open_windows("", closed["p"], MORNING) == (Span(6 * HOUR, 10 * HOUR), Span(11 * HOUR, 14 * HOUR))


minutes = st.integers(0, 24 * 60 - 1)
hours_texts = st.lists(minutes, min_size=2, max_size=6, unique=True).map(
    lambda bounds: ",".join(
        f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}"
        for a, b in zip(sorted(bounds)[::2], sorted(bounds)[1::2], strict=False)
    )
)
closures = st.lists(st.tuples(st.integers(-DAY_S, 2 * DAY_S), st.none() | st.integers(1, DAY_S)), max_size=3)


@given(hours_texts, closures, st.integers(0, 23 * HOUR), st.integers(HOUR, 12 * HOUR), st.integers(0, 36 * HOUR))
def test_an_instant_is_open_exactly_if_it_is_in_the_hours_and_in_no_closure(
    hours: str, closed: list[tuple[int, int | None]], start_s: int, lasting_s: int, instant: int
) -> None:
    within = Span(start_s, start_s + lasting_s)
    shut = tuple(Closed(from_s, None if length is None else from_s + length) for from_s, length in closed)
    spans = open_windows(hours, shut, within)
    assert all(a.end_s < b.start_s for a, b in itertools.pairwise(spans))
    listed = [tuple(int(part[:2]) * HOUR + int(part[3:]) * 60 for part in span.split("-")) for span in hours.split(",")]
    expected = (
        within.start_s <= instant < within.end_s
        and any(a <= instant % DAY_S < b for a, b in listed)
        and not any(part.from_s <= instant and (part.until_s is None or instant < part.until_s) for part in shut)
    )
    assert any(span.start_s <= instant < span.end_s for span in spans) == expected
