"""`explain`: why a stop is on its truck, why then, what it costs, what otherwise; or what it lacks to be served.

Everything is data first; `said` makes sentences of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from city.hours import format_time
from city.wording import Language, say
from routing.binding import Binding, earliest, latest
from routing.counterfactual import WhyNot, why_not
from routing.errors import RoutingError
from routing.gaps import Gaps
from routing.insertion import insert, remove
from routing.plan import Plan, Route, Unserved, VisitKind
from routing.problem import Problem, Stop, TimeWindow, Truck

# How much longer a shift is supposed to be when it is asked whether that would help.
LONGER_SHIFT_S = 1800
# Of the ways to serve a stop on other trucks, so many are told.
OTHERS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Price:
    """Cents, metres and seconds; negative: saved."""

    cents: int
    metres: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What it costs more to serve a stop on another truck, with everything else in the order it has."""

    truck_id: str
    start_s: int
    extra: Price


@dataclass(frozen=True, slots=True)
class Load:
    """What is on board when the trip of a stop is over, and what its truck holds."""

    kg: int
    capacity_kg: int
    litres: int
    capacity_l: int


class Wish(StrEnum):
    """What could be given up for a stop that is left out."""

    ITS_HOURS = "its_hours"
    FACILITY_HOURS = "facility_hours"
    LOCK = "lock"
    LONGER_SHIFT = "longer_shift"
    MORE_UNLOADINGS = "more_unloadings"
    TWICE_THE_TRUCK = "twice_the_truck"
    ANOTHER_TRUCK = "another_truck"


