"""The tours of a search as arrays, and what is known at every gap of them so that an insertion is judged at once.

A piece of a tour is three numbers: how long it takes, and the earliest and latest time to begin it so that it takes no
longer. Two pieces join in constant time (Vidal, Crainic, Gendreau and Prins 2013, Computers & Operations Research
40:475). Pauses are no visits: they lie in gaps, before the way on, wherever the tour gets shortest.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.compiled import uncounted
from routing.engines.recreate.terrain import (
    AFTER,
    BEGUN,
    CLOSES_S,
    COMPACTNESS_PER_M,
    DRIVEN_S,
    DWELL_S,
    EARLY_S,
    END_BREAK,
    END_ROW,
    END_S,
    END_WINDOW,
    FIRST,
    FIRST_BREAK,
    FIRST_WINDOW,
    FIXED,
    KG,
    LATE_S,
    LITRES,
    LONGEST_S,
    MAX_DRIVING_S,
    METRES,
    MOST_KG,
    MOST_L,
    MOST_SHIFT_KG,
    MOST_SHIFT_L,
    MOST_STOPS,
    MOST_TRIPS,
    NEIGHBOURS,
    OPEN_S,
    OPENS_S,
    OUT_S,
    PER_M,
    PER_OVERTIME_S,
    PER_S,
    PLENTY,
    PROFILE,
    REGULAR_S,
    REST_S,
    SECONDS,
    START_KG,
    START_L,
    START_ROW,
    START_STREAM,
    STREAM,
    THEN,
    Ints,
    Terrain,
)
from routing.matrix import UNREACHABLE

# Duration of what cannot be driven.
NEVER_S = 2**40
# Visits that a tour may have; no shift has time for more.
LONGEST_TOUR = 1024
# More than the gaps of any tour.
GAPS = 2048
# Pauses that a tour may have.
MOST_PAUSES = 8

ROW, WINDOW = 0, 1
SIZE, COST, DURATION_S, TRIPS, STOPS, SHIFT_KG, SHIFT_L, PAUSES = range(8)
(
    HEAD_S, HEAD_EARLY, HEAD_LATE, TAIL_S, TAIL_EARLY, TAIL_LATE, ABOARD_KG, ABOARD_L, REST_KG, REST_L,
    TRIP_STREAM, LOADED, PREVIOUS, NEXT, GATE,
) = range(15)  # fmt: skip
PAUSE_GAP, PAUSE_LENGTH, PAUSE_OPENS, PAUSE_CLOSES = range(4)


class Board(NamedTuple):
    """All tours. Gap p of a tour lies before its visit p; the last one before the way home.

    Attributes
    ----------
    visits
        (trucks, visits at most, 2), int32: `ROW` of the place, and the row of the `WINDOW` it is visited in.
    tours
        (trucks, 8): `SIZE` in visits, `COST`, `DURATION_S`, and counts up to `PAUSES`.
    gaps
        (trucks, visits at most + 1, 15): the pieces before and after the gap, `HEAD_...` and `TAIL_...`; what the trip
        that the gap lies in has collected before it and collects after it, `ABOARD_...` and `REST_...`; the stream of
        that trip, `TRIP_STREAM`, -1 where there is none; whether anything is on board, `LOADED`; the stops around the
        gap, `PREVIOUS` and `NEXT`, and the facility that its trip goes to, `GATE`; -1 for none.
    pauses
        (trucks, pauses at most, 4): `PAUSE_GAP` in rising order, and what the pause is like.
    truck_of, place_of
        Truck that serves each stop, -1 for none, and which of its visits that is, (stops,).
    worth_a_look
        Room to list gaps: the truck times `GAPS` plus the gap.
    brought
        Kilograms that each facility gets, where that counts, (facilities,).
    """

    visits: NDArray[np.int32]
    tours: Ints
    gaps: Ints
    pauses: Ints
    truck_of: Ints
    place_of: Ints
    worth_a_look: Ints
    brought: Ints


def empty_board(terrain: Terrain) -> Board:
    """Make a board on which nothing is served."""
    trucks, stops = len(terrain.kind), len(terrain.near)
    longest = min(2 * stops + 2, LONGEST_TOUR)
    board = Board(
        np.zeros((trucks, longest, 2), dtype=np.int32),
        np.zeros((trucks, 8), dtype=np.int64),
        np.zeros((trucks, longest + 1, 15), dtype=np.int64),
        np.zeros((trucks, MOST_PAUSES, 4), dtype=np.int64),
        np.full(stops, -1, dtype=np.int64),
        np.zeros(stops, dtype=np.int64),
        np.zeros(2 * stops + 3 * trucks + 2 * NEIGHBOURS + longest, dtype=np.int64),
        np.zeros(len(terrain.accepts), dtype=np.int64),
    )
    for truck in range(trucks):
        renew(terrain, board, truck)
    return board


@uncounted
def join(one: tuple[int, int, int], way_s: int, other: tuple[int, int, int]) -> tuple[int, int, int]:
    """Drive one piece, a way and another piece; the duration is `NEVER_S` if that cannot be done in time."""
    duration, early, late = one
    other_duration, other_early, other_late = other
    offset = duration + way_s
    if early + offset > other_late:
        return NEVER_S, 0, 0
    wait = max(other_early - offset - late, 0)
    return offset + other_duration + wait, max(other_early - offset, early) - wait, min(other_late - offset, late)


@uncounted
def time_cost(terrain: Terrain, number: int, duration_s: int) -> int:
    """Price the duration of a tour of a kind, overtime dearer."""
    kind = terrain.kinds[number]
    return duration_s * kind[PER_S] + max(duration_s - kind[REGULAR_S], 0) * kind[PER_OVERTIME_S]


@uncounted
def renew(terrain: Terrain, board: Board, truck: int) -> bool:
    """Work out everything about a tour from its visits; false if it breaks a rule."""
    tour, number = board.tours[truck], terrain.kind[truck]
    kind = terrain.kinds[number]
    tour[COST] = tour[DURATION_S] = tour[PAUSES] = 0
    if not _count(terrain, board, truck):
        return False
    if tour[SIZE] == 0 and kind[BEGUN] == 0:
        gap = board.gaps[truck, 0]
        gap[HEAD_S], gap[HEAD_EARLY], gap[HEAD_LATE] = 0, kind[EARLY_S], kind[LATE_S]
        gap[TAIL_S], gap[TAIL_EARLY], gap[TAIL_LATE] = 0, kind[OPEN_S], kind[END_S]
        return True
    if not _choose_windows(terrain, board, truck):
        return False
    _drive(terrain, board, truck)
    duration_s = _with_home_by(terrain, board, truck, kind[END_S])
    if duration_s < NEVER_S and (kind[END_BREAK] > kind[FIRST_BREAK] or kind[MAX_DRIVING_S] < PLENTY):
        duration_s = _pause(terrain, board, truck, duration_s)
    if duration_s > kind[LONGEST_S]:
        return False
    tour[DURATION_S] = duration_s
    tour[COST] += kind[FIXED] + time_cost(terrain, number, duration_s)
    if terrain.rates[COMPACTNESS_PER_M] > 0:
        tour[COST] += _spread_m(terrain, board, truck) * terrain.rates[COMPACTNESS_PER_M]
    return True


@uncounted
def _count(terrain: Terrain, board: Board, truck: int) -> bool:
    """Note loads, neighbours and sums of a tour; false if it carries, collects or does too much, or ends loaded."""
    tour, gaps, visits = board.tours[truck], board.gaps[truck], board.visits[truck]
    kind, places, stops, size = terrain.kinds[terrain.kind[truck]], terrain.places, len(terrain.near), tour[SIZE]
    kg, litres, stream, previous = kind[START_KG], kind[START_L], kind[START_STREAM], np.int64(-1)
    trips = served = np.int64(0)
    all_kg = all_l = np.int64(0)
    fits = True
    for p in range(size + 1):
        gap = gaps[p]
        gap[ABOARD_KG], gap[ABOARD_L], gap[LOADED] = kg, litres, stream >= 0
        gap[TRIP_STREAM], gap[PREVIOUS] = stream, previous
        if p == size:
            break
        row = np.int64(visits[p, ROW])
        if row < stops:
            kg += places[row, KG]
            litres += places[row, LITRES]
            all_kg += places[row, KG]
            all_l += places[row, LITRES]
            fits &= stream < 0 or stream == places[row, STREAM]
            if stream < 0:
                gap[TRIP_STREAM] = places[row, STREAM]
            stream, previous = places[row, STREAM], row
            board.place_of[row] = p
            served += 1
            fits &= kg <= kind[MOST_KG] and litres <= kind[MOST_L]
        else:
            fits &= stream >= 0 and terrain.accepts[row - stops, max(stream, 0)]
            kg = litres = np.int64(0)
            stream = np.int64(-1)
            trips += 1
    tour[TRIPS], tour[STOPS], tour[SHIFT_KG], tour[SHIFT_L] = trips, served, all_kg, all_l
    kg = litres = np.int64(0)
    gate = following = np.int64(-1)
    for p in range(size, -1, -1):
        if p < size:
            row = np.int64(visits[p, ROW])
            if row < stops:
                kg += places[row, KG]
                litres += places[row, LITRES]
                following = row
            else:
                kg = litres = np.int64(0)
                gate = row - stops
        gaps[p, REST_KG], gaps[p, REST_L], gaps[p, GATE], gaps[p, NEXT] = kg, litres, gate, following
    fits &= trips <= kind[MOST_TRIPS] and served <= kind[MOST_STOPS]
    fits &= all_kg <= kind[MOST_SHIFT_KG] and all_l <= kind[MOST_SHIFT_L]
    return fits and gaps[size, LOADED] == 0


@uncounted
def _choose_windows(terrain: Terrain, board: Board, truck: int) -> bool:
    """Keep each visit's window unless the truck comes too late for it, then take the next; false if there is none."""
    visits, kind = board.visits[truck], terrain.kinds[terrain.kind[truck]]
    places, windows, ways = terrain.places, terrain.windows, terrain.ways[kind[PROFILE]]
    here, now = kind[START_ROW], kind[EARLY_S] + kind[OUT_S]
    for p in range(board.tours[truck, SIZE]):
        row, window = np.int64(visits[p, ROW]), np.int64(visits[p, WINDOW])
        way_s = np.int64(ways[here, row, SECONDS])
        if way_s >= UNREACHABLE:
            return False
        now += way_s
        if now > windows[window, CLOSES_S]:
            window = places[row, FIRST_WINDOW]
            while window < places[row, END_WINDOW] and now > windows[window, CLOSES_S]:
                window += 1
            if window == places[row, END_WINDOW]:
                return False
            visits[p, WINDOW] = window
        now = max(now, windows[window, OPENS_S]) + places[row, DWELL_S]
        here = row
    return ways[here, kind[END_ROW], SECONDS] < UNREACHABLE


