"""Attendants: where somebody is there, a full bin is swapped for the spare one; its waste waits for the truck."""

import numpy as np
from numpy.typing import NDArray

from scenarios.bins import Bins
from scenarios.hours import LocalHour

# They look at their bins on every half hour while they are there.
ROUND_S = 1800
FROM_HOUR, TO_HOUR = 6, 21


def rows_to_swap(
    bins: Bins, level: NDArray[np.float64], set_aside_l: NDArray[np.float64], when: LocalHour
) -> NDArray[np.int64]:
    """Return the rows of the bins that are swapped on one round, at most one of each group.

    Parameters
    ----------
    level
        True fill level. Shape (bins,).
    set_aside_l
        Litres in swapped bins that wait for the truck. Shape (groups,).
    """
    if not FROM_HOUR <= when.hour < TO_HOUR:
        return np.empty(0, dtype=np.int64)
    full = np.flatnonzero(bins.attended & (level >= 1.0) & (set_aside_l[bins.group] == 0.0))
    fullest_first = full[np.argsort(-level[full], kind="stable")]
    _, first_of_group = np.unique(bins.group[fullest_first], return_index=True)
    return fullest_first[np.sort(first_of_group)]
