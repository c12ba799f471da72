"""Fastest ways by Dijkstra's algorithm on the streets: quickest for short ways, and the check on all others.

A way's cost is one float64: its duration in hundredths of a second times 2**27 plus its distance in centimetres. Both
are whole numbers, so sums below 2**53 (186 hours, 1,342 km) are exact whatever the order of adding, comparing two costs
compares durations and then distances, and every method finds the same two numbers.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import ZERO, compiled, inner
from routing.matrix import UNREACHABLE

DISTANCE_SPAN = 2.0**27

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


class Turns(NamedTuple):
    """Turns of edge e: into edges ``to[start[e]:start[e + 1]]``, each at the cost `step` of driving e and turning."""

    start: NDArray[np.int64]
    to: Ints
    step: Floats


class Places(NamedTuple):
    """Where travel begins and ends, shape (places, 2): an edge for each direction (-1: none) and what lies behind."""

    edge: NDArray[np.int64]
    behind: Floats


class Work(NamedTuple):
    """Arrays that a search works in, one entry an edge.

    Attributes
    ----------
    cost
        Of arriving at the start of the edge; infinite: not reached.
    parent
        The edge before it, or -1 - k where the search began with edge k of its starts.
    place
        Row in `heap`; -1: never queued.
    heap
        The queue, a binary heap from the front; edges that left it from the back.
    wanted
        Whether the search must settle it.
    """

    cost: Floats
    parent: Ints
    place: Ints
    heap: Ints
    wanted: NDArray[np.bool_]


def pack(duration_s: Floats, distance_m: Floats) -> Floats:
    """Make costs of durations and distances; an infinite duration is no way at all."""
    return np.rint(duration_s * 100.0) * DISTANCE_SPAN + np.rint(distance_m * 100.0)


def unpack(cost: Floats) -> tuple[Ints, Ints]:
    """Return whole seconds and whole metres of costs, `UNREACHABLE` for infinite ones."""
    there = np.isfinite(cost)
    finite = np.where(there, cost, 0.0)
    duration = np.floor(finite / DISTANCE_SPAN)
    distance = finite - duration * DISTANCE_SPAN
    duration_s = np.where(there, np.floor(duration / 100.0 + 0.5), UNREACHABLE).astype(np.int32)
    distance_m = np.where(there, np.floor(distance / 100.0 + 0.5), UNREACHABLE).astype(np.int32)
    return duration_s, distance_m


@inner
def sift_up(heap: Ints, place: Ints, cost: Floats, at: int) -> None:
    """Move the entry at `at` towards the top of the heap until its parent is not dearer."""
    node = heap[at]
    while at > 0:
        parent = (at - 1) >> 1
        if cost[heap[parent]] <= cost[node]:
            break
        heap[at] = heap[parent]
        place[heap[at]] = at
        at = parent
    heap[at] = node
    place[node] = at


@inner
def sift_down(heap: Ints, place: Ints, cost: Floats, size: int) -> None:
    """Move the top entry down until no child is cheaper."""
    node = heap[0]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and cost[heap[child + 1]] < cost[heap[child]]:
            child += 1
        if cost[heap[child]] >= cost[node]:
            break
        heap[at] = heap[child]
        place[heap[at]] = at
        at = child
    heap[at] = node
    place[node] = at


@inner
def search(
    turns: Turns, work: Work, start: tuple[NDArray[np.int64], Floats], wanted_count: int, most: int
) -> tuple[int, bool]:
    """Settle edges in order of cost until all wanted ones are settled, or as many as `most`.

    The search begins on edges (negative: none) with some of each already behind it: `start`. `work` must be fresh but
    for `wanted`, which marks `wanted_count` edges; its `heap` ends with the edges touched, for `forget`.

    Returns
    -------
    touched, gave_up
        How many edges were settled or queued, and whether the search ended for having settled too many.
    """
    start_edge, start_behind = start
    cost, parent, place, heap = work.cost, work.parent, work.place, work.heap
    size = 0
    touched = len(heap)
    for k in range(len(start_edge)):
        edge = start_edge[k]
        if edge < 0:
            continue
        for turn in range(turns.start[edge], turns.start[edge + 1]):
            reached = turns.step[turn] - start_behind[k]
            to = turns.to[turn]
            if reached < cost[to]:
                cost[to] = reached
                parent[to] = -1 - k
                if place[to] < 0:
                    place[to] = size
                    heap[size] = to
                    size += 1
                sift_up(heap, place, cost, place[to])
    while size > 0 and wanted_count > 0 and len(heap) - touched < most:
        edge = heap[0]
        size -= 1
        if size > 0:
            heap[0] = heap[size]
            sift_down(heap, place, cost, size)
        touched -= 1
        heap[touched] = edge
        if work.wanted[edge]:
            wanted_count -= 1
        for turn in range(turns.start[edge], turns.start[edge + 1]):
            to = turns.to[turn]
            reached = cost[edge] + turns.step[turn]
            if reached < cost[to]:
                cost[to] = reached
                parent[to] = edge
                if place[to] < 0:
                    place[to] = size
                    heap[size] = to
                    size += 1
                sift_up(heap, place, cost, place[to])
    gave_up = size > 0 and wanted_count > 0
    # From the last on, or a queue that fills its half would be written over before it is read.
    for k in range(size - 1, -1, -1):
        touched -= 1
        heap[touched] = heap[k]
    return len(heap) - touched, gave_up


@inner
def fresh(size: int) -> Work:
    """Make working arrays for a graph of `size` edges."""
    return Work(
        np.full(size, np.inf),
        np.empty(size, np.int32),
        np.full(size, -1, np.int32),
        np.empty(size, np.int32),
        np.zeros(size, np.bool_),
    )


@inner
def forget(work: Work, touched: int) -> None:
    """Make the working arrays of `search` fresh again, except for what is wanted."""
    for k in range(len(work.heap) - touched, len(work.heap)):
        work.cost[work.heap[k]] = np.inf
        work.place[work.heap[k]] = -1


@compiled
def between(turns: Turns, places: Places, rows: tuple[int, int], out: Floats) -> None:
    """Write the cost of the fastest ways from some places, first up to last row, to all into these rows of `out`."""
    work = fresh(len(turns.start) - 1)
    count = ZERO
    for edge in places.edge.ravel():
        if edge >= 0 and not work.wanted[edge]:
            work.wanted[edge] = True
            count += 1
    for source in range(rows[0], rows[1]):
        touched, _ = search(turns, work, (places.edge[source], places.behind[source]), count, len(work.heap))
        for target in range(len(places.edge)):
            best = np.inf
            for side in range(2):
                edge = places.edge[target, side]
                if edge < 0:
                    continue
                best = min(best, work.cost[edge] + places.behind[target, side])
                ahead = places.behind[target, side] - places.behind[source, side]
                if edge == places.edge[source, side] and ahead >= 0:
                    best = min(best, ahead)
            out[source, target] = best
        forget(work, touched)
