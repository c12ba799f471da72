"""PyVRP as a peer: iterated local search. It has reloads, windows, prizes, fleets; no breaks and no daily limits."""

import warnings

import numpy as np
import pyvrp
from pyvrp import Client, Depot, Location, ProblemData, VehicleType
from pyvrp.exceptions import PenaltyBoundWarning
from pyvrp.stop import MaxRuntime

from benchmarks.peers.bending import with_bearable_trucks, within_shift_loads, without_breaks
from benchmarks.peers.tours import Answer, Tours, is_plain, is_timed, truck_of, window_of
from routing import UNREACHABLE, Problem

# A way that must not be driven: longer than any shift, yet small enough for the engine's penalties.
FAR = 10**7


def solve(problem: Problem, seconds: float, seed: int, cores: int) -> Answer:
    """Search on one core, which is all that PyVRP uses."""
    del cores
    problem, without = without_breaks(problem)
    problem, within = within_shift_loads(problem)
    problem, priced = with_bearable_trucks(problem)
    data = _plain(problem) if is_plain(problem) else _with_reloads(problem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PenaltyBoundWarning)
        result = pyvrp.solve(data, MaxRuntime(seconds), seed=seed, collect_stats=False, display=False)
    return Answer(_tours(problem, result.best), "; ".join(filter(None, (without, within, priced))))


def _plain(problem: Problem) -> ProblemData:
    truck, matrix = truck_of(problem), problem.matrices[0]
    metres = matrix.distance_m.astype(np.int64)
    timed = is_timed(problem)
    hours = {"tw_early": truck.shift.start_s, "tw_late": truck.shift.end_s, "shift_duration": truck.max_duration_s}
    return ProblemData(
        [Location(0, 0)] * len(metres),
        _clients(problem, timed=timed),
        [Depot(truck.start_location)],
        [
            VehicleType(
                len(problem.trucks),
                [truck.capacity_kg, truck.capacity_l],
                fixed_cost=truck.fixed_cents,
                unit_distance_cost=1,
                **(hours if timed else {}),
            )
        ],
        [metres],
        [matrix.duration_s.astype(np.int64) if timed else np.zeros_like(metres)],
    )


def _with_reloads(problem: Problem) -> ProblemData:
    """Make trucks unload at a facility before they go home, whose depot would swallow the load otherwise."""
    truck, matrix = truck_of(problem), problem.matrices[0]
    homes = [truck.start_location, truck.end_location]
    gates = [facility.location for facility in problem.facilities]
    stops = [stop.location for stop in problem.stops]
    seconds = matrix.duration_s.astype(np.int64)
    metres = matrix.distance_m.astype(np.int64)
    for tails, heads in ((homes, gates), (gates, gates), (stops, homes)):
        metres[np.ix_(tails, heads)] = seconds[np.ix_(tails, heads)] = FAR
    metres[metres >= UNREACHABLE] = seconds[seconds >= UNREACHABLE] = FAR
    np.fill_diagonal(metres, 0)
    np.fill_diagonal(seconds, 0)
    assert truck.cents_per_km == 1000
    assert truck.cents_per_h == 0
    depots = [Depot(home) for home in homes]
    for facility in problem.facilities:
        opens_s, closes_s = window_of(facility.windows, truck.shift)
        depots.append(Depot(facility.location, opens_s, closes_s, facility.unloading_s))
    return ProblemData(
        [Location(0, 0)] * len(metres),
        _clients(problem, timed=True),
        depots,
        [
            VehicleType(
                len(problem.trucks),
                [truck.capacity_kg, truck.capacity_l],
                0,
                1,
                truck.fixed_cents,
                truck.shift.start_s,
                truck.shift.end_s,
                truck.max_duration_s,
                unit_distance_cost=1,
                reload_depots=list(range(2, len(depots))),
                max_reloads=len(problem.stops) if truck.max_trips is None else truck.max_trips,
            )
        ],
        [metres],
        [seconds],
    )


def _clients(problem: Problem, *, timed: bool) -> list[Client]:
    clients = []
    for stop in problem.stops:
        opens_s, closes_s = window_of(stop.windows, truck_of(problem).shift)
        hours = {"service_duration": stop.service_s, "tw_early": opens_s, "tw_late": closes_s} if timed else {}
        clients.append(
            Client(
                stop.location,
                pickup=[stop.demand_kg, stop.demand_l],
                prize=stop.prize_cents,
                required=stop.required,
                **hours,
            )
        )
    return clients


def _tours(problem: Problem, solution: pyvrp.Solution) -> Tours:
    plain = is_plain(problem)
    tours: Tours = {}
    for truck, route in zip(problem.trucks, solution.routes(), strict=False):
        tour = []
        for activity in route:
            if activity.is_client():
                tour.append((True, problem.stops[activity.idx].id))
            elif not plain and activity.idx >= 2:
                tour.append((False, problem.facilities[activity.idx - 2].id))
        tours[truck.id] = [*tour, (False, problem.facilities[0].id)] if plain else tour
    return tours
