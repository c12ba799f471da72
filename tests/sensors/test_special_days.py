"""Special days: what a market brings is learnt from diaries, stretches the hours ahead, and is told with its doubt."""

import base64
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, delete, select

from city.calendar import Calendar, days_between, kinds_of_weather
from city.database import reading, transaction
from city.registry import CalendarDay, DayKind, WeatherDay
from city.store import save
from city.streams import Stream
from sensors.day_effects import PRIOR_SIGMA, DayEffect, Days, learn
from sensors.day_gains import day_edges_s, gains_by_day
from sensors.day_learning import learn_special_days
from sensors.diary import SLOTS, BinDiary, slot_of
from sensors.experience import Diaries, no_diaries
from sensors.forecast import level_quantiles, levels_at, overflow_probabilities, overflow_times, stack
from sensors.levels import BinState, LevelSource, diaries_of, states_of
from sensors.outlook import outlook, outlook_of
from sensors.paces import Paces, paces, read_paces
from sensors.reasons import said
from tests.city.small_city import small_city

ZONE = ZoneInfo("Asia/Shanghai")
# A Monday, noon in Shanghai; the day after is a market day.
NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
TODAY = date(2026, 6, 1)
MARKETS = frozenset({TODAY + timedelta(days=1), *(TODAY - timedelta(days=13 * n + 2) for n in range(7))})
PER_DAY, MARKET = 0.12, 0.5
GROUP = ("north", Stream.DRY)


def _calendar(days: frozenset[date], district: str = "") -> Calendar:
    return Calendar(ZONE, {(day, district): frozenset({DayKind.MARKET}) for day in days})


def _diaries(count: int, markets: frozenset[date], effect: float = MARKET) -> Diaries:
    """Return the diaries of bins that take in more on some days, and are emptied when full."""
    chance = np.random.default_rng(7)
    last = slot_of(NOW)
    begins = [datetime.fromtimestamp((last - SLOTS + 1 + n) * 6 * 3600, ZONE) for n in range(SLOTS)]
    more = np.array([1 + effect * (begin.date() in markets) for begin in begins])
    gains = chance.gamma(8.0, PER_DAY / 32, (count, SLOTS)) * more
    # A page is the level at the beginning of its slot.
    path = chance.random((count, 1)) + np.cumsum(gains, axis=1) - gains
    steps = np.round(125 * (path % 0.9)).astype(np.uint8)
    return Diaries(np.repeat(steps[:, :, None], 3, axis=2), np.full(count, last), steps[:, -1] / 125)


def _days(gained: np.ndarray, kinds: np.ndarray) -> Days:
    count = len(gained)
    return Days(gained, np.ones(count), np.arange(count) % 7, kinds[:, None].astype(float))


def _paces(effect: float, sigma: float, days: frozenset[date] = MARKETS) -> Paces:
    learnt = {("", Stream.DRY, DayKind.MARKET): (effect, sigma, 6.0, 0.0)}
    return paces(_calendar(days), learnt, [GROUP], NOW)


def _state(**known: object) -> BinState:
    state = {"fill_level": 0.3, "sigma": 0.03, "as_of": NOW, "rate_per_h": PER_DAY / 24, "rate_sigma": 0.0005}
    return BinState(bin_id="b1", **{**state, "volatility": 0.01, "source": LevelSource.SENSOR, **known})


def test_what_a_market_brings_is_found_in_diaries_whose_slots_cross_midnight() -> None:
    first, last = TODAY - timedelta(days=90), TODAY - timedelta(days=1)
    calendar = _calendar(MARKETS)
    gained, expected = gains_by_day(_diaries(40, MARKETS), day_edges_s(calendar, first, last))
    days = days_between(first, last)
    kinds = np.array([[float(day in MARKETS)] for day in days])
    weekdays = np.array([day.weekday() for day in days])
    found = learn(Days(gained.sum(axis=0), expected.sum(axis=0), weekdays, kinds), np.zeros(1), np.array([PRIOR_SIGMA]))
    assert found is not None
    # As a share of the mean pace, which has the markets in it.
    assert found.effect[0] == pytest.approx(MARKET / (1 + MARKET * 7 / 90), abs=0.06)
    assert found.sigma[0] < 0.06
    assert found.days[0] == 7


