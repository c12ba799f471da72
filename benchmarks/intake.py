"""How many readings a second are stored durably, with verdicts, states and alarms, beside a bare script's bulk insert.

    .venv/bin/python -m benchmarks.intake [--readings 40000] [--batch 1000] [--postgres URL]
    .venv/bin/python -m benchmarks.intake --flat 10000000 [--database sqlite|postgresql]

Each round, every one of 2,000 bins says how full it is: as a list of our own readings, and as ChirpStack events. The
bare script inserts the very rows that intake stored into a database of the same schema, keys, indexes and foreign
keys, in the same order and batches, with a durable commit after each: by the driver's executemany, on PostgreSQL also
by COPY. Its rows are ready to bind; reading them from messages is intake's part. Beside that the script is measured as
it also writes what else a reading changes, the state of its bin. On PostgreSQL intake is measured as one process and as
two, which is how it is deployed on two cores. Prints JSON: readings per second of wall time, and intake as a share of
both scripts by executemany.

With ``--flat`` it takes in that many readings and prints what memory is resident as it goes.
"""

import argparse
import base64
import json
import multiprocessing
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, takewhile
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import Engine, create_engine, insert, text

from city.clock import ManualClock
from city.database import open_engine
from city.heap import settle
from city.migrate import upgrade
from city.registry import Bin, CollectionPoint, District
from sensors.delivery import Message
from sensors.intake import receive_all
from sensors.levels import BinState  # noqa: F401 - its table must exist
from sensors.telemetry import Device

BINS = 2_000
START = datetime(2026, 3, 1, tzinfo=UTC)
HEIGHT_CM, DEPTH_CM = 120, 95
PROCESSES = 2
# Points of the curve of resident memory.
SAMPLES = 40

Batch = tuple[datetime, list[Message]]
Row = tuple[Any, ...]
Writer = Callable[[Sequence[Row]], None]
Commit = Callable[[], AbstractContextManager[None]]


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


def rounds() -> Iterator[tuple[datetime, int, np.ndarray]]:
    """Yield the time, the count and the distances of each round of all bins; bins fill, and are emptied when full."""
    chance = np.random.default_rng(1)
    level = chance.uniform(0, 1, BINS)
    for number in count():
        level += chance.gamma(0.1, 0.2, BINS)
        level[level > 1] = 0.03
        noise = chance.normal(0, 0.02, BINS)
        false = np.where(chance.random(BINS) < 0.014, chance.uniform(0, 1, BINS), level + noise)
        yield START + number * timedelta(hours=1), number, np.clip(HEIGHT_CM - DEPTH_CM * false, 3, HEIGHT_CM)


def own(readings: int, batch: int) -> Iterator[Batch]:
    """Write rounds as lists of our own readings."""
    for at, number, distances in takewhile(lambda one: one[1] * BINS < readings, rounds()):
        said = [
            {"device": f"{i:016x}", "at": at.isoformat(), "distance_cm": round(float(d), 1), "sequence": number}
            for i, d in enumerate(distances)
        ]
        for first in range(0, BINS, batch):
            yield at, [Message("dustcart", json.dumps(said[first : first + batch]).encode())]


def chirpstack(readings: int, batch: int) -> Iterator[Batch]:
    """Write rounds as ChirpStack events, one reading each, as the MQTT intake takes them off its queue."""
    for at, number, distances in takewhile(lambda one: one[1] * BINS < readings, rounds()):
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


FORMS: dict[str, Callable[[int, int], Iterator[Batch]]] = {"own": own, "chirpstack": chirpstack}


def taken_in(engine: Engine, batches: Sequence[Batch]) -> float:
    """Take batches in; return readings per second."""
    clock = ManualClock(START)
    stored = 0
    begun = time.perf_counter()
    for at, messages in batches:
        clock.advance(at - clock.now())
        stored += sum(receipt.stored for receipt in receive_all(engine, clock, messages))
    return stored / (time.perf_counter() - begun)


