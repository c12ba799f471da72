"""What can happen in the middle of a day, and what is left of a problem and its plan right after it did."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from city.hours import DAY_S
from routing.errors import RoutingError
from routing.excerpt import only
from routing.matrix import Matrix
from routing.plan import Plan, Route, Visit, VisitKind
from routing.problem import Facility, Problem, Stop, TimeWindow, Truck


@dataclass(frozen=True, slots=True)
class TruckBrokeDown:
    """A truck goes no further. What it has on board stays there, and what it has done stays done."""

    truck_id: str


@dataclass(frozen=True, slots=True)
class TruckLate:
    """A truck is later than planned at what it is doing or driving to, or will leave later than planned."""

    truck_id: str
    by_s: int


@dataclass(frozen=True, slots=True, eq=False)
class WaysChanged:
    """A road is closed, or open again, or slow: all ways as they are from now on, in the same order of places."""

    matrices: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NewStop:
    """One more stop wants to be served.

    Attributes
    ----------
    matrices
        Where its place is new: the problem's matrices with further rows and columns.
    """

    stop: Stop
    matrices: tuple[Matrix, ...] | None = None


@dataclass(frozen=True, slots=True)
class StopCancelled:
    """A stop need not be served any more. If it has been, or is being served, that stays so."""

    stop_id: str


@dataclass(frozen=True, slots=True)
class FacilityClosed:
    """A facility is closed, or full, from a time on; for the rest of the day unless `until_s` says otherwise.

    Trucks that have begun to unload by then are let finish.
    """

    facility_id: str
    from_s: int
    until_s: int | None = None


Event = TruckBrokeDown | TruckLate | WaysChanged | NewStop | StopCancelled | FacilityClosed


# What a truck was still to visit: stops and facilities by kind and id.
Remaining = tuple[tuple[VisitKind, str], ...]


@dataclass(frozen=True, slots=True)
class Stranded:
    """What a truck that broke down had done: its start and its finished visits; the last says what is on board."""

    truck_id: str
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class Aftermath:
    """A day right after an event, before anything is done about it.

    Attributes
    ----------
    problem
        What is still to be done, with what every truck has begun.
    remaining
        What every truck was still to visit, by truck id; some of it may not be possible any more.
    orphans
        Stops that no truck has any more.
    stranded
        Who broke down.
    """

    problem: Problem
    remaining: Mapping[str, Remaining]
    orphans: tuple[str, ...] = ()
    stranded: Stranded | None = None


def aftermath(problem: Problem, plan: Plan, event: Event, now_s: int) -> Aftermath:
    """Freeze what trucks have done or are driving to, and take an event in.

    Raises
    ------
    RoutingError
        If the event names what is not there, or cannot be.
    """
    day = frozen(problem, plan, now_s)
    match event:
        case TruckBrokeDown():
            return _broken_down(day, plan, _truck(problem, event.truck_id), now_s)
        case TruckLate():
            return _late(day, plan, _truck(day.problem, event.truck_id), event.by_s, now_s)
        case WaysChanged():
            if len(event.matrices) != len(problem.matrices):
                raise RoutingError(f"{len(event.matrices)} matrices are given, the problem has {len(problem.matrices)}")
            return replace(day, problem=replace(day.problem, matrices=event.matrices))
        case NewStop():
            if event.stop.id in problem.stop_by_id:
                raise RoutingError(f"the problem has a stop {event.stop.id}; give the new one a name of its own")
            matrices = event.matrices or problem.matrices
            wider = replace(day.problem, stops=(*problem.stops, event.stop), matrices=matrices)
            return replace(day, problem=wider, orphans=(event.stop.id,))
        case StopCancelled():
            return _cancelled(day, event.stop_id, now_s)
        case FacilityClosed():
            return _closed(day, event, now_s)


def frozen(problem: Problem, plan: Plan, now_s: int) -> Aftermath:
    """Turn what trucks have done or are driving to at a time into what they have begun.

    A truck that is driving home or is home stays there; one that has not left leaves from now on.
    """
    routes = {route.truck_id: route for route in plan.routes}
    trucks: list[Truck] = []
    remaining: dict[str, Remaining] = {}
    for truck in problem.trucks:
        route = routes.get(truck.id)
        begun = max(truck.begun, _begun(route, now_s), key=len) if route else ()
        if route and begun:
            homewards = len(begun) == len(route.visits) - 1 and begun[-1].departure_s <= now_s
            trucks.append(replace(truck, begun=begun, max_trips=route.trips if homewards else truck.max_trips))
        elif truck.shift.end_s < now_s:
            trucks.append(replace(truck, max_trips=0))
        else:
            start_s = max(truck.shift.start_s, now_s)
            trucks.append(replace(truck, shift=TimeWindow(start_s, truck.shift.end_s)))
        if route:
            remaining[truck.id] = tuple(
                (visit.kind, visit.subject_id)
                for visit in route.visits[len(begun) :]
                if visit.kind in (VisitKind.STOP, VisitKind.UNLOAD)
            )
    return Aftermath(replace(problem, trucks=tuple(trucks)), remaining)


def _begun(route: Route, now_s: int) -> tuple[Visit, ...]:
    """Return the visits of a route that have begun: of those, all but the start come after a departure."""
    if route.visits[0].departure_s > now_s:
        return ()
    count = 1 + sum(visit.departure_s <= now_s for visit in route.visits[:-2])
    return route.visits[: min(count, len(route.visits) - 1)]


def _truck(problem: Problem, truck_id: str) -> Truck:
    if truck_id not in problem.truck_by_id:
        raise RoutingError(f"truck {truck_id} is not in the problem")
    return problem.truck_by_id[truck_id]


def _with(problem: Problem, truck: Truck) -> Problem:
    return replace(problem, trucks=tuple(truck if other.id == truck.id else other for other in problem.trucks))


def _broken_down(day: Aftermath, plan: Plan, truck: Truck, now_s: int) -> Aftermath:
    route = next((route for route in plan.routes if route.truck_id == truck.id), None)
    done = tuple(visit for visit in route.visits[:-1] if visit.departure_s <= now_s) if route else ()
    finished = {visit.subject_id for visit in done if visit.kind is VisitKind.STOP}
    orphans = tuple(stop_id for stop_id in route.stop_ids if stop_id not in finished) if route else ()
    problem = day.problem
    # A lock to a truck that is gone lapses, but somebody wanted the stop served for certain.
    freed = {lock.stop_id for lock in problem.locks if lock.truck_id == truck.id}
    stops = tuple(replace(stop, required=True) if stop.id in freed else stop for stop in problem.stops)
    facilities = tuple(_less(facility, problem, done) for facility in problem.facilities)
    problem = replace(problem, stops=stops, facilities=facilities)
    rest = only(problem, problem.stop_by_id.keys() - finished, problem.truck_by_id.keys() - {truck.id})
    remaining = {truck_id: places for truck_id, places in day.remaining.items() if truck_id != truck.id}
    return Aftermath(rest, remaining, orphans, Stranded(truck.id, done))


def _less(facility: Facility, problem: Problem, done: tuple[Visit, ...]) -> Facility:
    """Take what a truck that leaves the problem has brought off what a facility takes in the day."""
    if facility.max_kg is None:
        return facility
    brought_kg = aboard_kg = 0
    for visit in done:
        if visit.kind is VisitKind.STOP:
            aboard_kg += problem.stop_by_id[visit.subject_id].demand_kg
        elif visit.kind is VisitKind.UNLOAD:
            brought_kg += aboard_kg if visit.subject_id == facility.id else 0
            aboard_kg = 0
    return replace(facility, max_kg=max(0, facility.max_kg - brought_kg))


def _late(day: Aftermath, plan: Plan, truck: Truck, by_s: int, now_s: int) -> Aftermath:
    if by_s < 0:
        raise RoutingError(f"truck {truck.id} is late by {by_s} s; it cannot be negative")
    if not truck.begun:
        route = next((route for route in plan.routes if route.truck_id == truck.id), None)
        leaves_s = (route.visits[0].departure_s if route else truck.shift.start_s) + by_s
        shift = TimeWindow(leaves_s, max(leaves_s, truck.shift.end_s))
        return replace(day, problem=_with(day.problem, replace(truck, shift=shift)))
    *before, last = truck.begun
    if last.arrival_s <= now_s:
        late = replace(last, departure_s=max(last.departure_s, now_s) + by_s)
        return replace(day, problem=_with(day.problem, replace(truck, begun=(*before, late))))
    windows: tuple[TimeWindow, ...] = ()
    if last.kind is VisitKind.STOP:
        windows = day.problem.stop_by_id[last.subject_id].windows
    elif last.kind is VisitKind.UNLOAD:
        windows = day.problem.facility_by_id[last.subject_id].windows
    arrival_s = last.arrival_s + by_s
    begins = [max(window.start_s, arrival_s) for window in windows if arrival_s <= window.end_s]
    if windows and not begins:
        return _turned(day, truck, now_s, by_s)
    start_s = begins[0] if begins else max(last.start_s, arrival_s)
    late = Visit(last.kind, last.subject_id, arrival_s, start_s, start_s + last.departure_s - last.start_s,
                 last.load_kg, last.load_l)  # fmt: skip
    return replace(day, problem=_with(day.problem, replace(truck, begun=(*before, late))))


def _cancelled(day: Aftermath, stop_id: str, now_s: int) -> Aftermath:
    if stop_id not in day.problem.stop_by_id:
        raise RoutingError(f"stop {stop_id} is not in the problem")
    for truck in day.problem.trucks:
        for visit in truck.begun:
            if visit.kind is VisitKind.STOP and visit.subject_id == stop_id:
                if visit.start_s <= now_s:
                    return day
                day = _turned(day, truck, now_s)
    remaining = {
        truck_id: tuple(place for place in places if place != (VisitKind.STOP, stop_id))
        for truck_id, places in day.remaining.items()
    }
    problem = only(day.problem, day.problem.stop_by_id.keys() - {stop_id}, day.problem.truck_by_id.keys())
    orphans = tuple(orphan for orphan in day.orphans if orphan != stop_id)
    return replace(day, problem=problem, remaining=remaining, orphans=orphans)


def _closed(day: Aftermath, event: FacilityClosed, now_s: int) -> Aftermath:
    facility = day.problem.facility_by_id.get(event.facility_id)
    if facility is None:
        raise RoutingError(f"facility {event.facility_id} is not in the problem")
    from_s, until_s = max(event.from_s, now_s), event.until_s
    if until_s is not None and until_s <= from_s:
        return day
    always = TimeWindow(
        min([now_s, *(truck.shift.start_s for truck in day.problem.trucks)]) - 1,
        max([from_s, *(truck.shift.end_s + DAY_S for truck in day.problem.trucks)]),
    )
    open_s = [TimeWindow(window.start_s, min(window.end_s, from_s - 1)) for window in facility.windows or (always,)]
    if until_s is not None:
        open_s += [TimeWindow(max(window.start_s, until_s), window.end_s) for window in facility.windows or (always,)]
    windows = tuple(sorted(window for window in open_s if window.start_s <= window.end_s))
    # Without a window it would be open at any time; nothing can begin in one that is over.
    closed = replace(facility, windows=windows or (TimeWindow(now_s - 1, now_s - 1),))
    others = tuple(closed if other.id == facility.id else other for other in day.problem.facilities)
    day = replace(day, problem=replace(day.problem, facilities=others))
    for truck in day.problem.trucks:
        if not truck.begun or (truck.begun[-1].kind, truck.begun[-1].subject_id) != (VisitKind.UNLOAD, facility.id):
            continue
        start_s = truck.begun[-1].start_s
        if start_s > now_s and not any(window.start_s <= start_s <= window.end_s for window in closed.windows):
            day = _turned(day, truck, now_s)
    return day


def _turned(day: Aftermath, truck: Truck, now_s: int, late_s: int = 0) -> Aftermath:
    """Turn a truck round on the way to its last begun visit, which it was to make and cannot now.

    Where it is on its way is not known; it goes on as if it had to drive back first, after what has made it late.
    """
    *before, last = truck.begun
    stands_s = now_s + late_s + max(0, min(now_s, last.arrival_s) - before[-1].departure_s)
    if len(before) == 1:
        shift = TimeWindow(stands_s, max(stands_s, truck.shift.end_s))
        truck = replace(truck, begun=(), shift=shift)
    else:
        truck = replace(truck, begun=(*before[:-1], replace(before[-1], departure_s=stands_s)))
    problem, remaining, orphans = _with(day.problem, truck), dict(day.remaining), day.orphans
    if last.kind is VisitKind.STOP:
        orphans = (*orphans, last.subject_id)
    else:
        remaining[truck.id] = ((last.kind, last.subject_id), *remaining.get(truck.id, ()))
    return replace(day, problem=problem, remaining=remaining, orphans=orphans)
