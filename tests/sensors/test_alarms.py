"""Alarms: one open for each kind and object, raised with the reading that shows it, closing when the cause is gone."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from city.clock import ManualClock
from city.database import open_engine, reading, transaction
from city.journal import AuditRecord, OutboxEvent
from city.migrate import upgrade
from city.registry import Bin, CollectionPoint, District, PointKind
from city.streams import Stream
from sensors.alarms import QUIET, Alarm, AlarmKind, AlarmState, Cause, acknowledge, close, settle
from sensors.devices import Mounting, register_devices
from sensors.errors import ChangedDutyError, MovedDutyError, NoReasonError, UnknownDutyError
from sensors.intake import receive
from sensors.telemetry import Reading
from sensors.telling import alarm_text
from tests.databases import copy_of, postgres_database

NOW = datetime(2026, 7, 3, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEIGHT_CM, DEPTH_CM = 120, 100


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that a test moves."""
    return ManualClock(NOW)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def furnished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield where a database with a bin room, a bin and two devices lies; copying it is quicker than making it."""
    with ExitStack() as made:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('city') / 'template.sqlite'}"
        else:
            url = made.enter_context(postgres_database())
        engine = open_engine(url)
        upgrade(engine)
        furnish(engine)
        if request.param == "sqlite":
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        yield url


@pytest.fixture
def watched(furnished: str, tmp_path: Path) -> Iterator[Engine]:
    """Yield a database with the bin room."""
    with copy_of(furnished, tmp_path) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


def furnish(engine: Engine) -> None:
    """Put a bin with two devices into a database."""
    with transaction(engine) as session:
        session.add(District(id="d", name="D"))
        session.flush()
        point = CollectionPoint(
            id="p", district_id="d", kind=PointKind.BIN_ROOM, name="3 Renmin Road", lon=121.4, lat=31.2, attended=True
        )
        session.add(point)
        session.flush()
        session.add(Bin(id="b", point_id="p", stream=Stream.DRY, usable_volume_l=240, depth_cm=DEPTH_CM))
    mountings = [Mounting(name, "b", "", HEIGHT_CM) for name in ("one", "two")]
    assert register_devices(engine, mountings, at=NOW, actor="ann") == ()


def say(engine: Engine, clock: ManualClock, *, device: str = "one", at: datetime | None = None, **more: object) -> None:
    """Let a device say something now, or as of another moment."""
    said = {"device": device, "at": (at or clock.now()).isoformat(), "distance_cm": 70.0} | more
    receipt = receive(engine, clock, format="dustcart", body=json.dumps(said).encode())
    assert (receipt.stored, receipt.rejected) == (1, ())


def alarms(engine: Engine) -> list[Alarm]:
    """Return all alarms, in the order they were raised."""
    with reading(engine) as session:
        return list(session.exec(select(Alarm).order_by(col(Alarm.id))))


def events(engine: Engine) -> list[str]:
    """Return the kinds of the events about alarms, which are the actions of the audit too."""
    with reading(engine) as session:
        told = session.exec(select(OutboxEvent.kind).order_by(col(OutboxEvent.id))).all()
        audited = session.exec(select(AuditRecord.action).order_by(col(AuditRecord.id))).all()
    assert told == audited
    return [kind for kind in told if kind.startswith("alarm.")]


def test_a_device_that_says_fire_without_a_thermometer_raises_confirms_and_ends_the_alarm(
    watched: Engine, clock: ManualClock
) -> None:
    for fire, said in ((True, "Fire suspected: the device itself says so."), (True, "Fire: the device itself says so")):
        say(watched, clock, fire=fire)
        (alarm,) = alarms(watched)
        assert alarm_text(alarm, "en").startswith(said)
        clock.advance(HOUR)
    for _ in range(2):
        say(watched, clock, fire=False)
        clock.advance(HOUR)
    assert events(watched) == ["alarm.fire.raised", "alarm.fire.confirmed", "alarm.fire.closed"]
    say(watched, clock, fire=True)
    say(watched, clock, at=clock.now() + timedelta(minutes=1), fire=False, device="two")
    assert [alarm.state for alarm in alarms(watched)] == [AlarmState.CLOSED, AlarmState.OPEN]


def test_a_fire_is_told_with_the_reading_and_with_where_to_go(watched: Engine, clock: ManualClock) -> None:
    say(watched, clock, at=NOW - HOUR, temperature_c=24)
    say(watched, clock, temperature_c=74)
    (alarm,) = alarms(watched)
    assert (alarm.kind, alarm.severity, alarm.subject, alarm.state) == ("fire", "critical", "bin/b", AlarmState.OPEN)
    assert (alarm.began_at, alarm.district_id, alarm.evidence["confirmed"]) == (NOW, "d", False)
    with reading(watched) as session:
        event = session.exec(select(OutboxEvent).where(OutboxEvent.kind == "alarm.fire.raised")).one()
        hot = session.exec(select(Reading).where(Reading.at == NOW)).one()
    assert event.district_id == "d"
    assert event.payload["place"] == {
        "point_id": "p", "name": "3 Renmin Road", "lon": 121.4, "lat": 31.2, "attended": True,
    }  # fmt: skip
    assert event.payload["evidence"]["readings"] == [{"device_id": "one", "frame_key": hot.frame_key}]
    clock.advance(HOUR)
    say(watched, clock, temperature_c=91)
    assert events(watched) == ["alarm.fire.raised", "alarm.fire.confirmed"]
    assert alarms(watched)[0].evidence["hottest_c"] == 91


def test_a_fire_that_the_next_reading_denies_closes_itself_and_one_that_burned_only_after_two(
    watched: Engine, clock: ManualClock
) -> None:
    for temperature, closed in ((22, 0), (80, 0), (23, 1), (90, 1), (95, 1), (30, 1), (28, 2)):
        say(watched, clock, temperature_c=temperature)
        assert sum(alarm.state is AlarmState.CLOSED for alarm in alarms(watched)) == closed, temperature
        clock.advance(HOUR)
    assert [alarm.close_reason for alarm in alarms(watched)] == ["contradicted", "cooled"]


def test_a_hot_reading_that_comes_late_after_cool_ones_raises_nothing(watched: Engine, clock: ManualClock) -> None:
    say(watched, clock, temperature_c=24)
    say(watched, clock, at=NOW - HOUR, temperature_c=80)
    assert alarms(watched) == []


def test_if_the_reading_is_not_stored_neither_is_its_alarm(
    watched: Engine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sensors.intake

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(sensors.intake, "keep_letters", fail)
    with pytest.raises(OSError, match="disk"):
        say(watched, clock, temperature_c=90)
    assert alarms(watched) == []
    with reading(watched) as session:
        assert session.exec(select(Reading)).all() == []


def test_a_device_that_lies_for_an_hour_is_told_and_a_lid_that_opens_is_not(
    watched: Engine, clock: ManualClock
) -> None:
    for tilted, open_ in ((True, 0), (False, 0), (True, 0), (True, 0), (True, 1), (False, 1), (False, 0), (True, 0)):
        say(watched, clock, tilted=tilted)
        assert sum(alarm.state is not AlarmState.CLOSED for alarm in alarms(watched)) == open_
        clock.advance(HOUR)
    assert [(alarm.subject, alarm.began_at) for alarm in alarms(watched)] == [("device/one", NOW + 2 * HOUR)]


def test_an_overflow_closes_only_well_below_the_brim(watched: Engine, clock: ManualClock) -> None:
    open_ = []
    for level in (0.9, 1.1, 1.1, 0.1, 0.1, 0.1, 0.1):
        say(watched, clock, distance_cm=HEIGHT_CM - level * DEPTH_CM)
        found = [alarm for alarm in alarms(watched) if alarm.state is not AlarmState.CLOSED]
        assert all((alarm.kind, alarm.subject) == ("overflow", "bin/b") for alarm in found)
        open_.append(len(found))
        clock.advance(HOUR)
    assert open_[:4] == [0, 1, 1, 1]
    assert open_[-1] == 0
    assert len(alarms(watched)) == 1


def test_who_acknowledged_it_is_written_once_and_nobody_else_can(watched: Engine, clock: ManualClock) -> None:
    say(watched, clock, temperature_c=90)
    asked = {"alarm_id": alarms(watched)[0].id or 0, "version": 1}
    first = acknowledge(watched, clock, **asked, actor="li.wei")
    assert (first.state, first.acknowledged_by, first.acknowledged_at) == ("acknowledged", "li.wei", NOW)
    assert acknowledge(watched, clock, **asked, actor="li.wei").version == 2
    with pytest.raises(MovedDutyError, match=r"li\.wei"):
        acknowledge(watched, clock, **asked, actor="ann")
    with pytest.raises(ChangedDutyError):
        close(watched, clock, **asked, actor="ann", reason="barbecue")
    with pytest.raises(NoReasonError):
        close(watched, clock, **asked, actor="ann", reason=" ")
    with pytest.raises(UnknownDutyError):
        acknowledge(watched, clock, alarm_id=99, version=1, actor="ann")
    closed = close(watched, clock, alarm_id=asked["alarm_id"], version=2, actor="ann", reason="barbecue")
    assert (closed.state, closed.closed_by, closed.close_reason) == ("closed", "ann", "barbecue")
    assert events(watched) == ["alarm.fire.raised", "alarm.fire.acknowledged", "alarm.fire.closed"]


def test_what_a_person_closed_stays_quiet_for_its_time_and_comes_again_when_it_is_worse(
    watched: Engine, clock: ManualClock
) -> None:
    for _ in range(2):
        say(watched, clock, temperature_c=75)
        clock.advance(QUIET[AlarmKind.FIRE] / 6)
    close(watched, clock, alarm_id=1, version=2, actor="ann", reason="heater")
    say(watched, clock, temperature_c=76)
    assert len(alarms(watched)) == 1
    say(watched, clock, at=clock.now() + timedelta(seconds=1), temperature_c=90)
    assert [alarm.state for alarm in alarms(watched)] == ["closed", "open"]


def cause(number: int) -> Cause:
    """Return a cause with an object of its own."""
    return Cause(AlarmKind.BATTERY, f"device/{number}", NOW)


def test_the_database_itself_refuses_a_second_open_alarm(watched: Engine) -> None:
    with transaction(watched) as session:
        (alarm,) = settle(session, causes=[cause(1)], now=NOW)
        assert settle(session, causes=[cause(1)], now=NOW) == []
    twin = Alarm.model_validate(alarm.model_dump(exclude={"id"}))
    with pytest.raises(IntegrityError), transaction(watched) as session:
        session.add(twin)


def test_two_processes_that_see_the_same_raise_one_alarm_each(watched: Engine) -> None:
    """Both raise the same forty causes, each in another order."""
    url = watched.url.render_as_string(hide_password=False)
    watched.dispose()
    with get_context("spawn").Pool(2) as pool:
        raised = pool.starmap(raise_many, [(url, False), (url, True)])
    assert sum(raised) == len(alarms(watched)) == 40
    assert events(watched) == ["alarm.battery.raised"] * 40


def raise_many(url: str, backward: bool) -> int:
    """Raise alarms in transactions of eight, and return how many were new."""
    engine = open_engine(url)
    raised = 0
    for start in range(0, 40, 8):
        numbers = range(start, start + 8)
        with transaction(engine) as session:
            raised += len(settle(session, causes=map(cause, reversed(numbers) if backward else numbers), now=NOW))
    engine.dispose()
    return raised
