"""One more stop, one stop less, one stop elsewhere: what it takes, without touching the order of anything else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from routing.errors import RoutingError
from routing.gaps import Gaps
from routing.plan import Plan, Route, Unserved, UnservedReason
from routing.pricing import cost_of
from routing.problem import Problem
from routing.schedule import places_of, schedule, tidy


@dataclass(frozen=True, slots=True)
class Insertion:
    """One way to serve one more stop.

    Attributes
    ----------
    truck_id
        Who serves it.
    start_s
        When the service begins.
    extra_cents, extra_m, extra_s
        What the trucks cost, drive and take more than before; the stop's own prize is not set against it.
    alike
        Idle trucks that could do it in just the same way instead.
    plan
        The whole plan with the stop in it.
    """

    stop_id: str
    truck_id: str
    start_s: int
    extra_cents: int
    extra_m: int
    extra_s: int
    alike: tuple[str, ...]
    plan: Plan


def insert(problem: Problem, plan: Plan, stop_id: str, truck_id: str | None = None) -> list[Insertion]:
    """Find every truck that can take one more stop, with the cheapest place on its route.

    The order of all other stops stays. A truck may unload once more for it, and an idle truck may leave for it.

    Parameters
    ----------
    stop_id
        A stop of the problem that the plan leaves out.
    truck_id
        Ask this truck only.

    Returns
    -------
    list of Insertion
        At most one a truck, cheapest first; empty if nobody can. Of idle trucks that are alike one speaks for all.

    Raises
    ------
    RoutingError
        If the problem lacks the stop or the truck, or the plan serves the stop already.
    """
    stop = problem.stop_by_id.get(stop_id)
    if stop is None:
        raise RoutingError(f"stop {stop_id} is not in the problem")
    if (route := plan.route_of(stop_id)) is not None:
        raise RoutingError(f"stop {stop_id} is already on truck {route.truck_id}; remove it first, or move it")
    if truck_id is not None and truck_id not in problem.truck_by_id:
        raise RoutingError(f"truck {truck_id} is not in the problem")
    unserved = tuple(gone for gone in plan.unserved if gone.stop_id != stop_id)
    old = {route.truck_id: route for route in plan.routes}
    gaps = Gaps(problem, plan.routes)
    found = []
    for extra_cents, cheapest in gaps.ways(stop):
        route, alike = cheapest, gaps.idle_alike(cheapest.truck_id)
        if truck_id in alike:
            route = replace(route, truck_id=truck_id)
        if truck_id in (None, route.truck_id):
            before = old.get(route.truck_id)
            found.append(
                Insertion(
                    stop_id,
                    route.truck_id,
                    route.visit_of(stop_id).start_s,
                    extra_cents,
                    route.distance_m - (before.distance_m if before else 0),
                    route.duration_s - (before.duration_s if before else 0),
                    tuple(other for other in alike if other != route.truck_id),
                    _plan(problem, {**old, route.truck_id: route}, unserved),
                )
            )
    return sorted(found, key=lambda way: (way.extra_cents, way.extra_s, way.extra_m, way.truck_id))


def remove(problem: Problem, plan: Plan, stop_id: str) -> Plan:
    """Take a stop out. The rest of its route keeps its order; a truck with nothing left to do stays at home.

    Raises
    ------
    RoutingError
        If the plan does not serve the stop, or the route does not work without it: ways that break the triangle
        inequality can be missing, or can make a route longer by leaving something out.
    """
    route = plan.route_of(stop_id)
    if route is None:
        raise RoutingError(f"stop {stop_id} is not served by the plan")
    routes = {other.truck_id: other for other in plan.routes if other is not route}
    truck = problem.truck_by_id[route.truck_id]
    if places := tidy(place for place in places_of(problem, route) if place is not problem.stop_by_id[stop_id]):
        shorter = schedule(problem, truck, places)
        if not isinstance(shorter, Route):
            raise RoutingError(f"truck {truck.id} cannot drive on without stop {stop_id}: {shorter.obstacle}")
        routes[truck.id] = shorter
    gone = Unserved(stop_id, UnservedReason.TAKEN_OUT)
    return _plan(problem, routes, (*plan.unserved, gone))


def move(problem: Problem, plan: Plan, stop_id: str, truck_id: str) -> Insertion | None:
    """Find the cheapest way to serve a stop on another truck, or ``None`` if that truck cannot take it.

    The extra cents, metres and seconds are those of both routes together.

    Raises
    ------
    RoutingError
        If the plan does not serve the stop, the truck is unknown, or a lock holds the stop where it is.
    """
    if problem.truck_of_locked.get(stop_id, truck_id) != truck_id:
        raise RoutingError(f"stop {stop_id} is locked to truck {problem.truck_of_locked[stop_id]}; unlock it first")
    ways = insert(problem, remove(problem, plan, stop_id), stop_id, truck_id)
    if not ways:
        return None
    best = ways[0]
    return replace(
        best,
        extra_cents=best.plan.cost.driving_cents - plan.cost.driving_cents,
        extra_m=best.plan.distance_m - plan.distance_m,
        extra_s=best.plan.duration_s - plan.duration_s,
    )


def _plan(problem: Problem, routes: Mapping[str, Route], unserved: tuple[Unserved, ...]) -> Plan:
    ordered = tuple(routes[truck.id] for truck in problem.trucks if truck.id in routes)
    return Plan(ordered, unserved, cost_of(problem, ordered, unserved))
