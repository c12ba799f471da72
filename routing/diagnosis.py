"""Why a stop is not in a plan: the first constraint, in a fixed order, that no truck can meet for it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter

from city.hours import format_time
from routing.gaps import Gaps
from routing.matrix import UNREACHABLE
from routing.plan import Fact, Route, Unserved, UnservedReason, VisitKind
from routing.problem import Facility, Place, Problem, Stop, TimeWindow, Truck
from routing.schedule import Misfit, Obstacle, schedule
from routing.standing import Standing
from routing.timing import Course

# How far a truck got before it failed; a later failure says more than an earlier one.
PROGRESS = (
    Obstacle.SHIFT_FULL,
    Obstacle.UNREACHABLE,
    Obstacle.OUT_OF_ORDER,
    Obstacle.NOT_TOGETHER,
    Obstacle.WINDOW_MISSED,
    Obstacle.HOME_TOO_LATE,
    Obstacle.TOO_LONG,
    Obstacle.NO_PAUSE,
)


def why_never(problem: Problem, stop: Stop) -> Unserved | None:
    """Name what forbids a stop even with the whole fleet free for it; ``None`` if some truck could serve it alone.

    Tried in this order: stream, certificates, size of the truck, facility, amount, ways, limits of a shift, order and
    company, hours of the stop, hours of the facility, length of the shift, pauses. Where trucks fail for different
    reasons, the one that came furthest counts. Trucks go on from what they have begun; one that can only not take the
    stop beside that is no reason.
    """
    holder = problem.truck_by_id.get(problem.truck_of_locked.get(stop.id, ""))
    if holder and any(visit.kind is VisitKind.STOP and visit.subject_id == stop.id for visit in holder.begun):
        return None

    def because(reason: UnservedReason, *facts: Fact) -> Unserved:
        return Unserved(stop.id, reason, facts)

    kinds = _kinds_for(problem, stop)
    carriers = [kind for kind in kinds if stop.stream in kind[0].streams and kind[0].max_trips != 0]
    stream, fleet = ("stream", stop.stream), ("trucks", sum(map(len, carriers)))
    if not carriers:
        return because(UnservedReason.NO_TRUCK_FOR_STREAM, stream, ("trucks", sum(map(len, kinds))))
    certified = [kind for kind in carriers if stop.certificates <= kind[0].certificates]
    if not certified:
        needed = ", ".join(sorted(stop.certificates))
        return because(UnservedReason.NOT_CERTIFIED, stream, fleet, ("certificates", needed))
    fitting = [kind[0] for kind in certified if kind[0].fits(stop)]
    if not fitting:
        return because(UnservedReason.TRUCK_TOO_LARGE, stream, fleet, ("limits", _limits(stop)))
    facilities = [facility for facility in problem.facilities if stop.stream in facility.streams]
    if not facilities:
        return because(UnservedReason.NO_FACILITY_FOR_STREAM, stream, ("facilities", len(problem.facilities)))
    holding = [truck for truck in fitting if stop.demand_kg <= truck.capacity_kg and stop.demand_l <= truck.capacity_l]
    if not holding:
        return because(
            UnservedReason.TOO_MUCH_FOR_ANY_TRUCK,
            ("kg", stop.demand_kg),
            ("litres", stop.demand_l),
            ("most_kg", max(truck.capacity_kg for truck in fitting)),
            ("most_l", max(truck.capacity_l for truck in fitting)),
        )
    taking = [facility for facility in facilities if facility.max_kg is None or stop.demand_kg <= facility.max_kg]
    if not taking:
        most_kg = max(facility.max_kg or 0 for facility in facilities)
        return because(UnservedReason.TOO_MUCH_FOR_ANY_FACILITY, ("kg", stop.demand_kg), ("most_kg", most_kg))
    return _by_time(problem, stop, holding, taking)


def _kinds_for(problem: Problem, stop: Stop) -> tuple[tuple[Truck, ...], ...]:
    """Return the kinds of trucks that a lock lets the stop have."""
    locked = problem.truck_of_locked.get(stop.id)
    return problem.kinds if locked is None else ((problem.truck_by_id[locked],),)


def _by_time(problem: Problem, stop: Stop, trucks: Sequence[Truck], facilities: Sequence[Facility]) -> Unserved | None:
    """Drive the stop alone with one truck of a kind to every facility; the failure that came furthest is the reason."""
    failures: list[tuple[Misfit, Truck, Facility]] = []
    for truck in trucks:
        for facility in facilities:
            for places in _ways_to_serve(problem, truck, stop, facility):
                timed = schedule(problem, truck, places)
                if isinstance(timed, Route):
                    return None
                if timed.obstacle in PROGRESS:
                    failures.append((timed, truck, facility))
    if not failures:
        return None
    misfit, truck, facility = max(
        failures, key=lambda failure: (PROGRESS.index(failure[0].obstacle), failure[0].position)
    )
    standing = Standing.of(problem, truck)
    shift = ("truck", truck.id), ("shift", _hours((TimeWindow(standing.leaves.start_s, truck.shift.end_s),)))
    match misfit.obstacle:
        case Obstacle.UNREACHABLE:
            return Unserved(stop.id, UnservedReason.UNREACHABLE, _missing_way(problem, truck, stop, facility))
        case Obstacle.SHIFT_FULL:
            return Unserved(stop.id, UnservedReason.TOO_MUCH_FOR_A_SHIFT, (("truck", truck.id), *_load(stop)))
        case Obstacle.OUT_OF_ORDER | Obstacle.NOT_TOGETHER:
            return Unserved(stop.id, UnservedReason.ORDER_FORBIDS, (("truck", truck.id),))
        case Obstacle.NO_PAUSE:
            pauses = ("breaks", _hours(tuple(pause.window for pause in truck.breaks)))
            return Unserved(stop.id, UnservedReason.NO_TIME_FOR_BREAK, (*shift, pauses))
    if _serves(problem, truck, replace(stop, windows=()), facility):
        return Unserved(stop.id, UnservedReason.WINDOW_OUTSIDE_SHIFT, (*shift, ("hours", _hours(stop.windows))))
    if _serves(problem, truck, stop, replace(facility, windows=())):
        hours = ("facility", facility.id), ("hours", _hours(facility.windows))
        return Unserved(stop.id, UnservedReason.FACILITY_CLOSED, (*shift, *hours))
    work_s = Course.of(problem, truck, (stop, facility), standing).work_s
    longest_s = min(truck.longest_s - standing.out_s, truck.shift.end_s - standing.leaves.start_s)
    return Unserved(
        stop.id,
        UnservedReason.SHIFT_TOO_SHORT,
        (*shift, ("facility", facility.id), ("needed_min", -(-work_s // 60)), ("allowed_min", longest_s // 60)),
    )


def _ways_to_serve(problem: Problem, truck: Truck, stop: Stop, facility: Facility) -> Iterator[tuple[Place, ...]]:
    """Yield how a truck could serve a stop and nothing else more: with what it has on board, or rid of that before."""
    yield (stop, facility)
    stream = Standing.of(problem, truck).stream
    if stream:
        yield from ((gate, stop, facility) for gate in problem.facilities if stream in gate.streams)


def _serves(problem: Problem, truck: Truck, stop: Stop, facility: Facility) -> bool:
    ways = _ways_to_serve(problem, truck, stop, facility)
    return any(isinstance(schedule(problem, truck, places), Route) for places in ways)


def _missing_way(problem: Problem, truck: Truck, stop: Stop, facility: Facility) -> tuple[Fact, ...]:
    """Name the first way that is missing; a truck's name stands for its depot, or for where it stands."""
    course = Course.of(problem, truck, (stop, facility))
    names = ((truck.id, stop.id), (stop.id, facility.id), (facility.id, truck.id))
    ways = zip(course.travel_s, course.travel_m, names, strict=True)
    start, end = next((name for *way, name in ways if max(way) >= UNREACHABLE), names[0])
    return ("start", start), ("end", end)


