"""Sharing out a whole number by weights."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def apportion(total: int, weights: ArrayLike, *, at_least: int = 0) -> NDArray[np.int64]:
    """Share out `total` by weight, whole and exact, each share at least so large (largest remainders, Hamilton).

    The sum is `total` unless that is less than all the least shares together.
    """
    weight = np.asarray(weights, np.float64)
    rest = max(0, total - at_least * len(weight))
    floor = np.full(len(weight), at_least, np.int64)
    if weight.sum() == 0:
        weight = np.ones(len(weight))
    # What the least shares give too much to the light ones is taken from what is left to share.
    exact = np.maximum(0.0, weight / weight.sum() * total - at_least)
    exact *= rest / exact.sum() if exact.sum() > 0 else 0.0
    shares = np.floor(exact).astype(np.int64)
    order = np.argsort(shares - exact, kind="stable")
    shares[order[: rest - int(shares.sum())]] += 1
    return np.asarray(floor + shares)
