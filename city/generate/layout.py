"""Streets as they are built: the drawing is bent a little, its edges joined to segments, these to runs of street."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from city.generate.drawing import NOTHING, Drawing, Street
from city.generate.land import Land, Places, Waves
from city.network import RoadClass

# How often a lesser piece of street is not built, so that some blocks are larger and some streets end.
_GAPS = 0.03
# A bent piece of street gets vertices where it leaves the straight line by more than this.
_STRAIGHT_M = 1.2
_BENDS_EVERY_M = 45.0


@dataclass(frozen=True)
class Layout:
    """All street segments, those of one run of street next to one another in driving order.

    Attributes
    ----------
    place
        Every vertex, whether junction or bend.
    streets
        The streets of the drawing.
    path
        Each segment's vertices from its start to its end, as rows of `place`.
    street
        The street of each segment, as row of `streets`.
    run_start
        The segments of run i are rows ``run_start[i]:run_start[i + 1]``.
    water
        The river, bent like the streets.
    """

    place: Places
    streets: Sequence[Street]
    path: list[list[int]]
    street: NDArray[np.int64]
    run_start: NDArray[np.int64]
    water: shapely.Polygon

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Start and end of each segment, as rows of `place`. Shape (segments, 2)."""
        return np.array([(path[0], path[-1]) for path in self.path], np.int64).reshape(-1, 2)

    @cached_property
    def road_class(self) -> NDArray[np.uint8]:
        """`RoadClass` of each segment."""
        return np.array([street.road_class for street in self.streets], np.uint8)[self.street]


def lay_out(drawing: Drawing, land: Land, rng: np.random.Generator) -> Layout:
    """Build what was drawn."""
    edges = np.array(list(drawing.street_of), np.int64)
    street = np.array(list(drawing.street_of.values()), np.int64)
    edges, street = edges[street != NOTHING], street[street != NOTHING]
    kept = _without_gaps(edges, street, drawing, rng)
    edges, street = edges[kept], street[kept]
    kept = _connected(edges)
    edges, street = edges[kept], street[kept]

    waves = Waves.draw(rng, 350.0, 1400.0, 9, 0.15)
    place, paths = _bend(np.array(drawing.place), edges, waves)
    junction = np.bincount(edges.ravel(), minlength=len(drawing.place)) != 2
    segments = _chains(edges, street, junction)
    joined = [_join(paths, segment) for segment in segments]
    of_segment = street[[segment[0] >> 1 for segment in segments]]
    ends = np.array([(path[0], path[-1]) for path in joined], np.int64)
    runs = _chains(ends, of_segment, np.zeros(len(place), bool))
    return Layout(
        place=place,
        streets=drawing.streets,
        path=[joined[half >> 1][:: -1 if half & 1 else 1] for run in runs for half in run],
        street=of_segment[[half >> 1 for run in runs for half in run]],
        run_start=np.concatenate([[0], np.cumsum([len(run) for run in runs])]).astype(np.int64),
        water=shapely.transform(land.water(), lambda at: _pairs(waves.move(at @ np.array([1, 1j])))),
    )


def _without_gaps(
    edges: NDArray[np.int64], street: NDArray[np.int64], drawing: Drawing, rng: np.random.Generator
) -> NDArray[np.bool_]:
    lesser = np.array([one.road_class >= RoadClass.UNCLASSIFIED for one in drawing.streets])[street]
    arms = np.bincount(edges.ravel(), minlength=len(drawing.place))
    return ~(lesser & (arms[edges] > 2).all(axis=1) & (rng.random(len(edges)) < _GAPS))


def _connected(edges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which edges belong to the largest part that hangs together."""
    size = int(edges.max()) + 1
    links = coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(size, size))
    part = connected_components(links, directed=False)[1][edges[:, 0]]
    return np.asarray(part == np.bincount(part).argmax())


def _bend(place: Places, edges: NDArray[np.int64], waves: Waves) -> tuple[Places, list[list[int]]]:
    """Move all places and give bent edges vertices between their ends; return each edge's vertices."""
    moved = waves.move(place)
    start, end = place[edges[:, 0]], place[edges[:, 1]]
    count = np.maximum(1, np.ceil(np.abs(end - start) / _BENDS_EVERY_M).astype(np.int64)) - 1
    edge = np.repeat(np.arange(len(edges)), count)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + 1
    share = step / (count[edge] + 1)
    between = waves.move(start[edge] + share * (end - start)[edge])
    straight = moved[edges[:, 0]][edge] + share * (moved[edges[:, 1]] - moved[edges[:, 0]])[edge]
    leaves = np.zeros(len(edges))
    np.maximum.at(leaves, edge, np.abs(between - straight))
    bent = leaves[edge] > _STRAIGHT_M
    paths = [[a] for a in edges[:, 0].tolist()]
    for row, index in enumerate(edge[bent].tolist(), start=len(place)):
        paths[index].append(row)
    for path, b in zip(paths, edges[:, 1].tolist(), strict=True):
        path.append(b)
    return np.concatenate([moved, between[bent]]), paths


def _chains(ends: NDArray[np.int64], key: NDArray[np.int64], stop: NDArray[np.bool_]) -> list[list[int]]:
    """Join links into chains: over nodes, unless `stop`, where exactly two links of the same key meet.

    Returns
    -------
    list of list of int
        Of every chain its links in order, each as twice its row, plus one if it is followed from end to start.
    """
    node = ends.ravel()
    group = np.lexsort((np.repeat(key, 2), node))
    same = (np.diff(node[group]) == 0) & (np.diff(np.repeat(key, 2)[group]) == 0)
    before, after = np.append(False, same), np.append(same, False)
    first = np.flatnonzero(after & ~before & ~np.append(after[1:], False) & ~stop[node[group]])
    partner = np.full(len(node), -1, np.int64)
    partner[group[first]], partner[group[first + 1]] = group[first + 1], group[first]
    following = partner.tolist()
    seen = bytearray(len(ends))
    chains = []
    open_ends = np.flatnonzero(partner < 0).tolist()
    for half in [*open_ends, *range(0, len(node), 2)]:
        chain, at = [], half
        while at >= 0 and not seen[at >> 1]:
            seen[at >> 1] = 1
            chain.append(at)
            at = following[at ^ 1]
        if chain:
            chains.append(chain)
    return chains


def _join(paths: list[list[int]], chain: list[int]) -> list[int]:
    """Return the vertices along a chain of edges."""
    joined: list[int] = []
    for half in chain:
        path = paths[half >> 1][:: -1 if half & 1 else 1]
        joined.extend(path[1:] if joined else path)
    return joined


def _pairs(places: Places) -> NDArray[np.float64]:
    return np.column_stack([places.real, places.imag])
