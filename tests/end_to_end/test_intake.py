"""The intake process listens to a broker, is killed in the middle, and starts again: everything is stored, once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import Session, func, select

from city.store import save
from sensors.devices import Mounting, register_devices
from sensors.levels import BinState
from sensors.telemetry import DeadLetter, Reading
from tests.brokers import PASSWORD, USER, Mosquitto, mosquitto
from tests.city.small_city import small_city

ROOT = Path(__file__).resolve().parent.parent.parent
GIVE_UP_S = 90
METERS, STEPS = 3, 300
ALL = METERS * STEPS


@pytest.fixture
def bins(engine: Engine) -> list[str]:
    """Return bins with a meter above each."""
    data = small_city()
    save(engine, data)
    watched = [bin_.id for bin_ in data.bins[:METERS]]
    mountings = [Mounting(f"meter-{number}", bin_id, "", 120) for number, bin_id in enumerate(watched)]
    assert register_devices(engine, mountings, at=datetime.now(UTC), actor="ann") == ()
    return watched


@contextmanager
def intake(engine: Engine, broker: Mosquitto) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the process as an installation does; yield it and its address."""
    settings = {
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "MQTT_URL": broker.url,
        "MQTT_TOPICS": json.dumps({"readings/#": "dustcart"}),
        "MQTT_USER": USER,
        "MQTT_PASSWORD": PASSWORD,
        "MQTT_CA_FILE": str(broker.folder / "ca.pem"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "intake", "--port", "0", "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **{f"DUSTCART_{name}": value for name, value in settings.items()}},
        stdout=subprocess.PIPE,
        text=True,
    )
    watch = threading.Timer(GIVE_UP_S, process.kill)
    with process:
        watch.start()
        try:
            assert process.stdout is not None
            said = "".join(takewhile(lambda line: line != "}\n", process.stdout)) + "}"
            yield process, json.loads(said)["address"]
        finally:
            watch.cancel()
            process.kill()


def count(engine: Engine, table: type[Reading] | type[DeadLetter] = Reading) -> int:
    with Session(engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def wait_for(engine: Engine, readings: int) -> None:
    give_up_s = time.monotonic() + GIVE_UP_S
    while count(engine) < readings:
        assert time.monotonic() < give_up_s, f"{count(engine)} of {readings} readings are stored"
        time.sleep(0.02)


def test_an_intake_process_that_is_killed_loses_nothing_and_stores_nothing_twice(
    engine: Engine, bins: list[str], tmp_path: Path
) -> None:
    begun = datetime.now(UTC) - timedelta(minutes=STEPS)
    bodies = [
        json.dumps(
            {
                "device": f"meter-{meter}",
                "at": (begun + timedelta(minutes=step)).isoformat(),
                "fill_level": round(0.2 + step / 1_000, 3),
            }
        ).encode()
        for step in range(STEPS)
        for meter in range(METERS)
    ]
    with mosquitto(tmp_path, tls=True) as broker:
        with intake(engine, broker) as (killed, address):
            assert httpx.get(f"{address}/ready").status_code == 200
            broker.publish("readings/first", bodies[:1])
            wait_for(engine, 1)
            publisher = threading.Thread(target=broker.publish, args=("readings/here", bodies[:-100]))
            publisher.start()
            wait_for(engine, 50)
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        publisher.join()
        broker.publish("readings/here", bodies[-100:])
        with intake(engine, broker) as (process, _):
            wait_for(engine, ALL)
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
    assert (count(engine), count(engine, DeadLetter)) == (ALL, 0)
    with Session(engine) as session:
        levels = [session.get_one(BinState, bin_id).fill_level for bin_id in bins]
    assert levels == pytest.approx([0.5] * METERS, abs=0.05)
