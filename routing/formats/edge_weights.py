"""Distances of TSPLIB and VRPLIB files: from coordinates by the named rule, or from a written-out matrix.

The rules are those of G. Reinelt, TSPLIB 95 (1995), section 2; EXACT_2D is VRPLIB's: not rounded, here to a thousandth.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from routing.errors import RoutingError
from routing.formats.lines import Line, number
from routing.matrix import UNREACHABLE

Floats = NDArray[np.float64]

# Parts of a unit that EXACT_2D is kept to.
EXACT_PARTS = 1000
# Written-out weights may have this many decimals; more are rounded off.
MAX_DECIMALS = 3
# Rows worked on at once, so that a large matrix needs little beside itself.
ROWS = 256
# TSPLIB's own values, so that its own distances come out.
GEO_PI = 3.141592
GEO_RADIUS_KM = 6378.388


def nearest(values: Floats) -> Floats:
    """Round half up, as TSPLIB's nint does."""
    return np.floor(values + 0.5)


def _straight(here: Floats, there: Floats) -> Floats:
    # The root of a sum of whole squares is exact where it is whole, which `hypot` does not promise.
    squares: Floats = np.square(here[:, None, 0] - there[None, :, 0]) + np.square(here[:, None, 1] - there[None, :, 1])
    return np.sqrt(squares)


def _by_axis(here: Floats, there: Floats) -> Floats:
    apart: Floats = np.abs(here[:, None] - there[None])
    return apart


def _att(here: Floats, there: Floats) -> Floats:
    squares: Floats = np.square(here[:, None] - there[None]).sum(-1)
    return np.ceil(np.sqrt(squares / 10.0))


def _geo(here: Floats, there: Floats) -> Floats:
    lat_a, lon_a = _radians(here).T
    lat_b, lon_b = _radians(there).T
    q1 = np.cos(lon_a[:, None] - lon_b[None])
    q2 = np.cos(lat_a[:, None] - lat_b[None])
    q3 = np.cos(lat_a[:, None] + lat_b[None])
    angles: Floats = np.arccos(np.clip(0.5 * ((1 + q1) * q2 - (1 - q1) * q3), -1, 1))
    return np.floor(GEO_RADIUS_KM * angles + 1.0)


def _radians(degrees_minutes: Floats) -> Floats:
    degrees = np.trunc(degrees_minutes)
    return GEO_PI * (degrees + 5.0 * (degrees_minutes - degrees) / 3.0) / 180.0


RULES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "EUC_2D": lambda here, there: nearest(_straight(here, there)),
    "CEIL_2D": lambda here, there: np.ceil(_straight(here, there)),
    "FLOOR_2D": lambda here, there: np.floor(_straight(here, there)),
    "EXACT_2D": lambda here, there: nearest(EXACT_PARTS * _straight(here, there)),
    "MAN_2D": lambda here, there: nearest(_by_axis(here, there).sum(-1)),
    "MAX_2D": lambda here, there: nearest(_by_axis(here, there)).max(-1),
    "ATT": _att,
    "GEO": _geo,
}


def from_coordinates(rule: str, coordinates: Floats) -> tuple[NDArray[np.int32], int]:
    """Compute all distances by a rule.

    Returns
    -------
    distances
        Shape (nodes, nodes).
    per_unit
        How many of them make one unit of the coordinates.
    """
    size = len(coordinates)
    distances = np.empty((size, size), dtype=np.int32)
    for first in range(0, size, ROWS):
        block = RULES[rule](coordinates[first : first + ROWS], coordinates)
        _affordable(block)
        distances[first : first + ROWS] = block
    np.fill_diagonal(distances, 0)
    return distances, EXACT_PARTS if rule == "EXACT_2D" else 1


# Whether a format has the upper triangle row by row (the lower column by column is the same), and the diagonal.
TRIANGLES = {
    "UPPER_ROW": (True, False),
    "LOWER_COL": (True, False),
    "UPPER_DIAG_ROW": (True, True),
    "LOWER_DIAG_COL": (True, True),
    "LOWER_ROW": (False, False),
    "UPPER_COL": (False, False),
    "LOWER_DIAG_ROW": (False, True),
    "UPPER_DIAG_COL": (False, True),
}
FULL = "FULL_MATRIX"
FORMATS = (FULL, *TRIANGLES)


def from_matrix(layout: str, size: int, lines: Sequence[Line]) -> tuple[NDArray[np.int32], int]:
    """Read a written-out matrix. Where its lines break means nothing: E-n13-k4's look like an upper triangle, and only
    read as the lower one that it says it is does it have its published optimum of 247.

    Returns
    -------
    distances
        Shape (nodes, nodes); what a full matrix has on its diagonal does not count.
    per_unit
        How many of them make one unit of the file: more than one where the file has decimals.
    """
    values = np.array([number(line, word, "a distance") for line in lines for word in line.words], dtype=np.float64)
    upper, diagonal = TRIANGLES.get(layout, (False, False))
    wanted = size * size if layout == FULL else size * (size - 1) // 2 + size * diagonal
    if len(values) != wanted:
        raise RoutingError(f"EDGE_WEIGHT_SECTION holds {len(values)} numbers; {layout} of {size} nodes takes {wanted}")
    if (values < 0).any():
        raise RoutingError(f"EDGE_WEIGHT_SECTION holds the distance {values.min():g}; none may be negative")
    full = np.zeros((size, size))
    if layout == FULL:
        full[:] = values.reshape(size, size)
    else:
        rows, columns = np.triu_indices(size, 1 - diagonal) if upper else np.tril_indices(size, diagonal - 1)
        full[rows, columns] = full[columns, rows] = values
    np.fill_diagonal(full, 0)
    per_unit = parts_of_one(full)
    full = nearest(full * per_unit)
    _affordable(full)
    return full.astype(np.int32), per_unit


def parts_of_one(values: Floats) -> int:
    """Return the power of ten that makes all numbers whole, up to that of `MAX_DECIMALS`."""
    for decimals in range(MAX_DECIMALS):
        moved = values * 10**decimals
        if np.abs(moved - np.rint(moved)).max(initial=0.0) < 1e-6:
            return int(10**decimals)
    return int(10**MAX_DECIMALS)


def _affordable(distances: Floats) -> None:
    longest = float(distances.max(initial=0.0))
    if not math.isfinite(longest) or longest >= UNREACHABLE:
        raise RoutingError(f"two nodes are {longest:g} apart; distances must stay below {UNREACHABLE}")
