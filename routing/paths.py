"""The edges of fastest ways between pairs of places: searched where they are near, unfolded from tables where not."""

import numpy as np
from numpy.typing import NDArray

from routing.compiled import ONE, ZERO, compiled, inner
from routing.travel import Places, Turns, Work, forget, fresh, search
from routing.unfold import Atlas, unfold

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

# A search that settles this many edges takes as long as unfolding (benchmarks/roads.py).
SEARCHED_EDGES = 3_000


def paths(turns: Turns, atlas: Atlas, places: Places, pairs: Longs) -> list[tuple[float, Longs]]:
    """Return the cost of the fastest way between each pair of places (rows, shape (pairs, 2)), and its edges in order.

    The cost is infinite, and there are no edges, where there is no way.
    """
    cost, start, edges, gave_up = _search_pairs(turns, places, pairs)
    found = [(float(cost[k]), edges[start[k] : start[k + 1]]) for k in range(len(pairs))]
    for k in np.flatnonzero(gave_up).tolist():
        unfolded, back = unfold(atlas, places, *pairs[k])
        if unfolded < cost[k]:
            found[k] = unfolded, np.array(back[::-1])
    return found


@compiled
def _search_pairs(turns: Turns, places: Places, pairs: Longs) -> tuple[Floats, Longs, Longs, NDArray[np.bool_]]:
    """Search for the fastest way between pairs, looking no farther than `SEARCHED_EDGES`.

    Returns
    -------
    cost
        Of each way; infinite where there is none. Ways along a single edge are found in any case.
    start, edges
        The edges of way k in order are ``edges[start[k]:start[k + 1]]``.
    gave_up
        Whether there may be a faster way farther off.
    """
    work = fresh(len(turns.start) - 1)
    cost = np.empty(len(pairs))
    start = np.zeros(len(pairs) + 1, np.int64)
    edges = np.empty(64, np.int64)
    gave_up = np.zeros(len(pairs), np.bool_)
    for k in range(len(pairs)):
        cost[k], path, gave_up[k] = _search_pair(turns, places, work, pairs[k, 0], pairs[k, 1])
        start[k + 1] = start[k] + len(path)
        if start[k + 1] > len(edges):
            edges = np.concatenate((edges, np.empty(start[k + 1], np.int64)))
        for step in range(len(path)):
            edges[start[k] + step] = path[len(path) - 1 - step]
    return cost, start, edges[: start[-1]], gave_up


@inner
def _search_pair(turns: Turns, places: Places, work: Work, source: int, target: int) -> tuple[float, list[int], bool]:
    """Return the cost of the fastest way found, its edges from the last to the first, and whether one may be faster."""
    best = np.inf
    last = direct = -ONE
    count = ZERO
    for side in range(2):
        edge = places.edge[target, side]
        if edge >= 0:
            work.wanted[edge] = True
            count += 1
            ahead = places.behind[target, side] - places.behind[source, side]
            if edge == places.edge[source, side] and 0 <= ahead < best:
                best, direct = ahead, edge
    touched, gave_up = search(turns, work, (places.edge[source], places.behind[source]), count, SEARCHED_EDGES)
    for side in range(2):
        edge = places.edge[target, side]
        if edge >= 0:
            work.wanted[edge] = False
            if not gave_up and work.cost[edge] + places.behind[target, side] < best:
                best, last = work.cost[edge] + places.behind[target, side], edge
    back = [last if last >= 0 else direct]
    if last >= 0:
        while work.parent[back[-1]] >= 0:
            back.append(work.parent[back[-1]])
        back.append(places.edge[source, -1 - work.parent[back[-1]]])
    elif direct < 0:
        back.pop()
    forget(work, touched)
    return best, back, gave_up
