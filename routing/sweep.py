"""All travel times between many places at once, from the tables of the parts they lie in.

Each place climbs from the part where its street is cut up to the whole map. On the way up, as a start it learns the
cost of reaching every cut edge, as an end the cost from every cut edge; where two places are in the same part, the
smallest sum over its cut edges is a way between them. Every way has a largest part whose cut it crosses, so the
smallest of these is the answer. See `tables` for the notation.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import ONE, ZERO, compiled, inner
from routing.crossing import Crossing, cross, enter_half, halves, leave_home, merge, start_crossing, ways_out
from routing.minplus import Block, copy, nowhere, part_of, relax, whole
from routing.parts import Parts
from routing.tables import Tables
from routing.travel import Places, unpack

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

# More would take memory for their costs, and no less time.
ENDS_AT_ONCE = 4_096


class Climb(NamedTuple):
    """Places sorted by the part their street is cut in, and the parts they climb through.

    Attributes
    ----------
    places
        With edges as numbered in `Parts`.
    part
        Every part that holds a place, in order.
    low, middle, own, high
        The rows of `places` that it holds: its left half's from `low`, its right half's from `middle`, those on the
        streets cut in it from `own`, up to `high`.
    """

    places: Places
    part: Longs
    low: Longs
    middle: Longs
    own: Longs
    high: Longs


class Meeting(NamedTuple):
    """Where starts meet ends: what some of the places learned as ends, and the costs found between all and these.

    Attributes
    ----------
    first, last
        The ends are the places from row `first` up to `last`.
    from_cut
        For each part climbed through, costs from its X, then from its Y edges (rows), to the ends in it (columns).
    at
        Where each climbed part's costs begin in `from_cut`.
    cost
        Costs found so far from every place (row) to every end (column).
    """

    first: int
    last: int
    from_cut: Floats
    at: Longs
    cost: Floats


class Stage(NamedTuple):
    """A part as some of the places climb through it: its number, their rows as in `Climb`, and its row in `Climb`."""

    part: int
    low: int
    middle: int
    own: int
    high: int
    row: int


def costs_between(parts: Parts, tables: Tables, places: Places, home: Longs, cores: int) -> tuple[Ints, Ints]:
    """Return seconds and metres between all places; `home` is the part that each one's street is cut in."""
    size = len(home)
    by_home = np.argsort(home, kind="stable")
    climb = climb_of(parts, Places(places.edge[by_home], places.behind[by_home]), home[by_home])
    duration_s, distance_m = np.empty((2, size, size), dtype=np.int32)
    for first in range(0, size, ENDS_AT_ONCE):
        last = min(first + ENDS_AT_ONCE, size)
        meeting = meeting_of(parts, climb, first, last)
        with ThreadPoolExecutor(cores) as pool:
            ends, starts = (
                list(pairwise(np.linspace(low, high, cores + 1).astype(int).tolist()))
                for low, high in ((first, last), (0, size))
            )
            list(pool.map(partial(climb_ends, parts, tables, climb, meeting), ends))
            list(pool.map(partial(climb_starts, parts, tables, climb, meeting), starts))
        columns = by_home[first:last]
        duration_s[by_home[:, None], columns], distance_m[by_home[:, None], columns] = unpack(meeting.cost)
    # Who is there has arrived, even where the street is closed to all others.
    np.fill_diagonal(duration_s, 0)
    np.fill_diagonal(distance_m, 0)
    return duration_s, distance_m


def climb_of(parts: Parts, places: Places, home: Longs) -> Climb:
    """Find the parts that places climb through. `places` must be in the order of `home`, where each street is cut."""
    reached = np.zeros(len(parts.left), dtype=np.bool_)
    level = np.unique(home)
    while len(level):
        reached[level] = True
        above = np.unique(parts.parent[level]).astype(np.int64)
        level = above[(above >= 0) & ~reached[above]]
    part = np.flatnonzero(reached).astype(np.int64)
    low = np.searchsorted(home, parts.first[part])
    middle = np.maximum(low, np.searchsorted(home, parts.left[part], side="right"))
    own = np.searchsorted(home, part)
    return Climb(places, part, low, middle, own, np.searchsorted(home, part, side="right"))


