"""Times one truck's sequence of visits: when it should leave, when it is where, what is on board, what it costs.

Used by everything that makes plans. `verify` shares nothing with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from routing.plan import Cost, Route, Unserved, Visit, VisitKind
from routing.problem import UNREACHABLE, Facility, Place, Problem, Stop, TimeWindow, Truck

M_PER_KM = 1000
S_PER_H = 3600


class Obstacle(StrEnum):
    """What keeps a truck from driving a sequence."""

    CANNOT_CARRY = "cannot_carry"
    LOCKED_ELSEWHERE = "locked_elsewhere"
    MIXES_STREAMS = "mixes_streams"
    FACILITY_REFUSES = "facility_refuses"
    NOTHING_TO_UNLOAD = "nothing_to_unload"
    OVERLOADED = "overloaded"
    TOO_MANY_TRIPS = "too_many_trips"
    NOT_EMPTY_AT_HOME = "not_empty_at_home"
    UNREACHABLE = "unreachable"
    WINDOW_MISSED = "window_missed"
    HOME_TOO_LATE = "home_too_late"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a sequence cannot be driven.

    Attributes
    ----------
    position
        Index in the sequence of the place where it fails; its length for the way home.
    """

    obstacle: Obstacle
    position: int


@dataclass(frozen=True, slots=True)
class Course:
    """A sequence as numbers. The last place is home.

    Attributes
    ----------
    windows, dwell_s
        When one may begin at each place (none: at any time) and how long one stays.
    travel_s, travel_m
        From the place before, for the first place from the depot.
    """

    shift: TimeWindow
    windows: list[tuple[TimeWindow, ...]]
    dwell_s: list[int]
    travel_s: list[int]
    travel_m: list[int]

    @classmethod
    def of(cls, problem: Problem, truck: Truck, places: Sequence[Place]) -> "Course":
        """Look a truck's sequence up in its matrix."""
        matrix = problem.matrices[truck.profile]
        where = [truck.start_location, *(place.location for place in places), truck.end_location]
        return cls(
            truck.shift,
            [place.windows for place in places] + [(truck.shift,)],
            [place.service_s if isinstance(place, Stop) else place.unloading_s for place in places] + [0],
            matrix.duration_s[where[:-1], where[1:]].tolist(),
            matrix.distance_m[where[:-1], where[1:]].tolist(),
        )

    @property
    def work_s(self) -> int:
        """Driving and serving, without any waiting: no schedule is shorter."""
        return sum(self.travel_s) + sum(self.dwell_s)

    def starts_from(self, leaving_s: int) -> list[int] | int:
        """Begin everywhere as early as one may; the position of the first place where one is too late, if any."""
        starts: list[int] = []
        now = leaving_s
        for position, windows in enumerate(self.windows):
            now += self.travel_s[position]
            for window in windows:
                if now <= window.end_s:
                    now = max(now, window.start_s)
                    break
            else:
                if windows:
                    return position
            starts.append(now)
            now += self.dwell_s[position]
        return starts

    def latest_arrivals(self, home_s: int) -> list[int]:
        """Return the latest arrival at every place that still brings the truck home at a time known to be possible."""
        arrivals = [0] * len(self.windows)
        now = home_s
        for position in range(len(self.windows) - 1, -1, -1):
            now -= self.dwell_s[position]
            windows = self.windows[position]
            if windows:
                last = next(window for window in reversed(windows) if window.start_s <= now)
                now = min(now, last.end_s)
            arrivals[position] = now
            now -= self.travel_s[position]
        return arrivals

    def shortest(self) -> tuple[int, list[int]] | int:
        """Choose the leaving time of the shortest route, the earliest of these; or say where every one is too late.

        The time of return is a rising function of the leaving time: flat while waiting swallows the delay, then
        one for one, with a jump where a place falls into its next window. The shortest route leaves at the end of a
        flat piece, or anywhere on a piece that rises; so it is enough to look at one time on each piece.
        """
        found: tuple[int, list[int]] | None = None
        leaving_s = self.shift.start_s
        while leaving_s <= self.shift.end_s:
            starts = self.starts_from(leaving_s)
            if isinstance(starts, int):
                return starts if found is None else found
            latest_s = min(self.latest_arrivals(starts[-1])[0] - self.travel_s[0], self.shift.end_s)
            if latest_s > leaving_s:
                leaving_s = latest_s
                starts = self.starts_from(leaving_s)
                assert not isinstance(starts, int)  # noqa: S101 - leaving later for the same return
            if found is None or starts[-1] - leaving_s < found[1][-1] - found[0]:
                found = leaving_s, starts
            leaving_s = self._next_piece(leaving_s, starts)
        return found if found is not None else len(self.windows) - 1

    def _next_piece(self, leaving_s: int, starts: list[int]) -> int:
        """Return the first leaving time at which some place no longer fits into its present window."""
        slack = self.shift.end_s - leaving_s
        now = leaving_s
        for position, windows in enumerate(self.windows):
            start = starts[position]
            if windows:
                end_s = next(window.end_s for window in windows if start <= window.end_s)
                slack = min(slack, end_s - start)
            if start > now + self.travel_s[position]:
                break  # the wait here swallows any delay
            now = start + self.dwell_s[position]
        return leaving_s + slack + 1


