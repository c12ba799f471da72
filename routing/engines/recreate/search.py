"""Ruin and recreate: take a few strings of stops near each other off the tours, put them back where they cost least.

Slack induction by string removals with greedy insertion and blinks, under simulated annealing (Christiaens and Vanden
Berghe 2020, Transportation Science 54:417). Ours besides: a stop may bring an unloading with it, before or after it; a
trip that has become small is joined to the next; facilities are chosen anew; at times a whole tour is taken apart.
"""

import numpy as np

from routing.compiled import uncounted
from routing.engines.recreate.board import COST, DURATION_S, ROW, SIZE, WINDOW, Board, renew
from routing.engines.recreate.chance import Chance, below, draw
from routing.engines.recreate.memory import Memory, remember, save, undo
from routing.engines.recreate.ruin import ruin
from routing.engines.recreate.sites import FIRST_IN, GAP, SECOND_IN, TRUCK, WINDOW_1, WINDOW_2, find_site
from routing.engines.recreate.terrain import (
    BALANCE_PER_S,
    CHANGE,
    CLOSES_S,
    COUNTS_KG,
    END_WINDOW,
    FIRST_WINDOW,
    IN_FORCE,
    KG,
    MAX_KG,
    METRES,
    OPENS_S,
    OVER_KG,
    PRICE,
    START_KG,
    START_ROW,
    Terrain,
)

# How often optional stops are put back although none is worth it alone.
EAGER = 0.01
# Trucks tried for a stop where pauses or what trucks share make the cheapest site impossible after all.
TRIES = 3


def memory_of(terrain: Terrain, board: Board) -> Memory:
    """Remember a board as the best."""
    trucks, stops = len(board.tours), len(board.truck_of)
    cost = cost_of(terrain, board)
    return Memory(
        board.visits.copy(),
        np.full(trucks, -1, dtype=np.int64),
        board.visits.copy(),
        board.tours[:, SIZE].copy(),
        np.array([cost, cost], dtype=np.int64),
        np.zeros(stops, dtype=np.int64),
        np.zeros(stops, dtype=np.float64),
        np.zeros(stops, dtype=np.bool_),
        np.zeros(7, dtype=np.int64),
        np.zeros(trucks, dtype=np.bool_),
    )


@uncounted
def search(
    terrain: Terrain,
    at_any_price: Terrain,
    board: Board,
    memory: Memory,
    iterations: int,
    temperature: float,
    rng: Chance,
) -> None:
    """Ruin and recreate so many times at one temperature.

    Parameters
    ----------
    at_any_price
        The terrain with every stop worth whatever it costs, used at times: a truck, or a way to a far street, may be
        worth it for some optional stops together and for none of them alone.
    """
    for _ in range(iterations):
        memory.size[:] = -1
        loose = ruin(terrain, board, memory, below(rng, len(board.truck_of)), rng)
        if loose >= 0:
            recreate(at_any_price if draw(rng) < EAGER else terrain, board, memory, loose, rng)
            cost = cost_of(terrain, board)
            if cost < memory.cost[0] - temperature * np.log(1.0 - draw(rng)):
                memory.cost[0] = cost
                if cost < memory.cost[1]:
                    remember(board, memory, cost)
                continue
        undo(terrain, board, memory)


@uncounted
def cost_of(terrain: Terrain, board: Board) -> int:
    """Add up tours, stops left out, and what the plan as a whole is charged."""
    cost, used, total_s = np.int64(0), np.int64(0), np.int64(0)
    change, per_s = terrain.rates[CHANGE], terrain.rates[BALANCE_PER_S]
    for truck in range(len(board.tours)):
        cost += board.tours[truck, COST]
        if board.tours[truck, DURATION_S] > 0:
            used += 1
            total_s += board.tours[truck, DURATION_S]
    if per_s > 0 and used > 0:
        above_s = np.int64(0)
        for truck in range(len(board.tours)):
            above_s += max(0, used * board.tours[truck, DURATION_S] - total_s)
        cost += above_s * per_s // used
    for stop in range(len(board.truck_of)):
        if board.truck_of[stop] < 0:
            cost += terrain.places[stop, PRICE]
        if change > 0 and terrain.places[stop, IN_FORCE] >= 0:
            cost += change * (board.truck_of[stop] != terrain.places[stop, IN_FORCE])
    if terrain.rates[COUNTS_KG] > 0:
        weigh(terrain, board)
        for gate in range(len(board.brought)):
            over_kg = board.brought[gate] - terrain.places[len(board.truck_of) + gate, MAX_KG]
            cost += max(0, over_kg) * terrain.rates[OVER_KG]
    return cost


