"""Sets aside rows whose coordinates lie far from every street, and guesses what is wrong where most of them do."""

from collections.abc import Sequence

import numpy as np

from city.check.places import LOST_M
from city.errors import CityError
from city.importing.report import Exclusion, Remark
from city.importing.rows import NewRow, TableRead
from city.placement import Placement, Streets


def set_lost_aside(read: TableRead, streets: Streets) -> tuple[list[NewRow], list[Exclusion], list[Remark]]:
    """Split places into those near streets and those that cannot be where they say.

    Parameters
    ----------
    read
        Rows with ``lon`` and ``lat``.
    streets
        The city's.

    Returns
    -------
    tuple
        The rows to keep, why the others are not, and a remark if the coordinates look like GCJ-02.

    Raises
    ------
    CityError
        If most rows are lost: the coordinate system is wrong, or the streets are another city's.
    """
    lon, lat = _coordinates(read.rows)
    placed = streets.place(lon, lat)
    lost = placed.street_m > LOST_M
    if 2 * lost.sum() > len(lost):
        row = int(np.flatnonzero(lost)[0])
        first = read.rows[row]
        raise CityError(
            f"{read.file}, line {first.line}: {read.table.one} {read.table.name(first.row)} at lon {lon[row]:.5f},"
            f" lat {lat[row]:.5f} is {_distance(placed, row)} from the nearest street, and {lost.sum()} of {len(lost)}"
            f" rows are like that; {_why(streets, lon, lat)}"
        )
    kept = [row for row, gone in zip(read.rows, lost, strict=True) if not gone]
    exclusions = [
        read.excluded(read.rows[row], "lost", distance_km=float(placed.street_m[row]) / 1000)
        for row in np.flatnonzero(lost).tolist()
    ]
    gain = streets.gcj02_gain(lon[~lost], lat[~lost])
    remarks = [Remark(read.file, "looks_like_gcj02", {"as_is_m": gain[0], "taken_back_m": gain[1]})] if gain else []
    return kept, exclusions, remarks


def _coordinates(rows: Sequence[NewRow]) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    lon, lat = (np.array([getattr(one.row, axis) for one in rows], np.float64) for axis in ("lon", "lat"))
    return lon, lat


def _distance(placed: Placement, row: int) -> str:
    metres = float(placed.street_m[row])
    return f"{metres:.0f} m" if metres < 10_000 else f"{metres / 1000:.0f} km"


def _why(
    streets: Streets,
    lon: np.ndarray[tuple[int], np.dtype[np.float64]],
    lat: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> str:
    could_swap = np.abs(lon) <= 90
    if could_swap.any() and np.median(streets.place(lat[could_swap], lon[could_swap]).street_m) <= LOST_M:
        return "longitude and latitude are swapped"
    if np.median(np.abs(lon)) < 1 and np.median(np.abs(lat)) < 1:
        return "coordinates near 0, 0 mean that none were given"
    network = streets.network
    return (
        f"the streets lie around lon {np.median(network.lon):.2f}, lat {np.median(network.lat):.2f}. Either the"
        " coordinates are in another system (declare it with --crs), or the roads are another city's"
    )