def test_few_days_leave_more_doubt_and_no_day_leaves_what_was_thought_before() -> None:
    chance = np.random.default_rng(1)
    doubt = []
    for count in (0, 2, 12):
        kinds = np.arange(84) % 7 * 0 + (np.arange(84) < count)
        gained = 1 + 0.4 * kinds + chance.normal(0, 0.2, 84)
        found = learn(_days(gained, kinds), np.zeros(1), np.array([PRIOR_SIGMA]))
        assert found is not None
        doubt.append(found.sigma[0])
    assert doubt[0] == pytest.approx(PRIOR_SIGMA)
    assert doubt[0] > doubt[1] > doubt[2]


def test_one_day_with_broken_sensors_decides_nothing() -> None:
    chance = np.random.default_rng(2)
    kinds = np.arange(84) % 9 == 0
    gained = 1 + 0.3 * kinds + chance.normal(0, 0.05, 84)
    gained[18] = 9.0
    found = learn(_days(gained, kinds), np.zeros(1), np.array([PRIOR_SIGMA]))
    assert found is not None
    assert found.effect[0] == pytest.approx(0.3, abs=0.08)


@pytest.mark.parametrize("source", [LevelSource.SENSOR, LevelSource.SERVICE_RECORD])
def test_a_market_day_fills_bins_with_sensors_and_with_records_alike(source: LevelSource) -> None:
    state = _state(source=source)
    at = NOW + timedelta(hours=36)
    plain, _ = levels_at(stack([state]), at)
    more, surely = levels_at(stack([state], paces=_paces(0.5, 0.0)), at)
    same, unsurely = levels_at(stack([state], paces=_paces(0.5, 0.4)), at)
    # The market lasts from midnight to midnight, twelve hours from now on.
    assert more[0] - plain[0] == pytest.approx(0.5 * PER_DAY)
    assert same[0] == pytest.approx(more[0])
    assert unsurely[0] > surely[0]


def test_experience_is_stretched_and_widened_too() -> None:
    state, diaries = _state(), _diaries(1, frozenset())
    diaries = replace(diaries, heard=np.array([0.3]))
    at = np.array([(NOW + timedelta(hours=36)).timestamp()])
    shares = (0.1, 0.5, 0.9)
    plain, sure, unsure = (
        level_quantiles(stack([state], diaries, one), at, shares)[0]
        for one in (None, _paces(0.5, 0.0), _paces(0.5, 0.4))
    )
    assert sure[1] - plain[1] == pytest.approx(0.5 * PER_DAY, abs=0.025)
    assert unsure[2] - unsure[0] > sure[2] - sure[0]
    # Most of this forecast is experience: were only the rate's part widened, it would hardly show.
    fair = frozenset(TODAY + timedelta(days=number) for number in range(4))
    sure, unsure = (
        level_quantiles(stack([state], diaries, _paces(0.0, sigma, fair)), at + 36 * 3600, shares)[0]
        for sigma in (0.0, 0.5)
    )
    assert unsure[2] - unsure[0] > sure[2] - sure[0] + 0.15


def test_a_bin_that_nothing_is_known_of_stays_unknown() -> None:
    at = NOW + timedelta(hours=36)
    unknown = BinState(bin_id="b1")
    assert levels_at(stack([unknown], paces=_paces(0.5, 0.4)), at) == levels_at(stack([unknown]), at)


@given(st.floats(-2, 3), st.floats(0, 2), st.sets(st.integers(-3, 5)))
def test_odds_of_overflow_never_fall_whatever_the_days_ahead_bring(effect: float, sigma: float, days: set[int]) -> None:
    ahead = frozenset(TODAY + timedelta(days=number) for number in days)
    states = stack([_state(fill_level=0.8)], _diaries(1, frozenset()), _paces(effect, sigma, ahead))
    odds = [overflow_probabilities(states, NOW + timedelta(hours=hours))[0] for hours in range(0, 72, 9)]
    assert all(later >= earlier - 1e-3 for earlier, later in pairwise(odds))


