"""Puts points onto streets: which one is nearest, how far along, how far away, and on which side the point lies."""

from dataclasses import dataclass, fields, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from city.lines import EARTH_RADIUS_M, OFF_STREET_M, polylines
from city.network import RoadNetwork
from routing.errors import RoutingError

# Farther from any street than this, a point is not served from the street; the registry's check has the same limit.
SNAP_LIMIT_M = OFF_STREET_M

# Nearer to the middle of the street than this, a point is on neither side.
ON_THE_LINE_M = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Snaps:
    """Points with their places on the streets. All arrays have shape (points,).

    Attributes
    ----------
    lon, lat
        The points themselves.
    segment
        Row of the street in the graph's network.
    fraction
        How far along it, 0 at `from_node`, 1 at `to_node`.
    street_lon, street_lat
        The place on the street.
    distance_m
        From the point to that place.
    side
        Where the point lies, looking along the segment: 1 to the right, -1 to the left, 0 in its line.
    along, against
        Whether a truck may serve the point driving along, or against, the segment.
    kerb
        The side on which a truck has its kerb: 1 where traffic keeps right, -1 where it keeps left.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    segment: NDArray[np.int32]
    fraction: NDArray[np.float64]
    street_lon: NDArray[np.float64]
    street_lat: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    side: NDArray[np.int8]
    along: NDArray[np.bool_]
    against: NDArray[np.bool_]
    kerb: int

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.lon)

    def far(self, limit_m: float = SNAP_LIMIT_M) -> NDArray[np.intp]:
        """Return which points are farther than `limit_m` from the street they were put on."""
        return np.flatnonzero(self.distance_m > limit_m)

    def on_own_side(self, which: NDArray[np.bool_] | None = None) -> "Snaps":
        """Return the same places, some (by default all) to be served from the point's own side of the street only.

        Points on the street itself, and points on one-way streets, stay as they are.
        """
        chosen = np.ones(len(self), dtype=np.bool_) if which is None else which
        chosen = chosen & (self.side != 0) & self.along & self.against
        kerb_along = self.side == self.kerb
        return replace(self, along=self.along & (~chosen | kerb_along), against=self.against & ~(chosen & kerb_along))

    def without_turning(self, which: NDArray[np.bool_]) -> "Snaps":
        """Return the same places, some to be left in the direction in which they are reached.

        Each is served from its own side, one on the street itself along it.
        """
        own = self.on_own_side(which)
        return replace(own, against=own.against & ~(which & own.along))

    def pick(self, rows: NDArray[np.integer]) -> "Snaps":
        """Return some of the places, in the order of `rows`."""
        return replace(
            self, **{field.name: getattr(self, field.name)[rows] for field in fields(self) if field.name != "kerb"}
        )


class StreetIndex:
    """The streets that can be snapped to, in a tree of their boxes on a plane of metres.

    The plane is equirectangular about the network's middle latitude; over a city 100 km across its distances are
    within 1 %.
    """

    def __init__(self, network: RoadNetwork, rows: NDArray[np.int64]) -> None:
        self._rows = rows
        self._middle_lat = float(np.mean([network.lat.min(), network.lat.max()]))
        lon, lat, start = polylines(network, rows)
        x, y = self._plane(lon, lat)
        self._lines = shapely.linestrings(
            np.stack([x, y], axis=1), indices=np.repeat(np.arange(len(rows)), np.diff(start))
        )
        self._tree = shapely.STRtree(self._lines)

    def _plane(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        east = np.radians(lon) * (EARTH_RADIUS_M * np.cos(np.radians(self._middle_lat)))
        return east, np.radians(lat) * EARTH_RADIUS_M

    def snap(self, lon: NDArray[np.float64], lat: NDArray[np.float64], kerb: int) -> Snaps:
        """Return the nearest place on a street of each point; of equally near streets, the one of the lowest row.

        Raises
        ------
        RoutingError
            If a coordinate is not a number or not on the globe, naming the point's place in the list.
        """
        lon, lat = (np.asarray(axis, dtype=np.float64) for axis in (lon, lat))
        if lon.ndim != 1 or lon.shape != lat.shape:
            raise RoutingError(f"lon has shape {lon.shape}, lat {lat.shape}; both must be lists of the same length")
        wrong = np.flatnonzero(~((np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)))
        if len(wrong):
            first = int(wrong[0])
            raise RoutingError(
                f"point {first} has coordinates lon {lon[first]}, lat {lat[first]}, which are nowhere on the globe; "
                f"{len(wrong)} of {len(lon)} points are like that"
            )
        x, y = self._plane(lon, lat)
        points = shapely.points(x, y)
        which, line = self._tree.query_nearest(points, all_matches=True)
        nearest = np.full(len(lon), len(self._rows), dtype=np.int64)
        np.minimum.at(nearest, which, line)
        lines = self._lines[nearest]
        length = shapely.length(lines)
        along = shapely.line_locate_point(lines, points)
        place = shapely.get_coordinates(shapely.line_interpolate_point(lines, along)).reshape(-1, 2)
        ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.minimum(along + 0.1, length)))
        behind = shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(along - 0.1, 0.0)))
        heading = (ahead - behind).reshape(-1, 2)
        offset = np.stack([x, y], axis=1) - place
        distance = np.hypot(offset[:, 0], offset[:, 1])
        to_the_right = heading[:, 1] * offset[:, 0] - heading[:, 0] * offset[:, 1]
        # Before the end of a street, or behind it, a point is on neither side.
        aside = np.abs(to_the_right) >= ON_THE_LINE_M * np.hypot(heading[:, 0], heading[:, 1])
        side = np.where(aside, np.sign(to_the_right), 0)
        return Snaps(
            lon=lon,
            lat=lat,
            segment=self._rows[nearest].astype(np.int32),
            fraction=np.divide(along, length, out=np.zeros_like(along), where=length > 0),
            street_lon=np.degrees(place[:, 0] / (EARTH_RADIUS_M * np.cos(np.radians(self._middle_lat)))),
            street_lat=np.degrees(place[:, 1] / EARTH_RADIUS_M),
            distance_m=distance,
            side=side.astype(np.int8),
            along=np.ones(len(lon), dtype=np.bool_),
            against=np.ones(len(lon), dtype=np.bool_),
            kerb=kerb,
        )
