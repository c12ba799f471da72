"""The forecast: right against simulation, never less likely to overflow later, and honest about what nobody knows."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.forecast import (
    level_at,
    level_quantiles,
    levels_at,
    overflow_probabilities,
    overflow_times,
    stack,
    when,
)
from sensors.levels import BinState, LevelSource, unknown_since

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _state(**known: object) -> BinState:
    state = {"fill_level": 0.5, "sigma": 0.05, "as_of": NOON, "rate_per_h": 0.01, "rate_sigma": 0.002}
    return BinState(bin_id="b", **{**state, "volatility": 0.03, "source": LevelSource.SENSOR, **known})


def overflow_probability(state: BinState, at: datetime) -> float:
    return float(overflow_probabilities(stack([state]), at)[0])


def overflow_at(state: BinState, probability: float) -> datetime | None:
    return when(overflow_times(stack([state]), probability)[0])


_states = st.builds(
    _state,
    fill_level=st.floats(0, 1.2),
    sigma=st.floats(0, 0.3),
    rate_per_h=st.floats(0, 0.1),
    rate_sigma=st.floats(0, 0.05),
    volatility=st.floats(0, 0.1),
    rival_level=st.none() | st.floats(0, 1.2),
    rival_sigma=st.floats(0.001, 0.2),
    rival_as_of=st.just(NOON),
    rival_odds=st.floats(-3, 8),
)


@pytest.mark.parametrize("hours", [0.2, 1, 6, 24, 72])
@pytest.mark.parametrize(
    "known",
    [
        {},
        {"fill_level": 0.95, "sigma": 0.03},
        {"fill_level": 1.05, "sigma": 0.03},
        {"fill_level": 0.9, "sigma": 0.0},
        {"rate_per_h": 0.002, "volatility": 0.05},
        {"sigma": 0.3},
        {"volatility": 0.0, "rate_sigma": 0.0},
    ],
)
def test_probabilities_and_quantiles_agree_with_simulation(known: dict[str, float], hours: float) -> None:
    state = _state(**known)
    chance = np.random.default_rng(7)
    mean = state.rate_per_h * hours
    variance = state.volatility**2 * hours + (state.rate_sigma * hours) ** 2
    gained = chance.gamma(mean**2 / variance, variance / mean, 400_000) if variance else mean
    levels = chance.normal(state.fill_level, state.sigma, 400_000) + gained
    at = NOON + hours * HOUR
    assert overflow_probability(state, at) == pytest.approx(np.mean(levels >= 1), abs=0.003)
    probabilities = (0.1, 0.5, 0.9)
    expected = np.maximum(np.quantile(levels, probabilities), 0)
    (quantiles,) = level_quantiles(stack([state]), np.array([at.timestamp()]), probabilities)
    assert quantiles == pytest.approx(expected, abs=0.005 + 0.02 * float(levels.std()))
    level = level_at(state, at)
    assert (level.mean, level.sigma) == pytest.approx((levels.mean(), levels.std()), abs=0.005)


@given(_states, st.floats(0, 200), st.floats(0, 200))
def test_waiting_longer_never_makes_an_overflow_less_likely(state: BinState, one: float, other: float) -> None:
    earlier, later = sorted((one, other))
    before, after = (overflow_probability(state, NOON + hours * HOUR) for hours in (earlier, later))
    assert 0 <= before <= after + 2e-3
    assert after <= 1


@given(_states, st.floats(0.05, 0.95))
def test_the_moment_of_overflow_is_when_its_probability_is_reached(state: BinState, probability: float) -> None:
    at = overflow_at(state, probability)
    if at is None:
        assert overflow_probability(state, NOON + 1440 * HOUR) < probability
        return
    assert at >= NOON
    assert overflow_probability(state, at) >= probability - 1e-9
    if at > NOON + timedelta(minutes=3):
        assert overflow_probability(state, at - timedelta(minutes=3)) <= probability + 2e-3


@given(st.lists(_states, min_size=1, max_size=8))
def test_many_bins_at_once_get_the_answers_they_get_alone(states: list[BinState]) -> None:
    at = NOON + 30 * HOUR
    together = stack(states)
    assert overflow_probabilities(together, at).tolist() == [overflow_probability(state, at) for state in states]
    assert levels_at(together, at)[0].tolist() == [level_at(state, at).mean for state in states]
    times = [overflow_at(state, 0.2) for state in states]
    assert [datetime.fromtimestamp(s, UTC) if np.isfinite(s) else None for s in overflow_times(together, 0.2)] == times


def test_a_bin_not_heard_of_is_not_empty_and_its_forecast_widens() -> None:
    sure, later, much_later = (level_at(_state(), NOON + hours * HOUR) for hours in (0, 12, 72))
    assert sure.sigma < later.sigma < much_later.sigma
    assert sure.mean < later.mean < much_later.mean
    unknown = _state(as_of=None, fill_level=None)
    assert level_at(unknown, NOON).mean > 0.3
    assert level_at(unknown, NOON).sigma > 0.25
    assert overflow_at(unknown, 0.1) is None


def test_two_explanations_of_the_last_readings_both_count() -> None:
    disputed = _state(rival_level=1.1, rival_sigma=0.02, rival_as_of=NOON, rival_odds=0.0)
    assert overflow_probability(_state(), NOON) < 0.001
    assert overflow_probability(disputed, NOON) == pytest.approx(0.5, abs=0.01)
    level = level_at(disputed, NOON)
    assert level.mean == pytest.approx(0.8)
    assert level.sigma > 0.25


def test_a_silent_sensor_leaves_its_bin_unknown_since_it_was_last_believed() -> None:
    hourly = _state(interval_h=1.0)
    assert unknown_since(hourly, NOON + 2.5 * HOUR) is None
    assert unknown_since(hourly, NOON + 3.5 * HOUR) == NOON
    assert unknown_since(_state(interval_h=12.0), NOON + 30 * HOUR) is None
    recorded = _state(source=LevelSource.SERVICE_RECORD, fill_level=0.03)
    assert unknown_since(recorded, NOON + 6 * HOUR) is None
    assert unknown_since(recorded, NOON + 300 * HOUR) == NOON
    assert unknown_since(_state(as_of=None), NOON) is not None
