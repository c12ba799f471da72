"""Where a stop would cost least: in a gap of a tour, alone or with an unloading after or before it.

In a small problem every gap is looked at. In a large one those beside the stops that are near, those at the start and
the end of each tour, and an idle truck of each kind; a required stop that finds nothing there looks at every gap.

A site is an array of seven: `LEAST` cost, `TRUCK` (-1: none), `GAP`, the rows `FIRST_IN` and `SECOND_IN` that go into
the gap (-1: only one), and the windows they are visited in.
"""

import numpy as np

from routing.compiled import uncounted
from routing.engines.recreate.board import (
    ABOARD_KG,
    ABOARD_L,
    DURATION_S,
    GAPS,
    GATE,
    HEAD_EARLY,
    HEAD_LATE,
    HEAD_S,
    LOADED,
    NEXT,
    PREVIOUS,
    REST_KG,
    REST_L,
    ROW,
    SHIFT_KG,
    SHIFT_L,
    SIZE,
    STOPS,
    TAIL_EARLY,
    TAIL_LATE,
    TAIL_S,
    TRIP_STREAM,
    TRIPS,
    Board,
    is_glued,
    join,
)
from routing.engines.recreate.chance import Chance, draw
from routing.engines.recreate.terrain import (
    AFTER,
    ANYWHERE,
    APART,
    BEFORE,
    BEGUN,
    BEHIND,
    BOND,
    CHANGE,
    CLOSES_S,
    COUNTS_KG,
    DWELL_S,
    END_BOND,
    END_ROW,
    END_WINDOW,
    FIRST_BOND,
    FIRST_WINDOW,
    FIXED,
    IN_FORCE,
    KG,
    LITRES,
    LONGEST_S,
    MAX_KG,
    METRES,
    MOST_KG,
    MOST_L,
    MOST_SHIFT_KG,
    MOST_SHIFT_L,
    MOST_STOPS,
    MOST_TRIPS,
    MUST,
    OPENS_S,
    ORDERED,
    OTHER,
    PER_M,
    PER_OVERTIME_S,
    PER_S,
    PRICE,
    PROFILE,
    REGULAR_S,
    SECONDS,
    START_ROW,
    STREAM,
    THEN,
    Bools,
    Ints,
    Terrain,
)

LEAST, TRUCK, GAP, FIRST_IN, SECOND_IN, WINDOW_1, WINDOW_2 = range(7)

# How often a gap is overlooked, which keeps the search from doing the same again; from the paper.
BLINK = 0.01
# Up to so many stops every gap is looked at, beyond those beside so many near stops.
FEW_STOPS, NEAR = 150, 40
# No truck at all, and any truck.
NOBODY, ANYBODY = -2, -1


@uncounted
def find_site(terrain: Terrain, board: Board, site: Ints, refused: Bools, stop: int, rng: Chance) -> None:
    """Find the cheapest site of a stop that costs less than leaving it out.

    Parameters
    ----------
    refused
        Trucks not to be tried, (trucks,).
    """
    few = len(terrain.near) <= FEW_STOPS
    _find_among(terrain, board, site, refused, stop, _gather(terrain, board, stop, few), rng)
    if site[TRUCK] < 0 and not few and terrain.places[stop, PRICE] >= terrain.rates[MUST]:
        _find_among(terrain, board, site, refused, stop, _gather(terrain, board, stop, True), rng)


@uncounted
def _gather(terrain: Terrain, board: Board, stop: int, everywhere: bool) -> int:
    """Write the gaps to look at into the board; return how many."""
    gaps, count = board.worth_a_look, 0
    near, tours = terrain.near, board.tours
    for neighbour in range(min(NEAR, near.shape[1])):
        other = near[stop, neighbour]
        truck = board.truck_of[other]
        if truck >= 0:
            place = board.place_of[other]
            gaps[count] = truck * GAPS + place
            gaps[count + 1] = truck * GAPS + place + 1
            count += 2
            if everywhere:
                break  # one good site to begin with rules much out
    last = np.int64(-1)
    for truck in range(len(tours)):
        size = tours[truck, SIZE]
        if size == 0:
            # Mostly no better than the idle truck of the same kind before.
            if terrain.kind[truck] != last:
                gaps[count] = truck * GAPS
                count += 1
            last = terrain.kind[truck]
        elif everywhere:
            for gap in range(size + 1):
                gaps[count] = truck * GAPS + gap
                count += 1
        else:
            gaps[count] = truck * GAPS
            gaps[count + 1] = truck * GAPS + size
            count += 2
    return count


