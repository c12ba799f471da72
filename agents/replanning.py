"""Several events at once: each taken in after the other, with the least change, on the day as the last one left it.

Runs in a solving process and knows only `routing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from routing.difference import difference
from routing.events import Event, NewStop, Stranded, WaysChanged
from routing.insertion import insert
from routing.plan import Plan, Unserved, UnservedReason
from routing.pricing import cost_of
from routing.problem import Problem
from routing.replan import Replan, replan


@dataclass(frozen=True, slots=True)
class Replanned:
    """The rest of a day after some events.

    Attributes
    ----------
    stranded
        Trucks that broke down, with what they had done.
    home_late
        Time of return of trucks that cannot keep their shift any more, by truck id.
    extra_cents, extra_m, extra_s
        What the rest of the day costs, drives and takes more.
    """

    problem: Problem
    plan: Plan
    stranded: tuple[Stranded, ...] = ()
    home_late: Mapping[str, int] = field(default_factory=dict)
    extra_cents: int = 0
    extra_m: int = 0
    extra_s: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A stop that a person wants to be served by one truck: where it costs least on its route, or by nobody."""

    new: NewStop
    truck_id: str


Happening = Event | Placed


def as_it_stands(problem: Problem, plan: Plan, now_s: int) -> Replan:
    """Time a day anew from a moment on, with what trucks have begun by then, though nothing has happened."""
    return replan(problem, plan, WaysChanged(problem.whole_matrices), now_s)


def placed(problem: Problem, plan: Plan, event: Placed, now_s: int) -> Replan:
    """Put a stop on the truck that a person chose; if there is no room, it is left out and says why."""
    day = as_it_stands(problem, plan, now_s)
    wide = replace(day.problem, matrices=event.new.matrices or day.problem.matrices)
    ways = insert(wide, day.plan, event.new.stop, event.truck_id) if event.truck_id in wide.truck_by_id else []
    if ways:
        best = ways[0]
        extra = best.extra_cents, best.extra_m, best.extra_s
        return replace(day, problem=best.problem, plan=best.plan, difference=difference(day.plan, best.plan, extra))
    full = replace(wide, stops=(*wide.stops, event.new.stop))
    left = Unserved(event.new.stop.id, UnservedReason.NO_TIME_LEFT)
    unserved = (*day.plan.unserved, left)
    return replace(day, problem=full, plan=Plan(day.plan.routes, unserved, cost_of(full, day.plan.routes, unserved)))


def replan_all(problem: Problem, plan: Plan, events: Sequence[Happening], now_s: int) -> Replanned:
    """Take events in, in the order given.

    Raises
    ------
    RoutingError
        If an event names what is not there, or a truck has something on board that nobody takes any more.
    """
    day = Replanned(problem, plan)
    for event in events:
        if isinstance(event, Placed):
            step = placed(day.problem, day.plan, event, now_s)
        else:
            step = replan(day.problem, day.plan, event, now_s)
        more = step.difference
        day = Replanned(
            step.problem,
            step.plan,
            (*day.stranded, *((step.stranded,) if step.stranded else ())),
            {**day.home_late, **dict(step.home_late)},
            day.extra_cents + more.extra_cents,
            day.extra_m + more.extra_m,
            day.extra_s + more.extra_s,
        )
    return day
