"""What has become of a plan by now: the plan as it is lived, by what crews have recorded and otherwise by the clock.

A crew in a dead spot records nothing for a while and is still on its way. So a truck counts as far as its records say,
and from the last of them on as far as its plan says, late or early by what that record shows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from routing.excerpt import only
from routing.plan import Plan, Route, Visit, VisitKind
from routing.problem import Problem, Stop
from routing.standing import locations
from sensors.service import ServiceOutcome


class Told(NamedTuple):
    """What a crew recorded of a stop: when, in seconds of the service day, and whether it was done."""

    at_s: int
    outcome: ServiceOutcome


# What was recorded, by truck id and stop id.
Records = Mapping[str, Mapping[str, Told]]


@dataclass(frozen=True, slots=True)
class Lived:
    """A day as it stands.

    Attributes
    ----------
    problem
        With what every truck has begun; without stops that could not be served, and without those that another truck
        than the planned one has served.
    plan
        Its routes, shifted by how late or early each truck is, without the same stops.
    """

    problem: Problem
    plan: Plan


def live(problem: Problem, plan: Plan, records: Records, by_s: int, stopped: Mapping[str, int] | None = None) -> Lived:
    """Bring a plan up to date.

    Parameters
    ----------
    by_s
        Until when trucks go on as they are, in seconds of the service day: what they begin by then stays.
    stopped
        Trucks that go no further, and since when.
    """
    gone = passed_over(plan, records)
    routes = tuple(
        _lived(route, records.get(route.truck_id, {}), gone[route.truck_id], problem.stop_by_id)
        for route in plan.routes
    )
    routes = tuple(_halted(route, (stopped or {}).get(route.truck_id, by_s), by_s) for route in routes)
    begun = {route.truck_id: begun_of(route, by_s) for route in routes}
    out = frozenset[str]().union(*gone.values()) - {stop_id for route in routes for stop_id in route.stop_ids}
    trucks = tuple(replace(truck, begun=begun.get(truck.id, ())) for truck in problem.trucks)
    standing = replace(problem, trucks=trucks)
    kept = standing.stop_by_id.keys() - out
    left = tuple(one for one in plan.unserved if one.stop_id in kept)
    return Lived(only(standing, kept, standing.truck_by_id.keys()), replace(plan, routes=routes, unserved=left))


def passed_over(plan: Plan, records: Records) -> dict[str, frozenset[str]]:
    """Return the stops of each route that its truck has done with: it could not, or another truck has been there."""
    done_by = _done_by(records)
    found = {}
    for route in plan.routes:
        own = records.get(route.truck_id, {})
        found[route.truck_id] = frozenset(
            stop_id
            for stop_id in route.stop_ids
            if (stop_id in own and own[stop_id].outcome is ServiceOutcome.COULD_NOT)
            or (stop_id not in own and done_by.get(stop_id, route.truck_id) != route.truck_id)
        )
    return found


def begun_of(route: Route, by_s: int) -> tuple[Visit, ...]:
    """Return the visits of a lived route that have begun by a time, with the one that its truck is driving to."""
    if route.visits[0].departure_s > by_s:
        return ()
    count = 1 + sum(visit.departure_s <= by_s for visit in route.visits[:-2])
    return route.visits[: min(count, len(route.visits) - 1)]


def _halted(route: Route, since_s: int, by_s: int) -> Route:
    """Put off what a truck that stands since a time had not done by then, beyond the time until which others go on."""
    off_s = by_s - since_s
    if off_s <= 0:
        return route
    done = sum(visit.departure_s <= since_s for visit in route.visits)
    later = (
        replace(
            visit,
            arrival_s=visit.arrival_s + off_s,
            start_s=visit.start_s + off_s,
            departure_s=visit.departure_s + off_s,
        )
        for visit in route.visits[done:]
    )
    return replace(route, visits=(*route.visits[:done], *later), duration_s=route.duration_s + off_s)


def _lived(route: Route, told: Mapping[str, Told], gone: frozenset[str], stops: Mapping[str, Stop]) -> Route:
    """Shift a route's visits by what its records say, and take off what was not collected, where `stops` knows it."""
    # Whoever has served a stop has left, whatever the plan says.
    leaves_s = min(
        [route.visits[0].departure_s, *(told[stop_id].at_s for stop_id in route.stop_ids if stop_id in told)]
    )
    late_s, before_s = 0, leaves_s
    less_kg = less_l = 0
    visits = [replace(route.visits[0], arrival_s=leaves_s, start_s=leaves_s, departure_s=leaves_s)]
    for visit in route.visits[1:]:
        arrival_s = max(visit.arrival_s + late_s, before_s)
        start_s = max(visit.start_s + late_s, arrival_s)
        departure_s = max(visit.departure_s + late_s, start_s)
        one = told.get(visit.subject_id) if visit.kind is VisitKind.STOP else None
        if one is not None:
            departure_s = max(one.at_s, before_s)
            arrival_s, start_s = min(arrival_s, departure_s), min(start_s, departure_s)
            late_s = departure_s - visit.departure_s
        before_s = departure_s
        if visit.kind is VisitKind.STOP and visit.subject_id in gone:
            stop = stops.get(visit.subject_id)
            less_kg, less_l = (less_kg + stop.demand_kg, less_l + stop.demand_l) if stop else (less_kg, less_l)
            if one is not None:
                # The truck has been there all the same: it goes on from then.
                visits[-1] = replace(visits[-1], departure_s=departure_s)
            continue
        if visit.kind is VisitKind.UNLOAD:
            less_kg = less_l = 0
        visits.append(
            replace(
                visit,
                arrival_s=arrival_s,
                start_s=start_s,
                departure_s=departure_s,
                load_kg=max(0, visit.load_kg - less_kg),
                load_l=max(0, visit.load_l - less_l),
            )
        )
    lasts_s = visits[-1].arrival_s - visits[0].departure_s
    return replace(route, visits=tuple(visits), duration_s=lasts_s)


