"""What trucks and people tell moves a bin's state, beside its sensor or where it has none."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from city.clock import ManualClock
from city.database import open_engine, reading, transaction
from city.migrate import upgrade
from city.store import save
from sensors.devices import Mounting, register_devices
from sensors.estimate import LevelSource, begin, look, observe, serve
from sensors.intake import receive
from sensors.levels import BinDay, BinState, states_of, unknown_since
from sensors.observation import SEEN_SIGMA
from sensors.priors import Prior
from sensors.service import ServiceOutcome, ServiceRecord, record_service
from sensors.states import memory_of
from sensors.telemetry import LiftRecord, ObservationRecord, Reading
from tests.city.small_city import small_city

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands at four in the morning."""
    return ManualClock(NOW)


def populated(engine: Engine) -> Engine:
    """Store the small city, with a sensor over its first bin."""
    save(engine, small_city())
    register_devices(engine, [Mounting("meter", "b1", "", 120)], at=NOW, actor="ann")
    return engine


@pytest.fixture
def town(engine: Engine) -> Engine:
    """Return the small city on each kind of database."""
    return populated(engine)


def send(engine: Engine, clock: ManualClock, format_name: str, *elements: dict[str, Any]) -> None:
    receipt = receive(engine, clock, format=format_name, body=json.dumps(elements, default=str).encode())
    assert (receipt.stored, receipt.rejected) == (len(elements), ())


def lift(at: datetime, net_kg: float | None = None, bin_id: str = "b3") -> dict[str, Any]:
    return {"truck": "t-south", "at": at, "bin": bin_id, "net_kg": net_kg}


def seen(at: datetime, word: str, bin_id: str = "b3") -> dict[str, Any]:
    return {"observer": "wang.li", "at": at, "bin": bin_id, "seen": word}


def state(engine: Engine, bin_id: str = "b3") -> BinState:
    with reading(engine) as session:
        return states_of(session, [bin_id])[bin_id]


def test_what_somebody_saw_is_the_level_of_a_bin_without_a_sensor(town: Engine, clock: ManualClock) -> None:
    assert state(town).as_of is None
    send(town, clock, "observations", seen(NOW - HOUR, "3/4"))
    known = state(town)
    assert (known.fill_level, known.sigma, known.as_of) == (0.75, SEEN_SIGMA, NOW - HOUR)
    assert known.source is LevelSource.OBSERVATION
    assert unknown_since(known, NOW) is None
    assert unknown_since(known, NOW + 30 * DAY) == NOW - HOUR


def test_a_lift_empties_its_bin_and_weighs_how_fast_it_fills(town: Engine, clock: ManualClock) -> None:
    # 60 litres of dry waste weigh 9 kg; 4.5 kg every day fill half of the bin a day.
    days = [lift(NOW - (21 - day) * DAY, 4.5) for day in range(21)]
    send(town, clock, "lifts", *days)
    known = state(town)
    assert (known.fill_level, known.emptied_at) == (pytest.approx(0.03), NOW - DAY)
    assert 24 * known.rate_per_h == pytest.approx(0.5, abs=0.05)
    assert state(town, "b1").as_of is None


def test_one_emptying_that_truck_and_crew_both_tell_of_teaches_once(town: Engine, clock: ManualClock) -> None:
    send(town, clock, "lifts", *(lift(NOW - (21 - day) * DAY, 4.5) for day in range(21)))
    rate = state(town).rate_per_h
    at = NOW - DAY + timedelta(minutes=4)
    record = ServiceRecord(
        point_id="p2", stream="dry", at=at, outcome=ServiceOutcome.DONE, weight_kg=4.5, actor="crew 3"
    )
    with transaction(town) as session:
        record_service(session, record, NOW)
    known = state(town)
    assert (known.rate_per_h, known.emptied_at) == (pytest.approx(rate, rel=1e-6), at)


def everything(rng: random.Random) -> list[tuple[str, dict[str, Any]]]:
    """Make a day and a half of a bin that everybody tells of."""
    told: list[tuple[str, dict[str, Any]]] = []
    for hour in range(40):
        at, level = NOW - (40 - hour) * HOUR, 0.02 * (hour % 24) + rng.gauss(0, 0.02)
        told.append(("dustcart", {"device": "meter", "at": at, "distance_cm": 120 - 95 * max(level, 0.0)}))
        if hour % 24 == 23:
            told.append(("lifts", lift(at + timedelta(minutes=20), 12.0, "b1")))
        if hour % 17 == 5:
            told.append(("observations", seen(at + timedelta(minutes=30), rng.choice(["0", "1/4", "full"]), "b1")))
    return told


@pytest.mark.parametrize("seed", range(2))
def test_the_order_in_which_they_tell_does_not_matter(tmp_path: Path, clock: ManualClock, seed: int) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'town.sqlite'}")
    upgrade(engine)
    populated(engine)
    told = everything(random.Random(seed))
    states, verdicts = [], []
    for shuffled in (False, True):
        with transaction(engine) as session:
            for table in (Reading, LiftRecord, ObservationRecord, BinState, BinDay):
                for row in session.exec(select(table)):
                    session.delete(row)
        if shuffled:
            random.Random(seed).shuffle(told)
        for format_name, element in told:
            send(engine, clock, format_name, element)
        states.append(state(engine, "b1").model_dump())
        with reading(engine) as session:
            rows = session.exec(select(Reading.at, Reading.verdict).order_by(Reading.at))  # type: ignore[arg-type]
            verdicts.append([tuple(row) for row in rows])
    assert states[0] == states[1]
    assert verdicts[0] == verdicts[1]
    engine.dispose()


PRIOR = Prior(rate_per_h=0.02, rate_sigma=0.01, volatility=0.05)


def test_a_word_that_fits_the_sensor_hardly_moves_it() -> None:
    estimate = begin(PRIOR)
    for hour in range(12):
        observe(estimate, NOW + hour * HOUR, 0.3 + 0.02 * hour)
    assert estimate.believed is not None
    before = estimate.believed.level
    look(estimate, NOW + 11 * HOUR, 0.75, SEEN_SIGMA)
    assert before < estimate.believed.level < before + 0.05
    assert (estimate.source, estimate.rival) == (LevelSource.SENSOR, None)


def test_against_a_word_the_sensor_must_insist() -> None:
    estimate = begin(PRIOR)
    for hour in range(12):
        observe(estimate, NOW + hour * HOUR, 0.9)
    look(estimate, NOW + 12 * HOUR, 0.05, SEEN_SIGMA)
    assert estimate.believed is not None
    assert estimate.believed.level == 0.05
    assert estimate.rival is not None
    assert estimate.rival.level > 0.8
    for hour in range(13, 24):
        observe(estimate, NOW + hour * HOUR, 0.9)
    assert estimate.believed.level > 0.8


def test_looks_teach_how_fast_a_bin_fills_where_nobody_weighs() -> None:
    estimate = begin(PRIOR)
    for day in range(0, 60, 3):
        for later, level in ((0, 0.05), (1, 0.25), (2, 0.5)):
            look(estimate, NOW + (day + later) * DAY, level, SEEN_SIGMA)
        serve(estimate, NOW + (day + 2) * DAY + 3 * HOUR)
    assert 24 * estimate.rate_per_h == pytest.approx(0.23, abs=0.08)
    assert memory_of(estimate)[-1] is LevelSource.SERVICE_RECORD