@uncounted
def _drive(terrain: Terrain, board: Board, truck: int) -> None:
    """Note the pieces before and after each gap, with the pauses there are, and the metres of the whole in the cost."""
    tour, gaps, visits, pauses = board.tours[truck], board.gaps[truck], board.visits[truck], board.pauses[truck]
    kind, places, windows = terrain.kinds[terrain.kind[truck]], terrain.places, terrain.windows
    ways, size, count = terrain.ways[kind[PROFILE]], tour[SIZE], tour[PAUSES]
    here, metres, pause = kind[START_ROW], np.int64(0), 0
    head = (kind[OUT_S], kind[EARLY_S], kind[LATE_S])
    for p in range(size + 1):
        while pause < count and pauses[pause, PAUSE_GAP] == p:
            head = join(head, np.int64(0), _rest_of(pauses, pause))
            pause += 1
        gaps[p, HEAD_S], gaps[p, HEAD_EARLY], gaps[p, HEAD_LATE] = head
        row = np.int64(visits[p, ROW]) if p < size else kind[END_ROW]
        metres += ways[here, row, METRES]
        if p < size:
            window = visits[p, WINDOW]
            piece = (places[row, DWELL_S], windows[window, OPENS_S], windows[window, CLOSES_S])
            head = join(head, np.int64(ways[here, row, SECONDS]), piece)
        here = row
    tour[COST] = metres * kind[PER_M]
    tail, after = (np.int64(0), kind[OPEN_S], kind[END_S]), kind[END_ROW]
    pause = count - 1
    gaps[size, TAIL_S], gaps[size, TAIL_EARLY], gaps[size, TAIL_LATE] = tail
    for p in range(size - 1, -1, -1):
        row, window = np.int64(visits[p, ROW]), visits[p, WINDOW]
        way_s = np.int64(ways[row, after, SECONDS])
        while pause >= 0 and pauses[pause, PAUSE_GAP] == p + 1:
            tail = join(_rest_of(pauses, pause), way_s, tail)
            way_s = np.int64(0)
            pause -= 1
        piece = (places[row, DWELL_S], windows[window, OPENS_S], windows[window, CLOSES_S])
        tail = join(piece, way_s, tail)
        gaps[p, TAIL_S], gaps[p, TAIL_EARLY], gaps[p, TAIL_LATE] = tail
        after = row


