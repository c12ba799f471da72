"""Routes on the way to becoming a plan: what the engines hand each other, timed, mended and compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from time import monotonic

from routing.gaps import Gaps
from routing.plan import Route, VisitKind
from routing.problem import Facility, Place, Problem, Stop, Truck
from routing.schedule import Misfit, Obstacle, route_cents, schedule, tidy

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
    """Rank a draft: required stops left out, then cost with prizes in cents, then seconds, then metres."""
    driving = sum(route_cents(problem.truck_by_id[route.truck_id], route) for route in draft.routes)
    return (
        sum(problem.must_serve(stop) for stop in draft.missing),
        driving + sum(stop.prize_cents for stop in draft.missing if not stop.required),
        sum(route.duration_s for route in draft.routes),
        sum(route.distance_m for route in draft.routes),
    )


def draft_of(problem: Problem, tours: Tours) -> Draft:
    """Time tours. What does not fit where it is put, or comes a second time, is left out."""
    routes: list[Route] = []
    served: set[str] = set()
    for truck in problem.trucks:
        wanted = [place for place in tours.get(truck.id, ()) if isinstance(place, Facility) or place.id not in served]
        if (route := _fitted(problem, truck, wanted)) is not None:
            routes.append(route)
            served.update(route.stop_ids)
    return Draft(tuple(routes), tuple(stop for stop in problem.stops if stop.id not in served))


def tours_of(problem: Problem, routes: Iterable[Route]) -> Tours:
    """Return what routes visit, by truck; visits the problem does not know are passed over."""
    return {
        route.truck_id: [
            place
            for visit in route.visits
            if (
                place := problem.stop_by_id.get(visit.subject_id)
                if visit.kind is VisitKind.STOP
                else problem.facility_by_id.get(visit.subject_id)
            )
        ]
        for route in routes
    }


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


def _fitted(problem: Problem, truck: Truck, wanted: Sequence[Place]) -> Route | None:
    """Time a sequence, leaving out stop by stop what keeps it from being driven."""
    places = tidy(wanted)
    while places:
        timed = schedule(problem, truck, places)
        if isinstance(timed, Route):
            return timed
        culprit = _culprit(problem, places, timed)
        places = tidy(place for position, place in enumerate(places) if position != culprit)
    return None


def _culprit(problem: Problem, places: Sequence[Place], misfit: Misfit) -> int:
    """Return the position of the stop to leave out: the one that fails, the last before a facility, the least dear."""
    stops = [position for position, place in enumerate(places) if isinstance(place, Stop)]
    if misfit.obstacle in (Obstacle.HOME_TOO_LATE, Obstacle.TOO_LONG):
        return min(stops, key=lambda position: (_worth(problem, places[position]), -position))
    return max((position for position in stops if position <= misfit.position), default=stops[0])


def _worth(problem: Problem, place: Place) -> tuple[bool, int]:
    return isinstance(place, Stop) and problem.must_serve(place), place.prize_cents if isinstance(place, Stop) else 0
