"""Experience: a forecast from a bin's own diary is a distribution, follows what the bin did, and never un-overflows."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from city.wording import LANGUAGES, catalogue
from sensors.diary import SLOT, note, slot_of
from sensors.experience import Diaries, no_diaries
from sensors.forecast import level_quantiles, levels_at, overflow_probabilities, overflow_times, stack
from sensors.levels import BinState, LevelSource
from sensors.outlook import HOURS_AHEAD, outlook
from sensors.reasons import facts, said

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHARES = tuple(round(0.1 * step, 1) for step in range(1, 10))


def _state(**known: object) -> BinState:
    state = {"fill_level": 0.5, "sigma": 0.05, "as_of": NOON, "rate_per_h": 0.01, "rate_sigma": 0.002}
    return BinState(
        bin_id="b", **{**state, "volatility": 0.03, "learned_h": 500.0, "source": LevelSource.SENSOR, **known}
    )


def _diary(levels: list[int], heard: float = 0.5) -> Diaries:
    """Return the diary of a bin whose levels settled as given, in steps, the last one just now."""
    pages = np.full((1, 364, 3), 255, np.uint8)
    kept = np.array(levels[-364:], np.uint8)
    pages[0, 364 - len(kept) :] = kept[:, None]
    return Diaries(pages, np.array([slot_of(NOON)]), np.array([heard]))


def _lived(gain_per_day: float, days: int = 80, start: float = 0.1, full: float = 0.9) -> Diaries:
    """Return the diary of a bin that filled evenly and was emptied when full."""
    levels, level = [], start
    for _ in range(4 * days):
        levels.append(round(125 * level))
        level = start if level > full else level + gain_per_day / 4
    return _diary(levels)


_diaries = st.lists(st.sampled_from([*range(0, 160, 7), 255]), min_size=40, max_size=364).map(_diary)
_states = st.builds(
    _state,
    fill_level=st.floats(0, 1.2),
    sigma=st.floats(0.01, 0.3),
    rate_per_h=st.floats(0, 0.1),
    volatility=st.floats(0, 0.1),
    rival_level=st.none() | st.floats(0, 1.2),
    rival_sigma=st.floats(0.01, 0.2),
    rival_as_of=st.just(NOON),
    rival_odds=st.floats(-3, 8),
)


@pytest.mark.parametrize("gain_per_day", [0.04, 0.16])
def test_a_bin_is_forecast_as_it_always_filled_whatever_its_rate_says(gain_per_day: float) -> None:
    at = NOON + 24 * HOUR
    taught = stack([_state(rate_per_h=0.02)], _lived(gain_per_day))
    (mean,), (sigma,) = levels_at(taught, at)
    assert mean == pytest.approx(0.5 + gain_per_day, abs=0.06)
    assert sigma < levels_at(stack([_state(rate_per_h=0.02)]), at)[1][0]
    (median,) = level_quantiles(taught, np.array([at.timestamp()]), (0.5,))[0]
    assert median == pytest.approx(0.5 + gain_per_day, abs=0.03)


def test_a_bin_that_never_rises_above_a_level_is_not_expected_to() -> None:
    """Pressed down by its own weight: at 0.7 nothing more is seen to come in, though the mean rate says 0.1 a day."""
    week = [round(125 * min(0.1 * day / 4, 0.7)) for day in range(56)]
    pressed = _diary(week * 6)
    state = _state(fill_level=0.7, rate_per_h=0.1 / 24)
    heard = Diaries(pressed.pages, pressed.last_slot, np.array([0.7]))
    at = NOON + 72 * HOUR
    assert overflow_probabilities(stack([state], heard), at)[0] < 0.2 < overflow_probabilities(stack([state]), at)[0]


@settings(max_examples=60)
@given(_states, _diaries, st.floats(0, 300))
def test_quantiles_are_in_order_and_the_mass_is_one(state: BinState, diary: Diaries, hours: float) -> None:
    states = stack([state], diary)
    at_s = np.array([NOON.timestamp() + 3600 * hours])
    quantiles = level_quantiles(states, at_s, SHARES)[0]
    assert np.all(np.diff(quantiles) >= 0)
    assert np.all(quantiles >= 0)
    nowhere, anywhere = (overflow_probabilities(states, NOON + hours * HOUR, brim)[0] for brim in (50.0, -50.0))
    # Weights are kept to seven digits.
    assert (nowhere, anywhere) == pytest.approx((0.0, 1.0), abs=1e-4)


@settings(max_examples=60)
@given(_states, _diaries, st.floats(0, 200), st.floats(0, 200))
def test_waiting_longer_never_makes_an_overflow_less_likely(
    state: BinState, diary: Diaries, one: float, other: float
) -> None:
    earlier, later = sorted((one, other))
    states = stack([state], diary)
    before, after = (overflow_probabilities(states, NOON + hours * HOUR)[0] for hours in (earlier, later))
    assert before <= after + 2e-3


@settings(max_examples=40)
@given(_states, _diaries, st.floats(0, 0.3))
def test_more_doubt_about_the_level_never_narrows(state: BinState, diary: Diaries, more: float) -> None:
    wider = BinState(**{**state.model_dump(), "sigma": state.sigma + more})
    at = NOON + 24 * HOUR
    assert levels_at(stack([wider], diary), at)[1][0] >= levels_at(stack([state], diary), at)[1][0] - 1e-9


@settings(max_examples=30)
@given(st.lists(st.tuples(_states, _diaries), min_size=1, max_size=5))
def test_many_bins_at_once_get_the_answers_they_get_alone(bins: list[tuple[BinState, Diaries]]) -> None:
    together = stack(
        [state for state, _ in bins],
        Diaries(*(np.concatenate([getattr(diary, name) for _, diary in bins]) for name in Diaries.__slots__)),
    )
    at = NOON + 30 * HOUR
    alone = [overflow_probabilities(stack([state], diary), at)[0] for state, diary in bins]
    assert overflow_probabilities(together, at) == pytest.approx(alone, abs=1e-5)


def test_the_moment_of_overflow_agrees_with_its_probability() -> None:
    states = stack([_state(fill_level=0.8)], _lived(0.1, full=1.1))
    (seconds,) = overflow_times(states, 0.5)
    at = datetime.fromtimestamp(seconds, UTC)
    assert NOON + 24 * HOUR < at < NOON + 84 * HOUR
    assert overflow_probabilities(states, at + HOUR)[0] >= 0.5 >= overflow_probabilities(states, at - HOUR)[0]


def test_a_diary_of_less_than_a_week_says_less_than_the_rate() -> None:
    at = NOON + 24 * HOUR
    young = _diary([round(125 * 0.5)] * 14)
    mean = [levels_at(stack([_state()], diary), at)[0][0] for diary in (no_diaries(1), young)]
    assert mean[0] > mean[1] > 0.5 + 0.4 * (mean[0] - 0.5)


def test_readings_become_experience() -> None:
    recent, pages, at = "", [], NOON - 60 * timedelta(days=1)
    level = 0.1
    while at <= NOON:
        recent, closed = note(recent, at, level, level)
        pages += closed
        level = 0.1 if level > 0.9 else level + 0.004
        at += HOUR
    assert len(pages) == 60 * timedelta(days=1) // SLOT
    taken = _diary([page.settled for page in pages])
    assert levels_at(stack([_state()], taken), NOON + 24 * HOUR)[0][0] == pytest.approx(0.5 + 24 * 0.004, abs=0.04)


def test_the_facts_that_move_a_forecast_are_told_in_both_languages() -> None:
    known = facts(_state(), _lived(0.08), NOON + 30 * HOUR)
    assert 2 <= len(known) <= 3
    assert [fact.weight for fact in known] == sorted((fact.weight for fact in known), reverse=True)
    assert {"experience", "rate"} <= {fact.code for fact in known}
    disputed = _state(rival_level=0.05, rival_sigma=0.05, rival_as_of=NOON, rival_odds=0.2)
    assert facts(disputed, no_diaries(1), NOON)[0].code in ("disputed", "rate")
    assert "disputed" in {fact.code for fact in facts(disputed, no_diaries(1), NOON)}
    assert facts(BinState(bin_id="b"), no_diaries(1), NOON)[0].code == "never_known"
    assert {fact.code for fact in facts(_state(learned_h=24.0), no_diaries(1), NOON)} == {"borrowed"}
    for language in LANGUAGES:
        for fact in known:
            assert "{" not in said(fact, language)
    assert {f"fact.{fact.code}" for fact in known} <= catalogue("sensors", "zh").keys()


def test_an_outlook_reaches_three_days_and_its_odds_grow() -> None:
    found = outlook(_state(), _lived(0.1), NOON)
    assert [one.hours for one in found.ahead] == list(HOURS_AHEAD)
    odds = [one.overflow_probability for one in found.ahead]
    assert odds == sorted(odds)
    moments = [at for at in found.overflow.values() if at is not None]
    assert moments == sorted(moments)
