"""What is done to a problem for a peer whose words lack something, so that its plans still keep the rule.

Each function returns the problem as the peer gets it, and what was bent, for the table.
"""

from dataclasses import replace
from math import ceil

from benchmarks.peers.tours import truck_of
from routing import UNREACHABLE, Problem, TimeWindow

TRUCK_WAYS = 10


def without_breaks(problem: Problem) -> tuple[Problem, str]:
    """Cut the hour of the break out of everybody's day: clocks stop while crews eat.

    What happens before the break's window opens stays where it is, what happens after is that much earlier, so that a
    plan for the shorter day is one for the whole day, with the break at the first visit's end after the window opens.
    It asks a little too much only of windows that lie across the break, and of trucks that need none.
    """
    truck = truck_of(problem)
    if not truck.breaks:
        return problem, ""
    (pause,) = truck.breaks

    def moved(window: TimeWindow) -> TimeWindow:
        start_s, end_s = (
            at_s if at_s <= pause.window.start_s else max(pause.window.start_s, at_s - pause.duration_s)
            for at_s in window
        )
        return TimeWindow(start_s, end_s)

    shorter = replace(
        problem,
        stops=tuple(replace(stop, windows=tuple(map(moved, stop.windows))) for stop in problem.stops),
        facilities=tuple(
            replace(facility, windows=tuple(map(moved, facility.windows))) for facility in problem.facilities
        ),
        trucks=tuple(
            replace(each, breaks=(), shift=moved(each.shift), max_duration_s=each.max_duration_s - pause.duration_s)
            for each in problem.trucks
        ),
    )
    return shorter, "no breaks: the day without that hour"


def within_shift_loads(problem: Problem) -> tuple[Problem, str]:
    """Limit the trips of a shift, and what a trip holds if need be, so that all trips together stay within its loads.

    Of full trucks less often, and less full trucks once more, the one that collects more is taken.
    """
    truck = truck_of(problem)
    if truck.max_shift_l is None or truck.max_shift_l >= sum(stop.demand_l for stop in problem.stops):
        return problem, ""
    trips = ceil(truck.max_shift_l / truck.capacity_l)
    whole = (trips - 1) * truck.capacity_l
    less = truck.max_shift_l // trips
    if trips > 1 and whole >= trips * less:
        trips, less = trips - 1, truck.capacity_l
    trucks = tuple(replace(each, max_trips=trips, capacity_l=less, max_shift_l=None) for each in problem.trucks)
    return replace(problem, trucks=trucks), f"no limit of a shift's loads: {trips} trips of {less}"


def with_bearable_trucks(problem: Problem) -> tuple[Problem, str]:
    """Lower what a truck costs to ten times the longest way, if it is more.

    That still makes the fewest trucks come first. Beside a price far above what an engine may charge for breaking a
    rule, breaking it looks cheap, and no plan that keeps the rules is found.
    """
    metres = problem.matrices[0].distance_m
    most = TRUCK_WAYS * int(metres[metres < UNREACHABLE].max(initial=0))
    if truck_of(problem).fixed_cents <= most:
        return problem, ""
    trucks = tuple(replace(each, fixed_cents=most) for each in problem.trucks)
    return replace(problem, trucks=trucks), f"trucks at {most:,}"
