"""One way through the streets: its line with all bends, its streets by name, how far and how long."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from city.lines import polylines
from city.network import RoadNetwork


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """The fastest way from one place to another.

    Attributes
    ----------
    lon, lat
        The line driven, from place to place. Shape (positions,), at least two.
    distance_m, duration_s
        As in the matrix of the same places.
    street_names
        Streets in order of driving; nameless ones are left out.
    segments, backward
        The segments driven, as rows of the graph's network, and whether against their direction.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    distance_m: int
    duration_s: int
    street_names: tuple[str, ...]
    segments: NDArray[np.int32]
    backward: NDArray[np.bool_]


def street_names(network: RoadNetwork, segments: NDArray[np.int32]) -> tuple[str, ...]:
    """Return the names along some segments, each once where it goes on over several."""
    names = (network.names[row] for row in network.name[segments].tolist())
    return tuple(name for name, _ in itertools.groupby(filter(None, names)))


def line(
    network: RoadNetwork, fractions: tuple[float, float], segments: NDArray[np.int32], backward: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lon and lat of the line along some segments, from one fraction of the first to one of the last."""
    lon, lat, first = polylines(network, segments.astype(np.int64))
    sizes = np.diff(first)
    step = np.arange(first[-1]) - np.repeat(first[:-1], sizes)
    driven = np.where(
        np.repeat(backward, sizes), np.repeat(first[1:] - 1, sizes) - step, np.repeat(first[:-1], sizes) + step
    )
    positions = np.stack([lon[driven], lat[driven]], axis=1)
    begin, finish = (1.0 - at if reverse else at for at, reverse in zip(fractions, backward[[0, -1]], strict=True))
    if len(segments) == 1:
        positions = _between(positions, begin, finish)
    else:
        head, middle, tail = np.split(positions, [first[1], first[-2]])
        positions = np.concatenate([_between(head, begin, 1.0), middle, _between(tail, 0.0, finish)])
    moved = np.concatenate([[True], (np.diff(positions, axis=0) != 0).any(axis=1)])
    positions = positions[moved]
    if len(positions) == 1:
        positions = np.repeat(positions, 2, axis=0)
    return positions[:, 0], positions[:, 1]


def _between(positions: NDArray[np.float64], begin: float, finish: float) -> NDArray[np.float64]:
    """Cut a line to the part between two fractions of its length, `begin` not after `finish`."""
    if begin <= 0.0 and finish >= 1.0:
        return positions
    scale = np.array([np.cos(np.radians(positions[0, 1])), 1.0])
    measure = np.concatenate([[0.0], np.cumsum(np.hypot(*(np.diff(positions, axis=0) * scale).T))])
    low, high = begin * measure[-1], finish * measure[-1]
    inner = positions[(measure > low) & (measure < high)]
    ends = [np.array([np.interp(at, measure, positions[:, axis]) for axis in (0, 1)]) for at in (low, high)]
    return np.concatenate([ends[:1], inner, ends[1:]])
