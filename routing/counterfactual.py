"""Why not another truck: the trucks around a stop are planned with the stop on that one, and the plans compared."""

from dataclasses import dataclass, replace

from city.wording import Language, say
from routing.diagnosis import why_never
from routing.difference import Difference, difference
from routing.excerpt import only
from routing.nearest import nearest_trucks
from routing.plan import Plan, Unserved, UnservedReason, VisitKind
from routing.pricing import cost_of
from routing.problem import Lock, Problem, Stop, Truck
from routing.solve import Budget, solve

# So many trucks on the road beside the two in question may change; enough to make room, few enough to be quick.
BESIDE = 2
# By steps, so that the same question has the same answer; the time is a safety net.
QUESTION_BUDGET = Budget(seconds=4.0, cores=1, iterations=300)


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The answer to "why not this truck?".

    Attributes
    ----------
    it_is
        It does serve the stop.
    never
        Why the truck cannot serve the stop even if it has nothing else to do.
    held_by
        A truck that a person, or what has been done already, holds the stop to.
    extra_cents, extra_m, extra_s
        What the best plan found with the stop on that truck costs more than the best found without asking for it,
        prizes and preferences included in the cents.
    leaves_out
        Stops that would be left out and are served now.
    difference
        From the plan in hand to that plan, among the trucks that may change.
    """

    truck_id: str
    it_is: bool = False
    never: Unserved | None = None
    held_by: str | None = None
    extra_cents: int | None = None
    extra_m: int | None = None
    extra_s: int | None = None
    leaves_out: tuple[str, ...] = ()
    difference: Difference | None = None

    def said(self, language: Language = "en") -> str:
        """Say it in one or two sentences."""

        def sentence(code: str, **numbers: object) -> str:
            return say("routing", f"explain.{code}", language, truck=self.truck_id, **numbers)

        if self.it_is:
            return sentence("why_not_is")
        if self.never is not None:
            return sentence("why_not_never", why=self.never.said(language))
        if self.held_by is not None:
            return sentence("why_not_held", holder=self.held_by)
        if self.extra_cents is None:
            return sentence("why_not_full")
        extra_km, extra_min = round((self.extra_m or 0) / 1000, 1) + 0.0, round((self.extra_s or 0) / 60)
        if self.leaves_out:
            return sentence("why_not_leaves", stops=", ".join(self.leaves_out))
        return sentence("why_not_costs", extra_cents=self.extra_cents, extra_km=extra_km, extra_min=extra_min)


def why_not(problem: Problem, plan: Plan, stop: Stop, truck: Truck) -> WhyNot:
    """Say why a truck does not serve a stop."""
    route = plan.route_of(stop.id)
    if route is not None and route.truck_id == truck.id:
        return WhyNot(truck.id, it_is=True)
    alone = replace(only(problem, {stop.id}, {truck.id}), locks=())
    if (never := why_never(alone, stop)) is not None:
        return WhyNot(truck.id, never=never)
    holder = problem.truck_by_id.get(problem.truck_of_locked.get(stop.id, ""))
    if holder and any(visit.kind is VisitKind.STOP and visit.subject_id == stop.id for visit in holder.begun):
        return WhyNot(truck.id, held_by=holder.id)
    routes = {other.truck_id: other for other in plan.routes}
    asked = {truck.id, *((route.truck_id,) if route else ())}
    near = [name for name in nearest_trucks(problem, routes, [stop], BESIDE + 2) if name not in asked][:BESIDE]
    trucks = asked | set(near)
    served = {stop_id for name in trucks if name in routes for stop_id in routes[name].stop_ids}
    part = only(problem, served | {stop.id}, trucks)
    now = _excerpt(part, plan)
    locks = (*(lock for lock in part.locks if lock.stop_id != stop.id), Lock(stop.id, truck.id))
    asked_for = solve(replace(part, locks=locks), QUESTION_BUDGET, start=now)
    if stop.id in {gone.stop_id for gone in asked_for.unserved}:
        return WhyNot(truck.id)
    best = min(solve(part, QUESTION_BUDGET, start=now), now, key=lambda found: _merit(part, found))
    return WhyNot(
        truck.id,
        extra_cents=asked_for.cost.total_cents - best.cost.total_cents,
        extra_m=asked_for.distance_m - best.distance_m,
        extra_s=asked_for.duration_s - best.duration_s,
        leaves_out=tuple(gone.stop_id for gone in asked_for.unserved if gone.stop_id in served),
        difference=difference(now, asked_for),
    )


def _excerpt(part: Problem, plan: Plan) -> Plan:
    """Return what a plan says about a part of its problem."""
    routes = tuple(route for route in plan.routes if route.truck_id in part.truck_by_id)
    served = {stop_id for route in routes for stop_id in route.stop_ids}
    known = {gone.stop_id: gone for gone in plan.unserved}
    left = tuple(
        known.get(stop.id, Unserved(stop.id, UnservedReason.NO_TIME_LEFT))
        for stop in part.stops
        if stop.id not in served
    )
    return Plan(routes, left, cost_of(part, routes, left))


def _merit(part: Problem, plan: Plan) -> tuple[int, int]:
    left = [part.stop_by_id[gone.stop_id] for gone in plan.unserved]
    return sum(stop.priority for stop in left if part.must_serve(stop)), plan.cost.total_cents
