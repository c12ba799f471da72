"""Cuts a road network in two, the parts in two again, down to single junctions, each time through few streets.

The cuts depend on the map alone, not on trucks, speeds or closures: found once, they can be kept in a file. Method:
inertial flow (Schild and Sommer 2015, "On balanced separators in road networks"): along each of four directions the
junctions at one end are sources, those at the other end sinks, and the smallest cut between them is a maximum flow.
"""

import logging
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from city.network import RoadNetwork
from routing.compiled import compiled, inner
from routing.errors import RoutingError
from routing.loops import without_loops

log = logging.getLogger(__name__)

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]

# Share of a part's junctions that are sources, and sinks: no cut is more lopsided than this. Schild and Sommer: 0.25.
END_SHARE = 0.25

# Directions a cut is tried along: east, north, north-east, north-west, as (east, north).
DIRECTIONS = np.array([[1.0, 0.0], [0.0, 1.0], [0.7071, 0.7071], [-0.7071, 0.7071]])

# More streets than this between two junctions count as this many.
MOST_LANES = 100

# Parts that are cut further each on a thread of their own.
THREAD_PARTS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Dissection:
    """A network's junctions in an order where every part is a stretch.

    Attributes
    ----------
    order
        Junctions, so that those of one part stand together. Shape (junctions,).
    depth
        How many cuts lie above the one between places p - 1 and p of the order; 0 is the first. Row 0 is unused.
        Shape (junctions,).
    """

    order: Ints
    depth: NDArray[np.uint8]

    def save(self, path: Path) -> None:
        """Write to a file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, order=self.order, depth=self.depth)
        Path(name).replace(path)

    @classmethod
    def load(cls, path: Path) -> "Dissection":
        """Read what `save` wrote.

        Raises
        ------
        RoutingError
            If the file is not such a file.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(arrays["order"], arrays["depth"])
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise RoutingError(f"{path} holds no dissection of a road network ({error}); delete it") from error


def kept_dissection(network: RoadNetwork, folder: Path, version: str, cores: int = 1) -> Dissection:
    """Return the dissection kept in a folder for this version of the roads; find it and keep it if there is none.

    A file that cannot be read, or is of another network, is written anew. Where the folder cannot be written, a
    warning is logged.
    """
    path = folder / f"roads-{version}.npz"
    if path.is_file():
        try:
            kept = Dissection.load(path)
        except RoutingError:
            kept = None
        if kept is not None and len(kept.order) == len(without_loops(network).lon):
            return kept
    found = dissect(network, cores)
    try:
        found.save(path)
    except OSError as error:
        log.warning("how the map is cut cannot be kept in %s (%s); it is found again at every start", folder, error)
    return found


def dissect(network: RoadNetwork, cores: int = 1) -> Dissection:
    """Dissect a network; the same for any number of cores."""
    plan, along_curve = _plan_of(without_loops(network))
    size = len(plan.start) - 1
    order = np.arange(size, dtype=np.int32)
    depth = np.zeros(size, dtype=np.uint8)
    work = _Work(
        order,
        order.copy(),
        np.zeros(len(plan.to), dtype=np.int8),
        np.zeros(size, dtype=np.int8),
        np.zeros(size, dtype=np.int32),
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.int32),
        np.zeros(size, dtype=np.bool_),
    )
    parts = [(0, size)]
    level = 0
    with ThreadPoolExecutor(cores) as pool:
        while 0 < len(parts) < THREAD_PARTS:
            middles = list(pool.map(lambda part: halve(plan, work, part), parts))
            halves = []
            for (low, high), middle in zip(parts, middles, strict=True):
                if low < middle < high:
                    depth[middle] = level
                    halves += [(low, middle), (middle, high)]
            parts = halves
            level += 1
        list(pool.map(lambda part: dissect_part(plan, work, part, depth, level), parts))
    return Dissection(along_curve[order], depth)


class _Plan(NamedTuple):
    """The junctions as a graph on a plane, numbered along a curve that keeps neighbours together.

    Attributes
    ----------
    place
        Position east and north. Shape (junctions, 2).
    start, to
        Neighbours of junction j: ``to[start[j]:start[j + 1]]``.
    back
        The entry of each neighbour that leads back.
    lanes
        Streets between the two.
    """

    place: Floats
    start: NDArray[np.int64]
    to: Ints
    back: Ints
    lanes: NDArray[np.int8]