@dataclass(frozen=True, slots=True)
class IfOnly:
    """One constraint that, given up alone, lets a stop be served: by whom, when and for how much more."""

    wish: Wish
    truck_id: str
    start_s: int
    extra_cents: int

    def said(self, language: Language = "en") -> str:
        """Say it in one sentence."""
        return say(
            "routing",
            f"explain.if_{self.wish}",
            language,
            truck=self.truck_id,
            at=format_time(self.start_s),
            extra_cents=self.extra_cents,
            minutes=LONGER_SHIFT_S // 60,
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a stop is where it is.

    Attributes
    ----------
    truck_id, start_s
        Who serves it and when; ``None`` if it is left out.
    begun
        The truck has served it or is on the way there, which stays.
    locked
        A person put it on this truck.
    earliest, latest
        Between which times it could be served with everything else in this order, and what binds there.
    load
        How full the truck is with it.
    price
        What serving it costs: the plan with it less the plan without it. ``None`` if the route does not work without.
    otherwise
        The cheapest other trucks, if it is not held fast.
    unserved
        Why it is left out.
    if_only
        What would let it be served, cheapest first; none where it could be served as it is.
    why_not
        The answer to "why not this truck?", if asked.
    """

    stop_id: str
    truck_id: str | None = None
    start_s: int | None = None
    begun: bool = False
    locked: bool = False
    earliest: Binding | None = None
    latest: Binding | None = None
    load: Load | None = None
    price: Price | None = None
    otherwise: tuple[Otherwise, ...] = ()
    unserved: Unserved | None = None
    if_only: tuple[IfOnly, ...] = ()
    why_not: WhyNot | None = None

    def said(self, language: Language = "en") -> list[str]:
        """Say it, a sentence each."""
        sentences = list(self._served(language)) if self.truck_id is not None else []
        if self.unserved is not None:
            sentences.append(self.unserved.said(language))
            sentences += [wish.said(language) for wish in self.if_only]
        if self.why_not is not None:
            sentences.append(self.why_not.said(language))
        return sentences

    def _served(self, language: Language) -> Iterator[str]:
        def sentence(code: str, **numbers: object) -> str:
            return say("routing", f"explain.{code}", language, **numbers)

        yield sentence("served", stop=self.stop_id, truck=self.truck_id, at=format_time(self.start_s or 0))
        if self.begun:
            yield sentence("begun", truck=self.truck_id)
        if self.locked:
            yield sentence("locked", truck=self.truck_id)
        if self.earliest is not None:
            yield self.earliest.said("earliest", language)
        if self.latest is not None:
            yield self.latest.said("latest", language)
        if self.load is not None:
            yield sentence("load", kg=self.load.kg, capacity_kg=self.load.capacity_kg)
        if self.price is not None:
            extra_km, extra_min = round(self.price.metres / 1000, 1) + 0.0, round(self.price.seconds / 60)
            yield sentence("price", cents=self.price.cents, extra_km=extra_km, extra_min=extra_min)
        if not self.begun and not self.locked and self.price is not None:
            if not self.otherwise:
                yield sentence("nobody_else")
            for other in self.otherwise:
                at = format_time(other.start_s)
                yield sentence("otherwise", truck=other.truck_id, at=at, extra_cents=other.extra.cents)


def explain(problem: Problem, plan: Plan, stop_id: str, truck_id: str | None = None) -> Explanation:
    """Say why a stop is on its truck and why then, or why it is left out.

    Parameters
    ----------
    truck_id
        Another truck, to be told why it does not serve the stop: answered by planning the trucks around it with the
        stop on that one.

    Raises
    ------
    RoutingError
        If the problem lacks the stop or the truck, or the plan neither serves nor lists the stop.
    """
    stop = problem.stop_by_id.get(stop_id)
    if stop is None:
        raise RoutingError(f"stop {stop_id} is not in the problem")
    if truck_id is not None and truck_id not in problem.truck_by_id:
        raise RoutingError(f"truck {truck_id} is not in the problem")
    route = plan.route_of(stop_id)
    asked = why_not(problem, plan, stop, problem.truck_by_id[truck_id]) if truck_id is not None else None
    if route is not None:
        return replace(_of_served(problem, plan, stop, route), why_not=asked)
    gone = next((gone for gone in plan.unserved if gone.stop_id == stop_id), None)
    if gone is None:
        raise RoutingError(f"the plan neither serves stop {stop_id} nor says why; is it a plan of another problem?")
    return Explanation(stop_id, unserved=gone, if_only=tuple(_wishes(problem, plan, stop)), why_not=asked)


def _of_served(problem: Problem, plan: Plan, stop: Stop, route: Route) -> Explanation:
    truck = problem.truck_by_id[route.truck_id]
    visit = route.visit_of(stop.id)
    load = _load(truck, route, stop)
    locked = any(lock.stop_id == stop.id for lock in problem.locks)
    if route.visits.index(visit) < len(truck.begun):
        return Explanation(stop.id, truck.id, visit.start_s, begun=True, locked=locked, load=load)
    sharing = Gaps(problem, plan.routes).sharing(truck.id)
    known = Explanation(
        stop.id,
        truck.id,
        visit.start_s,
        locked=locked,
        earliest=earliest(problem, sharing, route, stop),
        latest=latest(problem, sharing, route, stop),
        load=load,
    )
    try:
        without = remove(problem, plan, stop.id)
    except RoutingError:
        return known
    price = _more(without, plan)
    others = [
        Otherwise(way.truck_id, way.start_s, _more(plan, way.plan))
        for way in insert(problem, without, stop.id)
        if way.truck_id != truck.id
    ]
    return replace(known, price=price, otherwise=tuple(others[:OTHERS_TOLD]))


def _more(before: Plan, after: Plan) -> Price:
    """Return what a plan costs more than another; prizes apart, which are no outlay."""
    cents = [plan.cost.driving_cents + plan.cost.preferences_cents for plan in (before, after)]
    return Price(cents[1] - cents[0], after.distance_m - before.distance_m, after.duration_s - before.duration_s)


def _load(truck: Truck, route: Route, stop: Stop) -> Load:
    """Read what is on board before the first unloading after a stop."""
    last = route.visit_of(stop.id)
    for visit in route.visits[route.visits.index(last) :]:
        if visit.kind is VisitKind.UNLOAD:
            break
        last = visit
    return Load(last.load_kg, truck.capacity_kg, last.load_l, truck.capacity_l)


def _wishes(problem: Problem, plan: Plan, stop: Stop) -> list[IfOnly]:
    """Give up one constraint at a time and look who would then serve a stop, with everything else as it is."""

    def cheapest(easier: Problem) -> tuple[int, Route] | None:
        ways = Gaps(easier, plan.routes).ways(easier.stop_by_id[stop.id])
        served = (way for way in ways if problem.must_serve(stop) or way[0] < stop.prize_cents)
        return min(served, key=lambda way: (way[0], way[1].truck_id), default=None)

    if cheapest(problem) is not None:
        return []  # nothing need be given up for it
    found = []
    for wish, easier in _easier(problem, stop):
        if (way := cheapest(easier)) is not None:
            cents, route = way
            found.append(IfOnly(wish, route.truck_id.removeprefix(COPY), route.visit_of(stop.id).start_s, cents))
    return sorted(found, key=lambda only: only.extra_cents)


# In front of the id of a truck that is supposed to be there twice.
COPY = "another "


def _easier(problem: Problem, stop: Stop) -> Iterator[tuple[Wish, Problem]]:
    if stop.windows:
        anytime = replace(stop, windows=())
        yield (
            Wish.ITS_HOURS,
            replace(problem, stops=tuple(anytime if other.id == stop.id else other for other in problem.stops)),
        )
    if any(facility.windows for facility in problem.facilities):
        gates = tuple(replace(facility, windows=()) for facility in problem.facilities)
        yield Wish.FACILITY_HOURS, replace(problem, facilities=gates)
    if any(lock.stop_id == stop.id for lock in problem.locks):
        yield Wish.LOCK, replace(problem, locks=tuple(lock for lock in problem.locks if lock.stop_id != stop.id))
    yield Wish.LONGER_SHIFT, replace(problem, trucks=tuple(_longer(truck) for truck in problem.trucks))
    if any(truck.max_trips is not None for truck in problem.trucks):
        trucks = tuple(replace(truck, max_trips=None) for truck in problem.trucks)
        yield Wish.MORE_UNLOADINGS, replace(problem, trucks=trucks)
    yield (
        Wish.TWICE_THE_TRUCK,
        replace(
            problem,
            trucks=tuple(
                replace(truck, capacity_kg=2 * truck.capacity_kg, capacity_l=2 * truck.capacity_l)
                for truck in problem.trucks
            ),
        ),
    )
    spare = tuple(replace(kind[0], id=COPY + kind[0].id, begun=()) for kind in problem.kinds)
    names = {truck.id for truck in problem.trucks}
    yield (
        Wish.ANOTHER_TRUCK,
        replace(problem, trucks=(*problem.trucks, *(truck for truck in spare if truck.id not in names))),
    )


def _longer(truck: Truck) -> Truck:
    shift = TimeWindow(truck.shift.start_s, truck.shift.end_s + LONGER_SHIFT_S)
    return replace(truck, shift=shift, max_overtime_s=truck.max_overtime_s + LONGER_SHIFT_S)
