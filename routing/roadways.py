"""Ways on the streets for more places than a matrix can hold: a small matrix of the road graph for each question."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routing.roads import RoadGraph
from routing.snapping import Snaps

M_PER_DEGREE = 111_195.0


@dataclass(frozen=True, eq=False)
class RoadWays:
    """Fastest ways between places on the streets of one kind of truck.

    Attributes
    ----------
    snaps
        The places, snapped with `graph`.
    cores
        Threads that may work on one question.
    """

    graph: RoadGraph
    snaps: Snaps
    cores: int = 1

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.snaps)

    def plane(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return where places lie, east and north in metres."""
        lon, lat = self.snaps.street_lon[places], self.snaps.street_lat[places]
        east = lon * np.cos(np.radians(self.snaps.street_lat.mean()))
        return np.column_stack([east, lat]) * M_PER_DEGREE

    def table(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return seconds and metres from all of some places to all of others."""
        used, at = np.unique(np.concatenate([starts, ends]), return_inverse=True)
        matrix = self.graph.matrix(self.snaps.pick(used), cores=self.cores)
        pairs = np.ix_(at[: len(starts)], at[len(starts) :])
        return matrix.duration_s[pairs], matrix.distance_m[pairs]

    def legs(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return seconds and metres of single ways, from one matrix of all their ends."""
        used, at = np.unique(np.concatenate([starts, ends]), return_inverse=True)
        matrix = self.graph.matrix(self.snaps.pick(used), cores=self.cores)
        pairs = at[: len(starts)], at[len(starts) :]
        return matrix.duration_s[pairs], matrix.distance_m[pairs]
