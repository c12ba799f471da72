"""The ranking: what it says a sensor saves is what a simulated year saves, at the same risk; and what earns nothing."""

from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Engine

from city.database import reading, transaction
from city.registry import StreamRule
from city.streams import Stream
from sensors.device_days import DeviceHealth
from sensors.levels import BinState
from sensors.ranking import HOURS_OF_YEAR, SEEN_SIGMA, Filling, Terms, rank, worth_of
from tests.sensors.test_sweep import furnish

TERMS = Terms()
YEARS = 30


def filling(rate_per_day: float, *, grain: float = 0.08, rule_h: float = np.inf) -> Filling:
    """Return one bin: its daily rate, and the typical load thrown in."""
    rate = rate_per_day / 24
    columns = (rate, 0.15 * rate, np.sqrt(rate * grain), rule_h)
    return Filling(*(np.array([column]) for column in columns))


@pytest.mark.parametrize("rate_per_day", [0.08, 0.15, 0.3])
def test_what_a_sensor_saves_in_a_simulated_year_is_what_was_said(rate_per_day: float) -> None:
    """Days come one after the other; with a sensor the level is known each morning, without one only its beginning."""
    one = filling(rate_per_day)
    said = worth_of(one, TERMS)
    chance = np.random.default_rng(5)
    rate, volatility = float(one.rate[0]), float(one.volatility[0])
    visits, overflowed = {"with": 0, "without": 0}, {"with": 0, "without": 0}
    scale = volatility**2 / rate
    reached = 1 - rate * 24 - 1.645 * np.sqrt(SEEN_SIGMA**2 + volatility**2 * 24 + (one.rate_sigma[0] * 24) ** 2)
    without_days = round(HOURS_OF_YEAR / said.visits_without[0] / 24)
    for policy in visits:
        level, days = 0.0, 0
        for _ in range(YEARS * 365):
            level += chance.gamma(rate * 24 / scale, scale)
            days += 1
            overflowed[policy] += level > 1
            due = level + chance.normal(0, SEEN_SIGMA) >= reached if policy == "with" else days >= without_days
            if due:
                level, days = 0.0, 0
                visits[policy] += 1
    saved = (visits["without"] - visits["with"]) / YEARS
    assert float(said.visits_without[0] - said.visits_with[0]) == pytest.approx(saved, rel=0.25, abs=3)
    assert overflowed["with"] <= overflowed["without"] + 0.05 * visits["with"]


def test_a_bin_that_the_rules_want_served_daily_gains_nothing_from_a_sensor() -> None:
    worth = worth_of(filling(0.2, rule_h=24.0), TERMS)
    assert float(worth.visits_with[0]) == float(worth.visits_without[0])


def test_a_bin_that_fills_as_it_pleases_gains_more_than_one_that_fills_like_a_clock() -> None:
    saved = [
        float((worth.visits_without - worth.visits_with)[0])
        for worth in (worth_of(filling(0.15, grain=grain), TERMS) for grain in (0.001, 0.1))
    ]
    assert saved[0] < saved[1]


def test_sensors_are_ranked_with_their_health_and_bins_without_one_by_what_one_would_save(engine: Engine) -> None:
    furnish(engine, ["well", "broken", "spare"], datetime(2026, 3, 2, tzinfo=UTC))
    with transaction(engine) as session:
        session.connection().exec_driver_sql("DELETE FROM device WHERE id = 'spare'")
        for name in ("well", "broken"):
            session.add(BinState(bin_id=name, rate_per_h=0.008, rate_sigma=0.0024, volatility=0.035))
        judged = {"as_of": datetime(2026, 3, 2, tzinfo=UTC).date(), "judged_at": datetime(2026, 3, 2, tzinfo=UTC)}
        session.add(DeviceHealth(device_id="broken", score=0.02, reasons=[], **judged))
    with reading(engine) as session:
        ranked = {one.bin_id: one for one in rank(session, TERMS)}
        elsewhere = rank(session, TERMS, district_ids=["x"])
    assert ranked["well"].value > ranked["broken"].value
    assert ranked["broken"].visits_saved == pytest.approx(0.02 * ranked["well"].visits_saved)
    assert ranked["broken"].value < 0 < ranked["well"].value
    assert (ranked["spare"].device_id, ranked["spare"].useful) == (None, 1.0)
    assert ranked["spare"].visits_saved > 0
    assert elsewhere == []
    with transaction(engine) as session:
        session.add(StreamRule(stream=Stream.RECYCLABLE, density_kg_per_l=0.1, max_interval_h=24))
    with reading(engine) as session:
        assert {one.value for one in rank(session, TERMS)} == {-TERMS.sensor_cost}
