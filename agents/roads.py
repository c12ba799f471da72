"""The city's road graphs: built once for each kind of truck, kept until the roads change, without closed roads.

Streets limit width, height and weight in a few steps, and trucks that all those limits treat alike share one graph: a
fleet of twenty sizes rarely needs more than three.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock as Mutex
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine
from sqlmodel import Session, col, or_, select

from city.database import reading
from city.network import RoadNetwork
from city.registry import Closure, ClosureKind, Truck
from city.store import city_of, load_network
from routing.conditions import RoadConditions
from routing.dissection import Dissection, dissect, kept_dissection
from routing.profile import TruckProfile
from routing.roads import RoadGraph

# Graphs of one network under different closures share their streets; each holds its own costs only.
KEPT_GRAPHS = 16


class Size(NamedTuple):
    """What limits of streets ask of a truck."""

    width_cm: int
    height_cm: int
    weight_kg: int


@dataclass(frozen=True, slots=True)
class Roads:
    """The road network at one version, how its map is cut, and the steps in which its streets limit trucks."""

    version: str
    network: RoadNetwork
    dissection: Dissection
    widths_cm: NDArray[np.int32]
    heights_cm: NDArray[np.int32]
    weights_kg: NDArray[np.int32]

    def size(self, truck: Truck) -> Size:
        """Return the size of the largest truck that may drive wherever this one may."""
        return Size(
            _step(self.widths_cm, truck.width_cm),
            _step(self.heights_cm, truck.height_cm),
            _step(self.weights_kg, truck.gross_weight_kg),
        )


class CityRoads:
    """Road graphs of the city behind an engine, for every thread that plans.

    `folder` keeps how the map is cut, which takes a megacity half a minute to find.
    """

    def __init__(self, engine: Engine, folder: Path | None = None) -> None:
        self._engine = engine
        self._folder = folder
        self._mutex = Mutex()
        self._roads: Roads | None = None
        self._open: dict[Size, RoadGraph] = {}
        self._closed: OrderedDict[tuple[Size, frozenset[int]], RoadGraph] = OrderedDict()

    def graphs(self, trucks: Sequence[Truck], closed_ways: frozenset[int]) -> tuple[list[RoadGraph], list[int]]:
        """Return the graphs that trucks drive by under closures, and for each truck which of them is its own."""
        with self._mutex:
            roads = self._current()
            sizes = [roads.size(truck) for truck in trucks]
            kinds = list(dict.fromkeys(sizes))
            return [self._graph(roads, kind, closed_ways) for kind in kinds], [kinds.index(size) for size in sizes]

    def warm(self) -> None:
        """Build the graphs of all trucks in use, as they are without closures."""
        with reading(self._engine) as session:
            trucks = session.exec(select(Truck).where(col(Truck.active))).all()
        if trucks:
            self.graphs(trucks, frozenset())

    def _current(self) -> Roads:
        with reading(self._engine) as session:
            version = city_of(session).roads_version
            if self._roads is None or self._roads.version != version:
                network = load_network(session)
                self._roads = Roads(
                    version,
                    network,
                    kept_dissection(network, self._folder, version) if self._folder else dissect(network),
                    *(
                        np.unique(limits[limits > 0])
                        for limits in (network.max_width_cm, network.max_height_cm, network.max_weight_kg)
                    ),
                )
                self._open.clear()
                self._closed.clear()
            return self._roads

    def _graph(self, roads: Roads, size: Size, closed_ways: frozenset[int]) -> RoadGraph:
        if size not in self._open:
            self._open[size] = RoadGraph.build(roads.network, TruckProfile(*size), dissection=roads.dissection)
        if not closed_ways:
            return self._open[size]
        key = (size, closed_ways)
        if key not in self._closed:
            self._closed[key] = self._open[size].under(RoadConditions(closed_ways=closed_ways))
        self._closed.move_to_end(key)
        while len(self._closed) > KEPT_GRAPHS:
            self._closed.popitem(last=False)
        return self._closed[key]


def closed_ways(session: Session, starts_at: datetime, ends_at: datetime) -> frozenset[int]:
    """Return the OSM ways that are closed at any time between two moments: a plan must hold throughout."""
    subjects = session.exec(
        select(Closure.subject_id).where(
            Closure.kind == ClosureKind.ROAD,
            col(Closure.starts_at) < ends_at,
            or_(col(Closure.ends_at).is_(None), col(Closure.ends_at) > starts_at),
        )
    )
    return frozenset(int(subject) for subject in subjects)


def _step(limits: NDArray[np.int32], size: int) -> int:
    """Return the smallest limit that a size keeps, or where it keeps none the size just beyond all of them."""
    place = int(np.searchsorted(limits, size))
    if place < len(limits):
        return int(limits[place])
    return int(limits[-1]) + 1 if len(limits) else 0
