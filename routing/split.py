"""`split`: a problem too large for one search becomes parts that border sensibly, each with trucks as it needs them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from routing.excerpt import excerpt
from routing.groups import Positions, asked_of_truck, halves
from routing.nearby import with_near_facilities
from routing.positions import positions
from routing.problem import Problem, RelationKind, Stop, Truck

# Stops of one part: so many, or more where routes are long, since fewest trucks are found only among many.
PART_STOPS, PART_ROUTES, MOST_PART_STOPS = 200, 12, 800
# Ways between neighbours are measured on this many stops of a part.
SAMPLE = 40


def split(problem: Problem, most: int | None = None, *, seed: int = 1, where: Positions | None = None) -> list[Problem]:
    """Cut a problem into parts of neighbouring stops.

    Stops that are locked to one truck, or that people tied to each other, stay together. Trucks are dealt out by
    what each part has to carry and how long that takes, from depots that are near; every truck that is of use goes
    somewhere.

    Parameters
    ----------
    most
        About as many stops a part may have; as many as seem right if it is left out.
    where
        Places on a plane, if they are known already.

    Returns
    -------
    list of Problem
        Every stop is in exactly one, every truck in at most one.
    """
    if len(problem.stops) <= (most := part_stops(problem) if most is None else most):
        return [problem]
    where = positions(problem, seed) if where is None else where
    bundles = _bundles(problem)
    points = np.array([np.mean([where[stop.location] for stop in bundle], axis=0) for bundle in bundles])
    weights = np.array([len(bundle) for bundle in bundles], dtype=np.float64)
    cut = halves(points, weights, most, np.random.default_rng(seed))
    parts = [[stop for number in inside.tolist() for stop in bundles[number]] for inside in cut]
    fleets = _fleets(problem, parts, where)
    return [
        with_near_facilities(
            _with_share(problem, excerpt(problem, {stop.id for stop in stops}, {truck.id for truck in fleet}))
        )
        for stops, fleet in zip(parts, fleets, strict=True)
    ]


def part_stops(problem: Problem) -> int:
    """Return how many stops a part should have, by how many a truck serves in a shift."""
    trucks = 0.0
    for ask, (stops,) in _jobs(problem, [problem.stops]).items():
        trucks += _need(problem, stops, [kind[0] for kind in problem.kinds if kind[0].fits(ask)])
    a_route = len(problem.stops) / max(1.0, trucks)
    return min(max(PART_STOPS, round(PART_ROUTES * a_route)), MOST_PART_STOPS)


def _with_share(problem: Problem, part: Problem) -> Problem:
    """Leave a part as much of what facilities take in a day as its stops are of all that could be brought there."""
    facilities = []
    for facility in part.facilities:
        if facility.max_kg is not None:
            mine, everybody = (
                sum(stop.demand_kg for stop in stops if stop.stream in facility.streams)
                for stops in (part.stops, problem.stops)
            )
            facility = replace(facility, max_kg=facility.max_kg * mine // max(1, everybody))  # noqa: PLW2901
        facilities.append(facility)
    return replace(part, facilities=tuple(facilities))


def _bundles(problem: Problem) -> list[list[Stop]]:
    """Return stops that must not be parted, together; every other alone."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while (up := root.setdefault(name, name)) != name:
            name = up
        return name

    for stop_id, truck_id in problem.truck_of_locked.items():
        root[find(f"stop {stop_id}")] = find(f"truck {truck_id}")
    for relation in problem.relations:
        if relation.kind is not RelationKind.APART:
            for other in relation.stop_ids[1:]:
                root[find(f"stop {other}")] = find(f"stop {relation.stop_ids[0]}")
    bundles: dict[str, list[Stop]] = {}
    for stop in problem.stops:
        bundles.setdefault(find(f"stop {stop.id}"), []).append(stop)
    return list(bundles.values())


