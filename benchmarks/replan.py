"""Measures `insert` and `replan` in a district of 500 stops: how long they take, and how small the changes are.

    python -m benchmarks.replan [--stops 500] [--events 200] [--lunch] [--seconds 30]

Times are given in milliseconds and as a multiple of a bare baseline on the same machine: timing every route of the
plan once with `schedule`.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.waste_days import waste_day
from routing import Break, Budget, Matrix, Plan, Problem, TimeWindow, insert, remove, schedule, solve, verify
from routing.events import Event, FacilityClosed, NewStop, StopCancelled, TruckBrokeDown, TruckLate, WaysChanged
from routing.replan import replan
from routing.schedule import places_of

LUNCH = Break(TimeWindow(4 * 3600, 6 * 3600), 1800)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stops", type=int, default=500)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--lunch", action="store_true", help="every truck takes half an hour between 4 and 6 h")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    day = waste_day(options.stops, options.seed)
    if options.lunch:
        day = replace(day, trucks=tuple(replace(truck, breaks=(LUNCH,)) for truck in day.trucks))
    plan = solve(day, Budget(options.seconds))
    bare_ms = baseline_ms(day, plan)
    found = {
        "stops": options.stops,
        "trucks out": len(plan.routes),
        "baseline ms": round(bare_ms, 2),
        "insert": insertions(day, plan, bare_ms, options.events, options.seed),
        "replan": events(day, plan, bare_ms, options.events, options.seed),
    }
    print(json.dumps(found) if options.json else text(found))


def baseline_ms(day: Problem, plan: Plan) -> float:
    """Time all routes once, the best of five."""
    tours = [(day.truck_by_id[route.truck_id], places_of(day, route)) for route in plan.routes]
    return min(_took(lambda: [schedule(day, *tour) for tour in tours])[0] for _ in range(5))


def insertions(day: Problem, plan: Plan, bare_ms: float, count: int, seed: int) -> dict[str, Any]:
    """Take a stop out and ask for all ways to serve it; every second one is asked as a stop the problem never had."""
    rng = random.Random(seed)
    times = []
    for number in range(count):
        route = rng.choice(plan.routes)
        stop_id = rng.choice(route.stop_ids)
        without = remove(day, plan, stop_id)
        known = day.stop_by_id[stop_id]
        stop = replace(known, id="new") if number % 2 else stop_id
        took_ms, ways = _took(lambda w=without, s=stop: insert(day, w, s))
        assert ways
        assert verify(ways[0].problem, ways[0].plan).ok
        times.append(took_ms)
    return _percentiles(times, bare_ms)


def events(day: Problem, plan: Plan, bare_ms: float, count: int, seed: int) -> dict[str, Any]:
    """Let random things happen at random times of the day."""
    rng = random.Random(seed)
    kinds: dict[str, list[float]] = {}
    changes: dict[str, list[int]] = {}
    unserved: Counter[str] = Counter()
    for number in range(count):
        event, now_s = an_event(day, plan, rng, number)
        took_ms, made = _took(lambda e=event, n=now_s: replan(day, plan, e, n))
        assert verify(made.problem, made.plan).ok
        kind = type(event).__name__
        kinds.setdefault(kind, []).append(took_ms)
        changes.setdefault(kind, []).append(made.difference.changes)
        before = {gone.stop_id for gone in plan.unserved}
        new = [gone.stop_id for gone in made.plan.unserved if gone.stop_id not in before]
        unserved[kind] += sum(made.problem.stop_by_id[stop_id].required for stop_id in new)
    every = [took for times in kinds.values() for took in times]
    return {"all": _percentiles(every, bare_ms)} | {
        kind: _percentiles(times, bare_ms)
        | {"changes mean": round(float(np.mean(changes[kind])), 1), "required left out": int(unserved[kind])}
        for kind, times in kinds.items()
    }


def an_event(day: Problem, plan: Plan, rng: random.Random, number: int) -> tuple[Event, int]:
    """Draw what happens and when; kinds take turns."""
    route = rng.choice(plan.routes)
    leaves_s = min(route.visits[0].departure_s for route in plan.routes)
    home_s = max(route.visits[-1].arrival_s for route in plan.routes)
    now_s = rng.randint(leaves_s, round(leaves_s + 0.8 * (home_s - leaves_s)))
    if number % 6 == 0:
        return TruckBrokeDown(route.truck_id), now_s
    if number % 6 == 1:
        return TruckLate(route.truck_id, rng.randint(300, 5400)), now_s
    if number % 6 == 2:
        return WaysChanged((detoured(day, rng),)), now_s
    if number % 6 == 3:
        like = rng.choice(day.stops)
        return NewStop(replace(like, id="new", required=True)), now_s
    if number % 6 == 4:
        return StopCancelled(rng.choice(route.stop_ids)), now_s
    return FacilityClosed(rng.choice(day.facilities).id, now_s + rng.randint(0, 3600)), now_s


def detoured(day: Problem, rng: random.Random) -> Matrix:
    """Close a road: ways between two quarters of forty places each take ten minutes and two kilometres more."""
    matrix = day.matrices[0]
    here, there = (_quarter(matrix, rng.randrange(len(matrix))) for _ in range(2))
    seconds, metres = matrix.duration_s.copy(), matrix.distance_m.copy()
    for pair in (np.ix_(here, there), np.ix_(there, here)):
        seconds[pair] += 600
        metres[pair] += 2000
    np.fill_diagonal(seconds, 0)
    np.fill_diagonal(metres, 0)
    return Matrix(seconds, metres)


def _quarter(matrix: Matrix, centre: int) -> Sequence[int]:
    return np.argsort(matrix.duration_s[centre], kind="stable")[:40].tolist()


def _took(call: Callable[[], Any]) -> tuple[float, Any]:
    begin = perf_counter()
    result = call()
    return (perf_counter() - begin) * 1000, result


def _percentiles(times_ms: list[float], bare_ms: float) -> dict[str, Any]:
    p50, p95, most = np.percentile(times_ms, [50, 95, 100])
    return {
        "count": len(times_ms),
        "p50 ms": round(float(p50), 1),
        "p95 ms": round(float(p95), 1),
        "max ms": round(float(most), 1),
        "p95 / baseline": round(float(p95) / bare_ms, 1),
    }


def text(found: dict[str, Any]) -> str:
    head = ", ".join(f"{name} {value}" for name, value in found.items() if not isinstance(value, dict))
    lines = [f"insert: {found['insert']}", *(f"replan {kind}: {row}" for kind, row in found["replan"].items())]
    return "\n".join([head, *lines])


if __name__ == "__main__":
    main()
