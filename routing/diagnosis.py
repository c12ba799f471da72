"""Why a stop is not in a plan: the first constraint, in a fixed order, that no truck can meet for it."""

from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter

from city.hours import format_time
from routing.gaps import Gaps
from routing.plan import Fact, Route, Unserved, UnservedReason
from routing.problem import Facility, Problem, Stop, TimeWindow, Truck
from routing.schedule import Misfit, Obstacle, schedule
from routing.timing import Course

# How far a truck got before it failed; a later failure says more than an earlier one.
PROGRESS = (
    Obstacle.SHIFT_FULL,
    Obstacle.UNREACHABLE,
    Obstacle.WINDOW_MISSED,
    Obstacle.HOME_TOO_LATE,
    Obstacle.TOO_LONG,
    Obstacle.NO_PAUSE,
)


def why_never(problem: Problem, stop: Stop) -> Unserved | None:
    """Name what forbids a stop even with the whole fleet free for it; ``None`` if some truck could serve it alone.

    Tried in this order: stream, size of the truck, facility, amount, ways, hours of the stop, hours of the facility,
    length of the shift. Where trucks fail for different reasons, the one that came furthest counts.
    """

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
    if any(truck.begun for truck in holding):
        return None  # where a truck is under way, what else it has to do decides
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
            timed = schedule(problem, truck, (stop, facility))
            if isinstance(timed, Route):
                return None
            failures.append((timed, truck, facility))
    misfit, truck, facility = max(
        failures, key=lambda failure: (PROGRESS.index(failure[0].obstacle), failure[0].position)
    )
    shift = ("truck", truck.id), ("shift", _hours((truck.shift,)))
    if misfit.obstacle is Obstacle.SHIFT_FULL:
        most = (("kg", stop.demand_kg), ("litres", stop.demand_l))
        return Unserved(stop.id, UnservedReason.TOO_MUCH_FOR_A_SHIFT, (("truck", truck.id), *most))
    if misfit.obstacle is Obstacle.UNREACHABLE:
        # A truck's name stands for its depot.
        start, end = ((truck.id, stop.id), (stop.id, facility.id), (facility.id, truck.id))[misfit.position]
        return Unserved(stop.id, UnservedReason.UNREACHABLE, (("start", start), ("end", end)))
    if isinstance(schedule(problem, truck, (replace(stop, windows=()), facility)), Route):
        return Unserved(stop.id, UnservedReason.WINDOW_OUTSIDE_SHIFT, (*shift, ("hours", _hours(stop.windows))))
    if isinstance(schedule(problem, truck, (stop, replace(facility, windows=()))), Route):
        hours = ("facility", facility.id), ("hours", _hours(facility.windows))
        return Unserved(stop.id, UnservedReason.FACILITY_CLOSED, (*shift, *hours))
    if misfit.obstacle is Obstacle.NO_PAUSE:
        pauses = _hours(tuple(pause.window for pause in truck.breaks))
        return Unserved(stop.id, UnservedReason.NO_TIME_FOR_BREAK, (*shift, ("breaks", pauses)))
    work_s = Course.of(problem, truck, (stop, facility)).work_s
    longest_s = min(truck.longest_s, truck.shift.end_s - truck.shift.start_s)
    return Unserved(
        stop.id,
        UnservedReason.SHIFT_TOO_SHORT,
        (*shift, ("facility", facility.id), ("needed_min", -(-work_s // 60)), ("allowed_min", longest_s // 60)),
    )


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
