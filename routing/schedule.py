"""Times one truck's sequence of visits: when it should leave, when it is where, what is on board, what it costs.

Used by everything that makes plans. `verify` shares nothing with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from routing.matrix import UNREACHABLE
from routing.plan import Route, Visit, VisitKind
from routing.problem import Facility, Place, Problem, RelationKind, Stop, Truck
from routing.standing import Standing
from routing.timing import Course, Timed, timed


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
    NO_PAUSE = "no_pause"
    FACILITY_FULL = "facility_full"
    SHIFT_FULL = "shift_full"
    OUT_OF_ORDER = "out_of_order"
    NOT_TOGETHER = "not_together"


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


def schedule(problem: Problem, truck: Truck, places: Sequence[Place]) -> Route | Misfit:
    """Time a sequence of stops and facilities for one truck, with the pauses that its crew needs.

    The truck leaves so that its route is as short as possible, and at the earliest of such times; it begins
    everywhere as early as it may. What it has begun stays in front.

    Parameters
    ----------
    places
        What it visits before coming home, after what it has begun, in order; at least one for a truck that is still
        at its depot.

    Returns
    -------
    Route or Misfit
        The timed route, or what forbids it and where.
    """
    standing = Standing.of(problem, truck)
    if (misfit := load_misfit(problem, truck, places, standing)) is not None:
        return misfit
    course = Course.of(problem, truck, places, standing)
    for position, way in enumerate(zip(course.travel_s, course.travel_m, strict=True)):
        if max(way) >= UNREACHABLE:
            return Misfit(Obstacle.UNREACHABLE, position)
    found = timed(course, truck, standing)
    if found is None:
        return Misfit(Obstacle.NO_PAUSE, len(places))
    if isinstance(found, int):
        return Misfit(Obstacle.HOME_TOO_LATE if found == len(places) else Obstacle.WINDOW_MISSED, found)
    duration_s = standing.out_s + found.duration_s
    if duration_s > truck.longest_s:
        return Misfit(Obstacle.TOO_LONG, len(places))
    return Route(truck.id, _visits(truck, found, places, standing), sum(course.travel_m), duration_s)


def load_misfit(problem: Problem, truck: Truck, places: Sequence[Place], standing: Standing) -> Misfit | None:
    """Check everything about a sequence that time has no part in: who carries what, where it goes, how much, who asks.

    What binds several trucks together (facilities' days and gates, stops that want the same truck) is not looked at.
    """
    stream, kg, litres, trips = standing.stream, standing.kg, standing.litres, standing.trips
    served = list(standing.stop_ids)
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
            served.append(place.id)
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
    if stream:
        return Misfit(Obstacle.NOT_EMPTY_AT_HOME, len(places))
    return _shift_misfit(problem, truck, served, places) or _order_misfit(problem, served, places)


def _shift_misfit(problem: Problem, truck: Truck, served: Sequence[str], places: Sequence[Place]) -> Misfit | None:
    """Check what a truck may do in a whole shift."""
    if (truck.max_stops, truck.max_shift_kg, truck.max_shift_l) == (None, None, None):
        return None
    stops = [problem.stop_by_id[stop_id] for stop_id in served]
    for most, counts in (
        (truck.max_stops, [1] * len(stops)),
        (truck.max_shift_kg, [stop.demand_kg for stop in stops]),
        (truck.max_shift_l, [stop.demand_l for stop in stops]),
    ):
        total = 0
        for stop, count in zip(stops, counts, strict=True):
            total += count
            if most is not None and total > most and stop in places:
                return Misfit(Obstacle.SHIFT_FULL, places.index(stop))
    return None


def _order_misfit(problem: Problem, served: Sequence[str], places: Sequence[Place]) -> Misfit | None:
    """Check that stops come in the order and the company that people asked for."""
    if not (problem.relations or problem.before_locked):
        return None
    position = {place.id: number for number, place in enumerate(places) if isinstance(place, Stop)}
    rank = {stop_id: number for number, stop_id in enumerate(served)}
    for number, stop_id in enumerate(served):
        if stop_id not in position:
            continue
        before = problem.before_locked.get(stop_id)
        if before is not None and (before == "" or before in rank) and (served[number - 1] if number else "") != before:
            return Misfit(Obstacle.OUT_OF_ORDER, position[stop_id])
        for relation in problem.relations_of.get(stop_id, ()):
            others = [rank[other] for other in relation.stop_ids if other in rank and other != stop_id]
            if relation.kind is RelationKind.APART and any(other < number for other in others):
                return Misfit(Obstacle.NOT_TOGETHER, position[stop_id])
            later = relation.stop_ids[relation.stop_ids.index(stop_id) + 1 :]
            if relation.kind is RelationKind.IN_ORDER and any(rank.get(other, number) < number for other in later):
                return Misfit(Obstacle.OUT_OF_ORDER, position[stop_id])
    return None


def places_of(problem: Problem, route: Route) -> tuple[Place, ...]:
    """Return the stops and facilities a route visits after what its truck has begun."""
    begun = len(problem.truck_by_id[route.truck_id].begun) or 1
    return tuple(
        problem.stop_by_id[visit.subject_id]
        if visit.kind is VisitKind.STOP
        else problem.facility_by_id[visit.subject_id]
        for visit in route.visits[begun:]
        if visit.kind in (VisitKind.STOP, VisitKind.UNLOAD)
    )


def tidy(places: Iterable[Place], *, loaded: bool = False) -> list[Place]:
    """Leave out unloadings with nothing on board.

    Parameters
    ----------
    loaded
        Whether something is on board to begin with.
    """
    kept: list[Place] = []
    for place in places:
        if isinstance(place, Stop) or (isinstance(kept[-1], Stop) if kept else loaded):
            kept.append(place)
    return kept


def _visits(truck: Truck, found: Timed, places: Sequence[Place], standing: Standing) -> tuple[Visit, ...]:
    leaving = Visit(VisitKind.START, "", found.leaving_s, found.leaving_s, found.leaving_s, 0, 0)
    visits = list(truck.begun) or [leaving]
    course, kg, litres = found.course, standing.kg, standing.litres
    still_to_visit = iter(places)
    for position, start_s in enumerate(found.starts_s[:-1]):
        arrival_s = visits[-1].departure_s + course.travel_s[position]
        kind, subject_id = VisitKind.BREAK, ""
        if position not in course.pauses:
            place = next(still_to_visit)
            subject_id = place.id
            if isinstance(place, Facility):
                kind, kg, litres = VisitKind.UNLOAD, 0, 0
            else:
                kind, kg, litres = VisitKind.STOP, kg + place.demand_kg, litres + place.demand_l
        visits.append(Visit(kind, subject_id, arrival_s, start_s, start_s + course.dwell_s[position], kg, litres))
    home_s = found.starts_s[-1]
    return (*visits, Visit(VisitKind.END, "", home_s, home_s, home_s, kg, litres))
