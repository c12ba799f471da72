"""MQTT intake against a real Mosquitto: acknowledged after the commit, so nothing is lost and nothing stored twice."""

import asyncio
import gc
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, create_engine, event, text
from sqlmodel import Session, func, select

import sensors.broker
from city.clock import ManualClock
from city.database import reading
from city.registry import Bin
from city.settings import Settings
from city.store import save
from sensors import intake
from sensors.broker import RECEIVE_MAXIMUM, Broker, Connection, Received, broker_of
from sensors.delivery import Delivery, Message, Receipt
from sensors.devices import Mounting, register_devices
from sensors.errors import IntakeError
from sensors.intake import KEPT_BYTES, receive_all
from sensors.mqtt import Take, listen
from sensors.telemetry import DeadLetter, Reading
from tests.brokers import PASSWORD, PATIENCE_S, USER, Mosquitto, mosquitto
from tests.city.small_city import small_city
from tests.databases import POSTGRES_URL
from tests.sensors.garbage import OVERSIZED, garbage

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
CLOCK = ManualClock(NOW)
DEVICES = ("meter-1", "meter-2", "meter-3")
TOPIC = "readings/here"
# What the database has no part in is tried on one of the two.
one_database = pytest.mark.parametrize("empty_engine", ["sqlite"], indirect=True)

TOPICS = {"readings/#": "dustcart", "application/+/device/+/event/up": "chirpstack"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run a broker that is open to anybody on this machine."""
    folder = tmp_path / "broker"
    folder.mkdir()
    with mosquitto(folder) as running:
        yield running


@pytest.fixture
def bins(engine: Engine) -> Sequence[Bin]:
    """Return bins with a device above each."""
    data = small_city()
    save(engine, data)
    watched = data.bins[: len(DEVICES)]
    mountings = [Mounting(name, bin_.id, "", 120) for name, bin_ in zip(DEVICES, watched, strict=False)]
    mountings.append(Mounting("revoked", None, "", 120, active=False))
    assert register_devices(engine, mountings, at=NOW, actor="ann") == ()
    return watched


def said(minutes: float = 0, device: str = DEVICES[0], **more: object) -> bytes:
    """Write a reading of some minutes ago."""
    at = (NOW - timedelta(minutes=minutes)).isoformat()
    return json.dumps({"device": device, "at": at, "fill_level": 0.4, **more}).encode()


def many(number: int) -> list[bytes]:
    """Write readings, each another."""
    return [said(minutes=step, device=DEVICES[step % len(DEVICES)]) for step in range(number)]


def of(broker: Mosquitto, **more: Any) -> Broker:
    """Return how to reach a broker."""
    settings = {"mqtt_url": broker.url, "mqtt_topics": TOPICS, **more}
    found = broker_of(Settings(**settings))
    assert found is not None
    return found


@contextmanager
def listening(broker: Broker, take: Take) -> Iterator[None]:
    """Listen on a thread of its own, until the block ends."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(listen(broker, take, stop)))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def until(true: Callable[[], bool]) -> None:
    """Wait for something that must come."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < give_up_s, "it did not happen"
        time.sleep(0.02)


def count(engine: Engine, table: type[Reading] | type[DeadLetter] = Reading) -> int:
    with Session(engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def left(broker: Mosquitto) -> list[Received]:
    """Take over our session at a broker, or open it; return what waits there, and acknowledge none of it."""

    async def look() -> list[Received]:
        found: list[Received] = []
        async with Connection(of(broker)) as connection:
            connection.begin()
            assert connection._subscribing is not None
            await connection._subscribing
            await asyncio.to_thread(broker.publish, TOPIC, [b"end"])
            while not found or found[-1].body != b"end":
                found += await connection.batch(asyncio.Event())
            connection.acknowledge(found[-1:])
        return found[:-1]

    return asyncio.run(look())


@contextmanager
def away(engine: Engine) -> Iterator[None]:
    """Take the database away: lock the file, or throw everybody out of the server's."""
    if engine.dialect.name == "sqlite":
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield
        return
    server = create_engine(POSTGRES_URL, isolation_level="AUTOCOMMIT")
    name = engine.url.database
    try:
        with server.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"))
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )
        yield
    finally:
        with server.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"))
        server.dispose()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr("sensors.patience.FIRST_WAIT_S", 0.05)
    monkeypatch.setattr("sensors.patience.LONGEST_WAIT_S", 0.2)