class _Work(NamedTuple):
    """Arrays shared by all parts; each part touches only its own junctions' rows, so parts may run side by side.

    Attributes
    ----------
    order, rank
        The dissection so far and each junction's row in it. A part is a stretch of `order`.
    flow
        Net flow on each neighbour entry.
    end
        1: source, 2: sink, 0: between.
    level, next_entry
        Dinic's distance from the sources, and the entry to try next.
    queue
        Rows of a part serve as its queue and its path.
    side
        Whether the junction is on the sources' side of the best cut so far.
    """

    order: Ints
    rank: Ints
    flow: NDArray[np.int8]
    end: NDArray[np.int8]
    level: Ints
    next_entry: NDArray[np.int64]
    queue: Ints
    side: NDArray[np.bool_]


def _plan_of(network: RoadNetwork) -> tuple[_Plan, Ints]:
    """Make the plan of a network without loops, and tell which junction each of its numbers is."""
    size = len(network.lon)
    place = np.stack([network.lon * np.cos(np.radians(np.mean(network.lat))), network.lat], axis=1)
    along_curve = np.argsort(_curve(place), kind="stable").astype(np.int32)
    number = np.empty(size, dtype=np.int64)
    number[along_curve] = np.arange(size)
    ends = np.sort(np.stack([number[network.from_node], number[network.to_node]], axis=1), axis=1)
    pairs, lanes = np.unique(ends[:, 0] * size + ends[:, 1], return_counts=True)
    low, high = pairs // size, pairs % size
    begin, to = np.concatenate([low, high]), np.concatenate([high, low])
    by_begin = np.lexsort((to, begin))
    row = np.empty(len(by_begin), dtype=np.int32)
    row[by_begin] = np.arange(len(by_begin), dtype=np.int32)
    back = np.roll(row, len(low))[by_begin]
    start = np.concatenate([[0], np.cumsum(np.bincount(begin, minlength=size))]).astype(np.int64)
    lanes = np.minimum(np.concatenate([lanes, lanes])[by_begin], MOST_LANES).astype(np.int8)
    return _Plan(place[along_curve], start, to[by_begin].astype(np.int32), back, lanes), along_curve


