"""Where places lie on the roads: how far from a street that trucks may use, and from one they can come back from."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from city.gcj02 import in_china, to_wgs84
from city.lines import EARTH_RADIUS_M, polylines
from city.network import RoadNetwork

# Shifted places lie anywhere between streets, true ones beside them. So many of them tell the two apart, if the shift
# taken back halves the middle distance; below the noise of addresses nothing needs explaining.
GCJ02_SAMPLE = 20
GCJ02_GAIN = 2.0
GCJ02_NOISE_M = 15.0


@dataclass(frozen=True, slots=True)
class Placement:
    """How places lie on the roads. All arrays have shape (places,); distances are infinite where there is no street.

    Attributes
    ----------
    street
        Row of the nearest street that trucks may use; -1 where there is none.
    street_m
        How far away it is.
    connected_m
        How far away the nearest street of the connected part is, which a truck can reach and come back from.
    cut_off
        The nearest street is not of the connected part.
    """

    street: NDArray[np.int64]
    street_m: NDArray[np.float64]
    connected_m: NDArray[np.float64]
    cut_off: NDArray[np.bool_]


def open_to_trucks(network: RoadNetwork) -> NDArray[np.bool_]:
    """Which segments trucks may drive on in some direction."""
    drivable: NDArray[np.bool_] = network.truck & (network.forward | network.backward)
    return drivable


def connected(network: RoadNetwork) -> NDArray[np.bool_]:
    """Which of these lie in the part of the network, the longest, where every street is reached from every other."""
    drivable = open_to_trucks(network)
    ahead, back = drivable & network.forward, drivable & network.backward
    tails = np.concatenate([network.from_node[ahead], network.to_node[back]])
    heads = np.concatenate([network.to_node[ahead], network.from_node[back]])
    size = len(network.node_id)
    links = coo_array((np.ones(len(tails), np.int8), (tails, heads)), shape=(size, size))
    _, part = connected_components(links, connection="strong")
    inside: NDArray[np.bool_] = drivable & (part[network.from_node] == part[network.to_node])
    if not inside.any():
        return inside
    length_m = np.bincount(part[network.from_node[inside]], network.length_m[inside])
    inside &= part[network.from_node] == length_m.argmax()
    return inside


class Streets:
    """The streets that trucks may use, searched by place.

    Distances are measured on a plane about the network's middle latitude, which is within 1 % over 100 km.
    """

    def __init__(self, network: RoadNetwork) -> None:
        self.network = network
        self.drivable = open_to_trucks(network)
        self.connected = connected(network)
        self._rows = np.flatnonzero(self.drivable)
        self._middle_lat = float(np.mean([network.lat.min(), network.lat.max()])) if len(network.lat) else 0.0
        lon, lat, start = polylines(network, self._rows)
        self._lines = shapely.linestrings(
            self._plane(lon, lat), indices=np.repeat(np.arange(len(self._rows)), np.diff(start))
        )
        self._tree = shapely.STRtree(self._lines)

    def place(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Placement:
        """Find the nearest streets of places."""
        points = shapely.points(self._plane(lon, lat))
        nearest, street_m = self._nearest(self._tree, points)
        found = nearest >= 0
        street = np.where(found, self._rows[nearest] if len(self._rows) else -1, -1)
        cut_off = np.zeros(len(points), bool)
        cut_off[found] = ~self.connected[street[found]]
        connected_m = street_m.copy()
        if cut_off.any():
            tree = shapely.STRtree(self._lines[self.connected[self._rows]])
            connected_m[cut_off] = self._nearest(tree, points[cut_off])[1]
        return Placement(street, street_m, connected_m, cut_off)

    def gcj02_gain(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[float, float] | None:
        """Say whether places look like GCJ-02 coordinates taken for WGS 84.

        Returns
        -------
        tuple or None
            The middle distance from the streets as the places are, and with the shift taken back; ``None`` if they
            do not look shifted, or are too few to tell.
        """
        here = in_china(lon, lat)
        if here.sum() < GCJ02_SAMPLE or not len(self._rows):
            return None
        lon, lat = lon[here], lat[here]
        as_is, taken_back = (
            float(np.median(self._nearest(self._tree, shapely.points(self._plane(*place)))[1]))
            for place in ((lon, lat), to_wgs84(lon, lat))
        )
        return (as_is, taken_back) if as_is > max(GCJ02_NOISE_M, GCJ02_GAIN * taken_back) else None

    def _plane(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        east_m = np.radians(lon) * EARTH_RADIUS_M * np.cos(np.radians(self._middle_lat))
        return np.column_stack([east_m, np.radians(lat) * EARTH_RADIUS_M])

    @staticmethod
    def _nearest(tree: shapely.STRtree, points: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return which line of the tree is nearest to each point, of equally near ones the first, and how far."""
        which = np.full(len(points), -1, np.int64)
        distance_m = np.full(len(points), np.inf)
        if len(tree) and len(points):
            (point, line), away_m = tree.query_nearest(points, return_distance=True)
            order = np.lexsort((-line, point))
            which[point[order]] = line[order]
            distance_m[point] = away_m
        return which, distance_m
