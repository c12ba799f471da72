"""Places laid out on a plane so that near means quick to drive: from travel alone, since a problem has no coordinates.

Landmark multidimensional scaling (de Silva and Tenenbaum, 2004): a few places are laid out exactly, all others by
their ways from and to these. Only the landmarks' rows and columns of the matrix are read.
"""

import numpy as np
from numpy.typing import NDArray

from routing.matrix import UNREACHABLE, Travel
from routing.ondemand import OnDemand
from routing.problem import Problem

LANDMARKS = 48

Points = NDArray[np.float64]


def positions(problem: Problem, seed: int = 1) -> dict[int, NDArray[np.float64]]:
    """Lay out every location that a stop, facility or truck of the problem stands at.

    Returns
    -------
    dict
        Location to coordinates, shape (2,): in cents of a way from a matrix, in metres where ways are worked out on
        demand.
    """
    used = np.array(
        sorted(
            {stop.location for stop in problem.stops}
            | {facility.location for facility in problem.facilities}
            | {home for truck in problem.trucks for home in (truck.start_location, truck.end_location)}
        ),
        dtype=np.int64,
    )
    if isinstance(known := problem.matrices[0], OnDemand):
        return dict(zip(used.tolist(), known.ways.plane(used), strict=True))
    drawn = np.random.default_rng(seed).permutation(len(used))[:LANDMARKS]
    landmarks = used[np.sort(drawn)]
    matrix = problem.matrices[0]
    ways = (_price(problem, matrix, landmarks, used) + _price(problem, matrix, used, landmarks).T) / 2
    return dict(zip(used.tolist(), _laid_out(ways, np.searchsorted(used, landmarks)), strict=True))


def _price(problem: Problem, matrix: Travel, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Points:
    """Return what ways between two sets of places cost, or how long they take where driving costs nothing."""
    pairs = np.ix_(rows, columns)
    seconds, metres = (table[pairs].astype(np.float64) for table in (matrix.duration_s, matrix.distance_m))
    count = max(1, len(problem.trucks))
    per_m = sum(truck.cents_per_km for truck in problem.trucks) / count / 1000
    per_s = sum(truck.cents_per_h for truck in problem.trucks) / count / 3600
    if not per_m and not per_s:
        per_s = 1.0
    price: Points = metres * per_m + seconds * per_s
    missing = (seconds >= UNREACHABLE) | (metres >= UNREACHABLE)
    if missing.any():
        price[missing] = price[~missing].max(initial=0.0)
    return price


def _laid_out(ways: Points, landmarks: NDArray[np.int64]) -> Points:
    """Scale ways from landmarks (rows) to all places (columns) down to a plane."""
    squares = ways**2
    among = squares[:, landmarks]
    mean = among.mean(axis=1)
    centred = -0.5 * (among - mean[:, None] - among.mean(axis=0)[None, :] + among.mean())
    values, vectors = np.linalg.eigh((centred + centred.T) / 2)
    values, vectors = values[::-1][:2], vectors[:, ::-1][:, :2]
    # The sign of an axis is the algebra library's whim; the result must not be.
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), range(vectors.shape[1])] < 0, -1.0, 1.0)
    scale = np.where(values > 1e-9, 1 / np.sqrt(np.maximum(values, 1e-9)), 0.0)
    points = np.zeros((ways.shape[1], 2))
    points[:, : len(scale)] = -0.5 * (squares - mean[:, None]).T @ (vectors * scale)
    return points