def test_what_is_published_is_stored_in_its_format_and_then_forgotten_by_the_broker(
    engine: Engine, bins: Sequence[Bin], broker: Mosquitto
) -> None:
    assert left(broker) == []
    uplink = {"deviceInfo": {"devEui": "24e124713d000001"}, "time": NOW.isoformat(), "fCnt": 1, "data": "AXVk"}
    broker.publish(TOPIC, many(30))
    broker.publish("application/7/device/24e124713d000001/event/up", [json.dumps(uplink).encode()])
    with listening(of(broker), partial(receive_all, engine, CLOCK)):
        until(lambda: (count(engine), count(engine, DeadLetter)) == (30, 1))
    with reading(engine) as session:
        letter = session.exec(select(DeadLetter)).one()
    assert (letter.format, letter.code) == ("chirpstack", "unknown_device")
    assert left(broker) == []


@one_database
def test_nothing_is_acknowledged_before_it_is_stored_and_what_comes_again_is_stored_once(
    engine: Engine, bins: Sequence[Bin], broker: Mosquitto
) -> None:
    bodies = many(50)
    left(broker)
    broker.publish(TOPIC, bodies)
    reached, go_on = threading.Event(), threading.Event()
    receipts: list[Receipt] = []

    def take(messages: Sequence[Message]) -> Sequence[Receipt]:
        reached.set()
        assert go_on.wait(PATIENCE_S)
        receipts.extend(taken := receive_all(engine, CLOCK, messages))
        return taken

    with listening(of(broker), take):
        assert reached.wait(PATIENCE_S)
        assert {one.body for one in left(broker)} == set(bodies)  # and the listener has lost its connection
        go_on.set()
        until(lambda: sum(one.duplicates for one in receipts) > 0 and count(engine) == len(bodies))
    assert sum(one.stored for one in receipts) == len(bodies)
    assert left(broker) == []


