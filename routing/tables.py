"""For every part of the map the cost from each way in to each way out: what travel times are made of.

A part's table follows from those of its two halves and the streets cut between them, so that new costs work their way
up from the junctions whose turns changed. The idea is that of customizable route planning (Delling, Goldberg, Pajor and
Werneck 2011) with two halves a part, and with turn costs where they belong, in the tables of the junctions.

Notation, also in `crossing` and `sweep`: a part is made of A (left) and B (right); X are the edges cut from A to B, Y
those from B to A. The ways into A are Y and `in_a`, the ways out of A are X and `out_a`; likewise X and `in_b`, Y and
`out_b` for B. To reach an edge is to stand at its start.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import compiled, inner
from routing.parts import Parts
from routing.travel import Turns

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

# So many that a core that got small ones can take another.
SPANS_PER_CORE = 4


class Tables(NamedTuple):
    """Costs of all parts, one after the other.

    Attributes
    ----------
    through
        From each way in (row) to each way out (column) of every part, at ``parts.table_start``.
    star
        From each X edge to each X edge of every part by crossing to and fro any number of times, at
        ``parts.star_start``.
    """

    through: Floats
    star: Floats


def tables_of(parts: Parts, turns: Turns, cores: int = 1) -> Tables:
    """Compute the tables of all parts."""
    tables = Tables(np.empty(parts.table_start[-1]), np.empty(parts.star_start[-1]))
    _refresh(parts, tables, turns, np.ones(len(parts.left), dtype=np.bool_), cores)
    return tables


def updated(parts: Parts, tables: Tables, before: Turns, now: Turns, cores: int = 1) -> Tables:
    """Return the tables under other costs of the same turns; only parts around changed turns are computed anew."""
    tables = Tables(tables.through.copy(), tables.star.copy())
    stale = np.zeros(len(parts.left), dtype=np.bool_)
    _mark_changed(parts, before, now, stale)
    _refresh(parts, tables, now, stale, cores)
    return tables


def _refresh(parts: Parts, tables: Tables, turns: Turns, stale: NDArray[np.bool_], cores: int) -> None:
    junctions, count = parts.junctions, len(parts.left)
    if cores == 1:
        fill(parts, tables, turns, (0, count), stale)
        return
    # Parts that are no halves of each other may be filled side by side; above them, one after the other.
    top = {count - 1}
    while 0 < len(top) < cores * SPANS_PER_CORE:
        largest = max(top, key=lambda part: part - parts.first[part])
        halves_of = [int(half) for half in (parts.left[largest], parts.right[largest]) if half >= junctions]
        if not halves_of:
            break
        top = top - {largest} | set(halves_of)
    spans = sorted((int(parts.first[part]), part + 1) for part in top)
    bounds = np.linspace(0, junctions, cores + 1).astype(int).tolist()
    with ThreadPoolExecutor(cores) as pool:
        for side_by_side in (list(pairwise(bounds)), spans):
            list(pool.map(lambda span: fill(parts, tables, turns, span, stale), side_by_side))
    gaps = zip([junctions, *(end for _, end in spans)], [*(start for start, _ in spans), count], strict=True)
    for span in gaps:
        fill(parts, tables, turns, span, stale)


@compiled
def _mark_changed(parts: Parts, before: Turns, now: Turns, stale: NDArray[np.bool_]) -> None:
    """Mark the junctions where a turn costs something else, and every part that holds one."""
    for part in range(len(stale)):
        if parts.left[part] < 0:
            for row in range(parts.in_start[part], parts.in_start[part + 1]):
                edge = parts.in_edge[row]
                for turn in range(now.start[edge], now.start[edge + 1]):
                    stale[part] |= before.step[turn] != now.step[turn]
        if stale[part] and parts.parent[part] >= 0:
            stale[parts.parent[part]] = True


@compiled
def fill(parts: Parts, tables: Tables, turns: Turns, span: tuple[int, int], stale: NDArray[np.bool_]) -> None:
    """Compute the tables of the stale parts from number `span[0]` up to `span[1]`, in order."""
    widest = 1
    for part in range(span[0], span[1]):
        widest = max(widest, parts.out_start[part + 1] - parts.out_start[part])
        widest = max(widest, parts.to_right[part], parts.to_left[part])
    row = np.empty((4, widest))
    column = np.empty(widest, np.int32)
    for part in range(span[0], span[1]):
        if stale[part]:
            if parts.left[part] < 0:
                _fill_junction(parts, tables, turns, part)
            else:
                _fill_part(parts, tables, part, row, column)


@inner
def _fill_junction(parts: Parts, tables: Tables, turns: Turns, part: int) -> None:
    low, high = parts.out_start[part], parts.out_start[part + 1]
    at = parts.table_start[part]
    for k in range(at, parts.table_start[part + 1]):
        tables.through[k] = np.inf
    for way_in in range(parts.in_start[part], parts.in_start[part + 1]):
        edge = parts.in_edge[way_in]
        for turn in range(turns.start[edge], turns.start[edge + 1]):
            for way_out in range(low, high):
                if parts.out_edge[way_out] == turns.to[turn]:
                    tables.through[at + way_out - low] = turns.step[turn]
        at += high - low


@inner
def _fill_part(  # noqa: PLR0912 - written out: calls would count references to every array, six times the work itself
    parts: Parts, tables: Tables, part: int, row: Floats, column: Ints
) -> None:
    """Fill a part's star and table; `row` and `column` are room to work in."""
    through = tables.through
    a, b = parts.left[part], parts.right[part]
    x, y = parts.to_right[part], parts.to_left[part]
    stride_a = parts.out_start[a + 1] - parts.out_start[a]
    stride_b = parts.out_start[b + 1] - parts.out_start[b]
    out_a, out_b = stride_a - x, stride_b - y
    at_a, at_b = parts.table_start[a], parts.table_start[b]
    star = tables.star[parts.star_start[part] : parts.star_start[part + 1]]

    # From X through B to Y, through A to X; then any number of times (Floyd and Warshall).
    for i in range(x):
        for j in range(x):
            star[i * x + j] = np.inf
        for k in range(y):
            first = through[at_b + i * stride_b + k]
            for j in range(x):
                star[i * x + j] = min(star[i * x + j], first + through[at_a + k * stride_a + j])
        star[i * x + i] = 0.0
    for k in range(x):
        for i in range(x):
            first = star[i * x + k]
            for j in range(x):
                star[i * x + j] = min(star[i * x + j], first + star[k * x + j])

    # Where the ways out of A, then those of B, stand among the part's.
    i = 0
    for place in range(out_a + out_b):
        if i < out_a and parts.out_edge[parts.out_start[a] + x + i] == parts.out_edge[parts.out_start[part] + place]:
            column[i] = place
            i += 1
        else:
            column[out_a + place - i] = place

    i = j = 0
    here = parts.table_start[part]
    before_x, to_x, to_y, to_out = row[0], row[1], row[2], row[3]
    for way_in in range(parts.in_start[part], parts.in_start[part + 1]):
        outer_a = parts.in_start[a] + y + i
        if outer_a < parts.in_start[a + 1] and parts.in_edge[outer_a] == parts.in_edge[way_in]:
            at = at_a + (y + i) * stride_a
            i += 1
            for k in range(x):
                before_x[k] = through[at + k]
            for k in range(y):
                to_y[k] = np.inf
            for k in range(out_a):
                to_out[k] = through[at + x + k]
            for k in range(out_b):
                to_out[out_a + k] = np.inf
        else:
            at = at_b + (x + j) * stride_b
            j += 1
            for k in range(x):
                before_x[k] = np.inf
            for k in range(y):
                to_y[k] = through[at + k]
                for m in range(x):
                    before_x[m] = min(before_x[m], to_y[k] + through[at_a + k * stride_a + m])
            for k in range(out_a):
                to_out[k] = np.inf
            for k in range(out_b):
                to_out[out_a + k] = through[at + y + k]
        for k in range(x):
            to_x[k] = np.inf
        for k in range(x):
            for m in range(x):
                to_x[m] = min(to_x[m], before_x[k] + star[k * x + m])
        for k in range(x):
            at = at_b + k * stride_b
            for m in range(y):
                to_y[m] = min(to_y[m], to_x[k] + through[at + m])
            for m in range(out_b):
                to_out[out_a + m] = min(to_out[out_a + m], to_x[k] + through[at + y + m])
        for k in range(y):
            at = at_a + k * stride_a + x
            for m in range(out_a):
                to_out[m] = min(to_out[m], to_y[k] + through[at + m])
        for k in range(out_a + out_b):
            through[here + column[k]] = to_out[k]
        here += out_a + out_b