@uncounted
def _rest_of(pauses: Ints, pause: int) -> tuple[int, int, int]:
    return pauses[pause, PAUSE_LENGTH], pauses[pause, PAUSE_OPENS], pauses[pause, PAUSE_CLOSES]


@uncounted
def _with_home_by(terrain: Terrain, board: Board, truck: int, home_s: int) -> int:
    """Return how long a tour takes if it must be home by a time."""
    kind, size = terrain.kinds[terrain.kind[truck]], board.tours[truck, SIZE]
    gap, here = board.gaps[truck, size], kind[START_ROW]
    if size > 0:
        here = np.int64(board.visits[truck, size - 1, ROW])
    way_s = np.int64(terrain.ways[kind[PROFILE], here, kind[END_ROW], SECONDS])
    return join((gap[HEAD_S], gap[HEAD_EARLY], gap[HEAD_LATE]), way_s, (np.int64(0), kind[OPEN_S], home_s))[0]


@uncounted
def _pause(terrain: Terrain, board: Board, truck: int, without_s: int) -> int:
    """Put the pauses that a tour needs where it gets shortest; its duration with them, `NEVER_S` if that fails."""
    tour, pauses, kind = board.tours[truck], board.pauses[truck], terrain.kinds[terrain.kind[truck]]
    duration_s, first = without_s, 0
    for number in range(kind[FIRST_BREAK], kind[END_BREAK]):
        opens_s, closes_s, pause_s = terrain.breaks[number]
        home_early_s = _with_home_by(terrain, board, truck, min(kind[END_S], closes_s))
        if home_early_s == duration_s or kind[EARLY_S] >= closes_s:
            continue  # home before it is due, or out after, in no more time
        found, gap = _shortest_with(terrain, board, truck, (pause_s, opens_s, closes_s), first)
        if home_early_s <= found:
            duration_s = home_early_s
            continue
        if found >= NEVER_S or tour[PAUSES] == MOST_PAUSES:
            return NEVER_S
        pauses[tour[PAUSES], PAUSE_GAP], pauses[tour[PAUSES], PAUSE_LENGTH] = gap, pause_s
        pauses[tour[PAUSES], PAUSE_OPENS], pauses[tour[PAUSES], PAUSE_CLOSES] = opens_s, closes_s
        tour[PAUSES] += 1
        duration_s, first = found, gap
        _drive(terrain, board, truck)
    if kind[MAX_DRIVING_S] < PLENTY:
        duration_s = _rest(terrain, board, truck, duration_s)
    return duration_s


