"""How many positions of trucks a second the intake process stores durably and acknowledges, over real sockets.

    .venv/bin/python -m benchmarks.terminals [--trucks 1000] [--each 20] [--database URL]

Starts ``dustcart intake`` with a port for terminals on a new database (SQLite if none is named), connects a terminal
for each truck, and lets each send one position after another, the next when the last was answered. Prints JSON:
positions acknowledged per second of wall time, how long an answer took, and the memory of the process before and after.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from sqlmodel import Session

from city.database import open_engine
from city.migrate import upgrade
from city.registry import District, Facility, FacilityKind, Truck
from sensors.jt808.frame import Cutter, Frame, read_frame, write_frame

CHINA = timezone(timedelta(hours=8))
# Terminals that knock at once; the queue of a listening socket is not endless.
AT_ONCE = 100


def fill(url: str, trucks: int) -> None:
    """Make a fleet."""
    engine = open_engine(url)
    upgrade(engine)
    with Session(engine) as session:
        session.add(District(id="d", name="D"))
        session.flush()
        session.add(Facility(id="depot", district_id="d", kind=FacilityKind.DEPOT, name="", lon=121.4, lat=31.2))
        session.flush()
        for number in range(trucks):
            session.add(
                Truck(
                    id=f"t{number}", plate=f"{number}", district_id="d", depot_id="depot", streams="dry",
                    capacity_kg=8_000, capacity_l=14_000, terminal=f"{13_000_000_000 + number}",
                )
            )  # fmt: skip
        session.commit()
    engine.dispose()


def position(truck: int, serial: int, at: datetime) -> bytes:
    """Write one position."""
    body = bytes(4) + (3).to_bytes(4) + (31_231_000 + serial).to_bytes(4) + (121_470_200 + truck).to_bytes(4)
    body += bytes(6) + bytes.fromhex(at.astimezone(CHINA).strftime("%y%m%d%H%M%S"))
    return write_frame(Frame(0x0200, f"{13_000_000_000 + truck:012d}", serial, body))


async def drive(port: int, trucks: int, each: int) -> tuple[float, list[float], int]:
    """Let every truck report; return the time it took, how long each answer took, and how many were done."""
    gate = asyncio.Semaphore(AT_ONCE)
    start = datetime.now(UTC) - timedelta(hours=1)
    connected = [await _connected(gate, port) for _ in range(trucks)]
    waits: list[float] = []
    began = time.perf_counter()
    done = await asyncio.gather(
        *(_report(truck, *streams, each, start, waits) for truck, streams in enumerate(connected))
    )
    return time.perf_counter() - began, waits, sum(done)


async def _connected(gate: asyncio.Semaphore, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with gate:
        return await asyncio.open_connection("127.0.0.1", port)


async def _report(
    truck: int,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    each: int,
    start: datetime,
    waits: list[float],
) -> int:
    cutter, done = Cutter(), 0
    for serial in range(each):
        sent = time.perf_counter()
        writer.write(position(truck, serial, start + serial * timedelta(seconds=10)))
        answers: list[bytes] = []
        while not answers:
            answers = cutter.feed(await reader.read(4096))
        waits.append(time.perf_counter() - sent)
        done += read_frame(answers[0]).body[4] == 0
    return done


def resident_mb(pid: int) -> float:
    """Return the memory a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Measure, and print what was measured."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--trucks", type=int, default=1_000)
    arguments.add_argument("--each", type=int, default=20)
    arguments.add_argument("--database", default="")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{folder}/terminals.sqlite"
        fill(url, given.trucks)
        settings = {"DUSTCART_DATABASE_URL": url, "DUSTCART_TERMINALS_PORT": "0", "DUSTCART_DATA_DIR": folder}
        command = [sys.executable, "-m", "api.cli", "intake", "--port", "0"]
        with subprocess.Popen(command, env=os.environ | settings, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            port = next(int(line.split()[-1]) for line in process.stderr if "terminals of trucks" in line)
            before_mb = resident_mb(process.pid)
            seconds, waits, done = asyncio.run(drive(port, given.trucks, given.each))
            after_mb = resident_mb(process.pid)
            process.terminate()
    waits.sort()
    print(
        json.dumps(
            {
                "terminals": given.trucks,
                "acknowledged": done,
                "per_second": round(done / seconds),
                "answer_s": {
                    "median": round(statistics.median(waits), 3),
                    "p99": round(waits[int(0.99 * len(waits))], 3),
                },
                "resident_mb": {"before": round(before_mb), "after": round(after_mb)},
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
