"""What a search must be able to undo, its best tours so far, and room to think."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import uncounted
from routing.engines.recreate.board import ROW, SIZE, WINDOW, Board, renew
from routing.engines.recreate.terrain import (
    Bools,
    Ints,
    Terrain,
)


class Memory(NamedTuple):
    """What an iteration must be able to undo, the best tours so far, and room to think.

    Attributes
    ----------
    visits, size
        Tours as they were before this iteration touched them; a size of -1 says it did not. As in `Board`.
    best_visits, best_size
        The best tours so far.
    cost
        Of the present tours and of the best, with the prices of stops left out, (2,).
    loose, key
        Stops to be put back and what they are sorted by, (stops,).
    gone
        Stops being taken off, (stops,).
    site
        See `sites`.
    """

    visits: NDArray[np.int32]
    size: Ints
    best_visits: NDArray[np.int32]
    best_size: Ints
    cost: Ints
    loose: Ints
    key: NDArray[np.float64]
    gone: Bools
    site: Ints
    refused: Bools


@uncounted
def save(board: Board, memory: Memory, truck: int) -> None:
    """Keep a tour as it was before this iteration."""
    if memory.size[truck] < 0:
        memory.size[truck] = board.tours[truck, SIZE]
        for p in range(board.tours[truck, SIZE]):
            memory.visits[truck, p, ROW] = board.visits[truck, p, ROW]
            memory.visits[truck, p, WINDOW] = board.visits[truck, p, WINDOW]


@uncounted
def undo(terrain: Terrain, board: Board, memory: Memory) -> None:
    """Bring the touched tours back."""
    stops = len(board.truck_of)
    for truck in range(len(board.tours)):
        if memory.size[truck] >= 0:
            for p in range(board.tours[truck, SIZE]):
                if board.visits[truck, p, ROW] < stops:
                    board.truck_of[board.visits[truck, p, ROW]] = -1
    for truck in range(len(board.tours)):
        if memory.size[truck] >= 0:
            board.tours[truck, SIZE] = memory.size[truck]
            for p in range(memory.size[truck]):
                row = memory.visits[truck, p, ROW]
                board.visits[truck, p, ROW], board.visits[truck, p, WINDOW] = row, memory.visits[truck, p, WINDOW]
                if row < stops:
                    board.truck_of[row] = truck
            renew(terrain, board, truck)


@uncounted
def remember(board: Board, memory: Memory, cost: int) -> None:
    """Keep the present tours as the best."""
    memory.cost[1] = cost
    for truck in range(len(board.tours)):
        memory.best_size[truck] = board.tours[truck, SIZE]
        for p in range(board.tours[truck, SIZE]):
            memory.best_visits[truck, p, ROW] = board.visits[truck, p, ROW]
            memory.best_visits[truck, p, WINDOW] = board.visits[truck, p, WINDOW]
