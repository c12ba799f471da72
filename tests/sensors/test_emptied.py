"""Emptyings in the database: found from what was said, in whatever order it came, and listed with what contradicts."""

import json
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from city.clock import ManualClock
from city.database import open_engine, reading, transaction
from city.registry import Bin, CollectionPoint, District, Facility, FacilityKind, PointKind, StreamRule, Truck
from city.streams import Stream
from sensors.calibrations import CalibrationRecord, list_calibrations
from sensors.delivery import Message
from sensors.devices import Mounting, register_devices
from sensors.emptied import EmptyingRecord, list_emptyings, look_at_stirred
from sensors.emptyings import Conflict, Source
from sensors.intake import receive_all
from sensors.levels import BinState, states_of
from sensors.service import ServiceOutcome, ServiceRecord, record_service
from sensors.silence import DeviceState
from sensors.stirred import Stirred, stir
from sensors.sweep import sweep
from sensors.telemetry import Reading

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HEIGHT_CM, DEPTH_CM = 150, 130
DAYS = 12
NOW = BEGIN + DAYS * DAY


@pytest.fixture
def watched(engine: Engine) -> Engine:
    """Return a database with a bin, its sensor, and a truck that says where it is."""
    with transaction(engine) as session:
        session.add(District(id="d", name="D"))
        session.add(StreamRule(stream=Stream.DRY, density_kg_per_l=0.1))
        session.add(Facility(id="depot", kind=FacilityKind.DEPOT, name="Depot", lon=121.0, lat=31.0))
        session.flush()
        session.add(CollectionPoint(id="p", district_id="d", kind=PointKind.STREET, name="P", lon=121.47, lat=31.23))
        session.add(
            Truck(
                id="t", plate="T", district_id="d", depot_id="depot", streams="dry", capacity_kg=9000, capacity_l=20000
            )
        )
        session.flush()
        session.add(Bin(id="b", point_id="p", stream=Stream.DRY, usable_volume_l=240, depth_cm=DEPTH_CM))
    assert register_devices(engine, [Mounting("one", "b", "", HEIGHT_CM)], at=BEGIN, actor="ann") == ()
    return engine


def _readings(empty_cm: float = HEIGHT_CM, *, every_h: int = 72, days: int = DAYS) -> list[dict[str, Any]]:
    """Return hourly readings of a bin that fills within days and is emptied every so many hours."""
    chance = np.random.default_rng(3)
    return [
        {
            "device": "one",
            "at": (BEGIN + hour * HOUR).isoformat(),
            "distance_cm": round(empty_cm - DEPTH_CM * 0.011 * (hour % every_h) + float(chance.normal(0, 0.7)), 1),
            "sequence": hour,
        }
        for hour in range(24 * days)
    ]


def _send(engine: Engine, elements: Sequence[dict[str, Any]], *, at: datetime = NOW, form: str = "dustcart") -> None:
    for start in range(0, len(elements), 40):
        body = json.dumps(elements[start : start + 40]).encode()
        (receipt,) = receive_all(engine, ManualClock(at), [Message(form, body)])
        assert receipt.rejected == ()


def _served(engine: Engine, at: datetime) -> None:
    record = ServiceRecord(point_id="p", stream=Stream.DRY, at=at, outcome=ServiceOutcome.DONE, actor="crew")
    with transaction(engine) as session:
        record_service(session, record, NOW)


def _emptyings(engine: Engine, **which: Any) -> list[EmptyingRecord]:
    with reading(engine) as session:
        return list_emptyings(session, **which)[::-1]


def test_emptyings_are_found_once_something_stirred_and_again_when_what_came_after_is_known(watched: Engine) -> None:
    _send(watched, _readings())
    assert look_at_stirred(watched, NOW) == 1
    found = _emptyings(watched)
    assert [one.at - BEGIN for one in found] == [pytest.approx(n * 72 * HOUR, abs=HOUR) for n in (1, 2, 3)]
    assert all(one.sources == ["level"] and one.confidence > 0.9 and not one.conflicted for one in found)
    assert look_at_stirred(watched, NOW) == 0
    assert look_at_stirred(watched, NOW + DAY) in (0, 1)
    with reading(watched) as session:
        assert session.exec(select(Stirred)).all() == []
    assert [one.model_dump() for one in _emptyings(watched)] == [one.model_dump() for one in found]


@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_arrival_changes_neither_emptyings_nor_what_was_read(watched: Engine, seed: int) -> None:
    elements = _readings()
    chance = np.random.default_rng(seed)
    by_arrival = np.argsort([hour + (chance.uniform(0, 40) if hour else 0) for hour in range(len(elements))])
    for place in range(0, len(elements), 48):
        _send(watched, [elements[row] for row in by_arrival[place : place + 48]])
        look_at_stirred(watched, BEGIN + (place + 48) * HOUR)
    look_at_stirred(watched, NOW + 2 * DAY)
    found = [round((one.at - BEGIN) / HOUR) for one in _emptyings(watched)]
    assert found == [72, 144, 216]
    with reading(watched) as session:
        kept = session.exec(select(Reading.distance_cm).order_by(col(Reading.at))).all()
    assert list(kept) == [element["distance_cm"] for element in elements]