def test_an_overflow_comes_sooner_with_a_market_ahead() -> None:
    state = _state(fill_level=0.8)
    assert overflow_times(stack([state], paces=_paces(0.8, 0.1)), 0.5) < overflow_times(stack([state]), 0.5)


def test_weather_makes_days_special() -> None:
    assert kinds_of_weather(7.0, 29.0) == {DayKind.RAIN, DayKind.HOT}
    assert kinds_of_weather(None, -3.0) == {DayKind.FROST}
    assert kinds_of_weather(1.0, None) == frozenset()


def _fill(session: Session, count: int = 1) -> None:
    """Give the bins of a city diaries with a market's effect, and one of them a state."""
    pages = _diaries(2, MARKETS).pages
    for bin_id, its in zip(("b1", "b3"), pages, strict=True):
        last, text = slot_of(NOW), base64.b64encode(its.tobytes()).decode()
        session.add(BinDiary(bin_id=bin_id, last_slot=last, pages=text))
    session.add(_state(learned_h=500.0))


def _effects(engine: Engine) -> list[tuple[object, ...]]:
    with reading(engine) as session:
        return sorted(tuple(row.model_dump().values()) for row in session.exec(select(DayEffect)))


def test_a_city_learns_its_markets_tells_them_and_learns_the_same_again(engine: Engine) -> None:
    save(engine, small_city())
    with transaction(engine) as session:
        _fill(session)
    assert learn_special_days(engine, NOW) == 0
    with reading(engine) as session:
        assert read_paces(session, [GROUP], NOW) is None
        (state,) = states_of(session, ["b1"]).values()
        without = outlook_of(session, "b1", NOW)
        assert without == outlook(state, diaries_of(session, [state]), NOW)
    with transaction(engine) as session:
        session.add_all(CalendarDay(day=day, kind=DayKind.MARKET, district_id="") for day in sorted(MARKETS))
        session.add(WeatherDay(day=TODAY, rain_mm=1.0))
    # The city and its two districts.
    assert learn_special_days(engine, NOW) == 3
    learnt = _effects(engine)
    assert learn_special_days(engine, NOW) == 3
    assert _effects(engine) == learnt
    with reading(engine) as session:
        told = outlook_of(session, "b1", NOW)
    (fact,) = (one for one in told.facts if one.code == "day_market")
    assert fact.numbers["days"] == 7
    assert 0.2 < fact.numbers["effect"] < 0.7
    assert "market day: +" in said(fact, "en")
    assert "集市日" in said(fact, "zh")
    assert told.ahead[3].middle > without.ahead[3].middle + 0.02
    # Weeks later the diary has forgotten the first markets; the record has not.
    with transaction(engine) as session:
        session.execute(delete(BinDiary))
    assert learn_special_days(engine, NOW + timedelta(days=80)) == 3
    with reading(engine) as session:
        assert {row.days for row in session.exec(select(DayEffect))} == {7}


def test_a_market_called_off_is_none(engine: Engine) -> None:
    save(engine, small_city())
    with transaction(engine) as session:
        session.add(CalendarDay(day=TODAY, kind=DayKind.MARKET, district_id="", active=False))
    with reading(engine) as session:
        assert read_paces(session, [GROUP], NOW) is None


def test_a_market_in_one_district_leaves_the_others_alone() -> None:
    learnt = {("", Stream.DRY, DayKind.MARKET): (0.5, 0.1, 6.0, 0.0)}
    found = paces(_calendar(MARKETS, "north"), learnt, [GROUP, ("south", Stream.DRY)], NOW)
    states = stack([_state(), _state()], no_diaries(2), found)
    north, south = levels_at(states, NOW + timedelta(hours=36))[0]
    assert north > south == pytest.approx(0.3 + 1.5 * PER_DAY)
