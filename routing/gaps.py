"""Where another stop would fit: every gap between two visits, tried at once with numpy, then timed exactly.

A stop goes into a gap alone, or with an unloading after it or before it. Arrays answer which gaps are out of the
question (load, windows, length of the shift) and give a lower bound of the cost; only gaps whose bound is below the
best exact cost so far are timed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from routing.gap_table import Line, Site, Table, drive
from routing.plan import Route
from routing.pricing import compactness_cents, route_cents
from routing.problem import Facility, Place, Problem, Stop, Truck
from routing.schedule import places_of
from routing.sharing import Sharing
from routing.standing import Standing
from routing.timing import Course

# In place of a stream's number: there is no trip in the gap; no stop of the problem has the stream.
NO_STREAM, NEW_STREAM = -1, -2


class Gaps:
    """All gaps of a set of routes, and of the trucks that are idle, ready to be asked for many stops.

    Of idle trucks that are alike, the first speaks for all.

    Parameters
    ----------
    routes
        Routes that keep the problem's rules.
    away
        Trucks that take nothing until they are given a route.
    """

    def __init__(self, problem: Problem, routes: Sequence[Route], away: Iterable[str] = ()) -> None:
        self._problem = problem
        self._stream = {stream: number for number, stream in enumerate(sorted({stop.stream for stop in problem.stops}))}
        self._routes = {route.truck_id: route for route in routes}
        self._kind = {truck.id: number for number, kind in enumerate(problem.kinds) for truck in kind}
        self._away = set(away)
        self._shared: dict[str, Sharing] = {}
        self._lines: dict[str, Line] = {}
        for kind in problem.kinds:
            for truck in kind:
                if truck.id in self._routes:
                    self._lines[truck.id] = self._line(truck)
            self._show_idle(kind)
        self._table: Table | None = None

    def replace(self, truck_id: str, route: Route | None) -> None:
        """Give one truck another route, or none."""
        self._away.discard(truck_id)
        if route is None:
            self._routes.pop(truck_id, None)
            self._lines.pop(truck_id, None)
        else:
            self._routes[truck_id] = route
            self._lines[truck_id] = self._line(self._problem.truck_by_id[truck_id])
        self._show_idle(self._problem.kinds[self._kind[truck_id]])
        self._shared.clear()
        self._table = None

    @property
    def routes(self) -> Mapping[str, Route]:
        """The routes as they are now, by truck id."""
        return self._routes

    def idle_alike(self, truck_id: str) -> tuple[str, ...]:
        """Return which trucks an idle truck speaks for: its idle kind with itself; none for a busy one."""
        if truck_id in self._routes or truck_id in self._away:
            return ()
        return tuple(truck.id for truck in self._idle(self._problem.kinds[self._kind[truck_id]]))

    def speaker_for(self, truck_id: str) -> str:
        """Return the truck that `ways` asks for a truck: itself, or the first idle one of its kind."""
        return next(iter(self.idle_alike(truck_id)), truck_id)

    def _idle(self, kind: Sequence[Truck]) -> list[Truck]:
        return [truck for truck in kind if truck.id not in self._routes and truck.id not in self._away]

    def _show_idle(self, kind: Sequence[Truck]) -> None:
        """Keep the first idle truck of a kind among the lines, and no other."""
        idle = self._idle(kind)
        for truck in idle[1:]:
            self._lines.pop(truck.id, None)
        if idle and idle[0].id not in self._lines:
            self._lines[idle[0].id] = self._line(idle[0])

    def ways(self, stop: Stop, only: str | None = None) -> Iterator[tuple[int, Route]]:
        """Yield for every truck that can take the stop its cheapest route with it, and what that costs more, in cents.

        Cheapest to within the two cents that rounding a route's lines can make; where crews have pauses, of the
        sequences whose lower bound is not above what was found. Preferences for compact routes and for the plan in
        force are counted, balance is not.

        Parameters
        ----------
        only
            Ask this truck only, one that has a route or is the first idle one of its kind.
        """
        for truck_id, sites in self._sites(stop, only).items():
            line = self._lines[truck_id]
            # What a preference charges for the stop on this truck is the same in every gap.
            charge = self._charge(stop, truck_id)
            best: tuple[int, Route] | None = None
            # Of gaps that cost the same, the last delays the fewest stops.
            for site in sorted(sites, key=lambda site: (site.bound, -site.position)):
                if best is not None and site.bound[0] >= best[0]:
                    break
                places = (*line.places[: site.position], *site.chain, *line.places[site.position :])
                route = self.sharing(truck_id).schedule(line.truck, places)
                if isinstance(route, Route):
                    extra = route_cents(line.truck, route) - line.cents
                    if best is None or extra < best[0]:
                        best = extra, route
            if best is not None:
                compactness = compactness_cents(self._problem, best[1])
                before = compactness_cents(self._problem, line.route) if line.route else 0
                yield best[0] + charge + compactness - before, best[1]

    def _charge(self, stop: Stop, truck_id: str) -> int:
        """Return what the plan in force is followed more with the stop on a truck than with the stop left out."""
        stays = self._problem.truck_in_force.get(stop.id) == truck_id
        return -self._problem.preferences.change_cents if stays else 0

    def sharing(self, truck_id: str = "") -> Sharing:
        """Return what all trucks but one leave of what they share."""
        if truck_id not in self._shared:
            others = Sharing(self._problem)
            if self._problem.relations or self._problem.facilities_are_shared:
                for route in self._routes.values():
                    if route.truck_id != truck_id:
                        others.add(route)
            self._shared[truck_id] = others
        return self._shared[truck_id]

    def _line(self, truck: Truck) -> Line:
        route = self._routes.get(truck.id)
        places = places_of(self._problem, route) if route else ()
        standing = Standing.of(self._problem, truck)
        course = Course.of(self._problem, truck, places, standing)
        longest_s = min(truck.longest_s - standing.out_s, truck.shift.end_s - standing.leaves.start_s)
        return Line(
            truck,
            route,
            places,
            route_cents(truck, route) if route else 0,
            standing,
            route.duration_s - standing.out_s if route else 0,
            course.work_s if route else 0,
            longest_s,
            truck.max_trips is None or (route.trips if route else 0) < truck.max_trips,
            np.array(self._rows(truck, route, places, standing, course), dtype=np.int64).T,
        )

    def _rows(
        self, truck: Truck, route: Route | None, places: tuple[Place, ...], standing: Standing, course: Course
    ) -> list[tuple[int, ...]]:
        """Describe the gaps of one line in the order of `Pool`'s columns, from the position on.

        Pauses are left out of the times, which makes them bounds: the truck leaves earlier and is due later.
        """
        where = [standing.location, *(place.location for place in places), truck.end_location]
        first_s = standing.leaves.start_s
        if route is None:
            leaves_s, due_s, base_m, base_s = [first_s], [truck.shift.end_s], [0], [0]
            heads = [[first_s, standing.leaves.end_s, 0]]
            tails = [[truck.shift.start_s, truck.shift.end_s, 0]]
        else:
            heads, tails = (pieces.tolist() for pieces in course.pieces())
            starts = course.starts_from(first_s)
            assert not isinstance(starts, int)  # noqa: S101 - the route keeps its windows
            leaves_s = [first_s] + [a + b for a, b in zip(starts[:-1], course.dwell_s[:-1], strict=True)]
            due_s = course.latest_arrivals(truck.shift.end_s)
            base_m, base_s = course.travel_m, course.travel_s
        aboard = _collected(places, (standing.kg, standing.litres))
        rest = _collected(places[::-1])[::-1]
        stream = self._stream.get(standing.stream, NO_STREAM)
        rows: list[tuple[int, ...]] = []
        for position in range(len(places) + 1):
            ahead = places[position] if position < len(places) else None
            loaded = stream != NO_STREAM
            rows.append(
                (
                    position, where[position], where[position + 1], base_m[position], base_s[position],
                    leaves_s[position], due_s[position], *heads[position], *tails[position],
                    *aboard[position], *rest[position],
                    self._stream[ahead.stream] if isinstance(ahead, Stop) else stream,
                    loaded, isinstance(ahead, Facility),
                )
            )  # fmt: skip
            stream = self._stream[ahead.stream] if isinstance(ahead, Stop) else NO_STREAM
        return rows

    @property
    def _current(self) -> Table:
        if self._table is None:
            self._table = Table.of(
                self._problem, [self._lines[i.id] for i in self._problem.trucks if i.id in self._lines]
            )
        return self._table

    def _sites(self, stop: Stop, only: str | None) -> dict[str, list[Site]]:
        """Return what arrays cannot rule out, by truck."""
        table = self._current
        may_take = np.array(
            [only in (None, line.truck.id) and self._may_take(line.truck, stop) for line in table.lines], dtype=np.bool_
        )
        stream = self._stream.get(stop.stream, NEW_STREAM)
        sites: dict[str, list[Site]] = {}
        for pool in table.pools:
            line = pool.line
            room_kg, room_l = table.capacity_kg[line] - stop.demand_kg, table.capacity_l[line] - stop.demand_l
            open_here = may_take[line]
            same = pool.stream == stream
            # At a trip's start nothing is on board yet, at its end nothing is left to collect, whatever it carries.
            after_load = (pool.aboard_kg <= room_kg) & (pool.aboard_l <= room_l) & (same | (pool.loaded == 0))
            with_rest = (pool.rest_kg <= room_kg) & (pool.rest_l <= room_l) & (same | (pool.unloads_next == 1))
            both = (pool.aboard_kg + pool.rest_kg <= room_kg) & (pool.aboard_l + pool.rest_l <= room_l) & same
            more = table.may_unload_more[line]
            drive(sites, table, pool, open_here & both, (stop,))
            for facility in self._problem.facilities:
                accepts = np.array([name in facility.streams for name in (*self._stream, "")], dtype=np.bool_)
                if stop.stream in facility.streams:
                    unload_after = open_here & more & after_load & ((pool.loaded == 0) | (pool.unloads_next == 0))
                    drive(sites, table, pool, unload_after, (stop, facility))
                unload_before = open_here & more & with_rest & (pool.loaded == 1) & accepts[pool.stream]
                drive(sites, table, pool, unload_before, (facility, stop))
        return sites

    def _may_take(self, truck: Truck, stop: Stop) -> bool:
        if not truck.fits(stop) or self._problem.truck_of_locked.get(stop.id, truck.id) != truck.id:
            return False
        return stop.id not in self._problem.relations_of or self.sharing().allows(stop, truck.id)


def _collected(places: Sequence[Place], aboard: tuple[int, int] = (0, 0)) -> list[tuple[int, int]]:
    """Return kilograms and litres collected since the last facility, at every gap in the order of driving."""
    kg, litres = aboard
    loads = [aboard]
    for place in places:
        kg = 0 if isinstance(place, Facility) else kg + place.demand_kg
        litres = 0 if isinstance(place, Facility) else litres + place.demand_l
        loads.append((kg, litres))
    return loads
