"""`replan`: something happens in the middle of the day; the smallest change that keeps the day feasible.

What trucks have done or are driving to stays. Nobody's order changes unless nothing else serves a stop that must be
served; locked stops stay on their trucks. Fewer changes come before less cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from routing.diagnosis import why_never, why_not_beside
from routing.difference import Difference, difference
from routing.errors import RoutingError
from routing.events import Aftermath, Event, Stranded, aftermath
from routing.excerpt import only
from routing.mending import Mended, able_to_return, mend
from routing.nearest import nearest_trucks
from routing.plan import Plan, Route, Unserved, UnservedReason, Visit, VisitKind
from routing.pricing import cost_of, distance_cents, duration_cents, overtime_cents
from routing.problem import Place, Preferences, Problem, Stop, Truck
from routing.solve import Budget, solve
from routing.verify import verify

# Stops that nobody can take without changing an order may change those of so many trucks near them.
FEW_TRUCKS = 4
# The solve of these stops by its steps, so that the same event always has the same answer; the time is a safety net.
FEW_BUDGET = Budget(seconds=2.5, cores=1, iterations=300)
# Dear enough to keep a stop on its truck unless serving another depends on it.
CHANGE_CENTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Replan:
    """What to do after an event.

    Attributes
    ----------
    problem
        The rest of the day: what trucks have begun is in `Truck.begun`, the event is taken in.
    plan
        Keeps every rule of that problem.
    difference
        What changes for whom.
    stranded
        The truck that broke down, with what it had done; it and the stops it had served are not in the problem.
    home_late
        Time of return of trucks that cannot keep their shift any more whatever they leave out, by truck id.
    """

    problem: Problem
    plan: Plan
    difference: Difference
    stranded: Stranded | None = None
    home_late: tuple[tuple[str, int], ...] = ()


def replan(problem: Problem, plan: Plan, event: Event, now: int) -> Replan:
    """Find the smallest change to a plan that keeps the day feasible after an event.

    The same call gives the same answer.

    Parameters
    ----------
    plan
        In force; keeps the rules of the problem.
    now
        Seconds of the service day. What the plan says was done by then is taken as done.

    Raises
    ------
    RoutingError
        If the event names what is not there, or a truck has something on board that nobody takes any more.
    """
    after = aftermath(problem, plan, event, now)
    day, late = able_to_return(after.problem)
    old = {route.truck_id: route for route in plan.routes}
    orphans = [day.stop_by_id[stop_id] for stop_id in after.orphans]
    mended = mend(day, _tours(day, after), old, orphans, _long_wanted(day, plan))
    mended = _with_orders_changed(day, mended)
    new = _plan(day, mended, plan)
    if not (checked := verify(day, new)).ok:
        raise RoutingError(
            f"replanning broke a rule, which is a fault in it: {'; '.join(map(str, checked.violations[:5]))}"
        )
    return Replan(day, new, _difference(problem, plan, after, day, new, now), after.stranded, tuple(late.items()))


def _tours(day: Problem, after: Aftermath) -> dict[str, list[Place]]:
    """Look up what every truck was still to visit."""
    known: Mapping[VisitKind, Mapping[str, Place]] = {
        VisitKind.STOP: day.stop_by_id,
        VisitKind.UNLOAD: day.facility_by_id,
    }
    return {
        truck_id: [known[kind][place_id] for kind, place_id in places if place_id in known[kind]]
        for truck_id, places in after.remaining.items()
    }


def _with_orders_changed(day: Problem, mended: Mended) -> Mended:
    """Plan the trucks anew that are nearest to stops that must be served and that nobody can take as it is."""
    stuck = [stop for stop in mended.left if day.must_serve(stop) and why_never(day, stop) is None]
    near = nearest_trucks(day, mended.routes, stuck, FEW_TRUCKS)
    if not stuck or not near:
        return mended
    held = tuple((stop_id, truck_id) for truck_id in near for stop_id in _stops(mended.routes.get(truck_id)))
    part = only(day, {stop_id for stop_id, _ in held} | {stop.id for stop in stuck}, set(near))
    part = replace(part, preferences=Preferences(change_cents=CHANGE_CENTS, in_force=held))
    routes = tuple(mended.routes[truck_id] for truck_id in near if truck_id in mended.routes)
    gone = tuple(Unserved(stop.id, UnservedReason.NO_TIME_LEFT) for stop in stuck)
    found = solve(part, FEW_BUDGET, start=Plan(routes, gone, cost_of(part, routes, gone)))
    still_gone = {left.stop_id for left in found.unserved}
    others = {truck_id: route for truck_id, route in mended.routes.items() if truck_id not in near}
    changed = Mended(
        others | {route.truck_id: route for route in found.routes},
        tuple(stop for stop in day.stops if stop.id in still_gone or (stop in mended.left and stop not in stuck)),
    )
    # Gates and days of facilities are shared with trucks outside the part, which knows nothing of them.
    better = _weight(day, changed.left) < _weight(day, mended.left)
    return changed if better and verify(day, _plan(day, changed, None)).ok else mended


def _weight(day: Problem, left: Sequence[Stop]) -> int:
    return sum(stop.priority for stop in left if day.must_serve(stop))


def _stops(route: Route | None) -> tuple[str, ...]:
    return route.stop_ids if route else ()


def _long_wanted(day: Problem, plan: Plan) -> list[Stop]:
    """Return stops that must be served and were left out already, though nobody took them out."""
    left = [day.stop_by_id[gone.stop_id] for gone in plan.unserved
            if gone.reason is not UnservedReason.TAKEN_OUT and gone.stop_id in day.stop_by_id]  # fmt: skip
    return [stop for stop in left if day.must_serve(stop)]


def _plan(day: Problem, mended: Mended, before: Plan | None) -> Plan:
    """Write a plan, with a reason for every stop left out; those that were out already keep theirs."""
    routes = tuple(mended.routes[truck.id] for truck in day.trucks if truck.id in mended.routes)
    served = {stop_id for route in routes for stop_id in route.stop_ids}
    known = {gone.stop_id: gone for gone in before.unserved} if before else {}
    missing = [stop for stop in day.stops if stop.id not in served]
    new = [stop for stop in missing if stop.id not in known]
    reasons = known | {stop.id: why for stop in new if (why := why_never(day, stop)) is not None}
    beside = why_not_beside(day, [stop for stop in new if stop.id not in reasons], routes)
    reasons |= {gone.stop_id: gone for gone in beside}
    unserved = tuple(reasons[stop.id] for stop in missing)
    return Plan(routes, unserved, cost_of(day, routes, unserved))


def _difference(problem: Problem, plan: Plan, after: Aftermath, day: Problem, new: Plan, now: int) -> Difference:
    """Compare the plans; what is done already, and what that cost, is no difference."""
    begun = {truck.id: len(truck.begun) for truck in day.trucks}
    before = plan
    if (stranded := after.stranded) is not None:
        begun[stranded.truck_id] = len(stranded.visits)
        before = replace(plan, routes=tuple(_undone(route, stranded.visits) if route.truck_id == stranded.truck_id
                                            else route for route in plan.routes))  # fmt: skip
    was = _outlay(problem, plan.routes, begun, now)
    is_now = _outlay(day, new.routes, begun, now)
    cents, metres, seconds = (later - earlier for earlier, later in zip(was, is_now, strict=True))
    return difference(before, new, (cents, metres, seconds))


def _undone(route: Route, done: Sequence[Visit]) -> Route:
    """Leave the visits out that a truck made before it broke down."""
    return replace(route, visits=(route.visits[0], *route.visits[max(1, len(done)) :]))


def _outlay(problem: Problem, routes: Sequence[Route], begun: Mapping[str, int], now: int) -> tuple[int, int, int]:
    """Return what routes still cost, drive and take from a time on, in cents, metres and seconds."""
    cents = metres = seconds = 0
    for route in routes:
        truck = problem.truck_by_id[route.truck_id]
        left_m = _metres_from(problem, truck, route, begun.get(truck.id, 0))
        left_s = max(0, route.visits[-1].arrival_s - max(now, route.visits[0].departure_s))
        cents += 0 if begun.get(truck.id) else truck.fixed_cents
        cents += distance_cents(truck, left_m) + duration_cents(truck, left_s) + overtime_cents(truck, route.duration_s)
        metres += left_m
        seconds += left_s
    return cents, metres, seconds


def _metres_from(problem: Problem, truck: Truck, route: Route, begun: int) -> int:
    """Return how far a route goes after its first visits."""
    where, first = [truck.start_location], 0
    for number, visit in enumerate(route.visits[1:-1], start=1):
        if visit.kind is VisitKind.STOP:
            where.append(problem.stop_by_id[visit.subject_id].location)
        elif visit.kind is VisitKind.UNLOAD:
            where.append(problem.facility_by_id[visit.subject_id].location)
        first = len(where) - 1 if number < begun else first
    where.append(truck.end_location)
    where = where[first:]
    return int(problem.matrices[truck.profile].distance_m[where[:-1], where[1:]].sum())
