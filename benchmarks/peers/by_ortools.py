"""OR-Tools' routing solver alone as a peer: its best first solution for the problem, then guided local search."""

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from benchmarks.peers.tours import Answer, Tours, is_plain, is_timed, truck_of
from routing import UNREACHABLE, Facility, Problem, Stop

FAR = 10**7
# Leaving out a stop that must be served; above any route, and far below 64 bits in sum.
REQUIRED = 10**10
# Unloadings on offer: how many times what the loads need, shared by the facilities, and some more at each.
UNLOADINGS, AND_MORE = 2.0, 4


def solve(problem: Problem, seconds: float, seed: int, cores: int) -> Answer:
    """Search on one core, which is all that it uses. It takes no seed."""
    del seed, cores
    return Answer(_Model(problem).search(seconds))


class _Model:
    """Nodes are the home, the stops, and every facility as often as it may be used."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.truck = problem, truck_of(problem)
        self.plain = is_plain(problem)
        assert self.truck.start_location == self.truck.end_location
        self.places: list[Stop | Facility] = [*problem.stops]
        if not self.plain:
            share = ceil(UNLOADINGS * _loads(problem) / len(problem.facilities)) + AND_MORE
            self.places += [facility for facility in problem.facilities for _ in range(share)]
        self.where = [self.truck.start_location, *(place.location for place in self.places)]
        self.indices = pywrapcp.RoutingIndexManager(len(self.where), len(problem.trucks), 0)
        self.routing = pywrapcp.RoutingModel(self.indices)
        self.index = [self.indices.NodeToIndex(number + 1) for number in range(len(self.places))]
        self.gates = slice(len(problem.stops) + 1, None)
        self._price()
        if not self.plain or is_timed(problem):
            self._keep_time()
        self._keep_load("kg", self.truck.capacity_kg, [stop.demand_kg for stop in problem.stops])
        self._keep_load("litres", self.truck.capacity_l, [stop.demand_l for stop in problem.stops])
        self._keep_shift("shift's stops", self.truck.max_stops, [1] * len(problem.stops))
        self._keep_shift("shift's litres", self.truck.max_shift_l, [stop.demand_l for stop in problem.stops])
        for place, index in zip(self.places, self.index, strict=True):
            free = isinstance(place, Facility)
            self.routing.AddDisjunction([index], 0 if free else REQUIRED if place.required else place.prize_cents)

    def search(self, seconds: float) -> Tours | None:
        parameters = pywrapcp.DefaultRoutingSearchParameters()
        first = routing_enums_pb2.FirstSolutionStrategy
        # With facilities as nodes only parallel cheapest insertion finds a usable plan. Without, after 30 s on
        # X-n303-k21 the cheapest arc had 23,568, parallel cheapest insertion 24,463 and savings 25,405.
        parameters.first_solution_strategy = (
            first.PATH_CHEAPEST_ARC if self.plain else first.PARALLEL_CHEAPEST_INSERTION
        )
        parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        parameters.time_limit.FromMilliseconds(int(seconds * 1000))
        found = self.routing.SolveWithParameters(parameters)
        return None if found is None else self._tours(found)

    def _ways(self, what: NDArray[np.int32]) -> NDArray[np.int64]:
        ways = what[np.ix_(self.where, self.where)].astype(np.int64)
        ways[ways >= UNREACHABLE] = FAR
        return ways

    def _price(self) -> None:
        assert self.truck.cents_per_km == 1000
        assert self.truck.cents_per_h == 0
        metres = self._ways(self.problem.matrices[0].distance_m)
        if not self.plain:
            # Dear and not forbidden: insertion puts one node at a time, and a stop before the facility after it.
            metres[self.gates, self.gates] = FAR
            metres[1 : self.gates.start, 0] = FAR
        self.routing.SetArcCostEvaluatorOfAllVehicles(self.routing.RegisterTransitMatrix(metres.tolist()))
        self.routing.SetFixedCostOfAllVehicles(self.truck.fixed_cents)

    def _keep_time(self) -> None:
        dwell = [place.service_s if isinstance(place, Stop) else place.unloading_s for place in self.places]
        seconds = self._ways(self.problem.matrices[0].duration_s) + np.array([0, *dwell])[:, None]
        opens_s, closes_s = self.truck.shift
        transit = self.routing.RegisterTransitMatrix(seconds.tolist())
        self.routing.AddDimension(transit, closes_s - opens_s, closes_s, False, "time")
        time = self.routing.GetDimensionOrDie("time")
        for vehicle in range(len(self.problem.trucks)):
            for end in (self.routing.Start(vehicle), self.routing.End(vehicle)):
                time.CumulVar(end).SetRange(opens_s, closes_s)
            time.SetSpanUpperBoundForVehicle(self.truck.max_duration_s, vehicle)
        for place, index in zip(self.places, self.index, strict=True):
            for window in place.windows:
                time.CumulVar(index).SetRange(max(window.start_s, opens_s), min(window.end_s, closes_s))

        solver = self.routing.solver()
        dwell_of = [0] * self.routing.Size()
        for index, stays_s in zip(self.index, dwell, strict=True):
            dwell_of[index] = stays_s
        for vehicle in range(len(self.problem.trucks) if self.truck.breaks else 0):
            pauses = [
                solver.FixedDurationIntervalVar(*pause.window, pause.duration_s, False, f"pause {number} of {vehicle}")
                for number, pause in enumerate(self.truck.breaks)
            ]
            time.SetBreakIntervalsOfVehicle(pauses, vehicle, dwell_of)

    def _keep_shift(self, what: str, most: int | None, counts: list[int]) -> None:
        """Limit what a truck does in all its trips together."""
        if most is None or sum(counts) <= most:
            return
        evaluator = self.routing.RegisterUnaryTransitVector([0, *counts, *[0] * (len(self.where) - 1 - len(counts))])
        self.routing.AddDimension(evaluator, 0, most, True, what)

    def _keep_load(self, unit: str, capacity: int, demands: list[int]) -> None:
        if not any(demands):
            return
        changes = [0, *demands]
        changes += [-capacity] * (len(self.where) - len(changes))
        evaluator = self.routing.RegisterUnaryTransitVector(changes)
        # The slack takes up what an unloading would make less than nothing.
        self.routing.AddDimension(evaluator, 0 if self.plain else capacity, capacity, True, unit)
        load = self.routing.GetDimensionOrDie(unit)
        if not self.plain:
            for index in self.index[: len(demands)]:
                load.SlackVar(index).SetValue(0)

    def _tours(self, found: Any) -> Tours:
        tours: Tours = {}
        for vehicle, truck in enumerate(self.problem.trucks):
            index = found.Value(self.routing.NextVar(self.routing.Start(vehicle)))
            tour = []
            while not self.routing.IsEnd(index):
                place = self.places[self.indices.IndexToNode(index) - 1]
                tour.append((isinstance(place, Stop), place.id))
                index = found.Value(self.routing.NextVar(index))
            if tour and self.plain:
                tour.append((False, self.problem.facilities[0].id))
            tours[truck.id] = tour
        return tours


def _loads(problem: Problem) -> float:
    """Return how many full trucks all stops together are."""
    truck = truck_of(problem)
    return max(
        sum(stop.demand_kg for stop in problem.stops) / max(1, truck.capacity_kg),
        sum(stop.demand_l for stop in problem.stops) / max(1, truck.capacity_l),
    )
