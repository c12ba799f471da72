"""Parts of a city keep the facilities they have a use for."""

from dataclasses import replace

import numpy as np

from routing import Facility, Matrix, Problem, schedule
from routing.nearby import EACH, with_near_facilities
from tests.routing.problems import stop, truck

# Everything lies on a line, a kilometre and two minutes apart: the truck at 0, stops at 10 and 11.
SIZE = 40
APART = np.abs(np.arange(SIZE)[:, None] - np.arange(SIZE)[None])
LINE = Matrix(APART * 120, APART * 1000)


def street(*facilities: Facility) -> Problem:
    """Lay facilities out along the line."""
    return Problem((stop("a", 10), stop("b", 11)), facilities, (truck("t", 0),), (LINE,))


def test_only_the_nearest_that_take_the_stream_stay() -> None:
    dry = [Facility(f"dry {place}", place, frozenset({"dry"}), 600) for place in range(1, 40, 3)]
    wet = [Facility(f"wet {place}", place, frozenset({"wet"}), 600) for place in range(2, 40, 3)]
    kept = with_near_facilities(street(*dry, *wet)).facilities
    assert [facility.id for facility in kept] == ["dry 7", "dry 10", "dry 13"]
    assert len(kept) == EACH


def test_a_far_one_that_a_route_uses_stays() -> None:
    day = street(*(Facility(f"dry {place}", place, frozenset({"dry"}), 600) for place in range(1, 40, 3)))
    far = day.facility_by_id["dry 37"]
    route = schedule(day, day.trucks[0], (day.stops[0], far))
    kept = with_near_facilities(day, [route]).facilities
    assert far in kept
    assert len(kept) == EACH + 1


def test_where_there_are_few_all_stay() -> None:
    day = street(*(Facility(f"dry {place}", place, frozenset({"dry"}), 600) for place in (1, 20, 39)))
    assert with_near_facilities(day) is day
    assert with_near_facilities(replace(day, stops=())).facilities == day.facilities
