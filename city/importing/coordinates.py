"""Coordinates of files in any declared system, to WGS 84 degrees; and what is probably wrong when they do not fit."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from city.errors import CityError
from city.gcj02 import to_wgs84

Degrees = NDArray[np.float64]
# A coordinate system: one that PROJ knows, or GCJ-02, which it does not.
System = CRS | Literal["gcj02"]
GCJ02: Literal["gcj02"] = "gcj02"
WGS84 = CRS.from_epsg(4326)

# No file of degrees has larger numbers, and no projected system's whole city has only smaller ones.
LARGEST_DEGREES = 180.0


class Wgs84(NamedTuple):
    """Longitudes and latitudes; NaN where the system has no such place."""

    lon: Degrees
    lat: Degrees


def parse_crs(text: str) -> System:
    """Read the name of a coordinate system: ``gcj02``, or anything PROJ knows, such as ``EPSG:4547``.

    Raises
    ------
    CityError
        If it is none, or has no place on the ground.
    """
    if text.strip().lower().replace("-", "") == GCJ02:
        return GCJ02
    try:
        crs = CRS.from_user_input(text)
    except CRSError as error:
        raise CityError(
            f"--crs {text}: there is no such coordinate system; write it like EPSG:4547, or gcj02"
        ) from error
    if not (crs.is_geographic or crs.is_projected or crs.is_compound):
        raise CityError(f"--crs {text}: {crs.name} is no system of places on a map; write one like EPSG:4547, or gcj02")
    return crs


def degrees(x: Degrees, y: Degrees, crs: System) -> Wgs84:
    """Convert coordinates, east before north, to WGS 84."""
    if isinstance(crs, str):
        lon, lat = to_wgs84(x, y)
    elif not crs.equals(WGS84):
        lon, lat = Transformer.from_crs(crs, WGS84, always_xy=True).transform(x, y)
    else:
        lon, lat = x, y
    good = (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)
    return Wgs84(np.where(good, lon, np.nan), np.where(good, lat, np.nan))


def why_off_the_globe(x: Degrees, y: Degrees, crs: System) -> str:
    """Guess why coordinates are nowhere on the globe."""
    if isinstance(crs, CRS) and not crs.is_geographic:
        if np.nanmax(np.abs([x, y])) <= LARGEST_DEGREES:
            return (
                f"they look like degrees, not like metres of {crs.name}; leave out --crs, or declare the right system"
            )
        return f"they do not fit {crs.name}; declare the system they are in with --crs"
    if np.nanmax(np.abs([x, y])) > LARGEST_DEGREES:
        return "they look like metres of a projected system; declare it with --crs, such as --crs EPSG:4547"
    return "longitude and latitude look swapped"
