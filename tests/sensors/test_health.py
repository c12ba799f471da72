"""Health: a score with its reasons, on real devices that fail and on batteries that end or only freeze."""

import gzip
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, func
from sqlmodel import Session, select

from city.clock import ManualClock
from city.database import reading, transaction
from sensors.alarms import Alarm, AlarmKind
from sensors.device_days import DeviceDay, DeviceHealth, judge_devices
from sensors.health import EMPTY_PERCENT, Day, Fault, battery_of, health_of
from sensors.intake import Message, receive_all
from sensors.observation import Seen
from sensors.service import ServiceOutcome, ServiceRecord, record_service
from sensors.silence import look
from sensors.sweep import sweep
from sensors.telemetry import Device, ObservationRecord
from sensors.telling import alarm_text, order_text
from sensors.work_orders import WorkOrder, WorkOrderState, step
from tests.sensors.test_sweep import furnish

TODAY = date(2026, 3, 2)
OK_DAY = {"ok": 24}


def days(count: int, *, battery: object = None, warmth: object = None, verdicts: object = None) -> list[Day]:
    """Return the days before today, the oldest first; values are given by a function of the day's number."""
    return [
        Day(
            TODAY - timedelta(days=count - number),
            verdicts(number) if callable(verdicts) else OK_DAY,
            battery(number) if callable(battery) else None,
            warmth(number) if callable(warmth) else None,
        )
        for number in range(count)
    ]


def test_a_device_that_does_well_has_no_reasons() -> None:
    health = health_of(days(30, battery=lambda _: 90.0, warmth=lambda _: 15.0), TODAY)
    assert (health.score, health.reasons) == (1.0, ())
    assert health.battery is not None
    assert health.battery.days_left is None


def test_a_battery_that_falls_ends_when_its_trend_says_within_the_stated_interval() -> None:
    chance = np.random.default_rng(3)
    inside = 0
    for _ in range(60):
        noise = chance.normal(0, 1.0, 60)
        found = battery_of(days(60, battery=lambda n, noise=noise: 80 - 0.4 * n + noise[n]), TODAY)
        assert found is not None
        assert found.days_left == pytest.approx((80 - 24 - EMPTY_PERCENT) / 0.4, rel=0.15)
        inside += found.per_day_low <= -0.4 <= found.per_day_high
    assert 0.65 <= inside / 60 <= 0.95


def test_a_frost_is_told_from_the_end_of_a_battery() -> None:
    warmth = [8 + 7 * np.sin(n / 5) - (14 if n > 50 else 0) for n in range(60)]
    frozen = battery_of(
        days(60, battery=lambda n: 80 + 0.8 * (warmth[n] - 15), warmth=lambda n: float(warmth[n])), TODAY
    )
    assert frozen is not None
    assert frozen.told_percent < 70
    assert frozen.percent == pytest.approx(80, abs=3)
    assert frozen.is_well


def test_a_changed_battery_is_a_new_one() -> None:
    changed = battery_of(days(60, battery=lambda n: 40 - 0.7 * n if n < 45 else 98.0), TODAY)
    assert changed is not None
    assert changed.is_well
    assert changed.percent == pytest.approx(98, abs=1)


def test_each_fault_is_named_with_its_share() -> None:
    tilted = health_of(days(20, verdicts=lambda _: {"tilted": 24}), TODAY)
    assert [(reason.fault, reason.lost) for reason in tilted.reasons] == [(Fault.TILTED, 1.0)]
    assert tilted.score == 0.0
    half = health_of(days(30, verdicts=lambda n: {"ok": 24 if n < 16 else 8}), TODAY)
    (missing,) = half.reasons
    assert (missing.fault, missing.numbers["missing"]) == (Fault.MISSING, pytest.approx(2 / 3))
    down = frozenset(TODAY - timedelta(days=day) for day in range(1, 15))
    assert health_of(days(30, verdicts=lambda n: {"ok": 24 if n < 16 else 8}), TODAY, down).reasons == ()


def test_a_weak_signal_at_the_slowest_rate_is_a_fault_and_a_fast_one_that_could_slow_down_is_none() -> None:
    def heard(factor: float, snr: float) -> list[Fault]:
        of = [Day(one.day, OK_DAY, rssi_dbm=-120, snr_db=snr, spreading_factor=factor) for one in days(10)]
        return [reason.fault for reason in health_of(of, TODAY).reasons]

    assert heard(12, -18) == [Fault.SIGNAL]
    assert heard(12, -8) == []
    assert heard(7, -7) == []


