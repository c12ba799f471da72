"""What binds the time of a stop: how much earlier or later it could be served on its route, and what forbids more.

Nothing is derived from rules here: the stop is asked for ever later, or ever earlier, and its route timed each time;
what stops that at last is what binds. So every rule that `schedule` knows is found.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from city.hours import DAY_S, format_time
from city.wording import Language, say
from routing.plan import Route, Visit, VisitKind
from routing.problem import Facility, Place, Problem, Stop, TimeWindow
from routing.schedule import Misfit, Obstacle, places_of
from routing.sharing import Sharing


class Binds(StrEnum):
    """What kind of thing binds a time."""

    OWN_HOURS = "own_hours"
    STOP_HOURS = "stop_hours"
    FACILITY_HOURS = "facility_hours"
    SHIFT = "shift"
    DURATION = "duration"
    PAUSE = "pause"
    BEGUN = "begun"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit of the time at which a stop can be served, with everything else in its order.

    Attributes
    ----------
    at_s
        The earliest or latest time.
    by_s
        How far that is from the time planned.
    subject_id
        The stop, facility or truck whose rule it is.
    """

    at_s: int
    by_s: int
    binds: Binds
    subject_id: str

    def said(self, which: str, language: Language = "en") -> str:
        """Say it in one sentence; `which` is ``earliest`` or ``latest``."""
        why = say("routing", f"explain.binds_{self.binds}", language, subject=self.subject_id)
        at, minutes = format_time(self.at_s), self.by_s // 60
        return say("routing", f"explain.{which}", language, at=at, minutes=minutes, why=why)


_BY_OBSTACLE = {
    Obstacle.HOME_TOO_LATE: Binds.SHIFT,
    Obstacle.TOO_LONG: Binds.DURATION,
    Obstacle.NO_PAUSE: Binds.PAUSE,
}


def latest(problem: Problem, sharing: Sharing, route: Route, stop: Stop) -> Binding:
    """Find the latest time at which a route can serve one of its stops.

    Parameters
    ----------
    sharing
        What the other routes leave of what trucks share.
    """
    truck, places = problem.truck_by_id[route.truck_id], places_of(problem, route)
    planned_s = route.visit_of(stop.id).start_s

    def at_or_after(from_s: int) -> Route | Misfit:
        windows = tuple(
            TimeWindow(max(window.start_s, from_s), window.end_s) for window in stop.windows if window.end_s >= from_s
        )
        later = replace(stop, windows=windows or (TimeWindow(from_s, from_s + DAY_S),))
        return sharing.schedule(truck, _with(places, later))

    closes_s = max((window.end_s for window in stop.windows), default=planned_s + DAY_S)
    at_s = _farthest(planned_s, closes_s, lambda time_s: isinstance(at_or_after(time_s), Route))
    if at_s == closes_s and stop.windows:
        return Binding(at_s, at_s - planned_s, Binds.OWN_HOURS, stop.id)
    misfit = at_or_after(at_s + 1)
    if isinstance(misfit, Route):
        return Binding(at_s, at_s - planned_s, Binds.OTHER, stop.id)
    if misfit.obstacle is Obstacle.WINDOW_MISSED:
        place = places[misfit.position]
        binds = Binds.FACILITY_HOURS if isinstance(place, Facility) else Binds.STOP_HOURS
        return Binding(at_s, at_s - planned_s, Binds.OWN_HOURS if place is stop else binds, place.id)
    return Binding(at_s, at_s - planned_s, _BY_OBSTACLE.get(misfit.obstacle, Binds.OTHER), truck.id)


def earliest(problem: Problem, sharing: Sharing, route: Route, stop: Stop) -> Binding:
    """Find the earliest time at which a route can serve one of its stops; see `latest`."""
    truck, places = problem.truck_by_id[route.truck_id], places_of(problem, route)
    planned_s = route.visit_of(stop.id).start_s

    def at_or_before(until_s: int) -> Route | Misfit:
        always = (TimeWindow(until_s - DAY_S, until_s),)
        windows = tuple(
            TimeWindow(window.start_s, min(window.end_s, until_s))
            for window in stop.windows or always
            if window.start_s <= until_s
        )
        sooner = replace(stop, windows=windows or (TimeWindow(until_s - DAY_S, until_s - DAY_S),))
        return sharing.schedule(truck, _with(places, sooner))

    first_s = route.visits[max(0, len(truck.begun) - 1)].departure_s if truck.begun else truck.shift.start_s
    at_s = -_farthest(-planned_s, -min(first_s, planned_s), lambda time_s: isinstance(at_or_before(-time_s), Route))
    soonest = at_or_before(at_s)
    timed = soonest if isinstance(soonest, Route) else route
    visits = timed.visits[: timed.visits.index(timed.visit_of(stop.id)) + 1]
    for visit in reversed(visits[max(1, len(truck.begun)) :]):
        # A truck that need not wait leaves later; then it begins just when the place opens.
        if visit.start_s > visit.arrival_s or visit.start_s in _openings(problem, sharing, visit):
            kinds = {VisitKind.STOP: Binds.STOP_HOURS, VisitKind.UNLOAD: Binds.FACILITY_HOURS}
            own = visit.kind is VisitKind.STOP and visit.subject_id == stop.id
            binds = Binds.OWN_HOURS if own else kinds.get(visit.kind, Binds.PAUSE)
            return Binding(at_s, planned_s - at_s, binds, visit.subject_id or truck.id)
    return Binding(at_s, planned_s - at_s, Binds.BEGUN if truck.begun else Binds.SHIFT, truck.id)


def _openings(problem: Problem, sharing: Sharing, visit: Visit) -> set[int]:
    """Return when a place opens, or one of its gates gets free."""
    windows: tuple[TimeWindow, ...] = ()
    if visit.kind is VisitKind.STOP:
        windows = problem.stop_by_id[visit.subject_id].windows
    elif visit.kind is VisitKind.UNLOAD:
        windows = sharing.free(problem.facility_by_id[visit.subject_id]).windows
    return {window.start_s for window in windows}


def _with(places: tuple[Place, ...], stop: Stop) -> tuple[Place, ...]:
    return tuple(stop if isinstance(place, Stop) and place.id == stop.id else place for place in places)


def _farthest(good: int, limit: int, works: Callable[[int], bool]) -> int:
    """Return the largest time up to a limit that works, by halving; `good` is known to."""
    if works(limit):
        return limit
    bad = limit
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if works(middle) else (good, middle)
    return good
