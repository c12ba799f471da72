"""The parts of a dissected map, from single junctions up to the whole, with the edges that lead into and out of each.

Every part but a junction is made of two, left and right, and of the streets cut between them. Parts are numbered so
that a part comes after the two it is made of: junctions first, in the order of the dissection, then the others.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import compiled
from routing.dissection import Dissection
from routing.streets import Streets

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


class Parts(NamedTuple):
    """Parts and the edges around them.

    Attributes
    ----------
    left, right, parent
        The two halves of a part (-1 for junctions), and the part it is half of (-1 for the whole). Shape (parts,).
    first
        The lowest number of a part, junctions aside, within each part.
    cut_start, to_right, to_left
        The edges cut in a part are those from number `cut_start` on: `to_right` from left to right, then `to_left`.
    in_start, in_edge, out_start, out_edge
        Edges into and out of each part, in order of their numbers. Those cut in the nearest larger part come first.
    table_start, star_start
        Where a part's table of (ways in, ways out), and its table of (left to right, left to right), begin.
    """

    left: Longs
    right: Longs
    parent: Longs
    first: Longs
    cut_start: Longs
    to_right: Longs
    to_left: Longs
    in_start: Longs
    in_edge: Ints
    out_start: Longs
    out_edge: Ints
    table_start: Longs
    star_start: Longs

    @property
    def junctions(self) -> int:
        """How many of the parts are single junctions."""
        return (len(self.left) + 1) // 2


def parts_of(dissection: Dissection, streets: Streets) -> tuple[Parts, Streets]:
    """Find the edges around every part, and put the streets' edges in the order of the parts they are cut in."""
    junctions = len(dissection.order)
    rank = np.empty(junctions, dtype=np.int32)
    rank[dissection.order] = np.arange(junctions, dtype=np.int32)
    left, right, parent, first = _tree(dissection.depth)
    cut = _common(parent, rank[streets.tail], rank[streets.head])
    rightward = rank[streets.tail] < rank[streets.head]
    count = len(left)
    to_right = np.bincount(cut[rightward], minlength=count)
    to_left = np.bincount(cut[~rightward], minlength=count)
    streets = streets.pick(np.lexsort((~rightward, cut)))
    into = _around(left, right, to_left, to_right, rank[streets.head])
    out = _around(left, right, to_right, to_left, rank[streets.tail])
    parts = Parts(
        left,
        right,
        parent,
        first,
        _starts(to_right + to_left),
        to_right,
        to_left,
        *into,
        *out,
        _starts(np.diff(into[0]) * np.diff(out[0])),
        _starts(to_right**2),
    )
    return parts, streets


def cut_in(parts: Parts, edge: Ints) -> Longs:
    """Return the part that each edge is cut in."""
    return np.searchsorted(parts.cut_start, edge, side="right") - 1


def _starts(sizes: Longs) -> Longs:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


@compiled
def _tree(depth: NDArray[np.uint8]) -> tuple[Longs, Longs, Longs, Longs]:
    """Return left, right, parent and first of all parts."""
    junctions = len(depth)
    count = 2 * junctions - 1
    left = np.full(count, -1)
    right = np.full(count, -1)
    parent = np.full(count, -1)
    first = np.arange(count)
    waiting = np.empty(junctions, np.int64)
    cuts = np.empty(junctions, np.int64)
    size = 1
    waiting[0] = 0
    made = junctions
    for place in range(1, junctions + 1):
        level = depth[place] if place < junctions else -1
        while size > 1 and cuts[size - 1] >= level:
            left[made] = waiting[size - 2]
            right[made] = waiting[size - 1]
            parent[left[made]] = made
            parent[right[made]] = made
            for half in (right[made], left[made]):
                if half >= junctions:
                    first[made] = first[half]
            size -= 1
            waiting[size - 1] = made
            made += 1
        if place < junctions:
            waiting[size] = place
            cuts[size] = level
            size += 1
    return left, right, parent, first


@compiled
def _common(parent: Longs, tail: Ints, head: Ints) -> Longs:
    """Return the smallest part that both ends of each edge belong to: where the edge is cut."""
    found = np.empty(len(tail), np.int64)
    for edge in range(len(tail)):
        one, other = np.int64(tail[edge]), np.int64(head[edge])
        while one != other:
            if one < other:
                one = parent[one]
            else:
                other = parent[other]
        found[edge] = one
    return found


@compiled
def _around(left: Longs, right: Longs, from_left: Longs, from_right: Longs, junction: Ints) -> tuple[Longs, Ints]:
    """Return the edges into (or out of) every part.

    `junction` is where each edge ends (begins); of a part's cut edges, the `from_left` ones are among those of its
    left half, the `from_right` ones among those of its right half, and vanish inside the part.
    """
    count = len(left)
    start = np.zeros(count + 1, np.int64)
    for edge in range(len(junction)):
        start[junction[edge] + 1] += 1
    for part in range(count):
        if left[part] >= 0:
            halves = start[left[part] + 1] + start[right[part] + 1]
            start[part + 1] = halves - from_left[part] - from_right[part]
    for part in range(count):
        start[part + 1] += start[part]
    edges = np.empty(start[count], np.int32)
    filled = start[:-1].copy()
    for edge in range(len(junction)):
        edges[filled[junction[edge]]] = edge
        filled[junction[edge]] += 1
    for part in range(count):
        if left[part] < 0:
            continue
        one = start[left[part]] + from_left[part]
        other = start[right[part]] + from_right[part]
        one_end, other_end = start[left[part] + 1], start[right[part] + 1]
        for at in range(start[part], start[part + 1]):
            if other >= other_end or (one < one_end and edges[one] < edges[other]):
                edges[at] = edges[one]
                one += 1
            else:
                edges[at] = edges[other]
                other += 1
    return start, edges
