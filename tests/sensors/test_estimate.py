"""The filter of one bin: spikes, emptyings, echoes and crews, and a year of real sensors."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.registry import PointKind
from city.streams import Stream
from sensors.estimate import Estimate, Explanation, Judgement, LevelSource, begin, hear, observe, serve
from sensors.priors import prior_for
from sensors.states import REMEMBERED, estimate_from_json, estimate_of, memory_as_json, memory_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def estimate() -> Estimate:
    """Return what is assumed of a new litter bin."""
    return _new()


def _new() -> Estimate:
    return begin(prior_for(Stream.DRY, PointKind.STREET, 240))


def _hourly(estimate: Estimate, levels: list[float], start: datetime = NOON) -> list[Judgement]:
    judged = []
    for number, level in enumerate(levels):
        hear(estimate, start + number * HOUR)
        judged.append(observe(estimate, start + number * HOUR, level))
    return judged


def _level(estimate: Estimate) -> float:
    assert estimate.believed is not None
    return estimate.believed.level


def test_one_reading_far_off_is_not_believed_and_the_next_ones_bear_it_out(estimate: Estimate) -> None:
    judged = _hourly(estimate, [0.40, 0.41, 0.41, 0.98, 0.42, 0.42])
    assert [one.believed for one in judged] == [True, True, True, False, True, True]
    assert _level(estimate) == pytest.approx(0.42, abs=0.03)
    assert estimate.believed is not None
    assert estimate.believed.emptied_at is None


def test_while_two_explanations_are_open_the_doubt_is_in_the_state(estimate: Estimate) -> None:
    _hourly(estimate, [0.80, 0.81, 0.81, 0.05])
    assert _level(estimate) == pytest.approx(0.81, abs=0.03)
    assert estimate.rival is not None
    assert estimate.rival.level == pytest.approx(0.05)


def test_an_emptying_is_found_when_the_next_reading_confirms_it(estimate: Estimate) -> None:
    judged = _hourly(estimate, [0.80, 0.81, 0.81, 0.05, 0.05, 0.06])
    assert judged[4].turned_at == NOON + 3 * HOUR
    assert 0.05 < judged[4].divide < 0.81
    assert estimate.believed is not None
    assert estimate.believed.emptied_at == NOON + 3 * HOUR
    assert _level(estimate) == pytest.approx(0.06, abs=0.03)


def test_a_load_thrown_in_is_believed_and_was_no_load_if_it_is_gone_within_hours(estimate: Estimate) -> None:
    _hourly(estimate, [0.30, 0.31, *[0.85] * 5])
    assert _level(estimate) == pytest.approx(0.85, abs=0.05)
    _hourly(estimate, [0.32, 0.32, 0.33], start=NOON + 7 * HOUR)
    assert _level(estimate) == pytest.approx(0.33, abs=0.05)
    assert estimate.believed is not None
    assert estimate.believed.emptied_at is None


def test_a_place_where_echoes_come_from_is_learned(estimate: Estimate) -> None:
    """Something in the way at 0.6: after a few visits a day of echoes does not lift the level any more."""
    for day in range(6):
        true = 0.10 + 0.03 * day
        _hourly(estimate, [true, true, 0.6, 0.6, 0.6, true, true, 0.6, 0.6, true], start=NOON + day * 24 * HOUR)
    assert estimate.echo_level == pytest.approx(0.6, abs=0.02)
    judged = _hourly(estimate, [0.26, *[0.6] * 24], start=NOON + 6 * 24 * HOUR)
    assert not any(one.believed for one in judged[1:])
    assert _level(estimate) < 0.35


def test_the_rate_is_learned_across_emptyings(estimate: Estimate) -> None:
    level = 0.05
    for hour in range(24 * 28):
        level = 0.05 if level > 0.9 else level + 0.02
        hear(estimate, NOON + hour * HOUR)
        observe(estimate, NOON + hour * HOUR, level)
    assert estimate.rate_per_h == pytest.approx(0.02, rel=0.1)
    assert estimate.volatility < 0.02
    assert estimate.rate_sigma < 0.008
    assert estimate.interval_h == pytest.approx(1.0)


def test_a_crews_word_empties_a_bin_until_its_sensor_keeps_saying_otherwise(estimate: Estimate) -> None:
    _hourly(estimate, [0.90, 0.90, 0.91])
    serve(estimate, NOON + 2.5 * HOUR)
    assert estimate.believed == Explanation(0.03, 0.05, NOON + 2.5 * HOUR, NOON + 2.5 * HOUR)
    assert estimate.rival is not None
    assert estimate.rival.level == pytest.approx(0.91, abs=0.04)
    _hourly(estimate, [0.91] * 14, start=NOON + 3 * HOUR)
    assert _level(estimate) == pytest.approx(0.91, abs=0.05)
    assert estimate.believed.emptied_at is None


def test_a_crews_word_after_the_sensor_saw_it_dates_the_emptying(estimate: Estimate) -> None:
    _hourly(estimate, [0.90, 0.91, 0.04, 0.04])
    serve(estimate, NOON + 3.2 * HOUR)
    assert estimate.believed is not None
    assert estimate.believed.emptied_at == NOON + 3.2 * HOUR
    assert _level(estimate) == pytest.approx(0.04, abs=0.03)
    assert estimate.rival is None


def test_a_bin_without_a_sensor_learns_from_what_crews_weigh(estimate: Estimate) -> None:
    for visit in range(15):
        serve(estimate, NOON + visit * 48 * HOUR, found=0.03 + 0.96)
    assert estimate.source is LevelSource.SERVICE_RECORD
    assert estimate.rate_per_h == pytest.approx(0.02, rel=0.1)
    silent = _new()
    for visit in range(15):
        serve(silent, NOON + visit * 48 * HOUR)
    assert silent.rate_per_h == _new().rate_per_h


_levels = st.floats(-0.2, 2.0)
_events = st.lists(
    st.tuples(st.sampled_from(["say", "hear", "serve"]), st.floats(0, 200), _levels, st.none() | st.floats(0, 2)),
    max_size=40,
)


def _live(estimate: Estimate, events: list[tuple[str, float, float, float | None]], at: datetime = NOON) -> datetime:
    for what, hours, level, found in events:
        at += hours * HOUR
        if what == "serve":
            serve(estimate, at, found)
            continue
        hear(estimate, at)
        if what == "say":
            observe(estimate, at, level)
    return at


@given(_events)
def test_no_history_makes_a_rate_negative_or_a_level_without_doubt(
    events: list[tuple[str, float, float, float | None]],
) -> None:
    estimate = _new()
    _live(estimate, events)
    assert estimate.rate_per_h > 0
    for value in (estimate.rate_per_h, estimate.rate_sigma, estimate.volatility, estimate.noise, estimate.rival_odds):
        assert np.isfinite(value)
        assert value >= 0
    for explanation in (estimate.believed, estimate.rival):
        if explanation is not None:
            assert explanation.level >= 0
            assert explanation.sigma > 0


@given(_events, _events)
def test_a_restart_in_the_middle_changes_nothing(
    before: list[tuple[str, float, float, float | None]], after: list[tuple[str, float, float, float | None]]
) -> None:
    running = _new()
    at = _live(running, before)
    from_row, from_json = estimate_of(memory_of(running)), estimate_from_json(memory_as_json(running))
    assert len(memory_of(running)) == len(REMEMBERED)
    for estimate in (running, from_row, from_json):
        _live(estimate, after, at)
    assert memory_of(running) == memory_of(from_row) == memory_of(from_json)
