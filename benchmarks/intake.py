"""How many readings a second are stored durably, with verdicts and states, beside a bare script that inserts the rows.

    .venv/bin/python benchmarks/intake.py [--readings 40000] [--batch 1000] [--postgres URL]

Each round, every one of 2,000 bins says how full it is: as a list of our own readings, and as ChirpStack events. The
bare script writes the very rows that intake stored into a table of the same shape, with the driver's own executemany
and a commit after each batch. Prints JSON: readings per second of wall time, and intake as a share of the bare script.
"""

import argparse
import base64
import json
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
from sqlalchemy import Engine, create_engine, insert, text

from city.clock import ManualClock
from city.database import open_engine
from city.migrate import upgrade
from city.registry import Bin, CollectionPoint, District
from sensors.delivery import Message
from sensors.intake import receive_all
from sensors.levels import BinState  # noqa: F401 - its table must exist
from sensors.telemetry import Device

BINS = 2_000
START = datetime(2026, 3, 1, tzinfo=UTC)
HEIGHT_CM, DEPTH_CM = 120, 95


def fill(engine: Engine) -> None:
    """Make a district full of bins with a sensor each."""
    upgrade(engine)
    rows = range(BINS)
    with engine.begin() as connection:
        connection.execute(insert(District), [{"id": "d", "name": "D", "name_zh": "", "active": True}])
        point = {"district_id": "d", "kind": "bin_room", "name": "P", "lon": 0.0, "lat": 0.0}
        connection.execute(insert(CollectionPoint), [{"id": f"p{i}", **point} for i in rows])
        bin_ = {"stream": "dry", "usable_volume_l": 240, "depth_cm": DEPTH_CM}
        connection.execute(insert(Bin), [{"id": f"b{i:05}", "point_id": f"p{i}", **bin_} for i in rows])
        device = {"model": "milesight-em400-tld", "mounting_height_cm": HEIGHT_CM, "active": True}
        connection.execute(insert(Device), [{"id": f"{i:016x}", "bin_id": f"b{i:05}", **device} for i in rows])