def overtaken(base: Plan, new: Plan, records: Records, now_s: int) -> str | None:
    """Say which stop or truck has gone beyond what a change supposes; ``None``: it can be carried out as it is.

    A truck may have done meanwhile what the change gives to another, or be past the place where its order changes.

    Parameters
    ----------
    base
        The plan in force.
    """
    done_by = _done_by(records)
    for route in new.routes:
        for stop_id in route.stop_ids:
            if done_by.get(stop_id, route.truck_id) != route.truck_id:
                return stop_id
    gone, changed = passed_over(base, records), changed_trucks(base, new)
    news = {route.truck_id: route for route in new.routes}
    for route in base.routes:
        if route.truck_id not in changed or route.truck_id not in news:
            continue
        own = records.get(route.truck_id, {})
        given_up = set(route.stop_ids) - set(news[route.truck_id].stop_ids)
        for stop_id in sorted(given_up):
            if done_by.get(stop_id) == route.truck_id:
                return stop_id
        so_far = _places(begun_of(_lived(route, own, gone[route.truck_id], {}), now_s))
        could_not = {stop_id for stop_id, one in own.items() if one.outcome is ServiceOutcome.COULD_NOT}
        ahead = [place for place in _places(news[route.truck_id].visits) if place[1] not in could_not]
        if so_far != ahead[: len(so_far)]:
            return route.truck_id
    return None


def changed_trucks(old: Plan, new: Plan) -> frozenset[str]:
    """Return the trucks that go elsewhere, or in another order, by a new plan; other times alone are no change."""
    before, after = ({route.truck_id: _places(route.visits) for route in plan.routes} for plan in (old, new))
    return frozenset(
        truck_id for truck_id in before.keys() | after.keys() if before.get(truck_id) != after.get(truck_id)
    )


def _places(visits: Iterable[Visit]) -> list[tuple[VisitKind, str]]:
    return [(visit.kind, visit.subject_id) for visit in visits if visit.kind is not VisitKind.BREAK]


def _done_by(records: Records) -> dict[str, str]:
    """Return which truck has served a stop; where two say so, the first by the time of the event."""
    found: dict[str, tuple[int, str]] = {}
    for truck_id, told in records.items():
        for stop_id, one in told.items():
            if one.outcome is ServiceOutcome.DONE:
                found[stop_id] = min(found.get(stop_id, (one.at_s, truck_id)), (one.at_s, truck_id))
    return {stop_id: truck_id for stop_id, (_, truck_id) in found.items()}


def whole_distance_m(problem: Problem, route: Route) -> int:
    """Return how far a route goes from leaving to coming home, with what its truck has begun."""
    truck = problem.truck_by_id[route.truck_id]
    where = locations(problem, truck, route.visits)
    return int(problem.matrices[truck.profile].distance_m[where[:-1], where[1:]].sum())