@uncounted
def _find_among(  # noqa: PLR0912, PLR0915
    terrain: Terrain, board: Board, site: Ints, refused: Bools, stop: int, count: int, rng: Chance
) -> None:
    """Find the cheapest site among the gaps written into the board.

    One long function on purpose: it is where the time goes, and handing the arrays on costs more than using them.
    """
    ways, places, windows, accepts = terrain.ways, terrain.places, terrain.windows, terrain.accepts
    kinds, gaps, visits, tours = terrain.kinds, board.gaps, board.visits, board.tours
    stops, gates = len(terrain.near), len(accepts)
    stream, kg, litres = places[stop, STREAM], places[stop, KG], places[stop, LITRES]
    least = places[stop, PRICE]
    site[TRUCK] = -1
    site[LEAST] = least
    counts_kg, ordered = terrain.rates[COUNTS_KG] > 0, terrain.rates[ORDERED] > 0
    in_force = places[stop, IN_FORCE]
    bound_to, tied = np.int64(ANYBODY), False
    if ordered:
        bound_to = _bound_to(terrain, board, stop)
        tied = bound_to >= 0 or places[stop, AFTER] != ANYWHERE or places[stop, THEN] != ANYWHERE
        if bound_to == NOBODY:
            return
    truck, usable, used = np.int64(-1), False, False
    number = profile = per_m = per_s = per_overtime_s = regular_s = longest_s = np.int64(0)
    old_time = room_kg = room_l = change = size = np.int64(0)
    may_unload = False
    blink = _next_blink(rng)
    for look in range(count):
        if blink == 0:
            blink = _next_blink(rng)
            continue
        blink -= 1
        code = board.worth_a_look[look]
        gap = code % GAPS
        if code // GAPS != truck:
            truck = code // GAPS
            number, size = terrain.kind[truck], tours[truck, SIZE]
            usable = terrain.allowed[number, stop] and not refused[truck] and size + 2 <= visits.shape[1]
            usable = usable and bound_to in (ANYBODY, truck)
            if not usable:
                continue
            used = size > 0 or kinds[number, BEGUN] == 1
            usable = (
                tours[truck, STOPS] < kinds[number, MOST_STOPS]
                and tours[truck, SHIFT_KG] + kg <= kinds[number, MOST_SHIFT_KG]
                and tours[truck, SHIFT_L] + litres <= kinds[number, MOST_SHIFT_L]
                and not (ordered and _kept_apart(terrain, board, stop, truck))
            )
            profile, per_m, per_s = kinds[number, PROFILE], kinds[number, PER_M], kinds[number, PER_S]
            per_overtime_s, regular_s = kinds[number, PER_OVERTIME_S], kinds[number, REGULAR_S]
            longest_s, old_s = kinds[number, LONGEST_S], tours[truck, DURATION_S]
            old_time = old_s * per_s + max(old_s - regular_s, 0) * per_overtime_s
            room_kg, room_l = kinds[number, MOST_KG] - kg, kinds[number, MOST_L] - litres
            may_unload = tours[truck, TRIPS] < kinds[number, MOST_TRIPS]
            change = terrain.rates[CHANGE] if in_force >= 0 and in_force != truck else np.int64(0)
        if usable:
            before = np.int64(visits[truck, gap - 1, ROW]) if gap > 0 else kinds[number, START_ROW]
            after = np.int64(visits[truck, gap, ROW]) if gap < size else kinds[number, END_ROW]
            saved = ways[profile, before, after, METRES] * per_m if used else -kinds[number, FIXED]
            saved -= change
            way_m = np.int64(ways[profile, before, stop, METRES]) + ways[profile, stop, after, METRES]
            # With a facility on the way as well it is no shorter.
            if way_m * per_m - saved >= least:
                continue
            if ordered:
                if tied and not _keeps_order(terrain, board, stop, truck, gap):
                    continue
                if not tied and is_glued(terrain, board, truck, gap):
                    continue
            loaded, same = gaps[truck, gap, LOADED] > 0, gaps[truck, gap, TRIP_STREAM] == stream
            aboard_kg, aboard_l = gaps[truck, gap, ABOARD_KG], gaps[truck, gap, ABOARD_L]
            rest_kg, rest_l = gaps[truck, gap, REST_KG], gaps[truck, gap, REST_L]
            alone = same and aboard_kg + rest_kg <= room_kg and aboard_l + rest_l <= room_l
            unload_after = unload_before = False
            if may_unload and not (alone and loaded):
                unload_after = (same or not loaded) and aboard_kg <= room_kg and aboard_l <= room_l
                unload_after = unload_after and not (loaded and stops <= after < stops + gates)
                unload_before = loaded and same and rest_kg <= room_kg and rest_l <= room_l
            if counts_kg and alone:
                gate = gaps[truck, gap, GATE]
                alone = board.brought[gate] + kg <= places[stops + gate, MAX_KG]
            head = (gaps[truck, gap, HEAD_S], gaps[truck, gap, HEAD_EARLY], gaps[truck, gap, HEAD_LATE])
            tail = (gaps[truck, gap, TAIL_S], gaps[truck, gap, TAIL_EARLY], gaps[truck, gap, TAIL_LATE])
            for choice in range(0 if alone else 1, 1 + 2 * gates):
                first, second = np.int64(stop), np.int64(-1)
                if choice > 0:
                    gate = (choice - 1) % gates
                    if not accepts[gate, stream]:
                        continue
                    if choice <= gates:
                        if not unload_after:
                            continue
                        more_kg = aboard_kg + kg
                        second = np.int64(stops + gate)
                    else:
                        if not unload_before:
                            break
                        more_kg = aboard_kg
                        first, second = np.int64(stops + gate), np.int64(stop)
                    if counts_kg and board.brought[gate] + more_kg > places[stops + gate, MAX_KG]:
                        continue
                    way_m = np.int64(ways[profile, before, first, METRES]) + ways[profile, second, after, METRES]
                    way_m += ways[profile, first, second, METRES]
                bound = way_m * per_m - saved
                if bound >= least:
                    continue
                to_first_s = np.int64(ways[profile, before, first, SECONDS])
                for window in range(places[first, FIRST_WINDOW], places[first, END_WINDOW]):
                    piece = (places[first, DWELL_S], windows[window, OPENS_S], windows[window, CLOSES_S])
                    piece = join(head, to_first_s, piece)
                    if piece[0] > longest_s:
                        continue
                    if second < 0:
                        whole_s = join(piece, np.int64(ways[profile, first, after, SECONDS]), tail)[0]
                        if whole_s > longest_s:
                            continue
                        cost = bound + whole_s * per_s + max(whole_s - regular_s, 0) * per_overtime_s - old_time
                        if cost < least:
                            least = cost
                            site[TRUCK], site[GAP], site[FIRST_IN], site[SECOND_IN] = truck, gap, first, second
                            site[WINDOW_1] = window
                        continue
                    between_s = np.int64(ways[profile, first, second, SECONDS])
                    to_after_s = np.int64(ways[profile, second, after, SECONDS])
                    for other in range(places[second, FIRST_WINDOW], places[second, END_WINDOW]):
                        both = (places[second, DWELL_S], windows[other, OPENS_S], windows[other, CLOSES_S])
                        both = join(piece, between_s, both)
                        if both[0] > longest_s:
                            continue
                        whole_s = join(both, to_after_s, tail)[0]
                        if whole_s > longest_s:
                            continue
                        cost = bound + whole_s * per_s + max(whole_s - regular_s, 0) * per_overtime_s - old_time
                        if cost < least:
                            least = cost
                            site[TRUCK], site[GAP], site[FIRST_IN], site[SECOND_IN] = truck, gap, first, second
                            site[WINDOW_1], site[WINDOW_2] = window, other
    site[LEAST] = least


