"""The streets of a network as lines, ends included."""

import numpy as np
from numpy.typing import NDArray

from city.network import RoadNetwork

# Mean radius of the earth, metres.
EARTH_RADIUS_M = 6_371_008.8

# A tenth of a metre; RFC 7946 warns of more than six.
COORDINATE_DECIMALS = 6

# Farther from any street than this, a bin is not brought to the truck: the place is wrong, or a street is missing.
OFF_STREET_M = 150.0


def polylines(
    network: RoadNetwork, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the lines of some segments, ends included: lon, lat, and where each begins, shape (rows + 1,)."""
    bends = network.shape_start[rows + 1] - network.shape_start[rows]
    start = np.concatenate([[0], np.cumsum(bends + 2)]).astype(np.int64)
    inner = np.ones(start[-1], dtype=np.bool_)
    inner[start[:-1]] = inner[start[1:] - 1] = False
    first = np.cumsum(bends) - bends
    picked = np.arange(int(bends.sum())) + np.repeat(network.shape_start[rows] - first, bends)
    axes = []
    for node, shape in ((network.lon, network.shape_lon), (network.lat, network.shape_lat)):
        axis = np.empty(start[-1])
        axis[start[:-1]] = node[network.from_node[rows]]
        axis[start[1:] - 1] = node[network.to_node[rows]]
        axis[inner] = shape[picked]
        axes.append(axis)
    return axes[0], axes[1], start
