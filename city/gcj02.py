"""GCJ-02, the shifted coordinates that maps in China must use, to WGS 84 and back.

Inside Dustcart everything is WGS 84; this is for the edges. The shift was never published; these are the formulas in
general use (on4wp7.codeplex.com, 2013, and its many translations, such as github.com/googollee/eviltransform).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Degrees = NDArray[np.float64]

# The Krasovsky 1940 ellipsoid, on which the shift is defined: half axis in metres, first eccentricity squared.
HALF_AXIS_M = 6_378_245.0
ECCENTRICITY_2 = 0.006_693_421_622_965_943_23

# Where the shift applies, the box that everybody uses for China. It takes in parts of the neighbours.
WEST, EAST, SOUTH, NORTH = 72.004, 137.8347, 0.8293, 55.8271

# The shift changes by less than 1 % of the way one moves, so each round gains two digits: measured over the whole box,
# 4e-7 degrees remain after two rounds, 2e-11 after four and nothing but rounding after six.
ROUNDS = 6
ROUNDING = 1e-10


class Place(NamedTuple):
    """Longitudes and latitudes, degrees, of one shape."""

    lon: Degrees
    lat: Degrees


def to_gcj02(lon: ArrayLike, lat: ArrayLike) -> Place:
    """Shift WGS 84 coordinates to GCJ-02; outside China they stay what they are."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    east, north = _shift(lon, lat)
    inside = in_china(lon, lat)
    return Place(np.where(inside, lon + east, lon), np.where(inside, lat + north, lat))


def to_wgs84(lon: ArrayLike, lat: ArrayLike) -> Place:
    """Undo `to_gcj02`, to less than 1e-9 degrees.

    Where China ends the shift jumps, so a strip a few hundred metres wide is reached from both sides; there the place
    inside China is meant.
    """
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    true_lon, true_lat = lon, lat
    for _ in range(ROUNDS):
        east, north = _shift(true_lon, true_lat)
        true_lon, true_lat = lon - east, lat - north
    inside = in_china(true_lon, true_lat, margin=ROUNDING)
    return Place(np.where(inside, true_lon, lon), np.where(inside, true_lat, lat))


def in_china(lon: ArrayLike, lat: ArrayLike, margin: float = 0.0) -> NDArray[np.bool_]:
    """Whether the shift applies to a place, or to one less than `margin` degrees away."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    across = (lon >= WEST - margin) & (lon <= EAST + margin)
    return across & (lat >= SOUTH - margin) & (lat <= NORTH + margin)


def _shift(lon: Degrees, lat: Degrees) -> Place:
    """Return by how many degrees a place is shifted east and north; beyond the box the formulas run wild."""
    lon, lat = np.clip(lon, WEST, EAST), np.clip(lat, SOUTH, NORTH)
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    common = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north_m += 2.0 / 3.0 * (common + _waves(y, (20.0, 1.0), (40.0, 3.0), (160.0, 12.0), (320.0, 30.0)))
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east_m += 2.0 / 3.0 * (common + _waves(x, (20.0, 1.0), (40.0, 3.0), (150.0, 12.0), (300.0, 30.0)))
    angle = np.radians(lat)
    flattened = 1.0 - ECCENTRICITY_2 * np.sin(angle) ** 2
    meridian_m = HALF_AXIS_M * (1.0 - ECCENTRICITY_2) / (flattened * np.sqrt(flattened))
    parallel_m = HALF_AXIS_M / np.sqrt(flattened) * np.cos(angle)
    return Place(np.degrees(east_m / parallel_m), np.degrees(north_m / meridian_m))


def _waves(where: Degrees, *heights_and_lengths: tuple[float, float]) -> Degrees:
    total = np.zeros_like(where)
    for height, length in heights_and_lengths:
        total += height * np.sin(np.pi * where / length)
    return total