def meeting_of(parts: Parts, climb: Climb, first: int, last: int) -> Meeting:
    """Prepare for the places from row `first` up to `last` to be met as ends; `climb_ends` must come before starts."""
    count = np.clip(climb.high, first, last) - np.clip(climb.low, first, last)
    sizes = (parts.to_right + parts.to_left)[climb.part] * count
    at = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Meeting(first, last, np.empty(at[-1]), at, np.full((len(climb.places.edge), last - first), np.inf))


@compiled
def climb_ends(parts: Parts, tables: Tables, climb: Climb, meeting: Meeting, span: tuple[int, int]) -> None:
    """Let the ends from row `span[0]` up to `span[1]` climb, and note what they learn."""
    waiting = [np.empty((0, 0))]
    for row in range(len(climb.part)):
        stage = _stage(climb, row, span)
        if stage.low == stage.high:
            continue
        part, low, middle, own, high = stage.part, stage.low, stage.middle, stage.own, stage.high
        x, y = parts.to_right[part], parts.to_left[part]
        a, b = halves(parts, tables, part)
        count = high - low
        in_a, in_b = merge(parts.in_edge, parts.in_start, (parts.left[part], parts.right[part], part), (y, x))
        from_x = nowhere(x, count)
        from_y = nowhere(y, count)
        by_a = nowhere(len(in_a), count)
        by_b = nowhere(len(in_b), count)
        if own > middle:
            below = waiting.pop()
            copy(whole(below), part_of(from_x, ZERO, middle - low), (x, own - middle))
            copy(part_of(below, x, ZERO), part_of(by_b, ZERO, middle - low), (len(in_b), own - middle))
        if middle > low:
            below = waiting.pop()
            copy(whole(below), whole(from_y), (y, middle - low))
            copy(part_of(below, y, ZERO), whole(by_a), (len(in_a), middle - low))
        for end in range(own, high):
            for side in range(2):
                edge = climb.places.edge[end, side] - parts.cut_start[part]
                if edge >= x:
                    from_y[edge - x, end - low] = climb.places.behind[end, side]
                elif edge >= 0:
                    from_x[edge, end - low] = climb.places.behind[end, side]
        relax(b.cut_cut, whole(from_y), whole(from_x), (x, y, count))
        closed = nowhere(x, count)
        relax(Block(tables.star, parts.star_start[part], x), whole(from_x), whole(closed), (x, x, count))
        relax(a.cut_cut, whole(closed), whole(from_y), (y, x, count))
        _note(climb, meeting, stage, closed, from_y)
        relax(a.in_cut, whole(closed), whole(by_a), (len(in_a), x, count))
        relax(b.in_cut, whole(from_y), whole(by_b), (len(in_b), y, count))
        above = np.empty((len(in_a) + len(in_b), count))
        for k in range(len(in_a)):
            copy(part_of(by_a, k, ZERO), part_of(above, in_a[k], ZERO), (ONE, count))
        for k in range(len(in_b)):
            copy(part_of(by_b, k, ZERO), part_of(above, in_b[k], ZERO), (ONE, count))
        waiting.append(above)


