"""Ruin and recreate: take a few strings of stops near each other off the tours, put them back where they cost least.

Slack induction by string removals with greedy insertion and blinks, under simulated annealing (Christiaens and Vanden
Berghe 2020, Transportation Science 54:417). Ours besides: a stop may bring an unloading with it, before or after it; a
trip that has become small is joined to the next; facilities are chosen anew; at times a whole tour is taken apart.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import uncounted
from routing.engines.recreate.board import COST, DURATION_S, ROW, SIZE, TRIPS, WINDOW, Board, renew
from routing.engines.recreate.chance import Chance, below, draw
from routing.engines.recreate.sites import FIRST_IN, GAP, SECOND_IN, TRUCK, WINDOW_1, WINDOW_2, find_site
from routing.engines.recreate.terrain import (
    BALANCE_PER_S,
    CHANGE,
    CLOSES_S,
    COUNTS_KG,
    DWELL_S,
    END_ROW,
    END_WINDOW,
    FIRST_WINDOW,
    IN_FORCE,
    KG,
    LITRES,
    MAX_KG,
    METRES,
    MOST_KG,
    MOST_L,
    OPENS_S,
    OVER_KG,
    PER_M,
    PER_S,
    PRICE,
    PROFILE,
    SECONDS,
    START_KG,
    START_L,
    START_ROW,
    START_STREAM,
    STREAM,
    Bools,
    Ints,
    Terrain,
)

# The paper's values: stops taken off on average, the most from one tour, how often a piece in the middle stays.
MEAN_REMOVED = 10
LONGEST_STRING = 10
SPLIT_STRING = 0.5
# How often a ruin takes a whole tour apart, drops an unloading that trips could do without, chooses facilities anew.
WHOLE_TOUR = 0.1
JOIN_TRIPS = 0.5
CHOOSE_GATES = 0.3
# How often optional stops are put back although none is worth it alone.
EAGER = 0.01
# Stops near the ruin that nobody serves are tried again, so many at most.
RETRIED = 10
# Trucks tried for a stop where pauses or what trucks share make the cheapest site impossible after all.
TRIES = 3


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
                    _remember(board, memory, cost)
                continue
        _undo(terrain, board, memory)


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
def ruin(terrain: Terrain, board: Board, memory: Memory, centre: int, rng: Chance) -> int:
    """Take stops around a centre off their tours.

    Returns
    -------
    int
        How many stops are loose: those taken off, and some nearby that nobody serves. -1 if a tour does not work
        without them.
    """
    served = used = 0
    for truck in range(len(board.tours)):
        served += board.tours[truck, SIZE] - board.tours[truck, TRIPS]
        used += board.tours[truck, SIZE] > 0
    longest = min(LONGEST_STRING, max(1, served // max(1, used)))
    strings = int(1 + draw(rng) * (4 * MEAN_REMOVED / (1 + longest) + 2))
    whole = draw(rng) < WHOLE_TOUR
    loose = retried = 0
    for neighbour in range(-1, terrain.near.shape[1]):
        stop = np.int64(centre) if neighbour < 0 else terrain.near[centre, neighbour]
        truck = board.truck_of[stop]
        if truck < 0:
            if retried < RETRIED and not memory.gone[stop]:
                memory.loose[loose] = stop
                retried += 1
                loose += 1
        elif strings > 0 and memory.size[truck] < 0:
            _save(board, memory, truck)
            most = board.tours[truck, SIZE] if whole else longest
            loose = _take_off(board, memory, (truck, stop), (most, loose), rng)
            strings = 0 if whole else strings - 1
        if strings == 0 and neighbour >= 2 * MEAN_REMOVED:
            break
    sound = _mend(terrain, board, memory, rng)
    for number in range(loose):
        memory.gone[memory.loose[number]] = False
    return loose if sound else -1


@uncounted
def _take_off(board: Board, memory: Memory, at: tuple[int, int], bounds: tuple[int, int], rng: Chance) -> int:
    """Mark a string of stops around one of a tour as gone; at times a piece in its middle stays.

    Parameters
    ----------
    at
        Truck and stop.
    bounds
        Stops to take off at most, and how many are loose already.
    """
    (truck, stop), (longest, loose) = at, bounds
    stops, visits, size = len(board.truck_of), board.visits[truck], board.tours[truck, SIZE]
    count = place = 0
    for p in range(size):
        if visits[p, ROW] < stops:
            if visits[p, ROW] == stop:
                place = count
            count += 1
    length = min(count, 1 + below(rng, longest))
    kept = 0
    if 1 < length < count and draw(rng) < SPLIT_STRING:
        kept = 1 + below(rng, min(count - length, LONGEST_STRING))
    span = length + kept
    lowest = max(0, place - span + 1)
    first = lowest + below(rng, min(place, count - span) - lowest + 1)
    gap = first + 1 + (below(rng, length - 1) if kept > 0 else 0)
    count = 0
    for p in range(size):
        row = np.int64(visits[p, ROW])
        if row < stops:
            if first <= count < first + span and not gap <= count < gap + kept:
                memory.gone[row] = True
                memory.loose[loose] = row
                board.truck_of[row] = -1
                loose += 1
            count += 1
    return loose


@uncounted
def _mend(terrain: Terrain, board: Board, memory: Memory, rng: Chance) -> bool:
    """Close the tours up from which stops are gone; false if one does not work without them."""
    join_trips, choose_gates = draw(rng) < JOIN_TRIPS, draw(rng) < CHOOSE_GATES
    sound = True
    for truck in range(len(board.tours)):
        if memory.size[truck] >= 0:
            _close_up(terrain, board, memory, truck, join_trips)
            if choose_gates:
                _regate(terrain, board, truck)
            sound &= renew(terrain, board, truck)
    return sound


@uncounted
def _close_up(terrain: Terrain, board: Board, memory: Memory, truck: int, join_trips: bool) -> None:
    """Drop stops that are gone and unloadings of nothing; on demand also those between trips that fit into one."""
    stops, places, visits = len(terrain.near), terrain.places, board.visits[truck]
    kind = terrain.kinds[terrain.kind[truck]]
    size = 0
    kg, litres, stream = kind[START_KG], kind[START_L], kind[START_STREAM]
    for p in range(board.tours[truck, SIZE]):
        row = visits[p, ROW]
        if row < stops:
            if memory.gone[row]:
                continue
            kg += places[row, KG]
            litres += places[row, LITRES]
            stream = places[row, STREAM]
        else:
            if stream < 0:
                continue
            if join_trips:
                more_kg, more_l = _next_trip(terrain, board, memory, (truck, p + 1), stream)
                if more_kg >= 0 and kg + more_kg <= kind[MOST_KG] and litres + more_l <= kind[MOST_L]:
                    continue
            kg = litres = np.int64(0)
            stream = np.int64(-1)
        visits[size, ROW], visits[size, WINDOW] = row, visits[p, WINDOW]
        size += 1
    board.tours[truck, SIZE] = size


@uncounted
def _next_trip(terrain: Terrain, board: Board, memory: Memory, at: tuple[int, int], stream: int) -> tuple[int, int]:
    """Weigh what is left of the trip that begins at a visit; -1 if it is nothing or of another stream."""
    truck, first = at
    kg, litres, more = np.int64(0), np.int64(0), 0
    for p in range(first, board.tours[truck, SIZE]):
        row = board.visits[truck, p, ROW]
        if row >= len(terrain.near):
            break
        if not memory.gone[row]:
            if terrain.places[row, STREAM] != stream:
                return -1, -1
            kg += terrain.places[row, KG]
            litres += terrain.places[row, LITRES]
            more += 1
    return (kg, litres) if more > 0 else (np.int64(-1), np.int64(-1))


@uncounted
def _regate(terrain: Terrain, board: Board, truck: int) -> None:
    """Send every trip to the facility that is least out of the way."""
    kind, stops, visits = terrain.kinds[terrain.kind[truck]], len(terrain.near), board.visits[truck]
    ways, size = terrain.ways[kind[PROFILE]], board.tours[truck, SIZE]
    for p in range(1, size):
        if visits[p, ROW] < stops:
            continue
        before = np.int64(visits[p - 1, ROW])
        after = visits[p + 1, ROW] if p + 1 < size else kind[END_ROW]
        least = np.int64(2**62)
        for gate in range(len(terrain.accepts)):
            if terrain.accepts[gate, terrain.places[before, STREAM]]:
                row = stops + gate
                metres = np.int64(ways[before, row, METRES]) + ways[row, after, METRES]
                seconds = np.int64(ways[before, row, SECONDS]) + ways[row, after, SECONDS]
                cost = metres * kind[PER_M] + (seconds + terrain.places[row, DWELL_S]) * kind[PER_S]
                if cost < least:
                    least = cost
                    visits[p, ROW], visits[p, WINDOW] = row, terrain.places[row, FIRST_WINDOW]


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
    _save(board, memory, truck)
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


@uncounted
def _save(board: Board, memory: Memory, truck: int) -> None:
    """Keep a tour as it was before this iteration."""
    if memory.size[truck] < 0:
        memory.size[truck] = board.tours[truck, SIZE]
        for p in range(board.tours[truck, SIZE]):
            memory.visits[truck, p, ROW] = board.visits[truck, p, ROW]
            memory.visits[truck, p, WINDOW] = board.visits[truck, p, WINDOW]


@uncounted
def _undo(terrain: Terrain, board: Board, memory: Memory) -> None:
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
def _remember(board: Board, memory: Memory, cost: int) -> None:
    """Keep the present tours as the best."""
    memory.cost[1] = cost
    for truck in range(len(board.tours)):
        memory.best_size[truck] = board.tours[truck, SIZE]
        for p in range(board.tours[truck, SIZE]):
            memory.best_visits[truck, p, ROW] = board.visits[truck, p, ROW]
            memory.best_visits[truck, p, WINDOW] = board.visits[truck, p, WINDOW]