@uncounted
def weigh(terrain: Terrain, board: Board) -> None:
    """Add up what each facility gets."""
    board.brought[:] = 0
    stops = len(board.truck_of)
    for truck in range(len(board.tours)):
        kg = terrain.kinds[terrain.kind[truck], START_KG]
        for p in range(board.tours[truck, SIZE]):
            row = board.visits[truck, p, ROW]
            if row < stops:
                kg += terrain.places[row, KG]
            else:
                board.brought[row - stops] += kg
                kg = np.int64(0)


@uncounted
def recreate(terrain: Terrain, board: Board, memory: Memory, loose: int, rng: Chance) -> None:
    """Put loose stops back one by one, each where it costs least, if that is less than leaving it out."""
    _sort(terrain, memory, loose, rng)
    counts_kg = terrain.rates[COUNTS_KG] > 0
    for number in range(loose):
        stop = memory.loose[number]
        memory.refused[:] = False
        for _ in range(TRIES):
            if counts_kg:
                weigh(terrain, board)
            find_site(terrain, board, memory.site, memory.refused, stop, rng)
            if memory.site[TRUCK] < 0 or _put(terrain, board, memory, stop):
                break
            memory.refused[memory.site[TRUCK]] = True


@uncounted
def _sort(terrain: Terrain, memory: Memory, loose: int, rng: Chance) -> None:
    """Sort loose stops: at random, heavy first, far first, near first, or those with little time first."""
    lot = draw(rng)
    home = terrain.kinds[0, START_ROW]
    for number in range(loose):
        stop = memory.loose[number]
        if lot < 0.3:
            key = draw(rng)
        elif lot < 0.55:
            key = -float(terrain.places[stop, KG])
        elif lot < 0.7:
            key = -float(terrain.ways[0, home, stop, METRES])
        elif lot < 0.8:
            key = float(terrain.ways[0, home, stop, METRES])
        else:
            closes_s = terrain.windows[terrain.places[stop, END_WINDOW] - 1, CLOSES_S]
            key = float(closes_s - terrain.windows[terrain.places[stop, FIRST_WINDOW], OPENS_S])
        p = number
        while p > 0 and memory.key[p - 1] > key:
            memory.key[p], memory.loose[p] = memory.key[p - 1], memory.loose[p - 1]
            p -= 1
        memory.key[p], memory.loose[p] = key, stop


@uncounted
def _put(terrain: Terrain, board: Board, memory: Memory, stop: int) -> bool:
    """Put a stop, and an unloading if the site has one, into the gap of the site; false, and as before, if it fails."""
    site, truck = memory.site, memory.site[TRUCK]
    save(board, memory, truck)
    visits, size, gap = board.visits[truck], board.tours[truck, SIZE], site[GAP]
    cost = board.tours[truck, COST]
    count = 1 if site[SECOND_IN] < 0 else 2
    for p in range(size - 1, gap - 1, -1):
        visits[p + count, ROW], visits[p + count, WINDOW] = visits[p, ROW], visits[p, WINDOW]
    visits[gap, ROW], visits[gap, WINDOW] = site[FIRST_IN], site[WINDOW_1]
    if count == 2:
        visits[gap + 1, ROW], visits[gap + 1, WINDOW] = site[SECOND_IN], site[WINDOW_2]
    board.tours[truck, SIZE] = size + count
    # Pauses may make a site dearer than it looked: too dear counts as impossible.
    if renew(terrain, board, truck) and board.tours[truck, COST] - cost < terrain.places[stop, PRICE]:
        board.truck_of[stop] = truck
        return True
    for p in range(gap, size):
        visits[p, ROW], visits[p, WINDOW] = visits[p + count, ROW], visits[p + count, WINDOW]
    board.tours[truck, SIZE] = size
    renew(terrain, board, truck)
    return False
