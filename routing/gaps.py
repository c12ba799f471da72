"""Where another stop would fit: every gap between two visits, tried at once with numpy, then timed exactly.

A stop goes into a gap alone, or with an unloading after it or before it. Arrays answer which gaps are out of the
question (load, windows, length of the shift) and give a lower bound of the cost; only gaps whose bound is below the
best exact cost so far are timed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routing.plan import Route
from routing.problem import UNREACHABLE, Facility, Matrix, Place, Problem, Stop, TimeWindow, Truck
from routing.schedule import M_PER_KM, S_PER_H, Course, places_of, route_cents, schedule

# Later than any time of a problem, and far enough below the end of int64 to be added to.
NEVER = 2**40

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Line:
    """A truck and what it does so far; an idle truck does nothing yet."""

    truck: Truck
    places: tuple[Place, ...]
    cents: int
    duration_s: int
    work_s: int
    trips: int


@dataclass(frozen=True, slots=True)
class _Pool:
    """The gaps of all trucks that drive by one matrix, as arrays of the same length.

    Attributes
    ----------
    line, position
        Which truck, and the index in its places of the one after the gap.
    before, after
        Locations.
    base_m, base_s
        The way across the gap as it is; zero where an idle truck stands.
    leaves_s, due_s
        Earliest departure from the place before, latest arrival at the place after.
    aboard_kg, aboard_l, rest_kg, rest_l
        Collected in the trip before the gap, and still to be collected in it after the gap.
    stream
        Number of the trip's stream; -1 where no trip is.
    loaded, unloads_next
        Whether anything is on board in the gap, and whether the place after it is a facility.
    """

    matrix: Matrix
    line: Ints
    position: Ints
    before: Ints
    after: Ints
    base_m: Ints
    base_s: Ints
    leaves_s: Ints
    due_s: Ints
    aboard_kg: Ints
    aboard_l: Ints
    rest_kg: Ints
    rest_l: Ints
    stream: Ints
    loaded: Ints
    unloads_next: Ints


class Gaps:
    """All gaps of a set of routes, and of the trucks that are idle, ready to be asked for many stops.

    Parameters
    ----------
    routes
        Routes that keep the problem's rules.
    """

    def __init__(self, problem: Problem, routes: Sequence[Route]) -> None:
        self._problem = problem
        self._stream = {stream: number for number, stream in enumerate(sorted({stop.stream for stop in problem.stops}))}
        by_truck = {route.truck_id: route for route in routes}
        self._lines: list[_Line] = []
        rows: list[list[tuple[int, ...]]] = [[] for _ in problem.matrices]
        for truck in problem.trucks:
            line = _line(problem, truck, by_truck.get(truck.id))
            rows[truck.profile] += self._rows(len(self._lines), line)
            self._lines.append(line)
        self._pools = [
            _Pool(matrix, *np.array(found, dtype=np.int64).T)
            for matrix, found in zip(problem.matrices, rows, strict=True)
            if found
        ]
        self._capacity_kg = np.array([line.truck.capacity_kg for line in self._lines], dtype=np.int64)
        self._capacity_l = np.array([line.truck.capacity_l for line in self._lines], dtype=np.int64)
        self._cents_per_m = np.array([line.truck.cents_per_km for line in self._lines]) / M_PER_KM
        self._cents_per_s = np.array([line.truck.cents_per_h for line in self._lines]) / S_PER_H
        self._setup_cents = np.array([0 if line.places else line.truck.fixed_cents for line in self._lines])
        self._waiting_s = np.array([line.duration_s - line.work_s for line in self._lines], dtype=np.int64)
        self._work_left_s = np.array(
            [min(line.truck.max_duration_s, line.truck.shift.end_s - line.truck.shift.start_s) - line.work_s
             for line in self._lines], dtype=np.int64,
        )  # fmt: skip
        self._may_unload_more = np.array(
            [line.truck.max_trips is None or line.trips < line.truck.max_trips for line in self._lines], dtype=np.bool_
        )

    def ways(self, stop: Stop) -> Iterator[tuple[int, Route]]:
        """Yield for every truck that can take the stop its cheapest route with it, and what that costs more, in cents.

        Cheapest to within the two cents that rounding a route's lines can make.
        """
        for number, sites in self._sites(stop).items():
            line = self._lines[number]
            best: tuple[int, Route] | None = None
            for site in sorted(sites, key=lambda site: site.bound):
                if best is not None and site.bound[0] >= best[0]:
                    break
                places = (*line.places[: site.position], *site.chain, *line.places[site.position :])
                route = schedule(self._problem, line.truck, places)
                if isinstance(route, Route):
                    extra = route_cents(line.truck, route) - line.cents
                    if best is None or extra < best[0]:
                        best = extra, route
            if best is not None:
                yield best

    def _rows(self, number: int, line: _Line) -> list[tuple[int, ...]]:
        """Describe the gaps of one line in the order of `_Pool`'s columns."""
        truck, places = line.truck, line.places
        where = [truck.start_location, *(place.location for place in places), truck.end_location]
        if not places:
            leaves_s, due_s, base_m, base_s = [truck.shift.start_s], [truck.shift.end_s], [0], [0]
        else:
            course = Course.of(self._problem, truck, places)
            starts = course.starts_from(truck.shift.start_s)
            assert not isinstance(starts, int)  # noqa: S101 - the route keeps its windows
            leaves_s = [truck.shift.start_s] + [a + b for a, b in zip(starts[:-1], course.dwell_s[:-1], strict=True)]
            due_s = course.latest_arrivals(truck.shift.end_s)
            base_m, base_s = course.travel_m, course.travel_s
        aboard = _collected(places)
        rest = _collected(places[::-1])[::-1]
        rows: list[tuple[int, ...]] = []
        for position in range(len(places) + 1):
            behind = places[position - 1] if position else None
            ahead = places[position] if position < len(places) else None
            neighbour = ahead if isinstance(ahead, Stop) else behind
            rows.append(
                (
                    number, position, where[position], where[position + 1], base_m[position], base_s[position],
                    leaves_s[position], due_s[position], *aboard[position], *rest[position],
                    self._stream[neighbour.stream] if isinstance(neighbour, Stop) else -1,
                    isinstance(behind, Stop), isinstance(ahead, Facility),
                )
            )  # fmt: skip
        return rows

    def _sites(self, stop: Stop) -> dict[int, list["_Site"]]:
        """Return what arrays cannot rule out, by line."""
        takers = {truck.id for truck in self._problem.candidates(stop)}
        may_take = np.array([line.truck.id in takers for line in self._lines], dtype=np.bool_)
        stream = self._stream.get(stop.stream, -1)
        sites: dict[int, list[_Site]] = {}
        for pool in self._pools:
            line = pool.line
            room_kg, room_l = self._capacity_kg[line] - stop.demand_kg, self._capacity_l[line] - stop.demand_l
            open_here = may_take[line]
            same = pool.stream == stream
            # Before a gap at the start of a trip nothing is on board, whatever the trip will collect.
            after_load = (pool.aboard_kg <= room_kg) & (pool.aboard_l <= room_l) & (same | (pool.loaded == 0))
            with_rest = (pool.rest_kg <= room_kg) & (pool.rest_l <= room_l) & same
            both = (pool.aboard_kg + pool.rest_kg <= room_kg) & (pool.aboard_l + pool.rest_l <= room_l) & same
            more = self._may_unload_more[line]
            self._collect(sites, pool, open_here & both, (stop,))
            for facility in self._problem.facilities:
                accepts = np.array([name in facility.streams for name in self._stream], dtype=np.bool_)
                if stop.stream in facility.streams:
                    unload_after = open_here & more & after_load & ((pool.loaded == 0) | (pool.unloads_next == 0))
                    self._collect(sites, pool, unload_after, (stop, facility))
                unload_before = open_here & more & with_rest & (pool.loaded == 1) & accepts[pool.stream]
                self._collect(sites, pool, unload_before, (facility, stop))
        return sites

    def _collect(self, sites: dict[int, list["_Site"]], pool: _Pool, mask: Bools, chain: tuple[Place, ...]) -> None:
        """Drive a chain of places through every gap of a mask; keep the gaps where time can suffice."""
        index = np.flatnonzero(mask)
        if len(index) == 0:
            return
        now, place = pool.leaves_s[index], pool.before[index]
        metres, work = -pool.base_m[index], -pool.base_s[index]
        whole = np.ones(len(index), dtype=np.bool_)
        steps: list[tuple[Ints | int, int, tuple[TimeWindow, ...]]] = [
            (step.location, step.service_s if isinstance(step, Stop) else step.unloading_s, step.windows)
            for step in chain
        ]
        for location, dwell_s, windows in [*steps, (pool.after[index], 0, ())]:
            way_s = pool.matrix.duration_s[place, location].astype(np.int64)
            way_m = pool.matrix.distance_m[place, location].astype(np.int64)
            whole &= (way_s < UNREACHABLE) & (way_m < UNREACHABLE)
            now = _earliest(windows, now + way_s) + dwell_s
            metres, work = metres + way_m, work + way_s + dwell_s
            place = np.full(len(index), location) if isinstance(location, int) else location
        line = pool.line[index]
        whole &= (now <= pool.due_s[index]) & (work <= self._work_left_s[line])
        longer = np.maximum(work - self._waiting_s[line], 0)
        cents = self._setup_cents[line] + metres * self._cents_per_m[line] + longer * self._cents_per_s[line]
        for kept in np.flatnonzero(whole).tolist():
            bound = float(cents[kept]), int(work[kept]), int(metres[kept])
            sites.setdefault(int(line[kept]), []).append(_Site(int(pool.position[index[kept]]), chain, bound))


