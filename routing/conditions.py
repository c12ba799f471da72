"""What is different on the roads: ways that are closed, ways and classes that are slower."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from city.network import RoadClass, RoadNetwork
from routing.errors import RoutingError


class Conditions(Protocol):
    """Whatever tells how many times as long each street takes."""

    def factor(self, network: RoadNetwork) -> NDArray[np.float64]:
        """Return how many times as long each segment takes, infinite where it is closed. Shape (segments,)."""


@dataclass(frozen=True, slots=True, eq=False)
class StreetFactors:
    """How many times as long each segment of one network takes, infinite where it is closed. Shape (segments,)."""

    by_segment: NDArray[np.float64]

    def factor(self, network: RoadNetwork) -> NDArray[np.float64]:
        """Return them.

        Raises
        ------
        RoutingError
            If they are another network's.
        """
        if len(self.by_segment) != len(network.length_m):
            raise RoutingError(
                f"there are factors for {len(self.by_segment)} segments, the network has {len(network.length_m)}"
            )
        return self.by_segment


@dataclass(frozen=True, slots=True)
class RoadConditions:
    """Closures and slowdowns by OSM way and road class, in force together.

    Attributes
    ----------
    closed_ways
        OSM ways nobody may drive on.
    way_slowdown
        How many times as long an OSM way takes (2.0: twice as long).
    class_slowdown
        The same for whole road classes: rush hour, rain.

    Raises
    ------
    RoutingError
        If a slowdown is not a positive number, naming the way or class.
    """

    closed_ways: frozenset[int] = frozenset()
    way_slowdown: Mapping[int, float] = field(default_factory=dict)
    class_slowdown: Mapping[RoadClass, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for subject, factor in (*self.way_slowdown.items(), *self.class_slowdown.items()):
            if not (np.isfinite(factor) and factor > 0):
                kind = f"road class {subject.name}" if isinstance(subject, RoadClass) else f"way {subject}"
                raise RoutingError(f"slowdown of {kind} is {factor}; it must be a positive number")

    def factor(self, network: RoadNetwork) -> NDArray[np.float64]:
        """Return how many times as long each segment takes, infinite where it is closed. Shape (segments,)."""
        by_class = np.ones(max(RoadClass) + 1)
        for road_class, slower in self.class_slowdown.items():
            by_class[road_class] = slower
        factor = by_class[network.road_class]
        if self.way_slowdown:
            ways = np.array(sorted(self.way_slowdown), dtype=np.int64)
            slower_ways = np.array([self.way_slowdown[way] for way in ways.tolist()])
            place = np.minimum(np.searchsorted(ways, network.way_id), len(ways) - 1)
            factor *= np.where(ways[place] == network.way_id, slower_ways[place], 1.0)
        if self.closed_ways:
            factor[np.isin(network.way_id, np.array(sorted(self.closed_ways), dtype=np.int64))] = np.inf
        return factor

    def unknown_ways(self, network: RoadNetwork) -> tuple[int, ...]:
        """Return the ways named here that the network does not have: a closure mistyped, or of a footpath."""
        named = np.array(sorted(self.closed_ways | self.way_slowdown.keys()), dtype=np.int64)
        return tuple(named[~np.isin(named, network.way_id)].tolist())