def schedule(problem: Problem, truck: Truck, places: Sequence[Place]) -> Route | Misfit:
    """Time a sequence of stops and facilities for one truck.

    The truck leaves so that its route is as short as possible, and at the earliest of such times; it begins
    everywhere as early as it may.

    Parameters
    ----------
    places
        What it visits between leaving its depot and coming home, in order; at least one.

    Returns
    -------
    Route or Misfit
        The timed route, or what forbids it and where.
    """
    if (misfit := load_misfit(problem, truck, places)) is not None:
        return misfit
    course = Course.of(problem, truck, places)
    for position, way in enumerate(zip(course.travel_s, course.travel_m, strict=True)):
        if max(way) >= UNREACHABLE:
            return Misfit(Obstacle.UNREACHABLE, position)
    timed = course.shortest()
    if isinstance(timed, int):
        return Misfit(Obstacle.HOME_TOO_LATE if timed == len(places) else Obstacle.WINDOW_MISSED, timed)
    leaving_s, starts = timed
    duration_s = starts[-1] - leaving_s
    if duration_s > truck.max_duration_s:
        return Misfit(Obstacle.TOO_LONG, len(places))
    return Route(truck.id, _visits(course, places, leaving_s, starts), sum(course.travel_m), duration_s)


def load_misfit(problem: Problem, truck: Truck, places: Sequence[Place]) -> Misfit | None:
    """Check everything about a sequence that time has no part in: who carries what, where it goes, how much, locks."""
    stream, kg, litres, trips = "", 0, 0, 0
    for position, place in enumerate(places):
        obstacle = None
        if isinstance(place, Stop):
            kg += place.demand_kg
            litres += place.demand_l
            if not truck.fits(place):
                obstacle = Obstacle.CANNOT_CARRY
            elif problem.truck_of_locked.get(place.id, truck.id) != truck.id:
                obstacle = Obstacle.LOCKED_ELSEWHERE
            elif stream not in ("", place.stream):
                obstacle = Obstacle.MIXES_STREAMS
            elif kg > truck.capacity_kg or litres > truck.capacity_l:
                obstacle = Obstacle.OVERLOADED
            stream = place.stream
        else:
            trips += 1
            if not stream:
                obstacle = Obstacle.NOTHING_TO_UNLOAD
            elif stream not in place.streams:
                obstacle = Obstacle.FACILITY_REFUSES
            elif truck.max_trips is not None and trips > truck.max_trips:
                obstacle = Obstacle.TOO_MANY_TRIPS
            stream, kg, litres = "", 0, 0
        if obstacle is not None:
            return Misfit(obstacle, position)
    return Misfit(Obstacle.NOT_EMPTY_AT_HOME, len(places)) if stream else None


def places_of(problem: Problem, route: Route) -> tuple[Place, ...]:
    """Return what a route visits between leaving and coming home."""
    return tuple(
        problem.stop_by_id[visit.subject_id]
        if visit.kind is VisitKind.STOP
        else problem.facility_by_id[visit.subject_id]
        for visit in route.visits[1:-1]
    )


def tidy(places: Iterable[Place]) -> list[Place]:
    """Leave out unloadings with nothing on board."""
    kept: list[Place] = []
    for place in places:
        if isinstance(place, Stop) or (kept and isinstance(kept[-1], Stop)):
            kept.append(place)
    return kept


def distance_cents(truck: Truck, distance_m: int) -> int:
    """Cost of a route by its distance, rounded half up."""
    return (distance_m * truck.cents_per_km + M_PER_KM // 2) // M_PER_KM


def duration_cents(truck: Truck, duration_s: int) -> int:
    """Cost of a route by its duration, rounded half up."""
    return (duration_s * truck.cents_per_h + S_PER_H // 2) // S_PER_H


def route_cents(truck: Truck, route: Route) -> int:
    """Cost of one route, all lines."""
    return truck.fixed_cents + distance_cents(truck, route.distance_m) + duration_cents(truck, route.duration_s)


def cost_of(problem: Problem, routes: Iterable[Route], unserved: Iterable[Unserved]) -> Cost:
    """Add up what routes cost and what the optional stops left out would have been worth."""
    fixed = distance = duration = 0
    for route in routes:
        truck = problem.truck_by_id[route.truck_id]
        fixed += truck.fixed_cents
        distance += distance_cents(truck, route.distance_m)
        duration += duration_cents(truck, route.duration_s)
    left = (problem.stop_by_id[gone.stop_id] for gone in unserved)
    return Cost(fixed, distance, duration, sum(stop.prize_cents for stop in left if not stop.required))


def _visits(course: Course, places: Sequence[Place], leaving_s: int, starts: list[int]) -> tuple[Visit, ...]:
    visits = [Visit(VisitKind.START, "", leaving_s, leaving_s, leaving_s, 0, 0)]
    kg = litres = 0
    for place, travel_s, dwell_s, start_s in zip(places, course.travel_s, course.dwell_s, starts, strict=False):
        unloads = isinstance(place, Facility)
        kg = 0 if isinstance(place, Facility) else kg + place.demand_kg
        litres = 0 if isinstance(place, Facility) else litres + place.demand_l
        arrival_s = visits[-1].departure_s + travel_s
        kind = VisitKind.UNLOAD if unloads else VisitKind.STOP
        visits.append(Visit(kind, place.id, arrival_s, start_s, start_s + dwell_s, kg, litres))
    visits.append(Visit(VisitKind.END, "", starts[-1], starts[-1], starts[-1], 0, 0))
    return tuple(visits)
