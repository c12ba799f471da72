"""One more stop, one stop less, one stop elsewhere: what it takes, without touching the order of anything else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from city.hours import format_time
from city.wording import Language, say
from routing.consequences import Consequences, consequences
from routing.errors import RoutingError
from routing.gaps import Gaps
from routing.plan import Plan, Route, Unserved, UnservedReason
from routing.pricing import cost_of
from routing.problem import Problem, Stop
from routing.schedule import places_of, tidy
from routing.standing import Standing


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
    preferences_cents
        What the plan's shape costs more by the problem's preferences.
    alike
        Idle trucks that could do it in just the same way instead.
    consequences
        What it does to the truck's other stops, unloadings, pauses and return.
    problem, plan
        The whole plan with the stop in it, and the problem it solves: the one given, with the stop if it was new.
    """

    stop_id: str
    truck_id: str
    start_s: int
    extra_cents: int
    extra_m: int
    extra_s: int
    preferences_cents: int
    alike: tuple[str, ...]
    consequences: Consequences
    problem: Problem
    plan: Plan

    def said(self, language: Language = "en") -> list[str]:
        """Say who, when and at what price, then what it does to the rest, a sentence each."""
        way = say(
            "routing",
            "insertion.way",
            language,
            truck=self.truck_id,
            at=format_time(self.start_s),
            extra_min=round(self.extra_s / 60),
            extra_km=round(self.extra_m / 1000, 1) + 0.0,
            extra_cents=self.extra_cents,
        )
        return [way, *self.consequences.said(language)]


def insert(problem: Problem, plan: Plan, stop: str | Stop, truck_id: str | None = None) -> list[Insertion]:
    """Find every truck that can take one more stop, with the cheapest place on its route.

    The order of all other stops stays. A truck may unload once more for it, and an idle truck may leave for it.

    Parameters
    ----------
    stop
        A stop of the problem that the plan leaves out, by its id; or one that is not in the problem yet, at a location
        of its matrices.
    truck_id
        Ask this truck only.

    Returns
    -------
    list of Insertion
        At most one a truck, cheapest first; empty if nobody can. Of idle trucks that are alike one speaks for all.

    Raises
    ------
    RoutingError
        If the problem lacks the stop or the truck, has another stop of that name, or the plan serves it already.
    """
    problem, wanted = _with(problem, stop)
    if (route := plan.route_of(wanted.id)) is not None:
        raise RoutingError(f"stop {wanted.id} is already on truck {route.truck_id}; remove it first, or move it")
    if truck_id is not None and truck_id not in problem.truck_by_id:
        raise RoutingError(f"truck {truck_id} is not in the problem")
    unserved = tuple(gone for gone in plan.unserved if gone.stop_id != wanted.id)
    old = {route.truck_id: route for route in plan.routes}
    gaps = Gaps(problem, plan.routes)
    asked = None if truck_id is None else gaps.speaker_for(truck_id)
    found = []
    for _, cheapest in gaps.ways(wanted, asked):
        alike = gaps.idle_alike(cheapest.truck_id)
        route = cheapest if truck_id is None else replace(cheapest, truck_id=truck_id)
        before = old.get(route.truck_id)
        longer = _plan(problem, {**old, route.truck_id: route}, unserved)
        found.append(
            Insertion(
                wanted.id,
                route.truck_id,
                route.visit_of(wanted.id).start_s,
                longer.cost.driving_cents - plan.cost.driving_cents,
                route.distance_m - (before.distance_m if before else 0),
                route.duration_s - (before.duration_s if before else 0),
                longer.cost.preferences_cents - plan.cost.preferences_cents,
                tuple(other for other in alike if other != route.truck_id),
                consequences(problem, before, route),
                problem,
                longer,
            )
        )
    return sorted(
        found, key=lambda way: (way.extra_cents + way.preferences_cents, way.extra_s, way.extra_m, way.truck_id)
    )


def remove(problem: Problem, plan: Plan, stop_id: str) -> Plan:
    """Take a stop out. The rest of its route keeps its order; a truck with nothing left to do stays at home.

    Raises
    ------
    RoutingError
        If the plan does not serve the stop, its truck has begun it, or the route does not work without it: ways that
        break the triangle inequality can be missing, or can make a route longer by leaving something out.
    """
    route = plan.route_of(stop_id)
    if route is None:
        raise RoutingError(f"stop {stop_id} is not served by the plan")
    routes = {other.truck_id: other for other in plan.routes if other is not route}
    truck = problem.truck_by_id[route.truck_id]
    if any(visit.subject_id == stop_id for visit in route.visits[: len(truck.begun)]):
        raise RoutingError(f"truck {truck.id} has served stop {stop_id} or is on the way there; it cannot be removed")
    rest = (place for place in places_of(problem, route) if place is not problem.stop_by_id[stop_id])
    places = tidy(rest, loaded=bool(Standing.of(problem, truck).stream))
    if places or truck.begun:
        shorter = Gaps(problem, tuple(routes.values())).sharing().schedule(truck, places)
        if not isinstance(shorter, Route):
            raise RoutingError(f"truck {truck.id} cannot drive on without stop {stop_id}: {shorter.obstacle}")
        routes[truck.id] = shorter
    gone = Unserved(stop_id, UnservedReason.TAKEN_OUT)
    return _plan(problem, routes, (*plan.unserved, gone))


def move(problem: Problem, plan: Plan, stop_id: str, truck_id: str) -> Insertion | None:
    """Find the cheapest way to serve a stop on another truck, or ``None`` if that truck cannot take it.

    The extra cents, metres and seconds are those of both routes together; the consequences are those on the truck that
    takes it.

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
        preferences_cents=best.plan.cost.preferences_cents - plan.cost.preferences_cents,
    )


def _with(problem: Problem, stop: str | Stop) -> tuple[Problem, Stop]:
    """Return the problem with the stop in it."""
    if isinstance(stop, str):
        if stop not in problem.stop_by_id:
            raise RoutingError(f"stop {stop} is not in the problem; to add a new one, give the Stop itself")
        return problem, problem.stop_by_id[stop]
    known = problem.stop_by_id.get(stop.id)
    if known is not None and known != stop:
        raise RoutingError(f"the problem has another stop {stop.id}; give the new one a name of its own")
    return (problem, stop) if known else (replace(problem, stops=(*problem.stops, stop)), stop)


def _plan(problem: Problem, routes: Mapping[str, Route], unserved: tuple[Unserved, ...]) -> Plan:
    ordered = tuple(routes[truck.id] for truck in problem.trucks if truck.id in routes)
    return Plan(ordered, unserved, cost_of(problem, ordered, unserved))
