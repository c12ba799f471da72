"""Travel between more places than a matrix can hold: worked out for those that are asked for.

A city of 40,000 stops would need 13 GB a truck profile as a matrix. What plans it looks at parts, and what checks it at
the legs that are driven. An `OnDemand` stands in a problem where a `Matrix` would; both are asked in the same words.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from routing.errors import RoutingError
from routing.matrix import UNREACHABLE, Matrix, Travel
from routing.plan import Route, VisitKind
from routing.problem import Facility, Problem, Stop

# Up to so many places a part of what is worked out on demand is held as a matrix, of 8 bytes a pair.
MOST_HELD = 3000
# Single ways that are worked out at one time.
LEGS_AT_ONCE = 300

Ints = NDArray[np.int32]
Rows = NDArray[np.int64]


class Ways(Protocol):
    """Where ways come from. Places are numbered from 0."""

    def __len__(self) -> int:
        """Return the number of places."""

    def plane(self, places: Rows) -> NDArray[np.float64]:
        """Return where places lie, east and north in metres, shape (places, 2)."""

    def table(self, starts: Rows, ends: Rows) -> tuple[Ints, Ints]:
        """Return seconds and metres from all of some places to all of others, shape (starts, ends)."""

    def legs(self, starts: Rows, ends: Rows) -> tuple[Ints, Ints]:
        """Return seconds and metres of single ways, arrays of the same length."""


@dataclass(frozen=True, eq=False)
class OnDemand:
    """Stands in for a `Matrix` of too many places. Index its tables with two numbers, two arrays, or `numpy.ix_`.

    Attributes
    ----------
    duration_s, distance_m
        As of a `Matrix`: from row to column, `UNREACHABLE` where there is no way.
    """

    ways: Ways
    _last: dict[bytes, tuple[Ints, Ints]] = field(default_factory=dict, init=False, repr=False)
    _known: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        """Return the number of locations."""
        return len(self.ways)

    @property
    def duration_s(self) -> "Asked":
        """Seconds from place to place."""
        return Asked(lambda starts, ends: self._ask(starts, ends)[0])

    @property
    def distance_m(self) -> "Asked":
        """Metres from place to place."""
        return Asked(lambda starts, ends: self._ask(starts, ends)[1])

    def look_ahead(self, legs: Sequence[tuple[int, int]]) -> None:
        """Work many single ways out at once, near ones one after the other: they will be asked for one by one."""
        new = [leg for leg in dict.fromkeys(legs) if leg not in self._known]
        for first in range(0, len(new), LEGS_AT_ONCE):
            some = new[first : first + LEGS_AT_ONCE]
            starts, ends = np.array(some, dtype=np.int64).T
            seconds, metres = self.ways.legs(starts, ends)
            self._known.update(zip(some, zip(seconds.tolist(), metres.tolist(), strict=True), strict=True))

    def _ask(self, starts: Rows, ends: Rows) -> tuple[Ints, Ints]:
        """Answer, or repeat the last answer: seconds and metres are asked for one after the other."""
        key = repr((starts.shape, ends.shape)).encode() + starts.tobytes() + ends.tobytes()
        if key not in self._last:
            self._last.clear()
            if starts.ndim == ends.ndim == 2 and starts.shape[1] == ends.shape[0] == 1:
                found = self.ways.table(starts.ravel(), ends.ravel())
            else:
                pairs = np.broadcast_arrays(starts, ends)
                flat = self._legs(pairs[0].ravel(), pairs[1].ravel())
                found = flat[0].reshape(pairs[0].shape), flat[1].reshape(pairs[0].shape)
            self._last[key] = found
        return self._last[key]

    def _legs(self, starts: Rows, ends: Rows) -> tuple[Ints, Ints]:
        if self._known and len(starts) <= LEGS_AT_ONCE:
            found = [self._known.get(leg) for leg in zip(starts.tolist(), ends.tolist(), strict=True)]
            if None not in found:
                seconds, metres = np.array(found, dtype=np.int32).reshape(-1, 2).T
                return seconds, metres
        return self.ways.legs(starts, ends)


def look_ahead(problem: Problem, routes: Iterable[Route]) -> None:
    """Tell a problem's travel which ways will be asked for one by one, because some routes drive them.

    Visits that the problem does not know are passed over.
    """
    legs: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for route in routes if any(isinstance(travel, OnDemand) for travel in problem.matrices) else ():
        if (truck := problem.truck_by_id.get(route.truck_id)) is None:
            continue
        known: Mapping[VisitKind, Mapping[str, Stop | Facility]]
        known = {VisitKind.STOP: problem.stop_by_id, VisitKind.UNLOAD: problem.facility_by_id}
        places = [known[visit.kind].get(visit.subject_id) for visit in route.visits if visit.kind in known]
        where = [truck.start_location, *(place.location for place in places if place), truck.end_location]
        legs[truck.profile] += itertools.pairwise(where)
    for profile, driven in legs.items():
        travel = problem.matrices[profile]
        if isinstance(travel, OnDemand):
            travel.look_ahead(driven)


@dataclass(frozen=True, eq=False)
class PickedWays:
    """The ways between some of all places, numbered anew.

    Attributes
    ----------
    places
        Their numbers in `ways`.
    """

    ways: Ways
    places: Rows

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.places)

    def plane(self, places: Rows) -> NDArray[np.float64]:
        """Return where places lie."""
        return self.ways.plane(self.places[places])

    def table(self, starts: Rows, ends: Rows) -> tuple[Ints, Ints]:
        """Return seconds and metres from all of some places to all of others."""
        return self.ways.table(self.places[starts], self.places[ends])

    def legs(self, starts: Rows, ends: Rows) -> tuple[Ints, Ints]:
        """Return seconds and metres of single ways."""
        return self.ways.legs(self.places[starts], self.places[ends])


def among(travel: Travel, places: Sequence[int]) -> Travel:
    """Return travel between some places only, numbered anew: a matrix, unless they are still too many."""
    picked = np.asarray(places, dtype=np.int64)
    if isinstance(travel, OnDemand) and len(picked) > MOST_HELD:
        ways = travel.ways
        if isinstance(ways, PickedWays):
            return OnDemand(PickedWays(ways.ways, ways.places[picked]))
        return OnDemand(PickedWays(ways, picked))
    pairs = np.ix_(picked, picked)
    return Matrix(travel.duration_s[pairs], travel.distance_m[pairs])


@dataclass(frozen=True, slots=True)
class Asked:
    """One of the two tables, which is not there but can be asked."""

    answer: Callable[[Rows, Rows], Ints]

    def __getitem__(self, key: tuple[Any, Any]) -> Any:
        """Return what a matrix would return for two indices."""
        starts, ends = (np.asarray(index, dtype=np.int64) for index in key)
        found = self.answer(starts, ends)
        return found if found.ndim else found[()]


@dataclass(frozen=True, eq=False)
class CrowWays:
    """Ways as the crow flies, longer by a factor and driven at one speed: for trials, and where there is no map.

    Attributes
    ----------
    east_m, north_m
        Where places lie on a plane.
    detour
        How much longer a way is than the line between its ends.
    speed_m_s
        How fast it is driven.
    """

    east_m: NDArray[np.float64]
    north_m: NDArray[np.float64]
    detour: float = 1.3
    speed_m_s: float = 25 / 3.6

    def __post_init__(self) -> None:
        if self.east_m.shape != self.north_m.shape or self.east_m.ndim != 1:
            raise RoutingError(
                f"places have {self.east_m.shape} and {self.north_m.shape} coordinates; give one of each"
            )
        if not (np.isfinite(self.east_m).all() and np.isfinite(self.north_m).all()):
            raise RoutingError("coordinates of places must be numbers; leave out places that are nowhere")
        if not (self.detour >= 1 and self.speed_m_s > 0):
            raise RoutingError(f"a detour of {self.detour} at {self.speed_m_s} m/s cannot be driven")

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.east_m)

    def plane(self, places: Rows) -> NDArray[np.float64]:
        """Return where places lie."""
        return np.column_stack([self.east_m[places], self.north_m[places]])

    def table(self, starts: Rows, ends: Rows) -> tuple[Ints, Ints]:
        """Return seconds and metres from all of some places to all of others."""
        return self._found(
            self.east_m[starts][:, None] - self.east_m[ends], self.north_m[starts][:, None] - self.north_m[ends]
        )

    def legs(self, starts: Rows, ends: Rows) -> tuple[Ints, Ints]:
        """Return seconds and metres of single ways."""
        return self._found(self.east_m[starts] - self.east_m[ends], self.north_m[starts] - self.north_m[ends])

    def _found(self, east_m: NDArray[np.float64], north_m: NDArray[np.float64]) -> tuple[Ints, Ints]:
        metres = np.hypot(east_m, north_m) * self.detour
        seconds = np.rint(metres / self.speed_m_s)
        return np.minimum(seconds, UNREACHABLE).astype(np.int32), np.minimum(np.rint(metres), UNREACHABLE).astype(
            np.int32
        )
