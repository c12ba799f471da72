"""The first half of a step: a few strings of stops near each other come off the tours, which then close up."""

import numpy as np

from routing.compiled import uncounted
from routing.engines.recreate.board import ROW, SIZE, TRIPS, WINDOW, Board, renew
from routing.engines.recreate.chance import Chance, below, draw
from routing.engines.recreate.memory import Memory, save
from routing.engines.recreate.terrain import (
    DWELL_S,
    END_ROW,
    FIRST_WINDOW,
    KG,
    LITRES,
    METRES,
    MOST_KG,
    MOST_L,
    PER_M,
    PER_S,
    PROFILE,
    SECONDS,
    START_KG,
    START_L,
    START_STREAM,
    STREAM,
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
# Stops near the ruin that nobody serves are tried again, so many at most.
RETRIED = 10


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
            save(board, memory, truck)
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