@uncounted
def _shortest_with(
    terrain: Terrain, board: Board, truck: int, pause: tuple[int, int, int], first: int
) -> tuple[int, int]:
    """Try a pause in every gap from the first on; the least duration and the gap."""
    gaps, visits, size = board.gaps[truck], board.visits[truck], board.tours[truck, SIZE]
    kind = terrain.kinds[terrain.kind[truck]]
    ways, least_s, best = terrain.ways[kind[PROFILE]], np.int64(NEVER_S), np.int64(-1)
    for p in range(first, size + 1):
        here = np.int64(visits[p - 1, ROW]) if p > 0 else kind[START_ROW]
        row = np.int64(visits[p, ROW]) if p < size else kind[END_ROW]
        head = join((gaps[p, HEAD_S], gaps[p, HEAD_EARLY], gaps[p, HEAD_LATE]), np.int64(0), pause)
        if head[0] >= NEVER_S:
            break
        tail = (gaps[p, TAIL_S], gaps[p, TAIL_EARLY], gaps[p, TAIL_LATE])
        whole_s = join(head, np.int64(ways[here, row, SECONDS]), tail)[0]
        if whole_s < least_s:
            least_s, best = whole_s, np.int64(p)
    return least_s, best


@uncounted
def _rest(terrain: Terrain, board: Board, truck: int, duration_s: int) -> int:
    """Add rests before the driving gets too long; the duration with them, `NEVER_S` if that fails."""
    tour, pauses, visits = board.tours[truck], board.pauses[truck], board.visits[truck]
    kind = terrain.kinds[terrain.kind[truck]]
    ways, size = terrain.ways[kind[PROFILE]], tour[SIZE]
    while True:
        driven_s, pause, here, late = kind[DRIVEN_S], 0, kind[START_ROW], np.int64(-1)
        for p in range(size + 1):
            while pause < tour[PAUSES] and pauses[pause, PAUSE_GAP] == p:
                if pauses[pause, PAUSE_LENGTH] >= kind[REST_S]:
                    driven_s = np.int64(0)
                pause += 1
            row = np.int64(visits[p, ROW]) if p < size else kind[END_ROW]
            driven_s += ways[here, row, SECONDS]
            here = row
            if driven_s > kind[MAX_DRIVING_S]:
                late = np.int64(p)
                break
        if late < 0:
            return duration_s
        before = kind[START_ROW] if late == 0 else np.int64(visits[late - 1, ROW])
        if tour[PAUSES] == MOST_PAUSES or ways[before, here, SECONDS] > kind[MAX_DRIVING_S]:
            return np.int64(NEVER_S)
        at = pause  # the pauses before the gap stay before
        for other in range(tour[PAUSES], at, -1):
            for column in range(4):
                pauses[other, column] = pauses[other - 1, column]
        pauses[at, PAUSE_GAP], pauses[at, PAUSE_LENGTH] = late, kind[REST_S]
        pauses[at, PAUSE_OPENS], pauses[at, PAUSE_CLOSES] = 0, NEVER_S
        tour[PAUSES] += 1
        _drive(terrain, board, truck)
        duration_s = _with_home_by(terrain, board, truck, kind[END_S])
        if duration_s >= NEVER_S:
            return np.int64(NEVER_S)


@uncounted
def _spread_m(terrain: Terrain, board: Board, truck: int) -> int:
    """Add up how far the stops of a tour are from the most central of them."""
    visits, size, stops = board.visits[truck], board.tours[truck, SIZE], len(terrain.near)
    ways = terrain.ways[terrain.kinds[terrain.kind[truck], PROFILE]]
    least = np.int64(2**60)
    for centre in range(size):
        if visits[centre, ROW] >= stops:
            continue
        total = np.int64(0)
        for p in range(size):
            if visits[p, ROW] < stops:
                total += ways[visits[centre, ROW], visits[p, ROW], METRES]
        least = min(least, total)
    return least if least < 2**60 else np.int64(0)


@uncounted
def is_glued(terrain: Terrain, board: Board, truck: int, gap: int) -> bool:
    """Whether a person wants the stops around a gap to follow each other, or the one after it to be the first."""
    previous, following = board.gaps[truck, gap, PREVIOUS], board.gaps[truck, gap, NEXT]
    if following < 0:
        return False
    if previous < 0:
        return terrain.places[following, AFTER] == FIRST
    return terrain.places[previous, THEN] == following
