"""The diary: a page every six hours, settled by the readings around it, whatever the sensor's interval."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.diary import AROUND_MIN, SLOT, STEPS, Page, first_open, in_steps, last_heard, note, slot_of

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _noted(levels: list[float], every: timedelta, start: datetime = MIDNIGHT) -> tuple[str, list[Page]]:
    recent, pages = "", []
    for number, level in enumerate(levels):
        recent, closed = note(recent, start + number * every, level, level)
        pages += closed
    return recent, pages


@pytest.mark.parametrize("every_min", [10, 60, 360])
def test_a_page_is_written_for_every_six_hours(every_min: int) -> None:
    days = 3
    count = days * 24 * 60 // every_min
    recent, pages = _noted([0.3] * count, every_min * MINUTE)
    first = slot_of(MIDNIGHT)
    assert [page.slot for page in pages] == list(range(first, first + len(pages)))
    # The last ones wait for what comes after them, if it has not come yet.
    assert first_open(recent) in (None, pages[-1].slot + 1)
    assert days * 4 - len(pages) <= 3
    assert {page.settled for page in pages} == {in_steps(0.3)}


def test_a_sensor_that_speaks_once_a_day_settles_on_what_it_said() -> None:
    _, pages = _noted([0.1, 0.2, 0.3, 0.4], timedelta(days=1))
    assert [page.settled for page in pages] == [in_steps(level) for level in (0.1, 0.2, 0.3)]
    assert [page.slot - pages[0].slot for page in pages] == [0, 4, 8]


def test_a_false_reading_at_the_slot_does_not_settle() -> None:
    levels = [0.3] * 18
    levels[6] = 0.9
    recent, pages = _noted(levels, 60 * MINUTE)
    second = pages[1]
    assert (second.heard, second.settled) == (in_steps(0.9), in_steps(0.3))
    assert last_heard(recent) == pytest.approx(0.3, abs=1 / STEPS)


def test_where_something_is_in_the_way_half_of_the_time_the_lower_readings_are_right() -> None:
    levels = [0.3, 0.6] * 12
    _, pages = _noted(levels, 60 * MINUTE)
    assert all(page.settled == in_steps(0.3) for page in pages[1:])


@given(st.lists(st.tuples(st.integers(0, 60 * 40), st.floats(-1, 5)), min_size=1, max_size=60))
def test_whatever_comes_pages_are_in_order_and_few_are_open(readings: list[tuple[int, float]]) -> None:
    recent, pages, at = "", [], MIDNIGHT
    for minutes, level in readings:
        at += minutes * MINUTE
        recent, closed = note(recent, at, level, max(level, 0.0))
        pages += closed
        # This is read and written with every reading.
        assert len(recent) <= 250
    assert [page.slot for page in pages] == sorted({page.slot for page in pages})
    begun = first_open(recent)
    if begun is not None:
        assert all(page.slot < begun for page in pages)
        assert slot_of(at) - begun <= AROUND_MIN * MINUTE / SLOT + 1
