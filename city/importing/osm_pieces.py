"""Cuts OpenStreetMap ways into segments: at junctions, at their ends, at barriers, and where nodes are missing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

WGS84 = Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Ways:
    """The nodes of all ways, one way after the other.

    Attributes
    ----------
    way
        Which way each place belongs to, as a row of the caller's list; never falls. Shape (places,).
    node
        Id of the node. Shape (places,).
    lon, lat
        Where it is; NaN for a node that the file does not hold.
    """

    way: NDArray[np.int64]
    node: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pieces:
    """The segments of all ways.

    Attributes
    ----------
    way
        The way each is a piece of. Shape (segments,).
    first, last
        The places in `Ways` where each begins and ends; those between are its bends.
    from_node, to_node
        Ids of its ends. A barrier has another id, below all others, on each side: nothing drives through it.
    length_m
        Geodesic length on WGS 84.
    ways
        The ways, without places that are missing or repeated.
    """

    way: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    from_node: NDArray[np.int64]
    to_node: NDArray[np.int64]
    length_m: NDArray[np.float64]
    ways: Ways


def cut(ways: Ways, barriers: NDArray[np.int64]) -> Pieces:
    """Cut ways into segments.

    Parameters
    ----------
    ways
        At least two places in each.
    barriers
        Ids of nodes that cannot be driven through.
    """
    ways, run = _without_gaps(ways)
    places = len(ways.node)
    starts = np.ones(places, bool)
    starts[1:] = run[1:] != run[:-1]
    ends = np.roll(starts, -1)
    _, place_of, uses = np.unique(ways.node, return_inverse=True, return_counts=True)
    blocked = np.isin(ways.node, barriers)
    cuts = np.flatnonzero(starts | ends | (uses[place_of] > 1) | blocked)
    whole = run[cuts[:-1]] == run[cuts[1:]]
    first, last = cuts[:-1][whole], cuts[1:][whole]
    from_node, to_node = ways.node[first], ways.node[last]
    lowest = min(int(ways.node.min(initial=0)), 0)
    for ids, at, side in ((from_node, first, 1), (to_node, last, 2)):
        ids[blocked[at]] = lowest - 2 * at[blocked[at]] - side
    _, _, step_m = WGS84.inv(ways.lon[:-1], ways.lat[:-1], ways.lon[1:], ways.lat[1:])
    along_m = np.concatenate([[0.0], np.cumsum(np.where(starts[1:], 0.0, step_m))])
    return Pieces(ways.way[first], first, last, from_node, to_node, along_m[last] - along_m[first], ways)


def _without_gaps(ways: Ways) -> tuple[Ways, NDArray[np.int64]]:
    """Drop missing and repeated places; also number the unbroken runs that remain, of two places at least."""
    there = ~np.isnan(ways.lon)
    begins = np.ones(len(ways.way), bool)
    begins[1:] = (ways.way[1:] != ways.way[:-1]) | ~there[:-1]
    run = np.cumsum(begins)
    repeated = np.zeros(len(ways.way), bool)
    repeated[1:] = (ways.node[1:] == ways.node[:-1]) & ~begins[1:]
    kept = there & ~repeated
    lengths = np.bincount(run[kept], minlength=run.max(initial=0) + 1)
    kept &= lengths[run] > 1
    return Ways(ways.way[kept], ways.node[kept], ways.lon[kept], ways.lat[kept]), run[kept]