def taken_in_by_several(url: str, form: str, readings: int, batch: int) -> float:
    """Let processes take in a share of the bins each, at once; return readings per second."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(PROCESSES)
    spent: Queue[float] = context.Queue()
    workers = [
        context.Process(target=_take_share, args=(url, form, readings, batch, part, ready, spent))
        for part in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    longest_s = max(spent.get() for _ in workers)
    for worker in workers:
        worker.join()
    return readings / longest_s


def _take_share(
    url: str, form: str, readings: int, batch: int, part: int, ready: Barrier, spent: "Queue[float]"
) -> None:
    engine = open_engine(url)
    batches = list(FORMS[form](readings, batch))[part::PROCESSES]
    mine = sum(1 for _ in batches) * batch
    settle()
    ready.wait()
    spent.put(mine / taken_in(engine, batches))
    engine.dispose()


@dataclass(frozen=True)
class Stored:
    """What intake stored, as the driver takes it: readings in the order they came in, and the states of their bins."""

    readings: list[Row]
    bins: list[str]
    state_columns: list[str]
    states: dict[str, Row]


def stored_in(engine: Engine) -> Stored:
    """Read what intake stored."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT * FROM reading ORDER BY at, device_id")
        place = list(found.keys()).index("bin_id")
        readings = [tuple(json.dumps(v) if isinstance(v, dict) else v for v in row) for row in found]
        states = connection.exec_driver_sql("SELECT * FROM bin_state")
        columns = list(states.keys())
        by_bin = {row.bin_id: tuple(row) for row in states}
    return Stored(readings, [row[place] for row in readings], columns, by_bin)


def bare(stored: Stored, batch: int, insert_all: Writer, write_states: Writer | None, commit: Commit) -> float:
    """Write batches with a driver alone; return readings per second."""
    begun = time.perf_counter()
    for first in range(0, len(stored.readings), batch):
        with commit():
            insert_all(stored.readings[first : first + batch])
            if write_states is not None:
                write_states([stored.states[bin_id] for bin_id in stored.bins[first : first + batch]])
    return len(stored.readings) / (time.perf_counter() - begun)


def upsert_of(stored: Stored, mark: str) -> str:
    """Return the statement that writes a state."""
    changed = ", ".join(f"{name} = excluded.{name}" for name in stored.state_columns if name != "bin_id")
    names, marks = ", ".join(stored.state_columns), ", ".join([mark] * len(stored.state_columns))
    return f"INSERT INTO bin_state ({names}) VALUES ({marks}) ON CONFLICT (bin_id) DO UPDATE SET {changed}"


def bare_sqlite(engine: Engine, stored: Stored, batch: int) -> dict[str, float]:
    """Insert rows into an emptied database with the driver alone, and once more with the states."""
    connection = sqlite3.connect(str(engine.url.database), isolation_level=None)
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    marks = ",".join("?" * len(stored.readings[0]))

    @contextmanager
    def commit() -> Iterator[None]:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")

    def insert_all(some: Sequence[Row]) -> None:
        connection.executemany(f"INSERT INTO reading VALUES ({marks})", some)

    def write_states(some: Sequence[Row]) -> None:
        connection.executemany(upsert_of(stored, "?"), some)

    found = {"executemany": bare(stored, batch, insert_all, None, commit)}
    connection.execute("DELETE FROM reading")
    found["executemany and states"] = bare(stored, batch, insert_all, write_states, commit)
    connection.close()
    return found


