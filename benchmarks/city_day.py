"""Plans one day of a whole city and says how long that takes, how much memory, what it costs and what is wrong with it.

    .venv/bin/python benchmarks/city_day.py [--points 61000] [--served 40000] [--districts 16] [--minutes 10]
        [--cores 2] [--seed 1] [--ten-times PARTS] [--ray ADDRESS]

A generated city; of its points some are served that day in the morning shift, each for the streams that are due there,
by the whole fleet. Ways are as the crow flies, 1.3 times as long, at 25 km/h. Prints JSON. `--ten-times 8` does not
plan the city but eight of its parts, drawn by lot, in the time that a part has in the day and in ten times that.
"""

import argparse
import json
import multiprocessing
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from city.generate import generate
from city.hours import parse_hours
from city.store import CityData
from routing import Budget, Facility, Problem, Stop, TimeWindow, Truck, solve, verify
from routing.draft import merit
from routing.independent import independent_pieces
from routing.ondemand import CrowWays, OnDemand
from routing.split import split
from routing.workers import Processes, Task

M_PER_DEGREE = 111_195.0
MORNING = TimeWindow(6 * 3600, 14 * 3600)
# How likely a stream of a station is due on a day, and how full its bins are then.
DUE = {"dry": 0.6, "wet": 0.6, "recyclable": 0.03, "hazardous": 0.01}
FULL = (0.5, 0.95)
# Emptying one bin.
BIN_S = 20


def city_day(city: CityData, served: int, seed: int) -> Problem:
    """Make the morning of a city: points drawn by lot from those open then, with what waits in their bins."""
    rng = np.random.default_rng(seed)
    density = {rule.stream: rule.density_kg_per_l for rule in city.stream_rules}
    litres: dict[str, dict[str, int]] = {}
    count: dict[str, int] = {}
    rule_of = {stream.value: rule for stream, rule in density.items()}
    for bin_ in city.bins:
        of_point = litres.setdefault(bin_.point_id, {})
        of_point[bin_.stream.value] = of_point.get(bin_.stream.value, 0) + bin_.usable_volume_l
        count[f"{bin_.point_id} {bin_.stream.value}"] = count.get(f"{bin_.point_id} {bin_.stream.value}", 0) + 1
    places = [(facility.lon, facility.lat) for facility in city.facilities]
    row = {facility.id: number for number, facility in enumerate(city.facilities)}
    stops = []
    drawn = 0
    for number in rng.permutation(len(city.points)).tolist():
        point = city.points[number]
        windows = tuple(
            TimeWindow(max(span.start_s, MORNING.start_s), min(span.end_s, MORNING.end_s) - 900)
            for span in parse_hours(point.hours)
        )
        windows = tuple(window for window in windows if window.end_s > window.start_s)
        if point.hours and not windows:
            continue
        if drawn == served:
            break
        drawn += 1
        of_point = litres.get(point.id, {})
        due = [stream for stream in of_point if point.kind.value == "street" or rng.random() < DUE[stream]]
        if point.kind.value == "street" or not due:
            due = ["dry"] if "dry" in of_point else list(of_point)[:1]
        for stream in due:
            waiting = int(of_point[stream] * rng.uniform(*FULL))
            stops.append(
                Stop(
                    f"{point.id} {stream}", len(places), stream, max(1, int(waiting * rule_of[stream])), waiting,
                    point.service_s + BIN_S * count[f"{point.id} {stream}"], windows,
                    max_width_cm=point.max_width_cm, max_height_cm=point.max_height_cm,
                    max_weight_kg=point.max_weight_kg,
                )
            )  # fmt: skip
        places.append((point.lon, point.lat))
    lon, lat = np.array(places).T
    east = (lon - lon.mean()) * M_PER_DEGREE * np.cos(np.radians(lat.mean()))
    return Problem(
        tuple(stops),
        tuple(
            Facility(facility.id, row[facility.id], frozenset(facility.streams.split(",")), facility.unloading_s)
            for facility in city.facilities
            if facility.streams
        ),
        tuple(
            Truck(
                truck.id, row[truck.depot_id], row[truck.depot_id], frozenset(truck.streams.split(",")),
                truck.capacity_kg, int(truck.capacity_l * truck.compaction), MORNING,
                MORNING.end_s - MORNING.start_s, round(100 * truck.fixed_cost), round(100 * truck.cost_per_km),
                round(100 * truck.cost_per_h), width_cm=truck.width_cm, height_cm=truck.height_cm,
                gross_weight_kg=truck.gross_weight_kg,
            )
            for truck in city.trucks
        ),
        (OnDemand(CrowWays(east, (lat - lat.mean()) * M_PER_DEGREE)),),
    )  # fmt: skip


class Memory:
    """Watches how much memory this process and its children hold together, shared pages counted once."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            self.peak_mib = max(self.peak_mib, sum(map(_held_mib, _family(os.getpid()))))


def _family(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            found += _family(int(child))
    return found


def _held_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> None:
    """Plan the day and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=61_000)
    parser.add_argument("--served", type=int, default=40_000)
    parser.add_argument("--districts", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--cores", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ten-times", type=int, metavar="PARTS", help="compare parts with ten times the time")
    parser.add_argument("--ray", help="address of a Ray cluster to plan on")
    wanted = parser.parse_args()
    problem = city_day(generate(wanted.points, wanted.districts, wanted.seed), wanted.served, wanted.seed)
    seconds = 60 * wanted.minutes
    if wanted.ten_times:
        print(json.dumps(with_ten_times(problem, seconds * wanted.cores, wanted.ten_times, wanted.cores, wanted.seed)))
        return
    with Memory() as memory:
        begun = time.perf_counter()
        plan = solve(problem, Budget(seconds, wanted.cores, cluster=wanted.ray), seed=wanted.seed)
        seconds = time.perf_counter() - begun
    checked = verify(problem, plan)
    print(
        json.dumps(
            {
                "stops": len(problem.stops),
                "trucks": len(problem.trucks),
                "seconds": round(seconds, 1),
                "peak_mib": round(memory.peak_mib),
                "violations": len(checked.violations),
                "unserved": len(plan.unserved),
                "routes": len(plan.routes),
                "km": round(plan.distance_m / 1000),
                "cost_cents": plan.cost.total_cents,
            }
        )
    )


def with_ten_times(problem: Problem, core_s: float, count: int, cores: int, seed: int) -> dict[str, object]:
    """Plan some parts in their share of the day's time, and in ten times that; say what both cost."""
    parts = [part for piece in independent_pieces(problem) for part in split(piece, seed=seed) if len(part.stops) > 50]
    drawn = np.random.default_rng(seed).permutation(len(parts))[:count].tolist()
    tasks = [Task(parts[number], (), seed, len(parts[number].stops)) for number in drawn]
    share_s = core_s * sum(task.share for task in tasks) / len(problem.stops) / cores
    found = []
    with Processes(cores, share_s) as workers:
        workers.search([replace(task, seed=seed + 1) for task in tasks[:cores]], time.monotonic() + 5, None)
        for times in (1, 10):
            drafts = workers.search(tasks, time.monotonic() + times * share_s, None)
            found.append([merit(task.problem, draft) for task, draft in zip(tasks, drafts, strict=True)])
    once, ten = (sum(one[1] for one in merits) for merits in found)
    return {
        "parts": len(tasks),
        "stops": sum(len(task.problem.stops) for task in tasks),
        "left_out": [sum(one[0] for one in merits) for merits in found],
        "cost_cents": once,
        "cost_cents_ten_times": ten,
        "worse_percent": round(100 * (once / ten - 1), 2),
    }


if __name__ == "__main__":
    main()
