"""What alarms and health cost in a large city: a sweep where all is well, one in an outage of everything, judging.

    python -m benchmarks.alarms [--bins 150000] [--postgres URL]

A city of devices that speak every hour is made in a scratch database. Time is the wall's, on whatever machine it is.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session

from city.clock import ManualClock
from city.database import open_engine, reading, transaction
from city.migrate import upgrade
from city.registry import Bin, CollectionPoint, District, PointKind
from city.streams import Stream
from sensors.bulk import chunks, insert_new
from sensors.device_days import judge_devices
from sensors.ranking import Terms, rank
from sensors.sweep import sweep
from sensors.telemetry import Device, Reading, Verdict

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
PER_GATEWAY = 1_000
CHUNK = 20_000
JUDGED = 4_000


def main() -> None:
    """Make the city and print what each step takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bins", type=int, default=150_000)
    parser.add_argument("--postgres", help="URL of an empty database; left out: SQLite in a scratch folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(given.postgres or f"sqlite:///{Path(folder) / 'city.sqlite'}")
        upgrade(engine)
        measure(engine, given.bins)
        engine.dispose()


def measure(engine: Engine, bins: int) -> None:
    """Print the seconds of each step."""
    furnish(engine, bins)
    for hour in range(3):
        with transaction(engine) as session:
            speak(session, bins, BEGIN + hour * HOUR)
    clock = ManualClock(BEGIN + 3 * HOUR)
    took("first look at every device", lambda: sweep(engine, clock))
    for hour in range(3, 6):
        with transaction(engine) as session:
            speak(session, bins, BEGIN + hour * HOUR)
        clock.advance(HOUR)
        sweep(engine, clock)
    for _ in range(3):
        clock.advance(timedelta(minutes=1))
        took("sweep, a minute later, while all is well", lambda: sweep(engine, clock))
    clock.advance(4 * HOUR)
    took("sweep as everything falls silent", lambda: sweep(engine, clock))
    clock.advance(timedelta(minutes=11))
    took("sweep while everything is silent", lambda: sweep(engine, clock))
    took("ranking every bin", lambda: ranked(engine))
    judged = min(JUDGED, bins)
    for day in range(1, 15):
        with transaction(engine) as session:
            for hour in range(0, 24, 2):
                speak(session, judged, BEGIN - timedelta(days=day) + hour * HOUR)
    took(f"judging {judged} devices by 14 days of 12 readings", lambda: judge_devices(engine, clock, at_most=judged))


def ranked(engine: Engine) -> int:
    """Rank the bins and return how many there are."""
    with reading(engine) as session:
        return len(rank(session, Terms()))


def took(what: str, call: Callable[[], object]) -> None:
    """Print how long a call took and what it gave."""
    begun = time.perf_counter()
    result = call()
    print(f"{time.perf_counter() - begun:8.2f} s  {what}  {result}", flush=True)


def furnish(engine: Engine, bins: int) -> None:
    """Put a bin with a device everywhere."""
    with transaction(engine) as session:
        insert_new(session, District, [{"id": "d", "name": "D", "name_zh": "", "active": True}])
        point = CollectionPoint(id="p", district_id="d", kind=PointKind.STREET, name="P", lon=0, lat=0)
        insert_new(session, CollectionPoint, [point.model_dump()])
        for numbers in chunks(range(bins), CHUNK):
            bin_ = Bin(id="", point_id="p", stream=Stream.DRY, usable_volume_l=240, depth_cm=100).model_dump()
            insert_new(session, Bin, [bin_ | {"id": name(number)} for number in numbers])
            device = Device(id="", bin_id="", mounting_height_cm=120).model_dump()
            insert_new(session, Device, [device | {"id": name(n), "bin_id": name(n)} for n in numbers])


def name(number: int) -> str:
    """Return the id of a bin and its device."""
    return f"{number:016x}"


def speak(session: Session, bins: int, at: datetime) -> None:
    """Let every device speak in the hour from a moment on."""
    blank = Reading(device_id="", frame_key="", at=at, received_at=at, verdict=Verdict.OK).model_dump()
    for numbers in chunks(range(bins), CHUNK):
        rows = []
        for number in numbers:
            moment = at + number * 7919 % 3600 * timedelta(seconds=1)
            rows.append(
                blank
                | {
                    "device_id": name(number),
                    "frame_key": f"{int(moment.timestamp() * 1000):013d}-0",
                    "bin_id": name(number),
                    "at": moment,
                    "received_at": moment,
                    "fill_level": 0.4,
                    "battery_percent": 80.0 - number % 7,
                    "temperature_c": 15.0,
                    "platform": "chirpstack",
                    "gateway_id": f"gateway-{number // PER_GATEWAY}",
                }
            )
        insert_new(session, Reading, rows)


if __name__ == "__main__":
    main()