def test_a_year_of_real_devices_gives_repairs_to_those_that_fail(engine: Engine, shared_data: Path) -> None:
    """Two weeks of twenty sensors: one lies, one sees nothing half of the time, two are heard badly."""
    begin, end = datetime(2020, 9, 8, tzinfo=UTC), datetime(2020, 9, 23, tzinfo=UTC)
    body = gzip.decompress((shared_data / "telemetry/frankfurt_fes/readings.csv.gz").read_bytes())
    head, *lines = body.splitlines()
    span = [line for line in lines if begin.timestamp() <= int(line.split(b",")[0]) / 1000 < end.timestamp()]
    devices = sorted({line.split(b",")[1].decode() for line in span})
    furnish(engine, devices, begin)
    clock = ManualClock(end)
    receive_all(engine, clock, [Message("fes-csv", b"\n".join([head, *span]))])
    sweep(engine, clock)
    assert judge_devices(engine, clock) == len(devices)
    assert judge_devices(engine, clock) == 0
    with reading(engine) as session:
        health = {one.device_id[-4:]: one for one in session.exec(select(DeviceHealth))}
        orders = {(one.device_id or "")[-4:]: one.cause for one in session.exec(select(WorkOrder))}
    assert health["1770"].reasons[0]["fault"] == "tilted"
    assert health["1712"].reasons[0]["fault"] == "no_echo"
    assert orders["1770"] == "tilted"
    assert orders["1712"] == "no_echo"
    assert {orders[name] for name in ("174d", "175a")} == {"missing"}
    assert orders.keys() == {"1712", "174d", "175a", "1770"}
    assert min(one.score for name, one in health.items() if name not in orders) > 0.8


@pytest.fixture
def watched(engine: Engine) -> Engine:
    """Return a database with one device that has spoken hourly for three weeks, always of a half-full bin."""
    furnish(engine, ["meter"], datetime(2026, 2, 9, tzinfo=UTC))
    begin = datetime(2026, 2, 9, tzinfo=UTC)
    said = [
        b'{"device": "meter", "at": "%s", "fill_level": 0.5, "battery_percent": %.1f, "temperature_c": 15}'
        % ((begin + timedelta(hours=hour)).isoformat().encode(), 60 - hour / 10)
        for hour in range(21 * 24)
    ]
    at = datetime(2026, 3, 2, tzinfo=UTC)
    receive_all(engine, ManualClock(at), [Message("dustcart", b"[" + b",".join(said) + b"]")])
    look(engine, at)
    return engine


def orders(session: Session) -> Counter[tuple[str, str]]:
    """Count the work orders by cause and state."""
    return Counter((order.cause, str(order.state)) for order in session.exec(select(WorkOrder)))


def test_a_battery_that_ends_is_one_alarm_and_one_order_and_a_new_one_closes_both(watched: Engine) -> None:
    clock = ManualClock(datetime(2026, 3, 2, tzinfo=UTC))
    judge_devices(watched, clock)
    clock.advance(timedelta(days=1))
    judge_devices(watched, clock)
    with reading(watched) as session:
        (alarm,) = session.exec(select(Alarm).where(Alarm.kind == AlarmKind.BATTERY)).all()
        assert orders(session) == {("battery", "open"): 1}
    assert alarm.evidence["days_left"] < 10
    said = [
        b'{"device": "meter", "at": "%s", "fill_level": 0.5, "battery_percent": 99}'
        % (clock.now() + timedelta(hours=hour)).isoformat().encode()
        for hour in range(6 * 24)
    ]
    clock.advance(timedelta(days=6))
    receive_all(watched, clock, [Message("dustcart", b"[" + b",".join(said) + b"]")])
    judge_devices(watched, clock)
    with reading(watched) as session:
        assert orders(session) == {("battery", "cancelled"): 1}
        assert session.exec(select(Alarm.close_reason).where(Alarm.kind == AlarmKind.BATTERY)).one() == "recharged"


