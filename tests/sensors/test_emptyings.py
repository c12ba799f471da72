"""Emptyings: found by what the level did and what was said, and contradictions are kept beside them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.bin_lives import Life, lives
from benchmarks.emptyings import measure
from sensors.emptyings import Conflict, Emptying, LiftReported, Recorded, Sighting, Source, Told, emptyings

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
RATE_PER_H = 0.01


def _hourly(*stretches: Sequence[float]) -> list[tuple[datetime, float]]:
    """Return readings on the hour, with a scatter of a hundredth."""
    chance = np.random.default_rng(5)
    levels = [level for stretch in stretches for level in stretch]
    return [(BEGIN + row * HOUR, max(level + float(chance.normal(0, 0.01)), 0)) for row, level in enumerate(levels)]


def _rising(start: float, hours: int) -> list[float]:
    return [start + RATE_PER_H * hour for hour in range(hours)]


def _found(told: Told, near: Sighting = Sighting.UNTRACKED) -> tuple[Emptying, ...]:
    return emptyings(told, rate_per_h=RATE_PER_H, near=lambda _since, _until: near)[0]


def _conflicts(one: Emptying) -> list[Conflict]:
    return [code for code, _ in one.conflicts]


@pytest.fixture(scope="module")
def town() -> list[Life]:
    """Return two months of a dozen bins, with the noise of real sensors."""
    return lives(12, 60, seed=7)


def test_nearly_all_emptyings_are_found_by_level_alone_and_nearly_none_are_made_up(town: list[Life]) -> None:
    measured = measure(town, by_people=False, tolerance_h=6)
    assert measured["found"] > 100
    assert measured["precision"] >= 0.97
    assert measured["recall"] >= 0.97


def test_with_what_crews_and_trucks_say_even_more_are_found(town: list[Life]) -> None:
    measured = measure(town, by_people=True, tolerance_h=6)
    assert measured["precision"] >= 0.98
    assert measured["recall"] >= 0.99


def test_a_level_that_falls_to_the_bottom_was_emptied_between_the_two_readings() -> None:
    (one,) = _found(Told(_hourly(_rising(0.3, 48), _rising(0.03, 48))))
    assert one.counts
    assert one.sources == (Source.LEVEL,)
    assert BEGIN + 47 * HOUR <= one.at <= BEGIN + 48 * HOUR
    assert (one.before, one.after) == (pytest.approx(0.77, abs=0.05), pytest.approx(0.03, abs=0.05))


@pytest.mark.parametrize("hours", [1, 2, 5, 20])
@pytest.mark.parametrize("place", [0.7, 1.0])
def test_an_echo_that_clings_and_lets_go_is_no_emptying(hours: int, place: float) -> None:
    told = Told(_hourly(_rising(0.2, 30), [place] * hours, _rising(0.5, 30)))
    assert [one for one in _found(told) if one.counts] == []


@pytest.mark.parametrize("hours", [1, 2, 5])
def test_a_hollow_that_fills_again_to_where_it_was_is_no_emptying(hours: int) -> None:
    assert _found(Told(_hourly(_rising(0.5, 30), [0.1] * hours, _rising(0.8, 30)))) == ()


def test_waste_that_sinks_a_little_was_not_emptied() -> None:
    assert _found(Told(_hourly(_rising(0.5, 30), _rising(0.73, 30)))) == ()


def test_a_crew_that_took_half_of_it_emptied_the_bin() -> None:
    (one,) = _found(Told(_hourly(_rising(0.5, 40), _rising(0.4, 40)), [Recorded(BEGIN + 39.6 * HOUR)]))
    assert one.counts
    assert set(one.sources) == {Source.LEVEL, Source.RECORD}
    assert one.at == BEGIN + 39.6 * HOUR


def test_all_who_agree_are_named_and_make_it_surer() -> None:
    readings = _hourly(_rising(0.3, 48), _rising(0.03, 48))
    at = BEGIN + 47.5 * HOUR
    alone = _found(Told(readings))[0]
    together = _found(Told(readings, [Recorded(at)], [LiftReported(at, found=0.8)]), Sighting.NEAR)[0]
    assert together.confidence > alone.confidence
    assert set(together.sources) == set(Source)
    assert together.conflicts == ()


def test_a_record_of_a_level_that_did_not_fall_is_kept_but_not_believed() -> None:
    (one,) = _found(Told(_hourly(_rising(0.3, 60)), [Recorded(BEGIN + 30 * HOUR)]))
    assert not one.counts
    assert _conflicts(one) == [Conflict.LEVEL_STAYED]
    assert one.sources == (Source.RECORD,)


def test_a_record_where_no_sensor_can_contradict_is_believed() -> None:
    silent = Told(_hourly(_rising(0.3, 5)), [Recorded(BEGIN + 60 * HOUR)])
    stuck = Told(_hourly([0.4] * 60), [Recorded(BEGIN + 30 * HOUR)], sees=False)
    without = Told(records=[Recorded(BEGIN)])
    for told in (silent, stuck, without):
        (one,) = _found(told)
        assert (one.counts, one.conflicts) == (True, ())


def test_contradictions_are_named_with_the_numbers_that_show_them() -> None:
    readings, at = _hourly(_rising(0.3, 48), _rising(0.03, 48)), BEGIN + 47.5 * HOUR
    assert _conflicts(_found(Told(readings), Sighting.NONE)[0]) == [Conflict.NO_TRUCK_NEAR]
    assert _conflicts(_found(Told(readings, lifts=[LiftReported(at)]))[0]) == [Conflict.LIFT_WITHOUT_WEIGHT]
    assert _conflicts(_found(Told(readings, lifts=[LiftReported(at, 0.0)]))[0]) == [Conflict.WEIGHED_NOTHING]
    assert _conflicts(_found(Told(readings, [Recorded(at, done=False)]))[0]) == [Conflict.COULD_NOT_BUT_FELL]
    (one,) = _found(Told(readings, [Recorded(at, found=0.2)]))
    assert one.conflicts[0][0] is Conflict.WEIGHT_DISAGREES
    assert one.conflicts[0][1] == {"before": pytest.approx(0.77, abs=0.05), "found": 0.2}


def test_a_fall_that_shows_late_is_dated_by_who_was_there() -> None:
    readings = _hourly(_rising(0.5, 30), [0.8] * 14, _rising(0.1, 40))
    (one,) = _found(Told(readings, [Recorded(BEGIN + 30.5 * HOUR)]))
    assert one.at == BEGIN + 30.5 * HOUR
    assert _conflicts(one) == [Conflict.SEEN_LATE]


_moments = st.floats(0, 300).map(lambda hours: BEGIN + hours * HOUR)
_shares = st.none() | st.floats(0, 2)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(_moments, st.floats(0, 2)), max_size=40, unique_by=lambda reading: reading[0]),
    st.lists(st.builds(Recorded, _moments, st.booleans(), _shares), max_size=6),
    st.lists(st.builds(LiftReported, _moments, _shares), max_size=6),
    st.sampled_from(Sighting),
    st.randoms(use_true_random=False),
)
def test_whatever_is_said_in_whatever_order_comes_to_the_same(
    readings: list[tuple[datetime, float]],
    records: list[Recorded],
    lifts: list[LiftReported],
    near: Sighting,
    chance: object,
) -> None:
    readings = sorted(readings)
    found = _found(Told(readings, records, lifts), near)
    for one in found:
        assert 0 <= one.confidence <= 1
        assert one.earliest <= one.at <= one.latest
        assert one.sources
    chance.shuffle(records)  # type: ignore[attr-defined]
    chance.shuffle(lifts)  # type: ignore[attr-defined]
    assert _found(Told(readings, records, lifts), near) == found
