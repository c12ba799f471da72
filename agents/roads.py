"""The city's road graphs: built once for each kind of truck, kept until the roads change, put under shifts' conditions.

Streets limit width, height and weight in a few steps, and trucks that all those limits treat alike share one graph: a
fleet of twenty sizes rarely needs more than three.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from threading import Lock as Mutex
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine
from sqlmodel import Session, col, or_, select

from city.database import reading
from city.hours import Span, service_second
from city.network import RoadNetwork
from city.registry import Closure, ClosureKind, Truck
from city.road_rules import parse_rules
from city.settings import Settings
from city.store import city_of, load_network
from routing.conditions import RoadConditions, StreetFactors
from routing.dissection import Dissection, dissect, kept_dissection
from routing.profile import TruckProfile
from routing.roads import RoadGraph
from routing.shift_roads import Closing, ShiftRoads, ShiftTime
from routing.traffic import CITY_TRAFFIC, Traffic, read_traffic

# Graphs of one network under different conditions share their streets; each holds its own costs only, of a city of
# Shanghai's size 140 MB.
KEPT_GRAPHS = 12


class Kind(NamedTuple):
    """What streets ask of a truck."""

    width_cm: int
    height_cm: int
    weight_kg: int
    permit: bool

    @property
    def profile(self) -> TruckProfile:
        """Such a truck as the road sees it."""
        return TruckProfile(self.width_cm, self.height_cm, self.weight_kg, permit=self.permit)


@dataclass(frozen=True, slots=True)
class Roads:
    """The road network at one version, how its map is cut, and the steps in which its streets limit trucks."""

    version: str
    network: RoadNetwork
    dissection: Dissection
    widths_cm: NDArray[np.int32]
    heights_cm: NDArray[np.int32]
    weights_kg: NDArray[np.int32]
    permits: bool

    @classmethod
    def of(cls, version: str, network: RoadNetwork, dissection: Dissection) -> "Roads":
        """Find the steps of a network."""
        rules = [rule for text in network.rules for rule in parse_rules(text)]
        weights = np.concatenate([network.max_weight_kg, np.array([rule.above_kg for rule in rules], np.int32)])
        widths, heights, weights = (
            np.unique(limits[limits > 0]) for limits in (network.max_width_cm, network.max_height_cm, weights)
        )
        permits = any(rule.without_permit for rule in rules)
        return cls(version, network, dissection, widths, heights, weights, permits)

    def kind(self, truck: Truck) -> Kind:
        """Return the largest truck that may drive wherever this one may."""
        return Kind(
            _step(self.widths_cm, truck.width_cm),
            _step(self.heights_cm, truck.height_cm),
            _step(self.weights_kg, truck.gross_weight_kg),
            truck.road_permit or not self.permits,
        )


class Driven(NamedTuple):
    """The streets of a shift.

    Attributes
    ----------
    roads
        For each kind of truck.
    kind
        Which of them each truck drives on.
    unknown_ways
        Ways that are closed by the registry, and that the road network does not have.
    """

    roads: list[ShiftRoads]
    kind: list[int]
    unknown_ways: tuple[int, ...]


class CityRoads:
    """Road graphs of the city behind an engine, for every thread that plans.

    `folder` keeps how the map is cut, which takes a megacity half a minute to find.
    """

    def __init__(self, engine: Engine, folder: Path | None = None, traffic: Traffic = CITY_TRAFFIC) -> None:
        self._engine = engine
        self._folder = folder
        self._traffic = traffic
        self._mutex = Mutex()
        self._roads: Roads | None = None
        self._open: dict[Kind, RoadGraph] = {}
        self._under: OrderedDict[tuple[Kind, bytes], RoadGraph] = OrderedDict()

    @classmethod
    def of(cls, engine: Engine, settings: Settings) -> "CityRoads":
        """Return them as an installation is set up.

        Raises
        ------
        RoutingError
            If the file of slowdowns by hour cannot be read.
        """
        traffic = CITY_TRAFFIC if settings.traffic is None else read_traffic(settings.traffic)
        return cls(engine, settings.cache_dir, traffic)

    def during(self, trucks: Sequence[Truck], when: ShiftTime, closures: Sequence[Closing]) -> Driven:
        """Return the streets that trucks drive on in a shift under closures."""
        with self._mutex:
            roads = self._current()
            of_truck = [roads.kind(truck) for truck in trucks]
            kinds = list(dict.fromkeys(of_truck))
            graphs = [self._graph(roads, kind) for kind in kinds]
        streets = [
            ShiftRoads.of(graph, when, closures, self._traffic, under=partial(self._put_under, kind))
            for kind, graph in zip(kinds, graphs, strict=True)
        ]
        closed = RoadConditions(closed_ways=frozenset(closing.way_id for closing in closures))
        return Driven(streets, [kinds.index(kind) for kind in of_truck], closed.unknown_ways(roads.network))

    def warm(self) -> None:
        """Build the graphs of all trucks in use, as they are at quiet hours with nothing closed."""
        with reading(self._engine) as session:
            trucks = session.exec(select(Truck).where(col(Truck.active))).all()
        if trucks:
            with self._mutex:
                roads = self._current()
                for kind in {roads.kind(truck) for truck in trucks}:
                    self._graph(roads, kind)

    def _current(self) -> Roads:
        with reading(self._engine) as session:
            version = city_of(session).roads_version
            if self._roads is None or self._roads.version != version:
                network = load_network(session)
                cut = kept_dissection(network, self._folder, version) if self._folder else dissect(network)
                self._roads = Roads.of(version, network, cut)
                self._open.clear()
                self._under.clear()
            return self._roads

    def _graph(self, roads: Roads, kind: Kind) -> RoadGraph:
        if kind not in self._open:
            self._open[kind] = RoadGraph.build(roads.network, kind.profile, dissection=roads.dissection)
        return self._open[kind]

    def _put_under(self, kind: Kind, graph: RoadGraph, factors: StreetFactors) -> RoadGraph:
        """Return a graph under conditions, the same one for the same conditions: shifts of all districts share it."""
        key = kind, hashlib.sha256(factors.by_segment.tobytes()).digest()
        with self._mutex:
            if key not in self._under or self._under[key].network is not graph.network:
                self._under[key] = graph.under(factors)
            self._under.move_to_end(key)
            while len(self._under) > KEPT_GRAPHS:
                self._under.popitem(last=False)
            return self._under[key]


def shift_time(service_date: date, span: Span, zone: ZoneInfo, begins_at: datetime) -> ShiftTime:
    """Return when a shift is on the streets, from a moment on that its trucks may leave at."""
    begins_s = min(max(service_second(service_date, begins_at, zone), span.start_s), span.end_s - 1)
    return ShiftTime(service_date, span, Span(begins_s, span.end_s))


def road_closures(session: Session, zone: ZoneInfo, when: ShiftTime) -> tuple[Closing, ...]:
    """Return the OSM ways that are closed or slower for some of what is left of a shift, and when."""
    midnight_s = partial(service_second, when.service_date, timezone=zone)
    closures = session.exec(
        select(Closure).where(
            Closure.kind == ClosureKind.ROAD,
            or_(col(Closure.ends_at).is_(None), col(Closure.ends_at) > Closure.starts_at),
        )
    )
    found = []
    for closure in closures:
        start_s = midnight_s(closure.starts_at)
        end_s = when.left.end_s if closure.ends_at is None else midnight_s(closure.ends_at)
        slower = np.inf if closure.slower is None else closure.slower
        # What is slower counts for its share of the whole shift, as the traffic does.
        since_s = when.left.start_s if closure.slower is None else when.whole.start_s
        if start_s < when.left.end_s and end_s > since_s:
            found.append(Closing(int(closure.subject_id), Span(start_s, max(start_s, end_s)), slower))
    return tuple(sorted(found))


def _step(limits: NDArray[np.int32], size: int) -> int:
    """Return the smallest limit that a size keeps, or where it keeps none the size just beyond all of them."""
    place = int(np.searchsorted(limits, size))
    if place < len(limits):
        return int(limits[place])
    return int(limits[-1]) + 1 if len(limits) else 0
