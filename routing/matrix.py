"""How long every way takes: a matrix of durations and one of distances, or whatever answers like them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from routing.errors import RoutingError

# A way that does not exist for a profile, as duration and as distance. Its sums stay far below int64.
UNREACHABLE = 2**30

# Half of all ways slower or faster than this mean that somebody took minutes for seconds (30 km/h are 500 m a minute)
# or kilometres for metres; with fewer ways it may be chance.
SLOWEST_M_S, FASTEST_M_S, WAYS_TO_TELL = 0.02, 300.0, 30
# Rows looked at for that: their ways say what all say.
ROWS_TO_TELL = 200


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Travel between all locations for one truck profile.

    Attributes
    ----------
    duration_s, distance_m
        Shape (locations, locations), int32, from row to column; `UNREACHABLE` where there is no way. It takes
        both to make a way.
    """

    duration_s: NDArray[np.int32]
    distance_m: NDArray[np.int32]

    def __post_init__(self) -> None:
        same = self.distance_m is self.duration_s
        for name in ("duration_s",) if same else ("duration_s", "distance_m"):
            values = np.ascontiguousarray(getattr(self, name))
            if values.ndim != 2 or values.shape[0] != values.shape[1]:
                raise RoutingError(f"matrix {name} has shape {values.shape}; it must be square")
            whole = np.issubdtype(values.dtype, np.integer)
            if not np.issubdtype(values.dtype, np.number) or (not whole and np.isnan(values).any()):
                raise RoutingError(f"matrix {name} has holes; write UNREACHABLE where there is no way")
            if not whole and (values != np.rint(values)).any():
                row, column = np.argwhere(values != np.rint(values))[0]
                raise RoutingError(
                    f"matrix {name} says {values[row, column]} from location {row} to {column}; it must be whole"
                )
            if values.min(initial=0) < 0:
                row, column = np.argwhere(values < 0)[0]
                raise RoutingError(f"matrix {name} is negative from location {row} to {column}")
            if values.max(initial=0) > UNREACHABLE:
                row, column = np.argwhere(values > UNREACHABLE)[0]
                raise RoutingError(f"matrix {name} is above UNREACHABLE from location {row} to {column}")
            if np.diagonal(values).any():
                row = int(np.flatnonzero(np.diagonal(values))[0])
                raise RoutingError(f"matrix {name} says location {row} is away from itself; its diagonal must be zero")
            frozen = values.astype(np.int32)
            frozen.flags.writeable = False
            object.__setattr__(self, name, frozen)
        if same:  # as in instances that know no time: one array is enough
            object.__setattr__(self, "distance_m", self.duration_s)
        if self.duration_s.shape != self.distance_m.shape:
            raise RoutingError(
                f"durations are for {self.duration_s.shape[0]} locations, distances for {self.distance_m.shape[0]}"
            )
        self._refuse_mixed_units()

    def _refuse_mixed_units(self) -> None:
        rows = slice(None, None, max(1, len(self) // ROWS_TO_TELL))
        duration_s, distance_m = self.duration_s[rows], self.distance_m[rows]
        ways = (duration_s > 0) & (distance_m > 0) & (duration_s < UNREACHABLE) & (distance_m < UNREACHABLE)
        if ways.sum() < WAYS_TO_TELL:
            return
        speed = float(np.median(distance_m[ways] / duration_s[ways]))
        if not SLOWEST_M_S <= speed <= FASTEST_M_S:
            raise RoutingError(
                f"half of the ways are at {3.6 * speed:.4g} km/h or beyond: durations must be seconds, distances metres"
            )

    def __len__(self) -> int:
        """Return the number of locations."""
        return int(self.duration_s.shape[0])


class Table(Protocol):
    """Numbers by two places: an array, or something that can be asked like one."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return what an array would return for two indices, two arrays, or `numpy.ix_`."""


class Travel(Protocol):
    """What a problem needs to know about ways: a `Matrix`, or an `OnDemand` where places are too many for one."""

    def __len__(self) -> int:
        """Return the number of locations."""

    @property
    def duration_s(self) -> Table:
        """Seconds from row to column."""

    @property
    def distance_m(self) -> Table:
        """Metres from row to column."""
