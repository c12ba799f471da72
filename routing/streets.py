"""The streets of one truck as an edge-based graph: every street in each legal direction, every turn it may take.

An *edge* is a segment in one direction, a *turn* leads from an edge into one that begins where it ends. Turn
restrictions and turn costs need this form: at a junction it matters where one comes from.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from city.network import RoadNetwork
from routing.hours import closed_always
from routing.profile import TruckProfile

# Up to this angle a turn counts as going on, degrees.
STRAIGHT_DEG = 40.0

# Rounds of letting trucks turn round where every other way on leads out of the connected part; real extracts need two.
GROWING_ROUNDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """Edges and turns.

    Attributes
    ----------
    segment, backward
        Each edge's row in the network, and whether it runs from `to_node` to `from_node`. Shape (edges,).
    tail, head
        Junctions where each edge begins and ends.
    turn_start, turn_to
        The turns of edge e lead into edges ``turn_to[turn_start[e]:turn_start[e + 1]]``.
    turn_s
        What each turn costs, seconds. Shape (turns,).
    turn_round
        Turns back into the street one comes from; open only where no other turn is.
    """

    segment: NDArray[np.int32]
    backward: NDArray[np.bool_]
    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    turn_start: NDArray[np.int64]
    turn_to: NDArray[np.int32]
    turn_s: NDArray[np.float32]
    turn_round: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of edges."""
        return len(self.segment)

    @property
    def turn_from(self) -> NDArray[np.int32]:
        """Edge that each turn leaves."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.turn_start))

    def edge_of(self, segments: int) -> NDArray[np.int32]:
        """Return the edges of each of `segments` segments, along and against it; -1 where none. Shape (segments, 2)."""
        edges = np.full((segments, 2), -1, dtype=np.int32)
        edges[self.segment, self.backward.astype(np.intp)] = np.arange(len(self), dtype=np.int32)
        return edges

    def pick(self, edges: NDArray[np.integer]) -> "Streets":
        """Return the streets with just these edges, in this order, and the turns between them."""
        number = np.full(len(self), -1, dtype=np.int32)
        number[edges] = np.arange(len(edges), dtype=np.int32)
        counts = np.diff(self.turn_start)[edges]
        first = np.concatenate([[0], np.cumsum(counts)])
        turns = np.arange(first[-1]) + np.repeat(self.turn_start[edges] - first[:-1], counts)
        stays = number[self.turn_to[turns]] >= 0
        before = np.concatenate([[0], np.cumsum(stays)])
        turns = turns[stays]
        return Streets(
            self.segment[edges],
            self.backward[edges],
            self.tail[edges],
            self.head[edges],
            before[first].astype(np.int64),
            number[self.turn_to[turns]],
            self.turn_s[turns],
            self.turn_round[turns],
        )


class Edges(NamedTuple):
    """Edges before they have turns; see `Streets`."""

    segment: NDArray[np.int32]
    backward: NDArray[np.bool_]
    tail: NDArray[np.int32]
    head: NDArray[np.int32]


def passable(network: RoadNetwork, profile: TruckProfile) -> NDArray[np.bool_]:
    """Return which segments the truck may use and fits into, whatever the direction. Shape (segments,)."""
    fits = network.truck & ~closed_always(network, profile)
    for limit, size in (
        (network.max_width_cm, profile.width_cm),
        (network.max_height_cm, profile.height_cm),
        (network.max_weight_kg, profile.weight_kg),
    ):
        fits &= (limit <= 0) | (size <= limit)
    return fits


def speed_kmh(network: RoadNetwork, profile: TruckProfile) -> NDArray[np.float64]:
    """Return how fast the truck drives on each segment. Shape (segments,)."""
    by_class = np.array([profile.class_kmh[road_class] for road_class in sorted(profile.class_kmh)])
    named = np.nan_to_num(network.speed_kmh.astype(np.float64), nan=0.0)
    driven = np.where(named > 0, named * profile.share_of_limit, by_class[network.road_class])
    return np.minimum(driven, profile.top_kmh)


def all_streets(network: RoadNetwork, profile: TruckProfile) -> Streets:
    """Return every edge the truck may drive and every turn that no sign forbids, connected or not.

    No segment may begin and end at the same junction (`without_loops`).
    """
    usable = passable(network, profile)
    along = np.flatnonzero(usable & network.forward)
    against = np.flatnonzero(usable & network.backward)
    segment = np.concatenate([along, against]).astype(np.int32)
    backward = np.repeat([False, True], [len(along), len(against)])
    tail = np.concatenate([network.from_node[along], network.to_node[against]])
    head = np.concatenate([network.to_node[along], network.from_node[against]])

    by_tail = np.argsort(tail, kind="stable").astype(np.int32)
    leaving = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=len(network.lon)))])
    counts = np.diff(leaving)[head]
    turn_from = np.repeat(np.arange(len(segment), dtype=np.int32), counts)
    turn_start = np.concatenate([[0], np.cumsum(counts)])
    turn_to = by_tail[np.arange(len(turn_from)) - np.repeat(turn_start[:-1] - leaving[head], counts)]

    edges = Edges(segment, backward, tail, head)
    allowed = ~_forbidden(network, edges, turn_from, turn_to)
    turn_from, turn_to = turn_from[allowed], turn_to[allowed]
    turn_round = segment[turn_from] == segment[turn_to]
    counts = np.bincount(turn_from, minlength=len(segment))
    return Streets(
        segment,
        backward,
        tail,
        head,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        turn_to,
        _turn_s(network, profile, edges, turn_from, turn_to),
        turn_round,
    )


def open_turns(streets: Streets, edge_open: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which turns can be taken when only some edges can be driven. Shape (turns,).

    A truck turns round only where nothing else is open ahead: at a dead end, or in front of a closure.
    """
    turn_from = streets.turn_from
    both = edge_open[turn_from] & edge_open[streets.turn_to]
    onward = both & ~streets.turn_round
    goes_on = np.bincount(turn_from[onward], minlength=len(streets)) > 0
    return onward | (both & streets.turn_round & ~goes_on[turn_from])


