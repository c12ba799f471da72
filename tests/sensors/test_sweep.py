"""The sweep: silences on a real year's devices; one alarm for what has one cause, one each for what fails alone."""

import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from city.clock import ManualClock
from city.database import reading, transaction
from city.registry import Bin, CollectionPoint, District, PointKind
from city.streams import Stream
from sensors.alarms import Alarm, AlarmKind, AlarmState
from sensors.devices import Mounting, register_devices
from sensors.intake import Message, receive_all
from sensors.silence import OFFLINE_AFTER, DeviceState, look
from sensors.sweep import sweep
from sensors.telemetry import Device

HOUR = timedelta(hours=1)
EVERY = timedelta(hours=2)
ALWAYS_TILTED = "1770"
# The year has gaps over a day of all devices at once; this one is the platform's.
BEFORE, AFTER = datetime(2020, 10, 5, tzinfo=UTC), datetime(2020, 10, 10, 12, tzinfo=UTC)
DOWN, UP = datetime(2020, 10, 7, 9, 43, tzinfo=UTC), datetime(2020, 10, 9, 7, 55, tzinfo=UTC)


def furnish(engine: Engine, devices: list[str], at: datetime) -> None:
    """Put a bin under every device."""
    with transaction(engine) as session:
        session.add(District(id="d", name="D"))
        session.flush()
        session.add(CollectionPoint(id="p", district_id="d", kind=PointKind.ISLE, name="P", lon=8.7, lat=50.1))
        session.flush()
        for device in devices:
            bin_ = Bin(id=device, point_id="p", stream=Stream.RECYCLABLE, usable_volume_l=3000, depth_cm=122)
            session.add(bin_)
    mountings = [Mounting(device, device, "", 142) for device in devices]
    assert register_devices(engine, mountings, at=at, actor="ann") == ()


def replay(engine: Engine, lines: list[bytes], head: bytes, begin: datetime, end: datetime) -> list[Counter[str]]:
    """Take a span of an export in, two hours at a time, sweeping after each; return the open alarms after each."""
    clock = ManualClock(begin)
    spoken = [(int(line.split(b",")[0]) / 1000, line) for line in lines]
    open_: list[Counter[str]] = []
    while clock.now() < end:
        since = clock.now().timestamp()
        clock.advance(EVERY)
        part = [line for at, line in spoken if since <= at < clock.now().timestamp()]
        if part:
            receive_all(engine, clock, [Message("fes-csv", b"\n".join([head, *part]))])
        sweep(engine, clock)
        with reading(engine) as session:
            standing = session.exec(select(Alarm.kind).where(col(Alarm.closed_at).is_(None))).all()
        open_.append(Counter(kind.value for kind in standing))
    return open_


def test_a_real_outage_of_the_platform_is_one_alarm_and_the_sensor_that_lies_is_another(
    engine: Engine, shared_data: Path
) -> None:
    body = gzip.decompress((shared_data / "telemetry/frankfurt_fes/readings.csv.gz").read_bytes())
    head, *lines = body.splitlines()
    span = [line for line in lines if BEFORE.timestamp() <= int(line.split(b",")[0]) / 1000 < AFTER.timestamp()]
    devices = sorted({line.split(b",")[1].decode() for line in span})
    assert len(devices) >= 18
    furnish(engine, devices, BEFORE)
    open_ = replay(engine, span, head, BEFORE, AFTER)
    assert max(counted["outage"] for counted in open_) == 1
    # Two sensors with weak radios and one that failed the day before fail by themselves.
    assert max(counted["offline"] for counted in open_) <= 3
    with reading(engine) as session:
        alarms = session.exec(select(Alarm).order_by(col(Alarm.id))).all()
    (outage,) = (alarm for alarm in alarms if alarm.kind is AlarmKind.OUTAGE)
    assert (outage.subject, outage.evidence["of"]) == ("platform/fes-csv", 20)
    assert outage.evidence["devices"] >= 16
    assert DOWN - HOUR < outage.began_at <= DOWN
    assert outage.raised_at - outage.began_at < 5 * HOUR
    assert outage.closed_at is not None
    assert UP <= outage.closed_at < UP + 4 * HOUR
    (tilt,) = (alarm for alarm in alarms if alarm.kind is AlarmKind.TILT)
    assert (tilt.subject[-4:], tilt.state) == (ALWAYS_TILTED, AlarmState.OPEN)
    with reading(engine) as session:
        assert session.exec(select(DeviceState).where(col(DeviceState.outage_id).is_not(None))).all() == []


def say(engine: Engine, device: str, at: datetime) -> None:
    """Let a device speak."""
    body = b'{"device": "%s", "at": "%s", "fill_level": 0.3}' % (device.encode(), at.isoformat().encode())
    (receipt,) = receive_all(engine, ManualClock(at), [Message("dustcart", body)])
    assert receipt.stored == 1


def test_a_device_is_offline_by_its_own_rhythm_and_back_with_its_first_word(engine: Engine) -> None:
    begin = datetime(2026, 3, 2, tzinfo=UTC)
    furnish(engine, ["hourly", "daily", "never"], begin)
    clock = ManualClock(begin)
    for hour in range(24 * 8):
        clock.advance(HOUR)
        if hour < 24 * 6:
            say(engine, "hourly", clock.now())
        if hour % 24 == 0:
            say(engine, "daily", clock.now() + timedelta(seconds=1))
        if hour % 4 == 0:
            sweep(engine, clock)
    with reading(engine) as session:
        alarms = {alarm.device_id: alarm for alarm in session.exec(select(Alarm))}
    assert alarms.keys() == {"hourly", "never"}
    assert alarms["hourly"].raised_at - alarms["hourly"].began_at < 13 * HOUR
    assert alarms["never"].evidence["heard_at"] is None
    say(engine, "hourly", clock.now())
    with transaction(engine) as session:
        session.get_one(Device, "never").active = False
    sweep(engine, clock)
    with reading(engine) as session:
        closed = {alarm.device_id: alarm.close_reason for alarm in session.exec(select(Alarm))}
    assert closed == {"hourly": "heard", "never": "not_in_use"}


def test_a_sweep_looks_only_at_devices_whose_time_is_up(engine: Engine) -> None:
    begin = datetime(2026, 3, 2, tzinfo=UTC)
    furnish(engine, ["a", "b"], begin)
    say(engine, "a", begin)
    assert look(engine, begin) == 2
    assert look(engine, begin + HOUR) == 0
    assert look(engine, begin + OFFLINE_AFTER) == 1
