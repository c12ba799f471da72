"""How many trucks an instance gets that only says what a truck is like: as many as may be needed, and not many more."""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import replace

from routing.problem import Stop, Truck

# A plan with the shortest ways may want more trucks than loads alone ask for: on CVRPLIB's X instances the best known
# have up to 5 % more than their loads' bound, and small instances one or two.
MORE = 1.25
AND_MORE = 8


def trucks_that_hold(truck: Truck, stops: Sequence[Stop], most: int | None, *, only_by_load: bool) -> tuple[Truck, ...]:
    """Make a fleet of equal trucks, each for one trip.

    Parameters
    ----------
    most
        How many trucks the instance has, if it says so.
    only_by_load
        Whether nothing but loads limits a route. Otherwise every stop may need a truck of its own.
    """
    if most is None and only_by_load:
        most = math.ceil(fewest_loads([stop.demand_kg for stop in stops], truck.capacity_kg) * MORE) + AND_MORE
    count = len(stops) if most is None else min(most, len(stops))
    return numbered(truck, count)


def numbered(truck: Truck, count: int) -> tuple[Truck, ...]:
    """Repeat a truck under the ids 1, 2, 3..."""
    return tuple(replace(truck, id=str(number)) for number in range(1, count + 1))


def fewest_loads(demands: Sequence[int], capacity: int) -> int:
    """Count the loads that hold all demands when the largest come first, each where it leaves the least room.

    That is at most 22 % more than there must be (D. S. Johnson et al., SIAM Journal on Computing 3:299, 1974).
    """
    rooms: list[int] = []
    for demand in sorted(demands, reverse=True):
        place = bisect_left(rooms, demand)
        room = rooms.pop(place) if place < len(rooms) else capacity
        insort(rooms, room - demand)
    return len(rooms)
