"""Routes on the way to becoming a plan: what the engines hand each other, timed, mended and compared."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from time import monotonic

from routing.gaps import Gaps
from routing.plan import Route, Visit, VisitKind
from routing.pricing import preferences_cents, route_cents
from routing.problem import Facility, Place, Problem, Stop, Truck
from routing.schedule import Misfit, Obstacle, schedule, tidy
from routing.sharing import NEVER, Sharing
from routing.standing import Standing

# What every truck visits between leaving and coming home, by truck id.
Tours = Mapping[str, Sequence[Place]]


@dataclass(frozen=True, slots=True)
class Draft:
    """Routes that keep every rule, in the order of the problem's trucks, and the stops that are on none of them."""

    routes: tuple[Route, ...]
    missing: tuple[Stop, ...]


# Compared as tuples, smaller is better.
Merit = tuple[int, int, int, int]


def merit(problem: Problem, draft: Draft) -> Merit:
    """Rank a draft: priorities of required stops left out, then cost in cents, then seconds, then metres."""
    driving = sum(route_cents(problem.truck_by_id[route.truck_id], route) for route in draft.routes)
    return (
        sum(stop.priority for stop in draft.missing if problem.must_serve(stop)),
        driving
        + preferences_cents(problem, draft.routes)
        + sum(stop.prize_cents for stop in draft.missing if not stop.required),
        sum(route.duration_s for route in draft.routes),
        sum(route.distance_m for route in draft.routes),
    )


def draft_of(problem: Problem, tours: Tours) -> Draft:
    """Time tours. What does not fit where it is put, comes a second time or finds no room is left out.

    A truck that has begun always has a route: it must at least come home.
    """
    routes: list[Route] = []
    sharing = Sharing(problem)
    served = {visit.subject_id for truck in problem.trucks for visit in truck.begun if visit.kind is VisitKind.STOP}
    for truck in problem.trucks:
        wanted = [
            place
            for place in tours.get(truck.id, ())
            if isinstance(place, Facility) or (place.id not in served and sharing.allows(place, truck.id))
        ]
        if (route := _fitted(problem, truck, wanted, sharing)) is not None:
            routes.append(route)
            sharing.add(route)
            served.update(route.stop_ids)
    return Draft(tuple(routes), tuple(stop for stop in problem.stops if stop.id not in served))


def tours_of(problem: Problem, routes: Iterable[Route]) -> Tours:
    """Return what routes visit after what trucks have begun; visits the problem does not know are passed over."""
    return {
        route.truck_id: [
            place
            for visit in _ahead(problem, route)
            if (
                place := problem.stop_by_id.get(visit.subject_id)
                if visit.kind is VisitKind.STOP
                else problem.facility_by_id.get(visit.subject_id)
            )
        ]
        for route in routes
    }


def _ahead(problem: Problem, route: Route) -> Sequence[Visit]:
    """Return the visits after the last stop that the truck has begun with, also of a plan made before it left."""
    truck = problem.truck_by_id.get(route.truck_id)
    begun = truck.begun if truck else ()
    if route.visits[: len(begun)] == begun:
        return route.visits[len(begun) :]
    done = {visit.subject_id for visit in begun if visit.kind is VisitKind.STOP}
    last = max((number for number, visit in enumerate(route.visits) if visit.subject_id in done), default=-1)
    return route.visits[last + 1 :]


def complete(problem: Problem, draft: Draft, deadline: float) -> Draft:
    """Put missing stops where they cost least: those that must be served, then those whose prize is worth it.

    Parameters
    ----------
    deadline
        `time.monotonic` at which to stop with what is done.
    """
    routes = {route.truck_id: route for route in draft.routes}
    left: list[Stop] = []
    gaps = Gaps(problem, draft.routes)
    for stop in sorted(draft.missing, key=lambda stop: (not problem.must_serve(stop), -stop.prize_cents)):
        best = min(gaps.ways(stop), key=itemgetter(0), default=None) if monotonic() < deadline else None
        if best is None or not (problem.must_serve(stop) or best[0] < stop.prize_cents):
            left.append(stop)
            continue
        routes[best[1].truck_id] = best[1]
        gaps.replace(best[1].truck_id, best[1])
    ordered = tuple(routes[truck.id] for truck in problem.trucks if truck.id in routes)
    return Draft(ordered, tuple(left))


def _fitted(problem: Problem, truck: Truck, wanted: Sequence[Place], sharing: Sharing) -> Route | None:
    """Time a sequence, leaving out stop by stop what keeps it from being driven."""
    standing = Standing.of(problem, truck)
    loaded = bool(standing.stream)
    places = tidy(wanted, loaded=loaded)
    while places or truck.begun:
        if loaded and not any(isinstance(place, Facility) for place in places):
            places = [*places, *_way_out(problem, truck, standing, sharing)]
        timed = schedule(problem, truck, _with_room(problem, places, standing, sharing))
        if isinstance(timed, Route):
            return timed
        if not any(isinstance(place, Stop) for place in places):
            return None
        culprit = _culprit(problem, places, timed)
        places = tidy((place for position, place in enumerate(places) if position != culprit), loaded=loaded)
    return None


def _way_out(problem: Problem, truck: Truck, standing: Standing, sharing: Sharing) -> list[Facility]:
    """Return the facility that is nearest on the way home for what a truck has on board."""
    seconds = problem.matrices[truck.profile].duration_s
    takers = [
        facility
        for facility in problem.facilities
        if standing.stream in facility.streams and sharing.room_kg(facility) >= standing.kg
    ]

    def detour_s(facility: Facility) -> int:
        return int(seconds[standing.location, facility.location]) + int(seconds[facility.location, truck.end_location])

    return [min(takers, key=detour_s)] if takers else []


def _with_room(problem: Problem, places: Sequence[Place], standing: Standing, sharing: Sharing) -> list[Place]:
    """Send every trip to a facility that still takes it, at a time when a gate is free.

    A trip that no facility takes keeps the one it had, closed.
    """
    if not problem.facilities_are_shared:
        return list(places)
    found: list[Place] = []
    stream, kg = standing.stream, standing.kg
    brought_kg: Counter[str] = Counter()
    for place in places:
        if isinstance(place, Stop):
            stream, kg = place.stream, kg + place.demand_kg
            found.append(place)
            continue
        others = [other for other in problem.facilities if other.id != place.id and stream in other.streams]
        near = problem.matrices[0].distance_m
        known = problem.facility_by_id[place.id]
        here = place.location
        options = [known, *sorted(others, key=lambda other: int(near[here, other.location]))]
        taker = next((other for other in options if kg <= sharing.room_kg(other) - brought_kg[other.id]), None)
        found.append(sharing.free(taker) if taker else replace(known, windows=(NEVER,)))
        brought_kg[found[-1].id] += kg
        stream, kg = "", 0
    return found


def _culprit(problem: Problem, places: Sequence[Place], misfit: Misfit) -> int:
    """Return the position of the stop to leave out: the one that fails, the last before a facility, the least dear."""
    stops = [position for position, place in enumerate(places) if isinstance(place, Stop)]
    if misfit.obstacle in (Obstacle.HOME_TOO_LATE, Obstacle.TOO_LONG, Obstacle.NO_PAUSE):
        return min(stops, key=lambda position: (_worth(problem, places[position]), -position))
    return max((position for position in stops if position <= misfit.position), default=stops[0])


def _worth(problem: Problem, place: Place) -> tuple[bool, int]:
    return isinstance(place, Stop) and problem.must_serve(place), place.prize_cents if isinstance(place, Stop) else 0