def connected(streets: Streets) -> NDArray[np.bool_]:
    """Return which edges belong to the largest part where every edge can be reached from every other.

    Where all ways on lead out of that part (one-way streets that leave the map), a truck may turn round as at a dead
    end, so that the streets before it stay in.
    """
    everything = np.ones(len(streets), dtype=np.bool_)
    kept = everything
    for _ in range(GROWING_ROUNDS):
        goes_on = (
            np.bincount(streets.turn_from[~streets.turn_round & kept[streets.turn_to]], minlength=len(streets)) > 0
        )
        grown = largest_component(streets, ~streets.turn_round | ~goes_on[streets.turn_from], everything)
        if np.array_equal(grown, kept):
            break
        kept = grown
    while True:
        shrunk = largest_component(streets, open_turns(streets, kept), kept)
        if np.array_equal(shrunk, kept):
            return kept
        kept = shrunk


def largest_component(streets: Streets, turns: NDArray[np.bool_], within: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the edges of the largest strongly connected component by `turns`, counting edges `within` only."""
    if not within.any():
        return within
    size = len(streets)
    graph = csr_matrix(
        (np.ones(int(turns.sum()), dtype=np.int8), (streets.turn_from[turns], streets.turn_to[turns])),
        shape=(size, size),
    )
    _, component = connected_components(graph, directed=True, connection="strong")
    largest = np.bincount(component[within]).argmax()
    return np.asarray(within & (component == largest))


def _forbidden(
    network: RoadNetwork, edges: Edges, turn_from: NDArray[np.int32], turn_to: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return which turns a sign forbids."""
    segment, backward, tail, head = edges
    signs = network.forbidden_turns
    if len(signs) == 0 or len(segment) == 0:
        return np.zeros(len(turn_from), dtype=np.bool_)
    edge = np.full((len(network.length_m), 2), -1, dtype=np.int64)
    edge[segment, backward.astype(np.intp)] = np.arange(len(segment))
    before, junction, after = signs.T
    arriving = edge[before, (network.to_node[before] != junction).astype(np.intp)]
    leaving = edge[after, (network.from_node[after] != junction).astype(np.intp)]
    real = (arriving >= 0) & (leaving >= 0) & (head[arriving] == junction) & (tail[leaving] == junction)
    turns = turn_from.astype(np.int64) * len(segment) + turn_to
    return np.isin(turns, arriving[real] * len(segment) + leaving[real])


def _turn_s(
    network: RoadNetwork,
    profile: TruckProfile,
    edges: Edges,
    turn_from: NDArray[np.int32],
    turn_to: NDArray[np.int32],
) -> NDArray[np.float32]:
    """Return what each turn costs, seconds."""
    segment, backward, _, head = edges
    costs = profile.turns
    leaving, arriving = _headings_deg(network)
    heading_in = np.where(backward, leaving[segment] + 180.0, arriving[segment])[turn_from]
    heading_out = np.where(backward, arriving[segment] + 180.0, leaving[segment])[turn_to]
    clockwise = (heading_out - heading_in + 180.0) % 360.0 - 180.0
    to_kerb = -clockwise if profile.left_hand else clockwise
    seconds = np.where(
        np.abs(clockwise) <= STRAIGHT_DEG, costs.straight_s, np.where(to_kerb > 0, costs.near_s, costs.far_s)
    )
    nodes = len(network.lon)
    ends = np.concatenate([network.from_node, network.to_node])
    highest = np.full(nodes, np.iinfo(np.uint8).max, dtype=np.uint8)
    np.minimum.at(highest, ends, np.concatenate([network.road_class, network.road_class]))
    junction = head[turn_from]
    seconds = seconds + np.where(network.road_class[segment[turn_from]] > highest[junction], costs.give_way_s, 0.0)
    seconds[np.bincount(ends, minlength=nodes)[junction] <= 2] = 0.0
    seconds[segment[turn_from] == segment[turn_to]] = costs.turn_round_s
    return seconds.astype(np.float32)


def _headings_deg(network: RoadNetwork) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each segment's compass heading at its beginning and at its end, driven along."""
    start, end = network.shape_start[:-1], network.shape_start[1:]
    bent = end > start
    last = max(len(network.shape_lon) - 1, 0)

    def bend(axis: NDArray[np.float64], pick: NDArray[np.int64], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(bent, axis[np.clip(pick, 0, last)], otherwise) if len(axis) else otherwise

    from_lon, from_lat = network.lon[network.from_node], network.lat[network.from_node]
    to_lon, to_lat = network.lon[network.to_node], network.lat[network.to_node]
    leaving = _heading_deg(
        from_lon, from_lat, bend(network.shape_lon, start, to_lon), bend(network.shape_lat, start, to_lat)
    )
    arriving = _heading_deg(
        bend(network.shape_lon, end - 1, from_lon), bend(network.shape_lat, end - 1, from_lat), to_lon, to_lat
    )
    return leaving, arriving


def _heading_deg(
    lon: NDArray[np.float64], lat: NDArray[np.float64], to_lon: NDArray[np.float64], to_lat: NDArray[np.float64]
) -> NDArray[np.float64]:
    east = (to_lon - lon) * np.cos(np.radians(lat))
    return np.degrees(np.arctan2(east, to_lat - lat))