def _curve(place: Floats) -> NDArray[np.uint64]:
    """Return each place's number along a Z-order curve of 2**16 by 2**16 cells."""
    span = np.maximum(np.ptp(place, axis=0), 1e-12)
    cells = ((place - place.min(axis=0)) / span * 65_535.0).astype(np.uint64)
    number = np.zeros(len(place), dtype=np.uint64)
    for bit in range(16):
        for axis in range(2):
            number |= ((cells[:, axis] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(2 * bit + axis)
    return number


@compiled
def dissect_part(plan: _Plan, work: _Work, part: tuple[int, int], depth: NDArray[np.uint8], level: int) -> None:
    """Cut a part again and again until every junction stands alone."""
    waiting = [(part[0], part[1], level)]
    while len(waiting) > 0:
        low, high, cuts = waiting.pop()
        if high - low < 2:
            continue
        middle = halve(plan, work, (low, high))
        depth[middle] = cuts
        waiting.append((low, middle, cuts + 1))
        waiting.append((middle, high, cuts + 1))


@compiled
def halve(plan: _Plan, work: _Work, part: tuple[int, int]) -> int:
    """Reorder a part so that its two sides stand apart; return where the second begins (`low` if there is no second).

    Of the cuts along all directions the one with the fewest streets per junction of its smaller side is taken.
    """
    low, high = part
    size = high - low
    if size < 2:
        return low
    best = np.inf
    along = np.empty(size)
    for direction in range(len(DIRECTIONS)):
        for k in range(size):
            place = plan.place[work.order[low + k]]
            along[k] = place[0] * DIRECTIONS[direction, 0] + place[1] * DIRECTIONS[direction, 1]
        mark_ends(work, part, along)
        most = np.inf if best == np.inf else best * (size // 2)
        flow = maximum_flow(plan, work, part, most)
        if flow < most:
            near = mark_reached(plan, work, part)
            score = flow / min(near, size - near)
            if score < best:
                best = score
                for k in range(low, high):
                    junction = work.order[k]
                    work.side[junction] = work.level[junction] >= 0
    middle = low
    for k in range(low, high):
        junction = work.order[k]
        if work.side[junction]:
            work.queue[middle] = junction
            middle += 1
    last = middle
    for k in range(low, high):
        junction = work.order[k]
        if not work.side[junction]:
            work.queue[last] = junction
            last += 1
    for k in range(low, high):
        work.order[k] = work.queue[k]
        work.rank[work.order[k]] = k
    return middle


@inner
def mark_ends(work: _Work, part: tuple[int, int], along: Floats) -> None:
    """Mark the first junctions along a direction as sources, the last ones as sinks."""
    low, high = part
    size = high - low
    count = max(1, int(size * END_SHARE))
    ranked = np.argsort(along, kind="mergesort")
    for k in range(size):
        end = 1 if k < count else 2 if k >= size - count else 0
        work.end[work.order[low + ranked[k]]] = end


@inner
def maximum_flow(  # noqa: PLR0912 - the innermost loop is written out, a call would count references to every array
    plan: _Plan, work: _Work, part: tuple[int, int], most: float
) -> int:
    """Send as much as possible from sources to sinks (Dinic 1970), giving up at `most`; return how much."""
    low, high = part
    order, rank, flow, end, level = work.order, work.rank, work.flow, work.end, work.level
    next_entry = work.next_entry
    for k in range(low, high):
        for entry in range(plan.start[order[k]], plan.start[order[k] + 1]):
            flow[entry] = 0
    total = 0
    while total < most and mark_levels(plan, work, part):
        for k in range(low, high):
            next_entry[order[k]] = plan.start[order[k]]
        for k in range(low, high):
            source = order[k]
            if end[source] != 1:
                continue
            junction = source
            length = 0
            while True:
                if end[junction] == 2:
                    for step in range(length):
                        entry = work.queue[low + step]
                        flow[entry] += 1
                        flow[plan.back[entry]] -= 1
                    total += 1
                    junction, length = source, 0
                entry = next_entry[junction]
                while entry < plan.start[junction + 1]:
                    to = plan.to[entry]
                    inside = low <= rank[to] < high
                    if inside and level[to] == level[junction] + 1 and flow[entry] < plan.lanes[entry]:
                        break
                    entry += 1
                next_entry[junction] = entry
                if entry < plan.start[junction + 1]:
                    work.queue[low + length] = entry
                    length += 1
                    junction = plan.to[entry]
                elif length == 0:
                    break
                else:
                    length -= 1
                    junction = plan.to[plan.back[work.queue[low + length]]]
                    next_entry[junction] += 1
    return total


@inner
def mark_levels(plan: _Plan, work: _Work, part: tuple[int, int]) -> bool:
    """Set each junction's distance from the sources where capacity is left, -1 if none; tell if a sink is reached."""
    low, high = part
    order, rank, level, queue = work.order, work.rank, work.level, work.queue
    first = last = low
    for k in range(low, high):
        if work.end[order[k]] == 1:
            level[order[k]] = 0
            queue[last] = order[k]
            last += 1
        else:
            level[order[k]] = -1
    reached = False
    while first < last:
        junction = queue[first]
        first += 1
        if reached and work.end[junction] == 2:
            break
        for entry in range(plan.start[junction], plan.start[junction + 1]):
            to = plan.to[entry]
            if low <= rank[to] < high and level[to] < 0 and work.flow[entry] < plan.lanes[entry]:
                level[to] = level[junction] + 1
                reached = reached or work.end[to] == 2
                queue[last] = to
                last += 1
    return reached


@inner
def mark_reached(plan: _Plan, work: _Work, part: tuple[int, int]) -> int:
    """Set `level` to 0 on the sources' side of a smallest cut and to -1 elsewhere; return that side's junctions.

    Of the cut nearest to the sources and the one nearest to the sinks the more even one is taken. The flow is maximal.
    """
    low, high = part
    order, rank, level, queue = work.order, work.rank, work.level, work.queue
    mark_levels(plan, work, part)
    near = 0
    for k in range(low, high):
        near += level[order[k]] >= 0
    # Backwards from the sinks: who can still reach one.
    first = last = low
    for k in range(low, high):
        level[order[k]] = 0 if level[order[k]] >= 0 else -1
        if work.end[order[k]] == 2:
            work.next_entry[order[k]] = -1
            queue[last] = order[k]
            last += 1
        else:
            work.next_entry[order[k]] = 0
    while first < last:
        junction = queue[first]
        first += 1
        for entry in range(plan.start[junction], plan.start[junction + 1]):
            to = plan.to[entry]
            unseen = low <= rank[to] < high and work.next_entry[to] == 0
            if unseen and work.flow[plan.back[entry]] < plan.lanes[entry]:
                work.next_entry[to] = -1
                queue[last] = to
                last += 1
    far = last - low
    if abs(2 * near - (high - low)) <= abs(2 * far - (high - low)):
        return near
    for k in range(low, high):
        level[order[k]] = -1 if work.next_entry[order[k]] == -1 else 0
    return high - low - far
