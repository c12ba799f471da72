"""The edges of fastest ways between pairs of places: searched where they are near, unfolded from tables where not."""

import numpy as np
from numpy.typing import NDArray

from routing.compiled import compiled
from routing.travel import Places, Turns, Work, forget, fresh, search
from routing.unfold import Atlas, unfold

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

# A search that settles this many edges takes as long as unfolding (benchmarks/roads.py).
SEARCHED_EDGES = 3_000


@compiled
def paths(turns: Turns, atlas: Atlas, places: Places, pairs: Ints) -> tuple[Floats, NDArray[np.int64], Ints]:
    """Find the fastest way between each pair of places, given as rows. Shape (pairs, 2).

    Returns
    -------
    cost
        Of each way; infinite where there is none.
    start, edges
        The edges of way k in order are ``edges[start[k]:start[k + 1]]``; none where there is no way.
    """
    work = fresh(len(turns.start) - 1)
    cost = np.empty(len(pairs))
    start = np.zeros(len(pairs) + 1, np.int64)
    edges = np.empty(64, np.int32)
    for k in range(len(pairs)):
        cost[k], path = _path(turns, atlas, places, work, (pairs[k, 0], pairs[k, 1]))
        start[k + 1] = start[k] + len(path)
        if start[k + 1] > len(edges):
            edges = np.concatenate((edges, np.empty(start[k + 1], np.int32)))
        for step in range(len(path)):
            edges[start[k] + step] = path[len(path) - 1 - step]
    return cost, start, edges[: start[-1]]


@compiled
def _path(turns: Turns, atlas: Atlas, places: Places, work: Work, pair: tuple[int, int]) -> tuple[float, list[int]]:
    """Return the cost of the fastest way between two places, and its edges from the last to the first."""
    source, target = pair
    best = np.inf
    last = direct = -1
    count = 0
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
    if gave_up:
        cost, unfolded = unfold(atlas, places, source, target)
        if cost < best:
            best, back = cost, unfolded
    return best, back