def test_a_device_that_says_its_battery_is_low_is_believed_on_the_second_day_and_until_it_says_otherwise(
    engine: Engine,
) -> None:
    begin = datetime(2026, 2, 20, tzinfo=UTC)
    furnish(engine, ["meter"], begin)
    clock = ManualClock(begin)
    alarms = []
    for low in (False, True, False, True, True, True, False, False):
        said = [
            b'{"device": "meter", "at": "%s", "fill_level": 0.5, "battery_low": %s}'
            % ((clock.now() + timedelta(hours=hour)).isoformat().encode(), b"true" if low and hour > 4 else b"false")
            for hour in range(0, 24, 3)
        ]
        clock.advance(timedelta(days=1))
        receive_all(engine, clock, [Message("dustcart", b"[" + b",".join(said) + b"]")])
        look(engine, clock.now())
        judge_devices(engine, clock)
        with reading(engine) as session:
            alarms.append(session.exec(select(Alarm).where(Alarm.kind == AlarmKind.BATTERY)).all())
    assert [len(found) for found in alarms] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert [found[0].state for found in alarms[4:]] == ["open", "open", "open", "closed"]
    assert alarm_text(alarms[4][0], "en") == "The device itself says that its battery is low."
    with reading(engine) as session:
        order = session.exec(select(WorkOrder)).one()
    assert order.state is WorkOrderState.CANCELLED
    assert order_text(order, "zh") == "更换电池：设备自身报告电量低。"


def test_a_sensor_that_crews_contradict_is_to_be_repaired_and_whoever_is_on_it_is_told_of_its_recovery(
    watched: Engine,
) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with transaction(watched) as session:
        for day in range(3):
            when = at - timedelta(days=2 * day)
            done = {"point_id": "p", "stream": "recyclable", "outcome": ServiceOutcome.DONE, "actor": "crew"}
            record_service(session, ServiceRecord.model_validate(done | {"at": when}), at)
        seen = {"bin_id": "meter", "at": at - timedelta(days=7), "observer": "crew", "received_at": at}
        session.add(ObservationRecord(**seen, seen=Seen.EMPTY))
    clock = ManualClock(datetime(2026, 3, 2, tzinfo=UTC))
    judge_devices(watched, clock)
    with reading(watched) as session:
        order = session.exec(select(WorkOrder).where(WorkOrder.cause == "disagrees")).one()
        counted = session.exec(select(func.sum(DeviceDay.visits), func.sum(DeviceDay.contradicted))).one()
    assert (order.evidence["visits"], order.evidence["contradicted"], tuple(counted)) == (4, 4, (4, 4))
    step(watched, clock, order_id=order.id or 0, version=1, to=WorkOrderState.ASSIGNED, actor="ann", assigned_to="li")
    with transaction(watched) as session:
        for day in session.exec(select(DeviceDay)):
            day.contradicted = 0
    with transaction(watched) as session:
        session.exec(select(DeviceHealth)).one().as_of = TODAY - timedelta(days=60)
        for record in session.exec(select(ServiceRecord)):
            session.delete(record)
        session.delete(session.exec(select(ObservationRecord)).one())
    judge_devices(watched, clock)
    with reading(watched) as session:
        after = session.get_one(WorkOrder, order.id)
    assert (after.state, after.recovered_at) == (WorkOrderState.ASSIGNED, clock.now())


def test_of_two_sensors_of_a_bin_crews_contradict_only_the_one_that_errs(engine: Engine) -> None:
    begin = datetime(2026, 2, 27, tzinfo=UTC)
    furnish(engine, ["right", "wrong"], begin)
    with transaction(engine) as session:
        session.get_one(Device, "wrong").bin_id = "right"
    at, emptied = begin + timedelta(days=2), begin + timedelta(days=1)
    said = [
        b'{"device": "%s", "at": "%s", "fill_level": %.1f}'
        % (device, (begin + timedelta(hours=hour)).isoformat().encode(), 0.8 if device == b"wrong" or hour < 24 else 0)
        for hour in range(48)
        for device in (b"right", b"wrong")
    ]
    receive_all(engine, ManualClock(at), [Message("dustcart", b"[" + b",".join(said) + b"]")])
    with transaction(engine) as session:
        done = {"point_id": "p", "stream": "recyclable", "outcome": ServiceOutcome.DONE, "actor": "crew"}
        record_service(session, ServiceRecord.model_validate(done | {"at": emptied}), at)
    look(engine, at)
    judge_devices(engine, ManualClock(at))
    with reading(engine) as session:
        counted = select(DeviceDay.device_id, func.sum(DeviceDay.visits), func.sum(DeviceDay.contradicted))
        rows = session.exec(counted.group_by(DeviceDay.device_id)).all()
    assert sorted(map(tuple, rows)) == [("right", 1, 0), ("wrong", 1, 1)]