def _fleets(problem: Problem, parts: Sequence[Sequence[Stop]], where: Positions) -> list[list[Truck]]:
    """Deal out trucks: first what every part needs, what few trucks can do before the rest; then those left over."""
    fleets: list[list[Truck]] = [[] for _ in parts]
    part_of = {stop.id: number for number, stops in enumerate(parts) for stop in stops}
    holders = {truck_id: part_of[stop_id] for stop_id, truck_id in problem.truck_of_locked.items()}
    for truck_id, number in holders.items():
        fleets[number].append(problem.truck_by_id[truck_id])
    idle = {kind[0]: [truck for truck in kind if truck.id not in holders] for kind in problem.kinds}
    kinds = list(idle)
    middles = np.array([np.mean([where[stop.location] for stop in stops], axis=0) for stops in parts])
    homes = np.array([where[kind.start_location] for kind in kinds]).reshape(-1, 2)
    ways = np.sqrt(((middles[:, None] - homes[None]) ** 2).sum(axis=2))
    jobs = _jobs(problem, parts)
    able = {ask: [number for number, kind in enumerate(kinds) if kind.fits(ask)] for ask in jobs}

    def give(part: int, fit: Sequence[int]) -> bool:
        near = [number for number in fit if idle[kinds[number]]]
        if not near:
            return False
        fleets[part].append(idle[kinds[min(near, key=lambda number: ways[part, number])]].pop(0))
        return True

    needs: dict[Stop, NDArray[np.float64]] = {}
    for ask in sorted(jobs, key=lambda ask: sum(len(idle[kinds[number]]) for number in able[ask])):
        needs[ask] = np.array([_need(problem, stops, [kinds[number] for number in able[ask]]) for stops in jobs[ask]])
        helping = np.array([sum(truck.fits(ask) for truck in fleet) for fleet in fleets], dtype=np.float64)
        left = needs[ask] - helping
        while (left > 0).any() and give(most := int(left.argmax()), able[ask]):
            left[most] -= 1
    # The rest by the ratio of need to what is there, so that no part is short because the estimate was.
    for ask in sorted(jobs, key=lambda ask: -len(able[ask])):
        helping = np.array([sum(truck.fits(ask) for truck in fleet) for fleet in fleets], dtype=np.float64)
        while needs[ask].any() and give(most := int((needs[ask] / (1 + helping)).argmax()), able[ask]):
            helping[most] += 1
    return fleets


def _jobs(problem: Problem, parts: Sequence[Sequence[Stop]]) -> dict[Stop, list[list[Stop]]]:
    """Sort the stops of every part by what they ask of a truck; one of them stands for each kind."""
    jobs: dict[tuple[object, ...], list[list[Stop]]] = {}
    for number, stops in enumerate(parts):
        for stop in stops:
            if stop.id not in problem.truck_of_locked:
                jobs.setdefault(asked_of_truck(stop), [[] for _ in parts])[number].append(stop)
    return {next(stop for stops in by_part for stop in stops): by_part for by_part in jobs.values()}


def _need(problem: Problem, stops: Sequence[Stop], kinds: Sequence[Truck]) -> float:
    """Estimate how many trucks, of kinds that may serve them, some stops of one part keep busy for a shift."""
    facilities = [facility for facility in problem.facilities if stops and stops[0].stream in facility.streams]
    if not stops or not kinds or not facilities:
        return 0.0
    holds_kg, holds_l = (
        max(1.0, sum(held) / len(kinds))
        for held in zip(*((kind.capacity_kg, kind.capacity_l) for kind in kinds), strict=True)
    )
    trips = max(sum(stop.demand_kg for stop in stops) / holds_kg, sum(stop.demand_l for stop in stops) / holds_l)
    some = [stop.location for stop in stops[:: max(1, len(stops) // SAMPLE)]]
    seconds = problem.matrices[kinds[0].profile].duration_s
    among = seconds[np.ix_(some, some)].astype(np.float64)
    np.fill_diagonal(among, np.inf)
    # Neighbours are as much nearer as there are more of them than in the sample.
    hop_s = float(np.median(among.min(axis=1))) * np.sqrt(len(some) / len(stops)) if len(some) > 1 else 0.0
    to_unload = seconds[np.ix_(some, [facility.location for facility in facilities])].astype(np.float64)
    way_s = float(np.median(to_unload.min(axis=1)))
    from_home = seconds[np.ix_([kind.start_location for kind in kinds], some)].astype(np.float64)
    work_s = (
        len(stops) * hop_s
        + sum(stop.service_s for stop in stops)
        + trips * (2 * way_s + min(facility.unloading_s for facility in facilities))
    )
    shift_s = float(np.median([kind.max_duration_s for kind in kinds])) - 2 * float(np.median(from_home.min(axis=0)))
    busy = work_s / max(shift_s, 1.0)
    most = [kind.max_trips for kind in kinds if kind.max_trips]
    return float(max(busy, trips / (sum(most) / len(most)))) if len(most) == len(kinds) else float(busy)
