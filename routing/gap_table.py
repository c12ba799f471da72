"""All gaps of all trucks side by side as arrays: which ones a stop could go into, and the least that it would cost.

Loads are looked up by `routing.gaps`; here time and money are bounded, by pieces of the routes that are joined with
what goes in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from routing.matrix import UNREACHABLE, Travel
from routing.pieces import NEVER_S, Ints, Pieces, piece_of
from routing.plan import Route
from routing.pricing import M_PER_KM, S_PER_H
from routing.problem import Place, Problem, Stop, TimeWindow, Truck
from routing.standing import Standing

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A truck and what it is still to do; an idle truck does nothing yet.

    Attributes
    ----------
    cents
        What its route costs; none if it is idle.
    standing
        Where the truck goes on from.
    duration_s, work_s, longest_s
        How long the part of the route takes that can be planned, what of it is driving and service, and how long it
        may take at most.
    may_unload_more
        Whether another unloading is allowed.
    gaps
        A row for every column of `Pool` but the first two, a column for every gap.
    """

    truck: Truck
    route: Route | None
    places: tuple[Place, ...]
    cents: int
    standing: Standing
    duration_s: int
    work_s: int
    longest_s: int
    may_unload_more: bool
    gaps: Ints


@dataclass(frozen=True, slots=True)
class Pool:
    """The gaps of all trucks that drive by one matrix, as arrays of the same length.

    Attributes
    ----------
    line
        Which truck.
    position
        The index in its places of the one after the gap.
    before, after
        Locations.
    base_m, base_s
        The way across the gap as it is; zero where an idle truck stands.
    leaves_s, due_s
        Earliest departure from the place before, latest arrival at the place after.
    head_from_s, head_to_s, head_s
        When the route as far as the gap may begin so that it takes no longer than its least duration, and that.
    tail_from_s, tail_to_s, tail_s
        The same for the route from the gap on.
    aboard_kg, aboard_l, rest_kg, rest_l
        Collected in the trip before the gap, and still to be collected in it after the gap.
    stream
        Number of the trip's stream; -1 where no trip is.
    loaded, unloads_next
        Whether anything is on board in the gap, and whether the place after it is a facility.
    """

    matrix: Travel
    line: Ints
    position: Ints
    before: Ints
    after: Ints
    base_m: Ints
    base_s: Ints
    leaves_s: Ints
    due_s: Ints
    head_from_s: Ints
    head_to_s: Ints
    head_s: Ints
    tail_from_s: Ints
    tail_to_s: Ints
    tail_s: Ints
    aboard_kg: Ints
    aboard_l: Ints
    rest_kg: Ints
    rest_l: Ints
    stream: Ints
    loaded: Ints
    unloads_next: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """All lines side by side, as arrays by line, and their gaps by matrix."""

    lines: tuple[Line, ...]
    pools: tuple[Pool, ...]
    capacity_kg: Ints
    capacity_l: Ints
    cents_per_m: Floats
    cents_per_s: Floats
    saved_cents_per_s: Floats
    setup_cents: Ints
    duration_s: Ints
    work_s: Ints
    longest_s: Ints
    may_unload_more: Bools
    breaks: tuple["_Breaks", ...]

    @classmethod
    def of(cls, problem: Problem, lines: Sequence[Line]) -> Self:
        pools = []
        for profile, matrix in enumerate(problem.matrices):
            here = [(number, line.gaps) for number, line in enumerate(lines) if line.truck.profile == profile]
            if here:
                numbers, gaps = zip(*here, strict=True)
                whose = np.repeat(numbers, [found.shape[1] for found in gaps])
                pools.append(Pool(matrix, whose, *np.concatenate(gaps, axis=1)))
        trucks = [line.truck for line in lines]
        return cls(
            tuple(lines),
            tuple(pools),
            np.array([truck.capacity_kg for truck in trucks], dtype=np.int64),
            np.array([truck.capacity_l for truck in trucks], dtype=np.int64),
            np.array([truck.cents_per_km for truck in trucks], dtype=np.float64) / M_PER_KM,
            np.array([truck.cents_per_h for truck in trucks], dtype=np.float64) / S_PER_H,
            np.array([truck.cents_per_h + truck.overtime_cents_per_h for truck in trucks], dtype=np.float64) / S_PER_H,
            np.array([0 if line.route else line.truck.fixed_cents for line in lines], dtype=np.int64),
            np.array([line.duration_s for line in lines], dtype=np.int64),
            np.array([line.work_s for line in lines], dtype=np.int64),
            np.array([line.longest_s for line in lines], dtype=np.int64),
            np.array([line.may_unload_more for line in lines], dtype=np.bool_),
            _Breaks.of(lines),
        )

    def with_pauses_s(self, line: Ints, least_s: Ints, work_s: Ints) -> Ints:
        """Return how long routes take at least with the breaks that cannot be avoided.

        A break is one of these where a route that takes so long without any is neither home before the break is due
        nor able to leave after.
        """
        for pause in self.breaks:
            home_before = pause.first_s[line] + least_s <= pause.due_s[line]
            leave_after = pause.due_s[line] + least_s <= pause.last_home_s[line]
            work_s = work_s + np.where(home_before | leave_after, 0, pause.duration_s[line])
        return np.maximum(least_s, work_s)