@uncounted
def _bound_to(terrain: Terrain, board: Board, stop: int) -> int:
    """Return the truck that has a stop which this one must ride with; `ANYBODY`, or `NOBODY` if two trucks have one."""
    found = np.int64(ANYBODY)
    for bond in range(terrain.places[stop, FIRST_BOND], terrain.places[stop, END_BOND]):
        truck = board.truck_of[terrain.bonds[bond, OTHER]]
        if terrain.bonds[bond, BOND] != APART and truck >= 0:
            if found >= 0 and found != truck:
                return np.int64(NOBODY)
            found = truck
    return found


@uncounted
def _kept_apart(terrain: Terrain, board: Board, stop: int, truck: int) -> bool:
    """Whether a truck has a stop that this one must not ride with."""
    for bond in range(terrain.places[stop, FIRST_BOND], terrain.places[stop, END_BOND]):
        if terrain.bonds[bond, BOND] == APART and board.truck_of[terrain.bonds[bond, OTHER]] == truck:
            return True
    return False


@uncounted
def _keeps_order(terrain: Terrain, board: Board, stop: int, truck: int, gap: int) -> bool:
    """Whether a stop may go into a gap by what people asked about the order."""
    places, gaps, truck_of = terrain.places, board.gaps, board.truck_of
    previous, following = gaps[truck, gap, PREVIOUS], gaps[truck, gap, NEXT]
    wanted, then = places[stop, AFTER], places[stop, THEN]
    if wanted >= 0 and truck_of[wanted] == truck and previous != wanted:
        return False
    if wanted == -1 and previous >= 0:
        return False
    if then >= 0 and truck_of[then] == truck and following != then:
        return False
    if is_glued(terrain, board, truck, gap) and wanted != previous and then != following:
        return False
    for bond in range(places[stop, FIRST_BOND], places[stop, END_BOND]):
        other, what = terrain.bonds[bond, OTHER], terrain.bonds[bond, BOND]
        if what not in (BEFORE, BEHIND) or truck_of[other] != truck:
            continue
        at = np.int64(0)
        while board.visits[truck, at, ROW] != other:
            at += 1
        if (what == BEFORE and gap > at) or (what == BEHIND and gap <= at):
            return False
    return True


@uncounted
def _next_blink(rng: Chance) -> int:
    """Draw how many gaps are looked at before one is overlooked."""
    return int(np.log(1.0 - draw(rng)) / np.log(1.0 - BLINK))