def test_while_the_database_is_away_nothing_is_lost_and_the_connection_lives_on(
    engine: Engine, bins: Sequence[Bin], broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    if engine.dialect.name == "sqlite":
        # Do not wait for a lock as long as in real life.
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50"))
        engine.dispose()
    left(broker)
    caplog.set_level(logging.INFO, "sensors")
    tries: list[int] = []

    def take(messages: Sequence[Message]) -> Sequence[Receipt]:
        tries.append(len(messages))
        return receive_all(engine, CLOCK, messages)

    with listening(of(broker), take):
        broker.publish(TOPIC, many(10))
        until(lambda: count(engine) == 10)
        with away(engine):
            broker.publish(TOPIC, many(100))
            before = len(tries)
            until(lambda: len(tries) > before + 2)
        until(lambda: count(engine) == 100)
    assert len([line for line in caplog.messages if "listening" in line]) == 1
    assert "cannot be stored" in caplog.text
    assert left(broker) == []


@one_database
def test_a_broker_that_is_killed_and_comes_back_delivers_what_it_had_taken(
    engine: Engine, bins: Sequence[Bin], broker: Mosquitto
) -> None:
    bodies = many(200)
    left(broker)
    hold = threading.Event()

    def take(messages: Sequence[Message]) -> Sequence[Receipt]:
        assert hold.wait(PATIENCE_S)
        return receive_all(engine, CLOCK, messages)

    with listening(of(broker), take):
        broker.publish(TOPIC, bodies[:100])
        broker.save()
        broker.kill()
        hold.set()  # stored, but there is nobody to acknowledge it to
        until(lambda: count(engine) > 0)
        broker.start()
        broker.publish(TOPIC, bodies[100:])
        until(lambda: count(engine) == len(bodies))
    assert left(broker) == []
    assert count(engine, DeadLetter) == 0


@one_database
# Paho leaves it to the garbage collector to close a socket whose handshake failed.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_over_tls_with_a_password_and_not_without(
    engine: Engine, bins: Sequence[Bin], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with mosquitto(tmp_path, tls=True) as broker:
        known = {"mqtt_user": USER, "mqtt_password": PASSWORD, "mqtt_ca_file": tmp_path / "ca.pem"}
        take = partial(receive_all, engine, CLOCK)
        for wrong, reason in (
            ({"mqtt_password": "guessed"}, "Not authorized"),
            ({"mqtt_ca_file": None}, "certificate verify failed"),
        ):
            with listening(of(broker, **known | wrong), take):
                until(lambda reason=reason: reason in caplog.text)  # type: ignore[misc]
        gc.collect()
        caplog.set_level(logging.INFO, "sensors")
        with listening(of(broker, **known), take):
            until(lambda: "listening" in caplog.text)
            broker.publish(TOPIC, many(300))
            until(lambda: count(engine) == 300)


def test_garbage_is_kept_with_its_reason_and_what_comes_after_it_is_stored(
    engine: Engine, bins: Sequence[Bin], broker: Mosquitto
) -> None:
    left(broker)
    pieces = (*garbage(NOW), OVERSIZED)
    with listening(of(broker), partial(receive_all, engine, CLOCK)):
        for piece in pieces:
            broker.publish(f"readings/{piece.name}", [piece.body])
        broker.publish(TOPIC, [said(), said()])
        until(lambda: count(engine) == 1 and _codes(engine) == {piece.code for piece in pieces})
    with reading(engine) as session:
        kept = {letter.body for letter in session.exec(select(DeadLetter))}
    assert kept == {piece.body for piece in pieces[:-1]} | {OVERSIZED.body[:KEPT_BYTES]}
    assert left(broker) == []


def _codes(engine: Engine) -> set[str]:
    with reading(engine) as session:
        return set(session.exec(select(DeadLetter.code)))


@one_database
def test_a_message_that_breaks_the_transaction_is_kept_and_the_others_are_stored(
    engine: Engine, bins: Sequence[Bin], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = intake.store_readings

    def fragile(session: Session, deliveries: Sequence[Delivery], now: datetime) -> None:
        if any(b"meter-2" in delivery.message.body for delivery in deliveries if not delivery.refused):
            raise ZeroDivisionError("a fault of ours")
        store(session, deliveries, now)

    monkeypatch.setattr(intake, "store_readings", fragile)
    receipts = receive_all(engine, CLOCK, [Message("dustcart", body) for body in many(9)])
    assert [one.stored for one in receipts] == [1, 0, 1] * 3
    assert {one.code for receipt in receipts for one in receipt.rejected} == {"unforeseen"}
    assert (count(engine), count(engine, DeadLetter)) == (6, 3)


def test_a_flood_waits_at_the_broker_and_not_in_memory(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    flood = 3 * RECEIVE_MAXIMUM
    left(broker)

    async def drink() -> tuple[int, int]:
        async with Connection(of(broker)) as connection:
            connection.begin()
            await asyncio.to_thread(broker.publish, TOPIC, [b"x"] * flood)
            await asyncio.sleep(0.5)
            held, drunk = len(connection._waiting), 0
            while drunk < flood:
                batch = await connection.batch(asyncio.Event())
                drunk += len(batch)
                connection.acknowledge(batch)
            return held, drunk

    assert asyncio.run(drink()) == (RECEIVE_MAXIMUM, flood)


def test_messages_that_need_no_acknowledgement_are_held_back_too(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors.broker, "MOST_BYTES_WAITING", 50_000)
    monkeypatch.setattr(sensors.broker, "MOST_BYTES_AT_ONCE", 10_000)
    left(broker)

    async def drink() -> tuple[int, int]:
        async with Connection(of(broker)) as connection:
            connection.begin()
            await asyncio.to_thread(broker.publish, TOPIC, [b"x" * 1_000] * 500, qos=0)
            await asyncio.sleep(0.5)
            held, drunk = connection._waiting_bytes, 0
            while drunk < 500:
                batch = await asyncio.wait_for(connection.batch(asyncio.Event()), PATIENCE_S)
                assert len(batch) <= 10
                drunk += len(batch)
            return held, drunk

    held, drunk = asyncio.run(drink())
    assert 50_000 <= held < 60_000
    assert drunk == 500


@one_database
def test_a_backlog_larger_than_the_room_for_it_is_worked_off(
    engine: Engine, bins: Sequence[Bin], broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = many(500)
    left(broker)
    broker.publish(TOPIC, bodies)
    monkeypatch.setattr(sensors.broker, "MOST_BYTES_WAITING", 2_000)
    monkeypatch.setattr(sensors.broker, "MOST_BYTES_AT_ONCE", 5_000)
    with listening(of(broker), partial(receive_all, engine, CLOCK)):
        until(lambda: count(engine) == len(bodies))
    assert left(broker) == []


@one_database
def test_several_processes_share_a_subscription(engine: Engine, bins: Sequence[Bin], broker: Mosquitto) -> None:
    shared = {"mqtt_topics": {"$share/intake/readings/#": "dustcart"}}
    taken: dict[str, int] = {"one": 0, "two": 0}

    def take(name: str, messages: Sequence[Message]) -> Sequence[Receipt]:
        taken[name] += len(messages)
        return receive_all(engine, CLOCK, messages)

    one, two = (of(broker, mqtt_client_id=name, **shared) for name in taken)
    with listening(one, partial(take, "one")), listening(two, partial(take, "two")):
        bodies = many(200)
        while min(taken.values()) == 0:  # until both are there
            broker.publish(TOPIC, bodies[:10])
        taken.update(one=0, two=0)
        broker.publish(TOPIC, bodies)
        until(lambda: count(engine) == len(bodies) and sum(taken.values()) >= len(bodies))
    assert min(taken.values()) > 0


@pytest.mark.parametrize(
    ("more", "said_of_it"),
    [
        ({"mqtt_url": "http://broker"}, "mqtts://"),
        ({"mqtt_url": "mqtt://broker:port"}, "ort"),
        ({"mqtt_url": "mqtts://ann:secret@broker"}, "mqtt_user"),
        ({"mqtt_topics": {}}, "no topic"),
        ({"mqtt_ca_file": "ca.pem"}, "not encrypted"),
        ({"mqtt_url": "mqtts://broker", "mqtt_ca_file": "no-such-file.pem"}, "no-such-file.pem"),
        ({"mqtt_topics": {"a/#/b": "dustcart"}}, "a/#/b"),
        ({"mqtt_topics": {"a/#": "morse"}}, "morse"),
        ({"mqtt_topics": {"a/#": "fes-csv"}}, "fes-csv"),
    ],
)
def test_a_broker_that_cannot_be_used_as_written_is_refused_before_any_connection(
    more: dict[str, Any], said_of_it: str
) -> None:
    with pytest.raises((ValidationError, IntakeError)) as refused:
        broker_of(Settings(**{"mqtt_url": "mqtt://broker", "mqtt_topics": TOPICS} | more))
    assert said_of_it in str(refused.value)
    assert "secret" not in str(refused.value) or "mqtt_user" in str(refused.value)


def test_without_a_broker_in_the_settings_there_is_none() -> None:
    assert broker_of(Settings()) is None
