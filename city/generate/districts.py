"""Districts: contiguous parts of the street network with about as many collection points each."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from city.generate.land import Places
from city.generate.layout import Layout
from city.generate.places import Sites

# A bridge counts as so many times its length: districts end at the river if they can.
_BRIDGE = 6.0
_ROUNDS = 16
# How quickly a district of more than average many points is handicapped, and how far at most, both as shares of the
# distance to the next seed. Below a half, no seed is ever in another's district.
_EAGERNESS = 0.12
_LARGEST_HANDICAP = 0.45


@dataclass(frozen=True, slots=True)
class Districts:
    """Which district everything is in.

    Attributes
    ----------
    of_place
        District of each vertex of the layout that is an end of a segment; -1 for bends.
    of_segment
        District of each segment: that of its start.
    middle
        Where each district's collection points are, on average.
    """

    of_place: NDArray[np.int64]
    of_segment: NDArray[np.int64]
    middle: Places


class _Links(NamedTuple):
    """The street graph: the ends of every link, as numbers without gaps, and its length."""

    ends: NDArray[np.int64]
    length: NDArray[np.float64]


def divide(layout: Layout, sites: Sites, count: int, rng: np.random.Generator) -> Districts:
    """Divide the city.

    Every junction belongs to the district whose seed is nearest along the streets, an additively weighted Voronoi
    diagram on the street graph, which makes each part contiguous. Round by round the seeds move to the middle of
    their collection points, and the head start of districts that have many of them shrinks.
    """
    ends = layout.ends
    length = np.maximum(1.0, np.abs(layout.place[ends[:, 1]] - layout.place[ends[:, 0]]))
    bridge = np.array([street.bridge for street in layout.streets])[layout.street]
    junction, row = np.unique(ends, return_inverse=True)
    row = row.reshape(ends.shape)
    links = _Links(row, length * np.where(bridge, _BRIDGE, 1.0))
    start = row[sites.segment, 0]
    seeds = _first_seeds(sites.place, start, count, rng)
    handicap = np.zeros(count)
    for _round in range(_ROUNDS):
        mine = _nearest(links, seeds, handicap)[start]
        seeds = [_most_central(sites.place, start, np.flatnonzero(mine == district)) for district in range(count)]
        apart = _apart(layout.place[junction[seeds]])
        handicap += _EAGERNESS * apart * np.log(np.bincount(mine, minlength=count) * count / len(mine))
        handicap = np.clip(handicap - handicap.min(), 0.0, _LARGEST_HANDICAP * apart)
    of_junction = _nearest(links, seeds, handicap)
    of_place = np.full(len(layout.place), -1)
    of_place[junction] = of_junction
    mine = of_junction[start]
    middle = np.array([sites.place[mine == district].mean() for district in range(count)])
    return Districts(of_place, of_junction[row[:, 0]], middle)


def _first_seeds(place: Places, start: NDArray[np.int64], count: int, rng: np.random.Generator) -> list[int]:
    """Choose sites far from one another (k-means++), and return the junctions where their streets begin."""
    chosen = [int(start[rng.integers(len(start))])]
    away = np.full(len(place), np.inf)
    for _seed in range(count - 1):
        last = place[start == chosen[-1]].mean()
        away = np.minimum(away, np.abs(place - last) ** 2)
        away[np.isin(start, chosen)] = 0.0
        reached = np.cumsum(away)
        chosen.append(int(start[np.searchsorted(reached, rng.random() * reached[-1], side="right")]))
    return chosen


def _most_central(place: Places, start: NDArray[np.int64], rows: NDArray[np.int64]) -> int:
    """Return the junction of the site nearest to the middle of some sites."""
    return int(start[rows[np.abs(place[rows] - place[rows].mean()).argmin()]])


def _apart(place: Places) -> NDArray[np.float64]:
    """Return the distance of each seed to the next one, metres."""
    between = np.abs(place[:, None] - place[None, :]) + np.diag(np.full(len(place), np.inf))
    return np.asarray(np.where(len(place) > 1, between.min(axis=1), 0.0))


def _nearest(links: _Links, seeds: list[int], handicap: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return, for every junction, which seed is nearest along the streets, handicaps added."""
    size, count = int(links.ends.max()) + 1, len(seeds)
    # Every seed is reached from a vertex of its own over an edge as long as its handicap; no edge may have length 0.
    starts = np.arange(size, size + count)
    tails = np.concatenate([links.ends[:, 0], starts])
    heads = np.concatenate([links.ends[:, 1], seeds])
    lengths = np.concatenate([links.length, handicap + 1e-6])
    graph = coo_matrix((lengths, (tails, heads)), shape=(size + count, size + count)).tocsr()
    _distance, _before, source = dijkstra(
        graph, directed=False, indices=starts, return_predecessors=True, min_only=True
    )
    return np.asarray(source[:size] - size)