def bare_postgres(engine: Engine, stored: Stored, batch: int) -> dict[str, float]:
    """Insert rows into an emptied database with the driver alone, in the two ways it has, and once with the states."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    marks = ",".join(["%s"] * len(stored.readings[0]))
    found: dict[str, float] = {}
    with psycopg.connect(url) as connection:
        cursor = connection.cursor()

        @contextmanager
        def commit() -> Iterator[None]:
            yield
            connection.commit()

        def insert_all(some: Sequence[Row]) -> None:
            cursor.executemany(f"INSERT INTO reading VALUES ({marks})", some)

        def copy_all(some: Sequence[Row]) -> None:
            with cursor.copy("COPY reading FROM STDIN") as copy:
                for row in some:
                    copy.write_row(row)

        def write_states(some: Sequence[Row]) -> None:
            cursor.executemany(upsert_of(stored, "%s"), some)

        ways: dict[str, tuple[Writer, Writer | None]] = {
            "executemany": (insert_all, None),
            "copy": (copy_all, None),
            "executemany and states": (insert_all, write_states),
        }
        for name, (write, beside) in ways.items():
            cursor.execute("TRUNCATE reading")
            connection.commit()
            found[name] = bare(stored, batch, write, beside, commit)
    return found


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


def compare(
    opened: Callable[[], AbstractContextManager[Engine]], form: str, readings: int, batch: int
) -> dict[str, Any]:
    """Measure intake and the bare script on one kind of database."""
    intake: dict[str, float] = {}
    with opened() as engine:
        fill(engine)
        batches = list(FORMS[form](readings, batch))
        settle()
        intake["1 process"] = taken_in(engine, batches)
        is_postgres = engine.dialect.name == "postgresql"
        stored = stored_in(engine)
    if is_postgres:
        with opened() as engine:
            fill(engine)
            url = engine.url.render_as_string(hide_password=False)
            intake[f"{PROCESSES} processes"] = taken_in_by_several(url, form, readings, batch)
    with opened() as engine:
        fill(engine)
        engine.dispose()
        scripts = (bare_postgres if is_postgres else bare_sqlite)(engine, stored, batch)
    return {
        "readings_per_s": {name: round(rate) for name, rate in intake.items()},
        "bare_inserts_per_s": {name: round(rate) for name, rate in scripts.items()},
        "share": {name: round(rate / scripts["executemany"], 2) for name, rate in intake.items()},
        "share_with_states": {
            name: round(rate / scripts["executemany and states"], 2) for name, rate in intake.items()
        },
    }


def flat(opened: Callable[[], AbstractContextManager[Engine]], readings: int, batch: int) -> dict[str, Any]:
    """Take many readings in, and look at resident memory as it goes."""
    curve = []
    with opened() as engine:
        fill(engine)
        settle()
        clock = ManualClock(START)
        stored = 0
        every = max(readings // SAMPLES, 1)
        begun = time.perf_counter()
        for at, messages in own(readings, batch):
            clock.advance(at - clock.now())
            stored += sum(receipt.stored for receipt in receive_all(engine, clock, messages))
            if stored >= every * (len(curve) + 1):
                curve.append((stored, round(resident_mb(), 1)))
                print(json.dumps({"stored": stored, "resident_mb": curve[-1][1]}), flush=True)
        spent_s = time.perf_counter() - begun
    # The first tenth warms caches up.
    settled = [resident for done, resident in curve if done > readings / 10]
    return {
        "stored": stored,
        "readings_per_s": round(stored / spent_s),
        "resident_mb": {"first": curve[0][1], "least": min(settled), "most": max(settled), "last": curve[-1][1]},
    }


def resident_mb() -> float:
    """Return what this process has in memory now."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Measure both databases and both forms, or one database for long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--postgres", default="postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--flat", type=int, default=0, help="take in so many, and look at resident memory")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="only this one")
    asked = parser.parse_args()
    databases: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
        "sqlite": sqlite,
        "postgresql": lambda: postgres(asked.postgres),
    }
    if asked.flat:
        print(json.dumps(flat(databases[asked.database or "sqlite"], asked.flat, asked.batch)))
        return
    result = {
        f"{database}_{form}": compare(opened, form, asked.readings, asked.batch)
        for database, opened in databases.items()
        if asked.database in (None, database)
        for form in FORMS
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
