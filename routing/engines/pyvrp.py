"""PyVRP: iterated local search in C++. Finds good orders fast; has no breaks, relations or other later constraints.

What it lacks words for becomes ways that do not exist: a truck that cannot reach a stop, two streams in one trip, a
facility that refuses a stream, going home with something on board. For that every stop and facility has a row of its
own in the matrices. Several windows become several clients of which one may be visited, or several depots. Where every
truck makes one trip and unloads at home in no time, coming home is unloading and the problem is as simple as it gets.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import Any

import numpy as np
import pyvrp
from pyvrp import Activity, ActivityType, Client, ClientGroup, Depot, Location, ProblemData, Solution, VehicleType
from pyvrp.exceptions import PenaltyBoundWarning
from pyvrp.stop import MaxIterations, MaxRuntime, MultipleCriteria, StoppingCriterion

from routing.draft import Draft, Tours
from routing.engines.limit import Limit
from routing.engines.weights import Weights
from routing.matrix import UNREACHABLE
from routing.plan import Route, Visit, VisitKind
from routing.problem import Facility, Place, Problem, Stop, TimeWindow, Truck

# A way that does not exist: longer than any shift, yet small enough for PyVRP to multiply by its penalties.
FAR_S = 10**7
FAR_M = 10**7
ALWAYS = TimeWindow(0, FAR_S)
# Each profile costs 16 bytes for every pair of rows.
MAX_MATRIX_BYTES = 2**30


class Pyvrp:
    """A problem in PyVRP's words; made once, then run leg by leg.

    Parameters
    ----------
    problem
        Every stop can be served by some truck if it is alone.
    """

    def __init__(self, problem: Problem, weights: Weights) -> None:
        self._problem = problem
        self._weights = weights
        self._epoch_s = min(truck.shift.start_s for truck in problem.trucks)
        self._kinds = problem.kinds
        self._barred = [_barred(problem, trucks[0]) for trucks in problem.kinds]
        self._at_home = unloads_at_home(problem)
        # Depots are numbered homes first, then gates: one for every window of a facility.
        self._homes = sorted({home for truck in problem.trucks for home in (truck.start_location, truck.end_location)})
        self._gates: list[tuple[Facility, TimeWindow]] = [
            (facility, window) for facility in problem.facilities for window in self._open(facility.windows)
        ]
        self._calls: list[tuple[Stop, TimeWindow]] = [
            (stop, window) for stop in problem.stops for window in self._open(stop.windows)
        ]
        self._profiles = list(dict.fromkeys(map(self._profile_of, range(len(self._kinds)))))
        self._data: dict[bool, ProblemData] = {}

    @property
    def is_simple(self) -> bool:
        """Whether every truck makes one trip and unloads at home in no time."""
        return self._at_home is not None

    @property
    def can_run(self) -> bool:
        """Whether it has words for everything in the problem, and the matrices are small enough to be made."""
        problem = self._problem
        tied = (
            problem.relations or problem.before_locked or any(place.max_kg is not None for place in problem.facilities)
        )
        wishes = self._weights.balance_per_s or self._weights.compactness_per_m or self._weights.change
        crews = any(
            truck.begun
            or truck.breaks
            or (truck.max_driving_s, truck.max_stops, truck.max_shift_kg, truck.max_shift_l) != (None, None, None, None)
            for truck, *_ in self._kinds
        )
        rows = len(self._homes) + len(self._problem.facilities) + len(self._problem.stops)
        return not (tied or wishes or crews) and len(self._profiles) * rows**2 * 16 <= MAX_MATRIX_BYTES

    def run(self, draft: Draft | None, limit: Limit, seed: int) -> Tours:
        """Search on from a draft, or from nothing."""
        end = monotonic() + limit.seconds
        # Asking for every required stop guides the search better, but only where that is known to be possible.
        complete = self.is_simple or (
            draft is not None and not any(self._problem.must_serve(stop) for stop in draft.missing)
        )
        data = self._data_for(complete)
        start = self._solution(data, draft) if draft is not None and draft.routes else None
        stops: list[StoppingCriterion] = [MaxRuntime(max(0.0, end - monotonic()))]
        if limit.iterations is not None:
            stops.append(MaxIterations(limit.iterations))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PenaltyBoundWarning)
            result = pyvrp.solve(
                data, MultipleCriteria(stops), seed=seed, collect_stats=False, display=False, initial_solution=start
            )
        return self._tours(result.best)

    def _open(self, windows: tuple[TimeWindow, ...]) -> list[TimeWindow]:
        """Return windows on PyVRP's clock, which starts at zero."""
        if not windows:
            return [ALWAYS]
        moved = [TimeWindow(max(0, start - self._epoch_s), end - self._epoch_s) for start, end in windows]
        return [window for window in moved if window.end_s >= 0]

    def _profile_of(self, kind: int) -> tuple[int, frozenset[int]]:
        return self._kinds[kind][0].profile, self._barred[kind]

    def _data_for(self, complete: bool) -> ProblemData:
        """Return the problem with required stops that are (`complete`) or that are only very dear to leave out."""
        if not self._data:
            rows = len(self._homes) + len(self._problem.facilities) + len(self._problem.stops)
            matrices = [self._matrices(*profile) for profile in self._profiles]
            clients, groups = self._clients(complete)
            self._data[complete] = ProblemData(
                [Location(0, 0)] * rows,
                clients,
                self._depots(),
                self._vehicles(),
                [metres for metres, _ in matrices],
                [seconds for _, seconds in matrices],
                groups,
            )
        if complete not in self._data:
            clients, groups = self._clients(complete)
            self._data[complete] = self._data[not complete].replace(clients=clients, groups=groups)
        return self._data[complete]

    def _clients(self, complete: bool) -> tuple[list[Client], list[ClientGroup]]:
        first_row = len(self._homes) + len(self._problem.facilities)
        row = {stop.id: first_row + number for number, stop in enumerate(self._problem.stops)}
        choices = Counter(stop.id for stop, _ in self._calls)
        clients: list[Client] = []
        groups: dict[str, ClientGroup] = {}
        for stop, window in self._calls:
            required = complete and self._problem.must_serve(stop)
            if chosen := choices[stop.id] > 1:
                groups.setdefault(stop.id, ClientGroup(required=required)).add_client(len(clients))
            clients.append(
                Client(
                    row[stop.id],
                    pickup=[stop.demand_kg, stop.demand_l],
                    service_duration=stop.service_s,
                    tw_early=window.start_s,
                    tw_late=window.end_s,
                    prize=0 if required else self._weights.prize(self._problem, stop),
                    required=required and not chosen,
                    group=list(groups).index(stop.id) if chosen else None,
                )
            )
        return clients, list(groups.values())

    def _depots(self) -> list[Depot]:
        row = {facility.id: len(self._homes) + number for number, facility in enumerate(self._problem.facilities)}
        return [Depot(number) for number in range(len(self._homes))] + [
            Depot(row[facility.id], window.start_s, window.end_s, facility.unloading_s)
            for facility, window in self._gates
        ]

    def _vehicles(self) -> list[VehicleType]:
        vehicles = []
        for number, trucks in enumerate(self._kinds):
            truck = trucks[0]
            vehicles.append(
                VehicleType(
                    len(trucks),
                    [truck.capacity_kg, truck.capacity_l],
                    self._homes.index(truck.start_location),
                    self._homes.index(truck.end_location),
                    self._weights.fixed(truck),
                    truck.shift.start_s - self._epoch_s,
                    truck.shift.end_s - self._epoch_s,
                    truck.max_duration_s,
                    unit_distance_cost=self._weights.per_m[truck.id],
                    unit_duration_cost=self._weights.per_s[truck.id],
                    profile=self._profiles.index(self._profile_of(number)),
                    max_overtime=truck.max_overtime_s,
                    unit_overtime_cost=self._weights.per_overtime_s[truck.id],
                    reload_depots=[
                        len(self._homes) + gate
                        for gate, (facility, _) in enumerate(self._gates)
                        if facility.streams & truck.streams and not self.is_simple
                    ],
                    max_reloads=len(self._problem.stops) if truck.max_trips is None else truck.max_trips,
                )
            )
        return vehicles

    def _matrices(self, profile: int, barred: frozenset[int]) -> tuple[Any, Any]:
        """Return distances and durations between rows (int64), with what must not be driven made far."""
        problem, matrix = self._problem, self._problem.matrices[profile]
        homes, gates = len(self._homes), len(problem.facilities)
        places: tuple[Place, ...] = (*problem.facilities, *problem.stops)
        where = self._homes + [place.location for place in places]
        metres = matrix.distance_m[np.ix_(where, where)].astype(np.int64)
        seconds = matrix.duration_s[np.ix_(where, where)].astype(np.int64)
        no_way = (metres >= UNREACHABLE) | (seconds >= UNREACHABLE)
        streams = np.array([stop.stream for stop in problem.stops])
        gate, stop = slice(homes, homes + gates), slice(homes + gates, None)
        no_way[:homes, gate] = True
        no_way[gate, gate] = True
        no_way[stop, :homes] = not self.is_simple
        no_way[stop, stop] |= streams[:, None] != streams[None, :]
        for number, facility in enumerate(problem.facilities):
            no_way[stop, homes + number] |= ~np.isin(streams, list(facility.streams))
        no_way[:, [homes + gates + number for number in barred]] = True
        np.fill_diagonal(no_way, val=False)
        metres[no_way] = FAR_M
        seconds[no_way] = FAR_S
        return metres, seconds

    def _solution(self, data: ProblemData, draft: Draft) -> Solution:
        """Put a draft into PyVRP's words."""
        kind_of = {truck.id: number for number, trucks in enumerate(self._kinds) for truck in trucks}
        return Solution(
            data,
            [pyvrp.Route(data, self._activities(route), kind_of[route.truck_id]) for route in draft.routes],
        )

    def _activities(self, route: Route) -> list[Activity]:
        # Leaving and coming home go without saying; named, they would be two unloadings more.
        return [
            Activity(ActivityType.CLIENT, self._number(self._calls, visit))
            if visit.kind is VisitKind.STOP
            else Activity(ActivityType.DEPOT, len(self._homes) + self._number(self._gates, visit))
            for visit in route.visits[1:-1]
            if visit.kind is VisitKind.STOP or not self.is_simple
        ]

    def _number(self, entries: Sequence[tuple[Place, TimeWindow]], visit: Visit) -> int:
        """Return which client or gate a visit is, among those of its place the one whose window it keeps."""
        start_s = visit.start_s - self._epoch_s
        return next(
            number
            for number, (place, window) in enumerate(entries)
            if place.id == visit.subject_id and window.start_s <= start_s <= window.end_s
        )

    def _tours(self, solution: Solution) -> Tours:
        """Read a solution; alike trucks get its routes in turn."""
        free = [iter(trucks) for trucks in self._kinds]
        tours: dict[str, list[Place]] = {}
        for route in solution.routes():
            places: list[Place] = []
            for activity in route:
                if activity.is_client():
                    places.append(self._calls[activity.idx][0])
                elif activity.idx >= len(self._homes):
                    places.append(self._gates[activity.idx - len(self._homes)][0])
            if self._at_home is not None:
                places.append(self._at_home)
            tours[next(free[route.vehicle_type()]).id] = places
        return tours


def _barred(problem: Problem, truck: Truck) -> frozenset[int]:
    """Return the stops, as numbers, that a truck cannot or must not serve."""
    return frozenset(
        number
        for number, stop in enumerate(problem.stops)
        if not truck.fits(stop) or problem.truck_of_locked.get(stop.id, truck.id) != truck.id
    )


def unloads_at_home(problem: Problem) -> Facility | None:
    """Return the facility where all trucks are at home, if each makes one trip and unloading there takes no time."""
    if len(problem.facilities) != 1 or len({stop.stream for stop in problem.stops}) != 1:
        return None
    (facility,) = problem.facilities
    simple = (
        facility.unloading_s == 0
        and not facility.windows
        and all(truck.max_trips == 1 and truck.end_location == facility.location for truck in problem.trucks)
        and all(stop.stream in facility.streams for stop in problem.stops[:1])
    )
    return facility if simple else None
