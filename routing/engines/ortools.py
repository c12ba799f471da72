"""OR-Tools' routing solver: guided local search with every constraint on, so it has the last word on a plan.

A facility becomes as many nodes as trucks may unload there; facility nodes are optional and free, stops are optional
at the price of their prize. Loads are cumulative along a route and fall at a facility node by any amount up to all of
it. A stop or facility with several windows is one node with the times between them taken out.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from routing.draft import Draft, Tours
from routing.engines.limit import Limit
from routing.engines.weights import Weights
from routing.plan import VisitKind
from routing.problem import UNREACHABLE, Facility, Place, Problem, Stop, TimeWindow, Truck

# Unloadings a search may add to those of the draft it starts from: at every facility, as a share of all trips.
SPARE_UNLOADINGS = 0.25
# Idle trucks of a kind that a search may bring in.
SPARE_TRUCKS = 2
# Below this there is no time to set a model up and search.
MIN_SECONDS = 0.1


class Ortools:
    """A problem in OR-Tools' words. A model cannot be run twice, so each leg makes a new one.

    OR-Tools holds the interpreter lock while it searches: run legs side by side in processes, not threads.

    Parameters
    ----------
    problem
        Every stop can be served by some truck if it is alone.
    """

    def __init__(self, problem: Problem, weights: Weights) -> None:
        self._problem = problem
        self._weights = weights

    def run(self, draft: Draft, limit: Limit) -> Tours | None:
        """Search on from a draft; ``None`` if there is no time to set up, or the engine cannot take the draft up."""
        end = monotonic() + limit.seconds
        model = _Model(self._problem, self._weights, draft)
        seconds = end - monotonic()
        return model.search(seconds, limit.iterations) if seconds > MIN_SECONDS else None


class _Model:
    """One OR-Tools model with the trucks and unloadings that a draft leaves room for."""

    def __init__(self, problem: Problem, weights: Weights, draft: Draft) -> None:
        self.problem, self.weights, self.draft = problem, weights, draft
        self.epoch_s = min(truck.shift.start_s for truck in problem.trucks)
        self.horizon_s = max(truck.shift.end_s for truck in problem.trucks) - self.epoch_s
        self.trucks = _trucks(problem, draft)
        self.homes = sorted({home for truck in self.trucks for home in (truck.start_location, truck.end_location)})
        self.places: list[Place] = [*problem.stops, *_unloadings(problem, draft)]
        self.where = self.homes + [place.location for place in self.places]
        self.indices = pywrapcp.RoutingIndexManager(
            len(self.where),
            len(self.trucks),
            [self.homes.index(truck.start_location) for truck in self.trucks],
            [self.homes.index(truck.end_location) for truck in self.trucks],
        )
        self.routing = pywrapcp.RoutingModel(self.indices)
        self.index = [self.indices.NodeToIndex(len(self.homes) + number) for number in range(len(self.places))]
        self.no_way = self._no_way()
        self._price_ways()
        self._keep_time()
        self._keep_load("kg", [truck.capacity_kg for truck in self.trucks], [s.demand_kg for s in problem.stops])
        self._keep_load("litres", [truck.capacity_l for truck in self.trucks], [s.demand_l for s in problem.stops])
        self._limit_trips()
        self._offer_places()

    def search(self, seconds: float, solutions: int | None) -> Tours | None:
        """Run guided local search from the draft."""
        parameters = pywrapcp.DefaultRoutingSearchParameters()
        parameters.time_limit.FromMilliseconds(int(seconds * 1000))
        if solutions is not None:
            parameters.solution_limit = solutions
        parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        # The model must be closed before a draft is read, else the search silently starts from nothing.
        self.routing.CloseModelWithParameters(parameters)
        start = self.routing.ReadAssignmentFromRoutes(self._indices_of_draft(), True)
        if start is None:
            return None
        found = self.routing.SolveFromAssignmentWithParameters(start, parameters)
        return None if found is None else self._tours(found)

    def _no_way(self) -> NDArray[np.bool_]:
        """Mark pairs of nodes that no truck may drive in a row: see PyVRP's engine, which bans the same."""
        homes, stops = len(self.homes), len(self.problem.stops)
        streams = np.array([stop.stream for stop in self.problem.stops])
        stop, gate = slice(homes, homes + stops), slice(homes + stops, None)
        no_way = np.zeros((len(self.where), len(self.where)), dtype=np.bool_)
        no_way[:homes, gate] = True
        no_way[gate, gate] = True
        no_way[stop, :homes] = True
        no_way[stop, stop] = streams[:, None] != streams[None, :]
        for number, place in enumerate(self.places[stops:], start=homes + stops):
            if isinstance(place, Facility):
                no_way[stop, number] = ~np.isin(streams, list(place.streams))
        return no_way

    def _price_ways(self) -> None:
        """Charge metres, and seconds of driving and serving; only `schedule` prices waiting, and it avoids it."""
        dwell_s = self._dwell_s()
        evaluators: dict[tuple[int, int, int], int] = {}
        for vehicle, truck in enumerate(self.trucks):
            per_m, per_s = self.weights.per_m[truck.id], self.weights.per_s[truck.id]
            kind = truck.profile, per_m, per_s
            if kind not in evaluators:
                metres, seconds = self._ways(truck.profile)
                cost = metres * per_m + (seconds + dwell_s[:, None]) * per_s
                # Never driven, but a first look at it must not find it cheap.
                cost[self._barred(truck.profile)] = self.weights.required
                evaluators[kind] = self.routing.RegisterTransitMatrix(cost.tolist())
            self.routing.SetArcCostEvaluatorOfVehicle(evaluators[kind], vehicle)
            self.routing.SetFixedCostOfVehicle(self.weights.fixed(truck), vehicle)

    def _keep_time(self) -> None:
        dwell_s = self._dwell_s()
        evaluators: dict[int, int] = {}
        for profile in sorted({truck.profile for truck in self.trucks}):
            seconds = self._ways(profile)[1] + dwell_s[:, None]
            seconds[self._barred(profile)] = self.horizon_s + 1
            evaluators[profile] = self.routing.RegisterTransitMatrix(seconds.tolist())
        self.routing.AddDimensionWithVehicleTransitAndCapacity(
            [evaluators[truck.profile] for truck in self.trucks],
            self.horizon_s,
            [self.horizon_s] * len(self.trucks),
            False,
            "time",
        )
        time = self.routing.GetDimensionOrDie("time")
        for vehicle, truck in enumerate(self.trucks):
            start_s, end_s = truck.shift.start_s - self.epoch_s, truck.shift.end_s - self.epoch_s
            time.CumulVar(self.routing.Start(vehicle)).SetRange(start_s, end_s)
            time.CumulVar(self.routing.End(vehicle)).SetRange(start_s, end_s)
            time.SetSpanUpperBoundForVehicle(truck.max_duration_s, vehicle)
        for place, index in zip(self.places, self.index, strict=True):
            self._open(time.CumulVar(index), place.windows)

    def _open(self, begin: Any, windows: Sequence[TimeWindow]) -> None:
        """Let a service begin within its windows only."""
        open_s = [(max(0, start - self.epoch_s), end - self.epoch_s) for start, end in windows if end >= self.epoch_s]
        open_s = [(start, end) for start, end in open_s if start <= self.horizon_s]
        if open_s:
            begin.SetRange(open_s[0][0], min(open_s[-1][1], self.horizon_s))
        for (_, closes), (opens, _) in itertools.pairwise(open_s):
            if opens - closes > 1:
                begin.RemoveInterval(closes + 1, opens - 1)

    def _keep_load(self, unit: str, capacities: list[int], demands: list[int]) -> None:
        if not any(demands):
            return
        most = max(capacities)
        changes = [0] * len(self.homes) + demands
        changes += [-most] * (len(self.where) - len(changes))
        evaluator = self.routing.RegisterUnaryTransitVector(changes)
        # The slack takes up what an unloading would make less than nothing.
        self.routing.AddDimensionWithVehicleCapacity(evaluator, most, capacities, True, unit)
        load = self.routing.GetDimensionOrDie(unit)
        for index in self.index[: len(self.problem.stops)]:
            load.SlackVar(index).SetValue(0)
        for vehicle in range(len(self.trucks)):
            load.SlackVar(self.routing.Start(vehicle)).SetValue(0)

    def _limit_trips(self) -> None:
        if all(truck.max_trips is None for truck in self.trucks):
            return
        unloadings = len(self.places) - len(self.problem.stops)
        counts = [0] * (len(self.where) - unloadings) + [1] * unloadings
        most = [unloadings if truck.max_trips is None else truck.max_trips for truck in self.trucks]
        evaluator = self.routing.RegisterUnaryTransitVector(counts)
        self.routing.AddDimensionWithVehicleCapacity(evaluator, 0, most, True, "trips")

    def _offer_places(self) -> None:
        """Make every node optional at its price, and keep stops from trucks that must not serve them."""
        vehicles = {truck.id: vehicle for vehicle, truck in enumerate(self.trucks)}
        for place, index in zip(self.places, self.index, strict=True):
            if isinstance(place, Facility):
                self.routing.AddDisjunction([index], 0)
                continue
            self.routing.AddDisjunction([index], self.weights.prize(self.problem, place))
            allowed = [vehicles[truck.id] for truck in self.problem.candidates(place) if truck.id in vehicles]
            if len(allowed) < len(self.trucks):
                # -1 stands for a stop left out; SetAllowedVehiclesForIndex takes no list in this release.
                self.routing.VehicleVar(index).SetValues([-1, *allowed])

    def _ways(self, profile: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        matrix, pairs = self.problem.matrices[profile], np.ix_(self.where, self.where)
        return matrix.distance_m[pairs].astype(np.int64), matrix.duration_s[pairs].astype(np.int64)

    def _barred(self, profile: int) -> NDArray[np.bool_]:
        metres, seconds = self._ways(profile)
        return self.no_way | (metres >= UNREACHABLE) | (seconds >= UNREACHABLE)

    def _dwell_s(self) -> NDArray[np.int64]:
        dwell = [place.service_s if isinstance(place, Stop) else place.unloading_s for place in self.places]
        return np.array([0] * len(self.homes) + dwell, dtype=np.int64)

    def _indices_of_draft(self) -> list[list[int]]:
        """Return the draft's visits as indices; visits to a facility take its nodes in turn."""
        nodes: dict[tuple[bool, str], list[int]] = defaultdict(list)
        for place, index in zip(self.places, self.index, strict=True):
            nodes[isinstance(place, Stop), place.id].append(index)
        free = {key: iter(indices) for key, indices in nodes.items()}
        routes = {route.truck_id: route.visits[1:-1] for route in self.draft.routes}
        return [
            [next(free[visit.kind is VisitKind.STOP, visit.subject_id]) for visit in routes.get(truck.id, ())]
            for truck in self.trucks
        ]

    def _tours(self, found: Any) -> Tours:
        tours: dict[str, list[Place]] = {}
        for vehicle, truck in enumerate(self.trucks):
            index = found.Value(self.routing.NextVar(self.routing.Start(vehicle)))
            tour: list[Place] = []
            while not self.routing.IsEnd(index):
                tour.append(self.places[self.indices.IndexToNode(index) - len(self.homes)])
                index = found.Value(self.routing.NextVar(index))
            tours[truck.id] = tour
        return tours


def _trucks(problem: Problem, draft: Draft) -> list[Truck]:
    """Return the trucks that the draft uses, those with locks, and a few idle ones of every kind."""
    used = {route.truck_id for route in draft.routes} | set(problem.truck_of_locked.values())
    spare: Counter[Truck] = Counter()
    chosen = []
    for truck in problem.trucks:
        kind = replace(truck, id="")
        if truck.id not in used:
            spare[kind] += 1
        if truck.id in used or spare[kind] <= SPARE_TRUCKS:
            chosen.append(truck)
    return chosen


def _unloadings(problem: Problem, draft: Draft) -> list[Facility]:
    """Return every facility as often as a search may use it."""
    used = Counter(
        visit.subject_id for route in draft.routes for visit in route.visits if visit.kind is VisitKind.UNLOAD
    )
    spare = 1 + ceil(SPARE_UNLOADINGS * used.total())
    return [facility for facility in problem.facilities for _ in range(used[facility.id] + spare)]