@dataclass(frozen=True, slots=True, eq=False)
class _Breaks:
    """The first break, or the second and so on, that the crew of every line has not had yet; of no length if none.

    Attributes
    ----------
    due_s
        The latest it begins.
    first_s, last_home_s
        When the truck may leave at the earliest, and come home at the latest if it may still choose when to leave.
    """

    duration_s: Ints
    due_s: Ints
    first_s: Ints
    last_home_s: Ints

    @classmethod
    def of(cls, lines: Sequence[Line]) -> tuple[Self, ...]:
        most = max((len(line.standing.breaks) for line in lines), default=0)
        return tuple(cls(*np.array([_a_break(line, number) for line in lines], dtype=np.int64).T)
                     for number in range(most))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """A gap that a chain of places may fit into; `bound` is the least it can cost, work and drive more."""

    position: int
    chain: tuple[Place, ...]
    bound: tuple[float, int, int]


def drive(sites: dict[str, list[Site]], table: Table, pool: Pool, mask: Bools, chain: tuple[Place, ...]) -> None:
    """Drive a chain of places through every gap of a mask; keep the gaps where time can suffice."""
    index = np.flatnonzero(mask)
    if len(index) == 0:
        return
    now, place = pool.leaves_s[index], pool.before[index]
    metres, work = -pool.base_m[index], -pool.base_s[index]
    whole = np.ones(len(index), dtype=np.bool_)
    driven = Pieces(pool.head_from_s[index], pool.head_to_s[index], pool.head_s[index])
    tail = Pieces(pool.tail_from_s[index], pool.tail_to_s[index], pool.tail_s[index])
    for step in (*chain, None):
        location = pool.after[index] if step is None else step.location
        way_s = pool.matrix.duration_s[place, location].astype(np.int64)
        way_m = pool.matrix.distance_m[place, location].astype(np.int64)
        whole &= (way_s < UNREACHABLE) & (way_m < UNREACHABLE)
        metres, work, now = metres + way_m, work + way_s, now + way_s
        if step is None:
            driven = driven.then(way_s, tail)
        else:
            dwell_s = step.service_s if isinstance(step, Stop) else step.unloading_s
            driven = driven.then(way_s, piece_of(step.windows, dwell_s))
            work, now = work + dwell_s, _earliest(step.windows, now) + dwell_s
            place = np.full(len(index), step.location)
    line = pool.line[index]
    least_s = table.with_pauses_s(line, driven.duration_s, table.work_s[line] + work)
    whole &= (now <= pool.due_s[index]) & (least_s <= table.longest_s[line])
    # Only a short cut can make a route shorter than it is.
    longer = least_s - table.duration_s[line]
    longer[(work >= 0) & (longer < 0)] = 0
    per_s = np.where(longer < 0, table.saved_cents_per_s[line], table.cents_per_s[line])
    cents = table.setup_cents[line] + metres * table.cents_per_m[line] + longer * per_s
    for kept in np.flatnonzero(whole).tolist():
        bound = float(cents[kept]), int(work[kept]), int(metres[kept])
        truck_id = table.lines[int(line[kept])].truck.id
        sites.setdefault(truck_id, []).append(Site(int(pool.position[index[kept]]), chain, bound))


def _a_break(line: Line, number: int) -> tuple[int, int, int, int]:
    breaks, leaves = line.standing.breaks, line.standing.leaves
    if number >= len(breaks):
        return 0, 0, 0, 0
    due_s = breaks[number].window.end_s
    last_home_s = -NEVER_S if line.truck.begun or due_s > leaves.end_s else line.truck.shift.end_s
    return breaks[number].duration_s, due_s, leaves.start_s, last_home_s


def _earliest(windows: tuple[TimeWindow, ...], arrival_s: Ints) -> Ints:
    """Return when one may begin; `NEVER_S` where it is too late."""
    if not windows:
        return arrival_s
    begin = np.full_like(arrival_s, NEVER_S)
    for window in reversed(windows):
        begin = np.where(arrival_s <= window.end_s, np.maximum(arrival_s, window.start_s), begin)
    return begin
