"""One step of a climb: costs that reach the first edge out of a part's half go on within the part and out of it.

See `tables` for the notation. Many rows are crossed at a time, so that the tables of large parts are read once for all.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import ZERO, inner
from routing.minplus import Block, copy, nowhere, part_of, relax, whole
from routing.parts import Parts
from routing.tables import Tables
from routing.travel import Places

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


class Crossing(NamedTuple):
    """Costs, a row for each start within a part: to its X and Y edges, and to its ways out by A and by B."""

    x: Floats
    y: Floats
    out_a: Floats
    out_b: Floats


class Half(NamedTuple):
    """Blocks of one half's table: from the edges cut to those and to the outer ways out, and from the outer ways in."""

    cut_cut: Block
    cut_out: Block
    in_cut: Block


@inner
def halves(parts: Parts, tables: Tables, part: int) -> tuple[Half, Half]:
    """Return the blocks of the tables of A and of B."""
    x, y = parts.to_right[part], parts.to_left[part]
    return _half(parts, tables, parts.left[part], y, x), _half(parts, tables, parts.right[part], x, y)


@inner
def _half(parts: Parts, tables: Tables, part: int, cut_in: int, cut_out: int) -> Half:
    at = parts.table_start[part]
    stride = parts.out_start[part + 1] - parts.out_start[part]
    below = at + cut_in * stride
    return Half(
        Block(tables.through, at, stride),
        Block(tables.through, at + cut_out, stride),
        Block(tables.through, below, stride),
    )


@inner
def start_crossing(parts: Parts, part: int, rows: int) -> Crossing:
    """Return a crossing where nothing is reached."""
    x, y = parts.to_right[part], parts.to_left[part]
    a, b = parts.left[part], parts.right[part]
    return Crossing(
        nowhere(rows, x),
        nowhere(rows, y),
        nowhere(rows, parts.out_start[a + 1] - parts.out_start[a] - x),
        nowhere(rows, parts.out_start[b + 1] - parts.out_start[b] - y),
    )


@inner
def cross(parts: Parts, tables: Tables, part: int, begun: Crossing) -> Crossing:
    """Let costs that end at the first edge out of A or B go on within the part, to and fro, and out of it."""
    a, b = halves(parts, tables, part)
    rows, x = begun.x.shape
    y = begun.y.shape[1]
    relax(whole(begun.y), a.cut_cut, whole(begun.x), (rows, y, x))
    # Crossing to and fro any number of times is one step by `star`, whose diagonal is zero.
    to_x = nowhere(rows, x)
    relax(whole(begun.x), Block(tables.star, parts.star_start[part], x), whole(to_x), (rows, x, x))
    relax(whole(to_x), b.cut_cut, whole(begun.y), (rows, x, y))
    relax(whole(begun.y), a.cut_out, whole(begun.out_a), (rows, y, begun.out_a.shape[1]))
    relax(whole(to_x), b.cut_out, whole(begun.out_b), (rows, x, begun.out_b.shape[1]))
    return Crossing(to_x, begun.y, begun.out_a, begun.out_b)


@inner
def merge(
    edges: Ints, start: NDArray[np.int64], pick: tuple[int, int, int], skip: tuple[int, int]
) -> tuple[Longs, Longs]:
    """Tell where the outer edges of A and of B stand among those of the part they make up.

    `pick` is (A, B, part); the first ``skip[0]`` edges of A and ``skip[1]`` of B are cut and stand nowhere.
    """
    a, b, part = pick
    of_a = np.empty(start[a + 1] - start[a] - skip[0], np.int64)
    of_b = np.empty(start[b + 1] - start[b] - skip[1], np.int64)
    i = j = 0
    for place in range(start[part + 1] - start[part]):
        edge = edges[start[part] + place]
        if i < len(of_a) and edges[start[a] + skip[0] + i] == edge:
            of_a[i] = place
            i += 1
        else:
            of_b[j] = place
            j += 1
    return of_a, of_b


@inner
def enter_half(cut: Floats, out: Floats, below: Floats, row: int) -> None:
    """Begin some rows, from `row` on, with costs of the ways out of a half: those over cut edges, then the others."""
    edges = cut.shape[1]
    copy(whole(below), part_of(cut, row, ZERO), (len(below), edges))
    copy(part_of(below, ZERO, edges), part_of(out, row, ZERO), (len(below), out.shape[1]))


@inner
def leave_home(parts: Parts, tables: Tables, part: int, places: Places, at: tuple[int, int], begun: Crossing) -> None:
    """Begin a row with what it costs a place on a cut street to leave that street: `at` is (place, row)."""
    x = parts.to_right[part]
    a, b = halves(parts, tables, part)
    for side in range(2):
        edge = places.edge[at[0], side] - parts.cut_start[part]
        behind = places.behind[at[0], side]
        if edge >= x:
            _leave(a.cut_cut, edge - x, behind, begun.x, at[1])
            _leave(a.cut_out, edge - x, behind, begun.out_a, at[1])
        elif edge >= 0:
            _leave(b.cut_cut, edge, behind, begun.y, at[1])
            _leave(b.cut_out, edge, behind, begun.out_b, at[1])


@inner
def _leave(block: Block, edge: int, behind: float, out: Floats, row: int) -> None:
    start = block.at + edge * block.stride
    for k in range(out.shape[1]):
        out[row, k] = min(out[row, k], block.values[start + k] - behind)


@inner
def ways_out(parts: Parts, part: int, done: Crossing) -> Floats:
    """Return the costs of the part's ways out, in their order."""
    pick = (parts.left[part], parts.right[part], part)
    of_a, of_b = merge(parts.out_edge, parts.out_start, pick, (parts.to_right[part], parts.to_left[part]))
    above = np.empty((len(done.x), len(of_a) + len(of_b)))
    for row in range(len(above)):
        for k in range(len(of_a)):
            above[row, of_a[k]] = done.out_a[row, k]
        for k in range(len(of_b)):
            above[row, of_b[k]] = done.out_b[row, k]
    return above