def rounds(readings: int) -> Iterator[tuple[datetime, int, np.ndarray]]:
    """Yield the time, the count and the distances of each round of all bins; bins fill, and are emptied when full."""
    chance = np.random.default_rng(1)
    level = chance.uniform(0, 1, BINS)
    for number in range(readings // BINS):
        level += chance.gamma(0.1, 0.2, BINS)
        level[level > 1] = 0.03
        noise = chance.normal(0, 0.02, BINS)
        false = np.where(chance.random(BINS) < 0.014, chance.uniform(0, 1, BINS), level + noise)
        yield START + number * timedelta(hours=1), number, np.clip(HEIGHT_CM - DEPTH_CM * false, 3, HEIGHT_CM)


def own(readings: int, batch: int) -> Iterator[tuple[datetime, list[Message]]]:
    """Write rounds as lists of our own readings."""
    for at, number, distances in rounds(readings):
        said = [
            {"device": f"{i:016x}", "at": at.isoformat(), "distance_cm": round(float(d), 1), "sequence": number}
            for i, d in enumerate(distances)
        ]
        for first in range(0, BINS, batch):
            yield at, [Message("dustcart", json.dumps(said[first : first + batch]).encode())]


def chirpstack(readings: int, batch: int) -> Iterator[tuple[datetime, list[Message]]]:
    """Write rounds as ChirpStack events, one reading each, as the MQTT intake takes them off its queue."""
    for at, number, distances in rounds(readings):
        events = []
        for i, distance in enumerate(distances):
            payload = bytes.fromhex("01755C0367F8000482") + int(distance * 10).to_bytes(2, "little") + b"\x05\x00\x00"
            event = {
                "deduplicationId": str(uuid.UUID(int=i)),
                "time": at.isoformat(),
                "deviceInfo": {"devEui": f"{i:016x}", "deviceProfileName": "EM400", "tags": {}},
                "devAddr": "20000001",
                "fCnt": number,
                "fPort": 85,
                "data": base64.b64encode(payload).decode(),
                "rxInfo": [{"gatewayId": "6a7e111a10000000", "rssi": -35, "snr": 11.5, "crcStatus": "CRC_OK"}],
                "txInfo": {"frequency": 868500000, "modulation": {"lora": {"spreadingFactor": 7}}},
            }
            events.append(Message("chirpstack", json.dumps(event).encode()))
        for first in range(0, BINS, batch):
            yield at, events[first : first + batch]


def taken_in(engine: Engine, batches: list[tuple[datetime, list[Message]]]) -> float:
    """Take batches in; return readings per second."""
    clock = ManualClock(START)
    stored = 0
    begun = time.perf_counter()
    for at, messages in batches:
        clock.advance(at - clock.now())
        stored += sum(receipt.stored for receipt in receive_all(engine, clock, messages))
    return stored / (time.perf_counter() - begun)


Bare = Callable[[list[tuple[object, ...]], int], float]


def bare_sqlite(engine: Engine) -> Bare:
    """Return a script that inserts rows into a copy of the table, in the same file."""

    def insert_rows(_rows: list[tuple[object, ...]], batch: int) -> float:
        connection = sqlite3.connect(str(engine.url.database), isolation_level=None)
        for pragma in ("journal_mode=WAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA synchronous={'FULL' if _is_full(engine) else 'NORMAL'}")
        rows = connection.execute("SELECT * FROM reading ORDER BY at, device_id").fetchall()
        connection.execute("DELETE FROM reading")
        marks = ",".join("?" * len(rows[0]))
        begun = time.perf_counter()
        for first in range(0, len(rows), batch):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT INTO reading VALUES ({marks})", rows[first : first + batch])
            connection.execute("COMMIT")
        spent = time.perf_counter() - begun
        connection.close()
        return len(rows) / spent

    return insert_rows


def _is_full(engine: Engine) -> bool:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one()) >= 2


def bare_postgres(engine: Engine) -> Bare:
    """Return a script that inserts rows into the emptied table."""

    def insert_rows(_rows: list[tuple[object, ...]], batch: int) -> float:
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT * FROM reading ORDER BY at, device_id")
            rows = [tuple(json.dumps(v) if isinstance(v, dict) else v for v in row) for row in cursor.fetchall()]
            cursor.execute("DELETE FROM reading")
            connection.commit()
            marks = ",".join(["%s"] * len(rows[0]))
            begun = time.perf_counter()
            for first in range(0, len(rows), batch):
                cursor.executemany(f"INSERT INTO reading VALUES ({marks})", rows[first : first + batch])
                connection.commit()
            spent = time.perf_counter() - begun
        return len(rows) / spent

    return insert_rows


@contextmanager
def postgres(url: str) -> Iterator[Engine]:
    """Yield a database of its own on a server."""
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"dustcart_bench_{uuid.uuid4().hex}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = open_engine(server.url.set(database=name).render_as_string(hide_password=False))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def sqlite() -> Iterator[Engine]:
    """Yield a database in a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'bench.sqlite'}")
        yield engine
        engine.dispose()


def main() -> None:
    """Measure both databases and both forms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--postgres", default="postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
    asked = parser.parse_args()
    forms = {"own": own, "chirpstack": chirpstack}
    result: dict[str, dict[str, float]] = {}
    for database, opened, bare in (("sqlite", sqlite, bare_sqlite), ("postgresql", None, bare_postgres)):
        for form, messages in forms.items():
            with opened() if opened else postgres(asked.postgres) as engine:
                fill(engine)
                per_s = taken_in(engine, list(messages(asked.readings, asked.batch)))
                bare_per_s = bare(engine)([], asked.batch)
            result[f"{database}_{form}"] = {
                "readings_per_s": round(per_s),
                "bare_inserts_per_s": round(bare_per_s),
                "share": round(per_s / bare_per_s, 2),
            }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