def test_looks_beside_readings_that_come_in_block_nobody_and_miss_nothing(watched: Engine) -> None:
    elements = _readings()
    failed: list[BaseException] = []
    done = threading.Event()

    def look_on() -> None:
        try:
            while not done.is_set():
                look_at_stirred(watched, NOW)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must see it
            failed.append(error)

    lookers = [threading.Thread(target=look_on) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for start in range(0, len(elements), 24):
        # Every other day comes late, so that verdicts on stored readings change while they are looked at.
        day = start + 24 if (start // 24) % 2 == 0 else start - 24
        _send(watched, elements[day : day + 24])
    done.set()
    for looker in lookers:
        looker.join()
    assert failed == []
    look_at_stirred(watched, NOW)
    assert [round((one.at - BEGIN) / HOUR) for one in _emptyings(watched)] == [72, 144, 216]


def test_a_record_that_the_level_contradicts_is_listed_with_the_contradiction(watched: Engine) -> None:
    _send(watched, _readings())
    _served(watched, BEGIN + 72 * HOUR)
    _served(watched, BEGIN + 110 * HOUR)
    look_at_stirred(watched, NOW)
    (conflict,) = _emptyings(watched, conflicted=True)
    assert conflict.at == BEGIN + 110 * HOUR
    assert conflict.confidence < 0.5
    assert [code for code, _ in conflict.conflicts] == [Conflict.LEVEL_STAYED]
    assert {one.at for one in _emptyings(watched, conflicted=False)} >= {BEGIN + 72 * HOUR}


def test_lifts_and_trucks_that_stopped_are_sources_and_their_absence_a_contradiction(watched: Engine) -> None:
    _send(watched, _readings())
    emptied = BEGIN + 71.5 * HOUR
    lift = {"truck": "t", "bin": "b", "at": emptied.isoformat(), "net_kg": 18.0}
    there = {"truck": "t", "at": emptied.isoformat(), "lon": 121.4702, "lat": 31.2301, "speed_kmh": 0}
    away = {"truck": "t", "at": (BEGIN + 144 * HOUR).isoformat(), "lon": 121.2, "lat": 31.1, "speed_kmh": 0}
    _send(watched, [lift], form="lifts")
    _send(watched, [there, away], form="positions")
    look_at_stirred(watched, NOW)
    first, second, third = _emptyings(watched)
    assert set(first.sources) == {Source.LEVEL, Source.LIFT, Source.WEIGHT, Source.TRUCK}
    assert first.found_level == pytest.approx(0.75)
    assert [code for code, _ in second.conflicts] == [Conflict.NO_TRUCK_NEAR]
    assert third.conflicts == []


def test_what_an_empty_bin_reads_is_learnt_and_holds_for_what_comes_after(watched: Engine) -> None:
    _send(watched, _readings(empty_cm=143, every_h=48))
    look_at_stirred(watched, NOW)
    with reading(watched) as session:
        (learnt,) = list_calibrations(session)
        before = session.exec(select(Reading.fill_level).where(Reading.at == NOW - HOUR)).one()
    assert learnt.empty_cm == pytest.approx(143, abs=1.5)
    assert (learnt.mounting_height_cm, learnt.drifted) == (HEIGHT_CM, False)
    at = NOW + HOUR
    empty = {"device": "one", "at": at.isoformat(), "distance_cm": 143.0}
    full = {"device": "one", "at": (at + HOUR).isoformat(), "distance_cm": HEIGHT_CM - DEPTH_CM}
    early = {"device": "one", "at": (NOW - 1.5 * HOUR).isoformat(), "distance_cm": 143.0}
    _send(watched, [empty, full, early], at=at + HOUR)
    with reading(watched) as session:
        levels = dict(session.exec(select(Reading.at, Reading.fill_level).where(Reading.at >= NOW - 2 * HOUR)).all())
    assert levels[at] == pytest.approx(0.0, abs=0.01)
    assert levels[at + HOUR] == pytest.approx(1.0)
    assert levels[NOW - HOUR] == before
    assert levels[NOW - 1.5 * HOUR] == pytest.approx(7 / DEPTH_CM)


def test_a_sensor_whose_empty_bin_reads_far_off_is_not_believed_any_more(watched: Engine) -> None:
    _send(watched, _readings(empty_cm=HEIGHT_CM - 42, every_h=24))
    look_at_stirred(watched, NOW)
    _send(watched, [{"device": "one", "at": (NOW + HOUR).isoformat(), "distance_cm": 60.0}], at=NOW + HOUR)
    with reading(watched) as session:
        last = session.exec(select(Reading).where(Reading.at == NOW + HOUR)).one()
    assert (last.verdict, last.verdict_reason, last.distance_cm) == ("drift", "drift", 60.0)


def test_a_calibration_is_void_once_the_sensor_is_mounted_otherwise(watched: Engine) -> None:
    _send(watched, _readings(empty_cm=143, every_h=48))
    look_at_stirred(watched, NOW)
    register_devices(watched, [Mounting("one", "b", "", HEIGHT_CM + 10)], at=NOW, actor="ann")
    _send(watched, [{"device": "one", "at": (NOW + HOUR).isoformat(), "distance_cm": 160.0}], at=NOW + HOUR)
    with reading(watched) as session:
        last = session.exec(select(Reading).where(Reading.at == NOW + HOUR)).one()
        assert session.get_one(CalibrationRecord, "one").mounting_height_cm == HEIGHT_CM
    assert last.fill_level == 0.0


@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_arrival_does_not_change_what_an_empty_bin_is_learnt_to_read(watched: Engine, seed: int) -> None:
    elements = _readings(empty_cm=143, every_h=48)
    chance = np.random.default_rng(seed)
    by_arrival = np.argsort([hour + (chance.uniform(0, 30) if hour else 0) for hour in range(len(elements))])
    for place in range(0, len(elements), 72):
        _send(watched, [elements[row] for row in by_arrival[place : place + 72]])
        look_at_stirred(watched, BEGIN + (place + 72) * HOUR)
    look_at_stirred(watched, NOW + 2 * DAY)
    with reading(watched) as session:
        (learnt,) = list_calibrations(session)
    assert learnt.empty_cm == pytest.approx(143, abs=1.5)
    moments = [datetime.fromisoformat(at) for at, _ in learnt.empties]
    assert moments == sorted(set(moments))
    assert [round((at - BEGIN) / HOUR) for at in moments] == [48, 96, 144, 192, 240]


def test_a_restart_after_every_batch_loses_nothing_of_emptyings_calibrations_and_silences(watched: Engine) -> None:
    """Each batch, look and sweep has an engine of its own, so that nothing is left but what is in the tables."""
    url = watched.url.render_as_string(hide_password=False)
    elements = _readings(empty_cm=143, every_h=48)
    for start in range(0, len(elements), 48):
        now = BEGIN + (start + 48) * HOUR
        for step in (
            lambda engine, start=start, now=now: _send(engine, elements[start : start + 48], at=now),
            lambda engine, now=now: look_at_stirred(engine, now),
            lambda engine, now=now: sweep(engine, ManualClock(now)),
        ):
            engine = open_engine(url)
            step(engine)
            engine.dispose()
    look_at_stirred(watched, NOW + 2 * DAY)
    assert [round((one.at - BEGIN) / HOUR) for one in _emptyings(watched)] == [48, 96, 144, 192, 240]
    with reading(watched) as session:
        (learnt,) = list_calibrations(session)
        state = session.exec(select(DeviceState)).one()
    assert learnt.empty_cm == pytest.approx(143, abs=1.5)
    assert (state.heard_at, state.quiet) == (NOW - HOUR, False)
    assert state.interval_h == pytest.approx(1.0, abs=0.1)
    sweep(watched, ManualClock(NOW + DAY))
    with reading(watched) as session:
        assert session.exec(select(DeviceState.quiet)).one()


def test_a_bin_that_nobody_ever_told_of_stays_unknown_however_often_it_is_looked_at(watched: Engine) -> None:
    with transaction(watched) as session:
        session.add(Bin(id="mute", point_id="p", stream=Stream.WET, usable_volume_l=240, depth_cm=DEPTH_CM))
    # Its neighbour speaks, and a truck stops at both: neither says anything of it.
    _send(watched, _readings(days=4))
    there = {"truck": "t", "at": (BEGIN + 72 * HOUR).isoformat(), "lon": 121.4702, "lat": 31.2301, "speed_kmh": 0}
    _send(watched, [there], form="positions")
    for day in range(3):
        at = BEGIN + day * DAY
        with transaction(watched) as session:
            stir(session, {"mute": (at, at)})
        look_at_stirred(watched, NOW + day * DAY)
    with reading(watched) as session:
        row = session.get(BinState, "mute")
        known = states_of(session, ["mute"]).get("mute")
        emptied = session.exec(select(EmptyingRecord).where(EmptyingRecord.bin_id == "mute")).all()
    for state in (row, known):
        assert state is None or (state.fill_level, state.as_of, state.emptied_at) == (None, None, None)
    assert emptied == []