@compiled
def climb_starts(parts: Parts, tables: Tables, climb: Climb, meeting: Meeting, span: tuple[int, int]) -> None:
    """Let the places from row `span[0]` up to `span[1]` climb as starts, and lower their costs to ends they meet."""
    waiting = [np.empty((0, 0))]
    for row in range(len(climb.part)):
        stage = _stage(climb, row, span)
        if stage.low == stage.high:
            continue
        part, low, middle, own, high = stage.part, stage.low, stage.middle, stage.own, stage.high
        begun = start_crossing(parts, part, high - low)
        if own > middle:
            enter_half(begun.y, begun.out_b, waiting.pop(), middle - low)
        if middle > low:
            enter_half(begun.x, begun.out_a, waiting.pop(), ZERO)
        for start in range(own, high):
            leave_home(parts, tables, part, climb.places, (start, start - low), begun)
        done = cross(parts, tables, part, begun)
        _meet(climb, meeting, stage, done)
        _meet_own(parts, climb, meeting, stage)
        waiting.append(ways_out(parts, part, done))


@inner
def _stage(climb: Climb, row: int, span: tuple[int, int]) -> Stage:
    """Return a climbed part with its rows cut to a span of the places."""
    return Stage(
        climb.part[row],
        min(max(climb.low[row], span[0]), span[1]),
        min(max(climb.middle[row], span[0]), span[1]),
        min(max(climb.own[row], span[0]), span[1]),
        min(max(climb.high[row], span[0]), span[1]),
        row,
    )


@inner
def _note(climb: Climb, meeting: Meeting, stage: Stage, from_x: Floats, from_y: Floats) -> None:
    """Put down costs from the cut edges to some ends of the part, in their columns."""
    first, last = _ends(climb, meeting, stage.row)
    at = meeting.at[stage.row] + stage.low - first
    for costs in (from_x, from_y):
        copy(whole(costs), Block(meeting.from_cut, at, last - first), costs.shape)
        at += len(costs) * (last - first)


@inner
def _meet(climb: Climb, meeting: Meeting, stage: Stage, done: Crossing) -> None:
    """Lower the costs of a part's starts to all ends in it, over its cut edges.

    A way from A that crosses the cut at all crosses an X edge, one from B a Y edge. A start on a cut street may first
    go into either half.
    """
    low, middle, own, high = stage.low, stage.middle, stage.own, stage.high
    first, last = _ends(climb, meeting, stage.row)
    x, y = done.x.shape[1], done.y.shape[1]
    to_ends_x = Block(meeting.from_cut, meeting.at[stage.row], last - first)
    to_ends_y = Block(meeting.from_cut, meeting.at[stage.row] + x * (last - first), last - first)
    column = first - meeting.first
    relax(whole(done.x), to_ends_x, part_of(meeting.cost, low, column), (middle - low, x, last - first))
    relax(
        part_of(done.y, middle - low, ZERO),
        to_ends_y,
        part_of(meeting.cost, middle, column),
        (high - middle, y, last - first),
    )
    relax(
        part_of(done.x, own - low, ZERO), to_ends_x, part_of(meeting.cost, own, column), (high - own, x, last - first)
    )


@inner
def _meet_own(parts: Parts, climb: Climb, meeting: Meeting, stage: Stage) -> None:
    """Lower the costs of starts on the part's cut streets to ends that they reach before crossing the cut again.

    From such a street's start on, less what is behind: right for all ends but those behind on the very same edge.
    """
    places = climb.places
    first, last = _ends(climb, meeting, stage.row)
    for start in range(stage.own, stage.high):
        for side in range(2):
            edge = places.edge[start, side]
            if edge < 0:
                continue
            behind = places.behind[start, side]
            at = meeting.at[stage.row] + (edge - parts.cut_start[stage.part]) * (last - first)
            for end in range(first, last):
                if places.edge[end, side] == edge and places.behind[end, side] < behind:
                    continue
                over = meeting.from_cut[at + end - first] - behind
                column = end - meeting.first
                meeting.cost[start, column] = min(meeting.cost[start, column], over)


@inner
def _ends(climb: Climb, meeting: Meeting, row: int) -> tuple[int, int]:
    """Return the first and last row of a climbed part's places that are ends of the meeting."""
    first = min(max(climb.low[row], meeting.first), meeting.last)
    return first, min(max(climb.high[row], meeting.first), meeting.last)
