"""Travel between more places than a matrix can hold: worked out for those that are asked for.

A city of 40,000 stops would need 13 GB a truck profile as a matrix. What plans it looks at parts, and what checks it at
the legs that are driven. An `OnDemand` stands in a problem where a `Matrix` would; both are asked in the same words.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from routing.errors import RoutingError
from routing.problem import UNREACHABLE

Ints = NDArray[np.int32]
Rows = NDArray[np.int64]


class Ways(Protocol):
    """Where ways come from. Places are numbered from 0."""

    def __len__(self) -> int:
        """Return the number of places."""

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
    _last: dict[bytes, tuple[Ints, Ints]] = field(default_factory=dict, repr=False)

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

    def _ask(self, starts: Rows, ends: Rows) -> tuple[Ints, Ints]:
        """Answer, or repeat the last answer: seconds and metres are asked for one after the other."""
        key = repr((starts.shape, ends.shape)).encode() + starts.tobytes() + ends.tobytes()
        if key not in self._last:
            self._last.clear()
            if starts.ndim == ends.ndim == 2 and starts.shape[1] == ends.shape[0] == 1:
                found = self.ways.table(starts.ravel(), ends.ravel())
            else:
                pairs = np.broadcast_arrays(starts, ends)
                flat = self.ways.legs(pairs[0].ravel(), pairs[1].ravel())
                found = flat[0].reshape(pairs[0].shape), flat[1].reshape(pairs[0].shape)
            self._last[key] = found
        return self._last[key]


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
