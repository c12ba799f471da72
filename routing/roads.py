"""The road graph of one kind of truck: put points on streets, ask for all travel times between them, and for ways.

>>> graph = RoadGraph.build(network, TruckProfile(width_cm=250))
>>> snaps = graph.snap(lon, lat)
>>> matrix = graph.matrix(snaps)
>>> way = graph.way(snaps, 0, 7)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from city.network import RoadNetwork
from routing import travel
from routing.conditions import Conditions, RoadConditions
from routing.cut import Cut, what_was_cut
from routing.dissection import Dissection, dissect
from routing.errors import RoutingError
from routing.loops import without_loops
from routing.matrix import Matrix
from routing.parts import Parts, cut_in, parts_of
from routing.paths import paths
from routing.profile import TruckProfile
from routing.snapping import Snaps, StreetIndex
from routing.streets import Streets, all_streets, connected, open_turns, passable, speed_kmh
from routing.sweep import costs_between
from routing.tables import Tables, tables_of, updated
from routing.unfold import Atlas
from routing.ways import Way, line, street_names

# Larger than this a cost in one number could overflow its share for the distance; no city is.
LARGEST_EXTENT_KM = 400.0


@dataclass(frozen=True, slots=True, eq=False)
class RoadGraph:
    """The streets a kind of truck can reach and come back from, with what it costs to drive them now.

    Make one with `build`; `under` gives the same graph with other closures and slowdowns.

    Attributes
    ----------
    network
        The road network, loops split in two; `Snaps.segment` and `Way.segments` are rows of it.
    profile, conditions
        The truck, and the closures and slowdowns in force.
    streets
        The edges and turns kept.
    cut
        What was left out, and why.
    edge_cost, turns
        Costs (`travel`) of driving each edge, and of driving it and turning into the next; infinite where closed.
    """

    network: RoadNetwork
    profile: TruckProfile
    conditions: Conditions
    streets: Streets
    cut: Cut
    edge_cost: NDArray[np.float64]
    turns: travel.Turns
    _edge_of: NDArray[np.int32]
    _index: StreetIndex
    _parts: Parts
    _tables: Tables

    @classmethod
    def build(
        cls,
        network: RoadNetwork,
        profile: TruckProfile | None = None,
        conditions: Conditions | None = None,
        *,
        dissection: Dissection | None = None,
        cores: int = 1,
    ) -> "RoadGraph":
        """Build the graph of a network for a truck.

        `dissection` is that of the network (`dissect`), which a caller may have kept; it serves all kinds of trucks.

        Raises
        ------
        RoutingError
            If the network is empty or broken, or no two streets of it can be driven by this truck.
        """
        profile = profile or TruckProfile()
        _must_be_sound(network)
        network = without_loops(network)
        streets = all_streets(network, profile)
        if len(streets) == 0:
            raise RoutingError(_why_nothing_is_drivable(network, profile))
        streets = streets.pick(np.flatnonzero(connected(streets)))
        if len(streets) < 2:
            raise RoutingError(
                f"no two of the {len(network.length_m)} street segments can be reached from each other; "
                "check the one-way streets, or import a larger area"
            )
        dissection = dissect(network, cores) if dissection is None else dissection
        if len(dissection.order) != len(network.lon):
            raise RoutingError(
                f"the dissection is of a network of {len(dissection.order)} junctions, this one has "
                f"{len(network.lon)}; dissect it again"
            )
        parts, streets = parts_of(dissection, streets)
        conditions = conditions or RoadConditions()
        edge_cost, turns = _costs(network, profile, conditions, streets)
        return cls(
            network,
            profile,
            conditions,
            streets,
            what_was_cut(network, profile, streets),
            edge_cost,
            turns,
            streets.edge_of(len(network.length_m)),
            StreetIndex(network, np.unique(streets.segment).astype(np.int64)),
            parts,
            tables_of(parts, turns, cores),
        )

    def under(self, conditions: Conditions, *, cores: int = 1) -> "RoadGraph":
        """Return the same streets under other closures and slowdowns. Snaps stay valid."""
        edge_cost, turns = _costs(self.network, self.profile, conditions, self.streets)
        tables = updated(self._parts, self._tables, self.turns, turns, cores)
        return replace(self, conditions=conditions, edge_cost=edge_cost, turns=turns, _tables=tables)

    def snap(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Snaps:
        """Put points onto the nearest street in the graph, closed or not.

        Points far from any street are put there too; `Snaps.distance_m` and `Snaps.far` tell.

        Raises
        ------
        RoutingError
            If a coordinate is not a number or not on the globe.
        """
        snaps = self._index.snap(lon, lat, kerb=-1 if self.profile.left_hand else 1)
        there = self._edge_of[snaps.segment] >= 0
        return replace(snaps, along=there[:, 0], against=there[:, 1])

    def matrix(self, snaps: Snaps, *, cores: int = 1) -> Matrix:
        """Return duration and distance of the fastest way between all places.

        A truck arrives at and leaves a place in any direction that `Snaps.along` and `Snaps.against` allow. Ways
        start with the rest of the street they begin on. `UNREACHABLE` where closures leave no way.

        Raises
        ------
        RoutingError
            If a place lies on a street that is not in this graph.
        """
        places = self._places(snaps)
        home = cut_in(self._parts, self._edge_of[snaps.segment].max(axis=1, initial=-1))
        duration_s, distance_m = costs_between(self._parts, self._tables, places, home, cores)
        return Matrix(duration_s, distance_m)

    def way(self, snaps: Snaps, start: int, end: int) -> Way:
        """Return the fastest way from one place to another; see `ways`."""
        return self.ways(snaps, [(start, end)])[0]

    def ways(self, snaps: Snaps, pairs: Sequence[tuple[int, int]]) -> list[Way]:
        """Return the fastest way from one place to another for some pairs of places, with the figures of the matrix.

        Raises
        ------
        RoutingError
            If there is no such place, or no way.
        """
        legs = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        wrong = legs[(legs < 0) | (legs >= len(snaps))]
        if len(wrong):
            raise RoutingError(f"there is no place {wrong[0]}; the snaps have {len(snaps)}")
        driven = paths(self.turns, Atlas(self._parts, self._tables), self._places(snaps), legs)
        cost = np.array([0.0 if start == end else cost for (start, end), (cost, _) in zip(legs, driven, strict=True)])
        nowhere = np.flatnonzero(~np.isfinite(cost))
        if len(nowhere):
            start, end = legs[nowhere[0]]
            closed = np.unique(self.network.way_id[self.streets.segment[~np.isfinite(self.edge_cost)]])
            raise RoutingError(f"there is no way from place {start} to place {end} with {len(closed)} ways closed")
        duration_s, distance_m = travel.unpack(cost)
        found = []
        for k, (start, end) in enumerate(legs.tolist()):
            edges = driven[k][1]
            segments, backward = self.streets.segment[edges], self.streets.backward[edges]
            lon, lat = snaps.street_lon[[start, end]], snaps.street_lat[[start, end]]
            if start != end:
                bends = line(self.network, (snaps.fraction[start], snaps.fraction[end]), segments, backward)
                lon = np.concatenate([lon[:1], bends[0][1:-1], lon[1:]])
                lat = np.concatenate([lat[:1], bends[1][1:-1], lat[1:]])
            names = street_names(self.network, segments)
            found.append(Way(lon, lat, int(distance_m[k]), int(duration_s[k]), names, segments, backward))
        return found

    def _places(self, snaps: Snaps) -> travel.Places:
        if len(snaps) and (snaps.segment.min() < 0 or snaps.segment.max() >= len(self._edge_of)):
            raise RoutingError("these places were snapped to another road network; snap them with this graph")
        edges = np.where(np.stack([snaps.along, snaps.against], axis=1), self._edge_of[snaps.segment], -1)
        nowhere = np.flatnonzero((edges < 0).all(axis=1))
        if len(nowhere):
            raise RoutingError(
                f"place {nowhere[0]} lies on segment {snaps.segment[nowhere[0]]}, which is not in this graph; "
                "snap it with this graph"
            )
        whole = self.edge_cost[edges]
        edges[~np.isfinite(whole)] = -1
        whole = np.where(np.isfinite(whole), whole, 0.0)
        # What lies behind in one direction lies ahead in the other, to the centimetre.
        duration = np.floor(whole / travel.DISTANCE_SPAN)
        distance = whole - duration * travel.DISTANCE_SPAN
        share = snaps.fraction[:, None]
        along = np.rint(share * duration) * travel.DISTANCE_SPAN + np.rint(share * distance)
        behind = np.where([[False, True]], whole - along, along)
        return travel.Places(edges.astype(np.int64), behind)


def _costs(
    network: RoadNetwork, profile: TruckProfile, conditions: Conditions, streets: Streets
) -> tuple[NDArray[np.float64], travel.Turns]:
    """Return costs of edges, and of the turns from each; infinite where closed."""
    factor = conditions.factor(network)
    is_open = np.isfinite(factor)
    length_m = network.length_m.astype(np.float64)
    # A street of no length still takes a moment, or a search could go round it for nothing.
    duration_s = np.maximum(length_m * 3.6 / speed_kmh(network, profile) * np.where(is_open, factor, 1.0), 0.01)
    by_segment = np.where(is_open, travel.pack(duration_s, length_m), np.inf)
    edge_cost = by_segment[streets.segment]
    turn = travel.pack(streets.turn_s.astype(np.float64), np.zeros(len(streets.turn_s)))
    step = np.where(open_turns(streets, is_open[streets.segment]), edge_cost[streets.turn_from] + turn, np.inf)
    return edge_cost, travel.Turns(streets.turn_start, streets.turn_to, step)


def _must_be_sound(network: RoadNetwork) -> None:
    nodes, segments = len(network.lon), len(network.length_m)
    if segments == 0 or nodes == 0:
        raise RoutingError("the road network is empty; import roads first (dustcart city import)")
    placed = (np.abs(network.lon) <= 180.0) & (np.abs(network.lat) <= 90.0)
    if not placed.all():
        node = int(np.flatnonzero(~placed)[0])
        raise RoutingError(
            f"junction {network.node_id[node]} has coordinates lon {network.lon[node]}, lat {network.lat[node]}, "
            "which are nowhere on the globe; mend the source and import the roads again"
        )
    for name in ("from_node", "to_node"):
        ends = getattr(network, name)
        outside = np.flatnonzero((ends < 0) | (ends >= nodes))
        if len(outside):
            row = int(outside[0])
            raise RoutingError(f"segment {network.segment_id[row]} has {name} {ends[row]}; there are {nodes} junctions")
    wrong = np.flatnonzero(~(np.isfinite(network.length_m) & (network.length_m >= 0)))
    if len(wrong):
        row = int(wrong[0])
        raise RoutingError(f"segment {network.segment_id[row]} has length {network.length_m[row]} m")
    north = np.ptp(network.lat) * 111.2
    east = np.ptp(network.lon) * 111.2 * np.cos(np.radians(np.mean(network.lat)))
    if np.hypot(north, east) > LARGEST_EXTENT_KM:
        raise RoutingError(
            f"the road network is {np.hypot(north, east):.0f} km across; up to {LARGEST_EXTENT_KM:.0f} km can be "
            "routed. Import a smaller area, or mend junctions with stray coordinates"
        )


def _why_nothing_is_drivable(network: RoadNetwork, profile: TruckProfile) -> str:
    total = len(network.length_m)
    closed = int((~network.truck).sum())
    small = int((network.truck & ~passable(network, profile)).sum())
    return (
        f"none of the {total} street segments can be driven by a truck {profile.width_cm} cm wide, "
        f"{profile.height_cm} cm high and {profile.weight_kg} kg heavy: {closed} are closed to goods vehicles, {small} "
        f"are too narrow, low or weak, {total - closed - small} have no direction open; check profile and import"
    )
