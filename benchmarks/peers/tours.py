"""What peers return, and what they ask about a problem."""

from collections.abc import Callable
from dataclasses import dataclass

from routing import Problem, TimeWindow, Truck

# What every truck visits, by truck id: whether it is a stop, and the id of the stop or facility.
Tours = dict[str, list[tuple[bool, str]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a peer's search; no tours if it found nothing or cannot model the problem.

    Attributes
    ----------
    bent
        What it was given instead of the problem, where its model lacks something.
    """

    tours: Tours | None
    bent: str = ""


# From a problem, seconds, a seed and cores.
Peer = Callable[[Problem, float, int, int], Answer]


def truck_of(problem: Problem) -> Truck:
    """Return the truck that stands for all, which are equal."""
    return problem.trucks[0]


def is_plain(problem: Problem) -> bool:
    """Whether trucks only set out, collect one load and bring it home, as in CVRPLIB's instances."""
    truck, facility = truck_of(problem), problem.facilities[0]
    return (
        len(problem.facilities) == 1
        and truck.max_trips == 1
        and truck.start_location == truck.end_location == facility.location
        and facility.unloading_s == 0
        and not facility.windows
    )


def is_timed(problem: Problem) -> bool:
    """Whether time limits anything: windows, or routes shorter than the shift."""
    truck = truck_of(problem)
    return any(stop.windows for stop in problem.stops) or truck.max_duration_s < truck.shift.end_s - truck.shift.start_s


def window_of(windows: tuple[TimeWindow, ...], otherwise: TimeWindow) -> TimeWindow:
    """Return the only window there is, or the other if there is none."""
    assert len(windows) <= 1
    return windows[0] if windows else otherwise