def _load(stop: Stop) -> tuple[Fact, Fact]:
    return ("kg", stop.demand_kg), ("litres", stop.demand_l)


def why_not_beside(problem: Problem, stops: Sequence[Stop], routes: Sequence[Route]) -> tuple[Unserved, ...]:
    """Name for stops that could be served alone why they are not served beside the others.

    Parameters
    ----------
    routes
        All routes of the plan; they keep the problem's rules and serve none of the stops.
    """
    gaps = Gaps(problem, routes) if stops else None
    return tuple(_why_not_beside(problem, stop, gaps) for stop in stops) if gaps else ()


def _why_not_beside(problem: Problem, stop: Stop, gaps: Gaps) -> Unserved:
    must, locked = problem.must_serve(stop), problem.truck_of_locked.get(stop.id)
    ways = gaps.ways(stop)
    way = next(ways, None) if must else min(ways, key=itemgetter(0), default=None)
    if way is None:
        if locked is not None:
            return Unserved(stop.id, UnservedReason.LOCKED_TRUCK_FULL, (("truck", locked),))
        return Unserved(stop.id, UnservedReason.NO_TIME_LEFT)
    extra_cents, route = way
    if must or extra_cents < stop.prize_cents:
        there = ("truck", route.truck_id), ("extra_cents", extra_cents)
        return Unserved(stop.id, UnservedReason.PLANNING_TIME_OVER, there)
    worth = ("extra_cents", extra_cents), ("prize_cents", stop.prize_cents)
    return Unserved(stop.id, UnservedReason.NOT_WORTH_IT, worth)


def _limits(stop: Stop) -> str:
    limits = (stop.max_width_cm, "cm"), (stop.max_height_cm, "cm"), (stop.max_weight_kg, "kg")
    return " / ".join("-" if limit is None else f"{limit} {unit}" for limit, unit in limits)


def _hours(windows: Sequence[TimeWindow]) -> str:
    return ", ".join(f"{format_time(window.start_s)}-{format_time(window.end_s)}" for window in windows) or "-"
