"""Verdicts that only time can pass: raw values stay, the bin becomes unknown, and what moves again is believed."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

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
    elements = [
        {"device": "one", "at": (BEGIN + (start_h + hour) * HOUR).isoformat(), "distance_cm": distance_cm,
         "temperature_c": temperature_c}
        for hour, distance_cm in enumerate(distances_cm)
    ]  # fmt: skip
    now = BEGIN + (start_h + len(distances_cm)) * HOUR
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