@dataclass(frozen=True, slots=True)
class _Site:
    """A gap that a chain of places may fit into; `bound` is the least it can cost, work and drive more."""

    position: int
    chain: tuple[Place, ...]
    bound: tuple[float, int, int]


def _line(problem: Problem, truck: Truck, route: Route | None) -> _Line:
    if route is None:
        return _Line(truck, (), 0, 0, 0, 0)
    places = places_of(problem, route)
    work_s = Course.of(problem, truck, places).work_s
    return _Line(truck, places, route_cents(truck, route), route.duration_s, work_s, route.trips)


def _collected(places: Sequence[Place]) -> list[tuple[int, int]]:
    """Return kilograms and litres collected since the last facility, at every gap in the order of driving."""
    kg = litres = 0
    loads = [(0, 0)]
    for place in places:
        kg = 0 if isinstance(place, Facility) else kg + place.demand_kg
        litres = 0 if isinstance(place, Facility) else litres + place.demand_l
        loads.append((kg, litres))
    return loads


def _earliest(windows: tuple[TimeWindow, ...], arrival_s: Ints) -> Ints:
    """Return when one may begin; `NEVER` where it is too late."""
    if not windows:
        return arrival_s
    begin = np.full_like(arrival_s, NEVER)
    for window in reversed(windows):
        begin = np.where(arrival_s <= window.end_s, np.maximum(arrival_s, window.start_s), begin)
    return begin
