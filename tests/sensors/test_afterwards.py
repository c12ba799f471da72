"""Verdicts that only time can pass: raw values stay, the bin becomes unknown, and what moves again is believed."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from city.clock import ManualClock
from city.database import reading, transaction
from city.registry import Bin, CollectionPoint, District, PointKind
from city.streams import Stream
from sensors.afterwards import StillDevice, stir_still
from sensors.delivery import Message
from sensors.devices import Mounting, register_devices
from sensors.emptied import look_at_stirred
from sensors.intake import receive_all
from sensors.levels import states_of, unknown_since
from sensors.telemetry import Reading, Verdict

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEIGHT_CM, DEPTH_CM = 150, 130


@pytest.fixture
def watched(engine: Engine) -> Engine:
    """Return a database with a bin and its sensor."""
    with transaction(engine) as session:
        session.add(District(id="d", name="D"))
        session.flush()
        session.add(CollectionPoint(id="p", district_id="d", kind=PointKind.STREET, name="P", lon=121.47, lat=31.23))
        session.flush()
        session.add(Bin(id="b", point_id="p", stream=Stream.DRY, usable_volume_l=240, depth_cm=DEPTH_CM))
    assert register_devices(engine, [Mounting("one", "b", "", HEIGHT_CM)], at=BEGIN, actor="ann") == ()
    return engine


def _send(engine: Engine, distances_cm: Sequence[float], *, start_h: int = 0, temperature_c: float = 8.0) -> datetime:
    hours = range(start_h, start_h + len(distances_cm))
    return _say(engine, dict(zip(hours, distances_cm, strict=True)), temperature_c=temperature_c)


def _say(engine: Engine, distances_cm: Mapping[int, float], *, temperature_c: float) -> datetime:
    """Send distances by their hour, and return when they are there."""
    elements = [
        {"device": "one", "at": (BEGIN + hour * HOUR).isoformat(), "distance_cm": distance_cm,
         "temperature_c": temperature_c}
        for hour, distance_cm in distances_cm.items()
    ]  # fmt: skip
    now = BEGIN + (max(distances_cm) + 1) * HOUR
    (receipt,) = receive_all(engine, ManualClock(now), [Message("dustcart", json.dumps(elements).encode())])
    assert receipt.rejected == ()
    return now


def _look(engine: Engine, now: datetime) -> None:
    stir_still(engine, now)
    look_at_stirred(engine, now)


def _verdicts(engine: Engine) -> list[tuple[Verdict, str]]:
    with reading(engine) as session:
        return list(session.exec(select(Reading.verdict, Reading.verdict_reason).order_by(col(Reading.at))).all())


def test_a_stuck_sensor_is_not_believed_any_more_and_its_bin_becomes_unknown(watched: Engine) -> None:
    now = _send(watched, [100.0] * 96)
    _look(watched, now)
    assert set(_verdicts(watched)) == {(Verdict.STUCK, "stuck_alike")}
    now = _send(watched, [100.0] * 24, start_h=96)
    assert _verdicts(watched)[-1] == (Verdict.STUCK, "stuck_alike")
    with reading(watched) as session:
        state = states_of(session, ["b"])["b"]
        kept = session.exec(select(Reading.distance_cm).distinct()).all()
    assert unknown_since(state, now) is not None
    assert list(kept) == [100.0]


def test_one_that_moves_again_is_believed_at_once_and_forgotten_soon(watched: Engine) -> None:
    now = _send(watched, [100.0] * 96)
    _look(watched, now)
    now = _send(watched, [92.0 - hour / 2 for hour in range(30)], start_h=96)
    assert _verdicts(watched)[-1][0] is Verdict.OK
    _look(watched, now)
    with reading(watched) as session:
        assert session.exec(select(StillDevice)).all() == []
    assert _verdicts(watched)[0] == (Verdict.STUCK, "stuck_alike")


def test_a_frozen_one_is_believed_again_once_it_is_warm(watched: Engine) -> None:
    now = _send(watched, [100.0] * 40, temperature_c=-5.0)
    _look(watched, now)
    assert set(_verdicts(watched)) == {(Verdict.FROZEN, "frozen")}
    _send(watched, [100.0], start_h=40, temperature_c=-3.0)
    assert _verdicts(watched)[-1][0] is Verdict.FROZEN
    _send(watched, [100.0], start_h=41, temperature_c=4.0)
    assert _verdicts(watched)[-1][0] is Verdict.OK


def test_waste_that_hung_under_the_sensor_is_named_once_it_let_go(watched: Engine) -> None:
    levels = [*(0.1 + 0.006 * hour for hour in range(40)), *[0.95] * 12, *(0.42 + 0.006 * hour for hour in range(30))]
    now = _send(watched, [HEIGHT_CM - DEPTH_CM * level + row % 2 for row, level in enumerate(levels)])
    _look(watched, now)
    look_at_stirred(watched, now + 2 * HOUR)
    verdicts = _verdicts(watched)
    assert set(verdicts[40:52]) == {(Verdict.BRIDGED, "bridged_let_go")}
    assert {verdict for verdict, _ in (*verdicts[:40], *verdicts[52:])} == {Verdict.OK}


HUNG = [*(0.1 + 0.006 * hour for hour in range(40)), *[0.95] * 12, *(0.42 + 0.006 * hour for hour in range(30))]


@pytest.mark.parametrize(
    ("distances_cm", "temperature_c", "verdict", "where"),
    [
        pytest.param([100.0] * 96, 8.0, Verdict.STUCK, range(96), id="stuck"),
        pytest.param([100.0] * 40, -5.0, Verdict.FROZEN, range(40), id="frozen"),
        pytest.param(
            [HEIGHT_CM - DEPTH_CM * level + row % 2 for row, level in enumerate(HUNG)],
            8.0,
            Verdict.BRIDGED,
            range(40, 52),
            id="bridged",
        ),
    ],
)
def test_the_order_of_arrival_and_looks_in_between_change_no_verdict(
    watched: Engine, distances_cm: list[float], temperature_c: float, verdict: Verdict, where: range
) -> None:
    """A fifth of the readings come up to ten hours late, in batches with a look after each."""
    chance = np.random.default_rng(5)
    late_h = np.where(chance.random(len(distances_cm)) < 0.2, chance.uniform(0, 10, len(distances_cm)), 0.0)
    order = np.argsort(np.arange(len(distances_cm)) + late_h, kind="stable").tolist()
    now = BEGIN
    for start in range(0, len(order), 24):
        batch = {hour: distances_cm[hour] for hour in order[start : start + 24]}
        now = max(now, _say(watched, batch, temperature_c=temperature_c))
        _look(watched, now)
    _look(watched, now + 2 * HOUR)
    verdicts = _verdicts(watched)
    assert len(verdicts) == len(distances_cm)
    assert {verdicts[row][0] for row in where} == {verdict}
    assert {one for row, (one, _) in enumerate(verdicts) if row not in where} <= {Verdict.OK}
