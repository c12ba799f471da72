"""The edges of one fastest way, from the tables alone: for ways too long to search.

From the start upwards, the cost of reaching every cut edge within each part that holds the start; from the whole map
downwards, the same without "within" for each part that holds the end. Then back from the end: whatever edge was reached
at a cost, some edge before it and an entry of a table add up to just that cost (costs are whole numbers), and every
entry used unfolds in the same way into entries of the part's halves, down to turns at junctions. See `tables` for the
notation.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import ONE, ZERO, compiled, inner
from routing.crossing import Crossing, cross, enter_half, halves, leave_home, merge, start_crossing, ways_out
from routing.minplus import copy, nowhere, relax, whole
from routing.parts import Parts
from routing.tables import Tables
from routing.travel import Places

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

# A table entry that a way goes through: the part, the edge into it, and the edge out of it.
Entry = tuple[int, int, int]


class Atlas(NamedTuple):
    """A dissected map with its tables."""

    parts: Parts
    tables: Tables


class Fall(NamedTuple):
    """What is known of the parts that hold the end, the whole map first.

    Attributes
    ----------
    part
        Their numbers.
    reached
        Cost of reaching their cut edges.
    entered
        Cost of reaching each way into them.
    """

    part: NDArray[np.int64]
    reached: list[Crossing]
    entered: list[Floats]


@compiled
def unfold(atlas: Atlas, places: Places, source: int, target: int) -> tuple[float, list[int]]:
    """Return the cost of the fastest way between two places and its edges, last first; none where there is no way.

    Ways that stay on the edge they start on are not looked at.
    """
    parts = atlas.parts
    back = [0]
    back.pop()
    if places.edge[source].max() < 0 or places.edge[target].max() < 0:
        return np.inf, back
    rising = _chain(parts, places.edge[source].max())
    within = _rise(atlas, places, source, rising)
    fall = _fall(atlas, (places, source), (rising, within), _chain(parts, places.edge[target].max()))
    best = cost = np.inf
    last = -ONE
    for side in range(2):
        edge = places.edge[target, side]
        if edge >= 0:
            to_edge = _cost_of(parts, fall.part[-1], fall.reached[-1], edge)
            if to_edge + places.behind[target, side] < best:
                best, cost, last = to_edge + places.behind[target, side], to_edge, edge
    if last >= 0:
        back.append(last)
        entries = _retrace(atlas, (places, source), (rising, within), fall, (last, cost))
        for entry in entries:
            _expand(atlas, entry, back)
    return best, back


@inner
def _chain(parts: Parts, edge: int) -> NDArray[np.int64]:
    """Return the parts that an edge lies in, from the whole map down to where it is cut."""
    part = np.searchsorted(parts.cut_start, edge, side="right") - 1
    count = 1
    above = parts.parent[part]
    while above >= 0:
        count += 1
        above = parts.parent[above]
    chain = np.empty(count, np.int64)
    for k in range(count):
        chain[count - 1 - k] = part
        part = parts.parent[part]
    return chain


@inner
def _rise(atlas: Atlas, places: Places, source: int, chain: NDArray[np.int64]) -> list[Crossing]:
    """Return the cost of reaching the cut edges of each part of a chain from a place, without leaving the part."""
    parts, tables = atlas.parts, atlas.tables
    reached = [start_crossing(parts, chain[-1], ONE)]
    leave_home(parts, tables, chain[-1], places, (source, ZERO), reached[0])
    for k in range(len(chain)):
        part = chain[len(chain) - 1 - k]
        reached[-1] = cross(parts, tables, part, reached[-1])
        if k + 1 < len(chain):
            above = ways_out(parts, part, reached[-1])
            begun = start_crossing(parts, parts.parent[part], ONE)
            if parts.left[parts.parent[part]] == part:
                enter_half(begun.x, begun.out_a, above, ZERO)
            else:
                enter_half(begun.y, begun.out_b, above, ZERO)
            reached.append(begun)
    return reached[::-1]


@inner
def _fall(
    atlas: Atlas, start: tuple[Places, int], rise: tuple[NDArray[np.int64], list[Crossing]], chain: NDArray[np.int64]
) -> Fall:
    """Return the cost of reaching the cut edges of each part of a chain from a place."""
    parts, tables = atlas.parts, atlas.tables
    places, source = start
    rising, within = rise
    reached = [within[0]]
    entered = [nowhere(ONE, ZERO)]
    for depth in range(1, len(chain)):
        part, above = chain[depth], chain[depth - 1]
        pick = (parts.left[above], parts.right[above], above)
        in_a, in_b = merge(parts.in_edge, parts.in_start, pick, (parts.to_left[above], parts.to_right[above]))
        outer = in_a if parts.left[above] == part else in_b
        cut = reached[-1].y if parts.left[above] == part else reached[-1].x
        ways_in = np.empty((1, cut.shape[1] + len(outer)))
        copy(whole(cut), whole(ways_in), cut.shape)
        for k in range(len(outer)):
            ways_in[0, cut.shape[1] + k] = entered[-1][0, outer[k]]
        if above == rising[-1]:
            # The place may lie on a street that leads right in.
            for side in range(2):
                row = find(parts.in_edge, parts.in_start[part], parts.in_start[part + 1], places.edge[source, side])
                if row >= 0:
                    ways_in[0, row] = -places.behind[source, side]
        begun = start_crossing(parts, part, ONE)
        a, b = halves(parts, tables, part)
        pick = (parts.left[part], parts.right[part], part)
        in_a, in_b = merge(parts.in_edge, parts.in_start, pick, (parts.to_left[part], parts.to_right[part]))
        by_a, by_b = nowhere(ONE, len(in_a)), nowhere(ONE, len(in_b))
        for k in range(len(in_a)):
            by_a[0, k] = ways_in[0, in_a[k]]
        for k in range(len(in_b)):
            by_b[0, k] = ways_in[0, in_b[k]]
        relax(whole(by_a), a.in_cut, whole(begun.x), (ONE, len(in_a), begun.x.shape[1]))
        relax(whole(by_b), b.in_cut, whole(begun.y), (ONE, len(in_b), begun.y.shape[1]))
        done = cross(parts, tables, part, begun)
        if depth < len(rising) and rising[depth] == part:
            for k in range(done.x.shape[1]):
                done.x[0, k] = min(done.x[0, k], within[depth].x[0, k])
            for k in range(done.y.shape[1]):
                done.y[0, k] = min(done.y[0, k], within[depth].y[0, k])
        reached.append(done)
        entered.append(ways_in)
    return Fall(chain, reached, entered)


@inner
def _retrace(
    atlas: Atlas,
    start: tuple[Places, int],
    rise: tuple[NDArray[np.int64], list[Crossing]],
    fall: Fall,
    goal: tuple[int, float],
) -> list[Entry]:
    """Return the table entries that lead to an edge cut in the last part of the fall, last first."""
    parts = atlas.parts
    places, source = start
    rising, within = rise
    edge, cost = goal
    depth = len(fall.part) - 1
    entries = [(0, 0, 0)]
    entries.pop()
    while True:
        part = fall.part[depth]
        inside = depth < len(rising) and rising[depth] == part
        if inside and _cost_of(parts, part, within[depth], edge) == cost:
            break
        half, before, less = _before(atlas, part, fall.reached[depth], edge, cost)
        if before < 0:
            before, less = _entry_before(atlas, half, part, fall.entered[depth], (edge, cost))
            if less <= 0.0 and _starts_on(places, source, before):
                entries.append((half, before, edge))
                return entries
            depth = 0
            while fall.part[depth] != np.searchsorted(parts.cut_start, before, side="right") - 1:
                depth += 1
        entries.append((half, before, edge))
        edge, cost = before, less
    while True:
        half, before, less = _before(atlas, rising[depth], within[depth], edge, cost)
        if before >= 0:
            entries.append((half, before, edge))
            edge, cost = before, less
        elif depth + 1 < len(rising):
            depth += 1
        else:
            break
    for side in range(2):
        first = places.edge[source, side]
        if first >= 0 and _entry(atlas, half, first, edge) - places.behind[source, side] == cost:
            entries.append((half, first, edge))
            break
    return entries


@inner
def _starts_on(places: Places, source: int, edge: int) -> bool:
    return edge in (places.edge[source, 0], places.edge[source, 1])


@inner
def _expand(atlas: Atlas, entry: Entry, back: list[int]) -> None:
    """Append the edges that a table entry goes over, last first: from the one before its last up to its first."""
    parts, through = atlas.parts, atlas.tables.through
    waiting = [entry]
    while len(waiting) > 0:
        part, into, out = waiting.pop()
        if parts.left[part] < 0:
            back.append(into)
            continue
        begun = start_crossing(parts, part, ONE)
        for half in (parts.left[part], parts.right[part]):
            row = find(parts.in_edge, parts.in_start[half], parts.in_start[half + 1], into)
            if row >= 0:
                to_cut = begun.x if half == parts.left[part] else begun.y
                at = parts.table_start[half] + row * (parts.out_start[half + 1] - parts.out_start[half])
                for k in range(to_cut.shape[1]):
                    to_cut[0, k] = through[at + k]
        reached = cross(parts, atlas.tables, part, begun)
        cost = _entry(atlas, part, into, out)
        first = len(waiting)
        half, before, less = _before(atlas, part, reached, out, cost)
        while before >= 0:
            waiting.append((half, before, out))
            out, cost = before, less
            half, before, less = _before(atlas, part, reached, out, cost)
        waiting.append((half, into, out))
        # The last one comes first.
        for k in range((len(waiting) - first) // 2):
            waiting[first + k], waiting[-1 - k] = waiting[-1 - k], waiting[first + k]


@inner
def _before(atlas: Atlas, part: int, reached: Crossing, edge: int, cost: float) -> tuple[int, int, float]:
    """Find the cut edge of a part before an edge that leaves one of its halves and was reached at a cost.

    Returns
    -------
    half, before, cost
        The half that the edge leaves; the cut edge into it that a fastest way comes from (-1: none), and its cost.
    """
    parts = atlas.parts
    half = parts.left[part]
    before = reached.y
    first = parts.cut_start[part] + parts.to_right[part]
    column = find(parts.out_edge, parts.out_start[half], parts.out_start[half + 1], edge)
    if column < 0:
        half = parts.right[part]
        before = reached.x
        first = parts.cut_start[part]
        column = find(parts.out_edge, parts.out_start[half], parts.out_start[half + 1], edge)
    at = parts.table_start[half] + column
    stride = parts.out_start[half + 1] - parts.out_start[half]
    for row in range(before.shape[1]):
        if before[0, row] + atlas.tables.through[at + row * stride] == cost:
            return half, first + row, before[0, row]
    return half, -1, cost


@inner
def _entry_before(atlas: Atlas, half: int, part: int, entered: Floats, goal: tuple[int, float]) -> tuple[int, float]:
    """Find the way into a part, and on into its half, before an edge that leaves the half and was reached at a cost."""
    edge, cost = goal
    for row in range(entered.shape[1]):
        before = ZERO + atlas.parts.in_edge[atlas.parts.in_start[part] + row]
        if entered[0, row] + _entry(atlas, half, before, edge) == cost:
            return before, entered[0, row]
    return -1, cost


@inner
def _entry(atlas: Atlas, part: int, into: int, out: int) -> float:
    """Return the table entry from one edge to another, infinite where these are no ways into and out of the part."""
    parts = atlas.parts
    row = find(parts.in_edge, parts.in_start[part], parts.in_start[part + 1], into)
    column = find(parts.out_edge, parts.out_start[part], parts.out_start[part + 1], out)
    if row < 0 or column < 0:
        return np.inf
    stride = parts.out_start[part + 1] - parts.out_start[part]
    return float(atlas.tables.through[parts.table_start[part] + row * stride + column])


@inner
def _cost_of(parts: Parts, part: int, reached: Crossing, edge: int) -> float:
    """Return the cost of an edge cut in a part."""
    k = edge - parts.cut_start[part]
    x = parts.to_right[part]
    return float(reached.x[0, k] if k < x else reached.y[0, k - x])


@inner
def find(edges: Ints, low: int, high: int, edge: int) -> int:
    """Return how far after `low` an edge stands among ordered ones before `high`, -1 if it does not."""
    start, end = low, high
    while low < high:
        middle = (low + high) // 2
        if edges[middle] < edge:
            low = middle + 1
        else:
            high = middle
    return low - start if low < end and edges[low] == edge else -1
