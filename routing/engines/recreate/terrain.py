"""A problem as a few arrays for compiled code: what the search moves on and never changes.

Few and wide arrays on purpose: compiled code counts references to each array it is given, at every call, and with an
array for each fact that took two thirds of the time. The constants name the columns.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.engines.weights import Weights
from routing.matrix import UNREACHABLE
from routing.problem import Place, Problem, RelationKind, Stop, TimeWindow, Truck
from routing.standing import Standing

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Nothing happens later than this; sums of a few stay far below the end of int64.
FOREVER_S = 2**32
# More than anything that is counted.
PLENTY = 2**40
# Stops around a stop that are ruined with it; more would reach across the whole map.
NEIGHBOURS = 128

METRES, SECONDS = 0, 1
# Of a place. AFTER: the stop that must come directly before, `FIRST` or `ANYWHERE`; THEN: the one directly behind.
(
    DWELL_S, KG, LITRES, STREAM, PRICE, FIRST_WINDOW, END_WINDOW, AFTER, THEN, IN_FORCE, FIRST_BOND, END_BOND, MAX_KG,
) = range(13)  # fmt: skip
FIRST, ANYWHERE = -1, -2
OPENS_S, CLOSES_S, PAUSE_S = 0, 1, 2
# Of a kind of truck. What it has begun is in front: when it goes on, how long it has been out, what it has on board.
(
    PROFILE, START_ROW, END_ROW, EARLY_S, LATE_S, OUT_S, OPEN_S, END_S, REGULAR_S, LONGEST_S, MOST_KG, MOST_L,
    MOST_TRIPS, MOST_STOPS, MOST_SHIFT_KG, MOST_SHIFT_L, FIXED, PER_M, PER_S, PER_OVERTIME_S, START_KG, START_L,
    START_STREAM, BEGUN, MAX_DRIVING_S, REST_S, DRIVEN_S, FIRST_BREAK, END_BREAK,
) = range(29)  # fmt: skip
OTHER, BOND = 0, 1
TOGETHER, BEFORE, BEHIND, APART = range(4)
CHANGE, BALANCE_PER_S, COMPACTNESS_PER_M, OVER_KG, COUNTS_KG, ORDERED, MUST = range(7)


class Terrain(NamedTuple):
    """Everything about a problem. Rows of places are all stops, then all facilities, then all homes of trucks.

    Attributes
    ----------
    ways
        From row to row by profile, (profiles, rows, rows, 2), int32: `METRES`, `SECONDS`; `UNREACHABLE` in both where
        there is no way.
    places
        Of stops and facilities, (places, 13): the columns from `DWELL_S` to `MAX_KG`.
    windows
        (windows, 2): `OPENS_S`, `CLOSES_S`. Every place has at least one.
    accepts
        Whether a facility takes a stream, (facilities, streams).
    near
        Stops by distance, nearest first, (stops, up to `NEIGHBOURS`).
    kinds
        What trucks of a kind are like, (kinds, 29): the columns from `PROFILE` to `END_BREAK`.
    kind
        Kind of each truck, (trucks,).
    allowed
        Whether a kind may serve a stop, (kinds, stops).
    breaks
        Of the kinds' crews, (breaks, 3): `OPENS_S`, `CLOSES_S`, `PAUSE_S`.
    bonds
        What ties stops to others, (bonds, 2): the `OTHER` stop, and what it is to it: `TOGETHER`, `BEFORE` (this one
        comes first), `BEHIND`, `APART`.
    rates
        What a plan is charged besides, (7,): the columns from `CHANGE` to `OVER_KG`, the price of a kilogram too much
        at a facility. `COUNTS_KG`: whether some facility takes so much a day only; `ORDERED`: whether any stop is tied
        to others; `MUST`: the least price of leaving a required stop out.
    """

    ways: NDArray[np.int32]
    places: Ints
    windows: Ints
    accepts: Bools
    near: Ints
    kinds: Ints
    kind: Ints
    allowed: Bools
    breaks: Ints
    bonds: Ints
    rates: Ints


def terrain_of(problem: Problem, stops: Sequence[Stop], weights: Weights, epoch_s: int) -> Terrain:
    """Lay a problem out.

    Parameters
    ----------
    stops
        Those of the problem that no truck has begun with.
    epoch_s
        When the search's clock starts: no shift starts earlier.
    """
    firsts = [trucks[0] for trucks in problem.kinds]
    kind_of = {truck.id: number for number, trucks in enumerate(problem.kinds) for truck in trucks}
    standing = [Standing.of(problem, truck) for truck in firsts]
    homes = sorted({truck.end_location for truck in firsts} | {here.location for here in standing})
    places: tuple[Place, ...] = (*stops, *problem.facilities)
    home_row = {home: len(places) + number for number, home in enumerate(homes)}
    ways = _ways(problem, [place.location for place in places] + homes)
    streams = sorted({stop.stream for stop in problem.stops})
    bonds = _Bonds(problem, stops)
    windows = [_windows(place, epoch_s) for place in places]
    breaks = [pause for here in standing for pause in here.breaks]
    end_break = np.cumsum([len(here.breaks) for here in standing]).tolist()
    return Terrain(
        ways,
        _places(problem, bonds, weights, streams, [len(spans) for spans in windows]),
        _table((window for spans in windows for window in spans), 2),
        np.array([[stream in gate.streams for stream in streams] for gate in problem.facilities], dtype=np.bool_),
        _near(ways[0], len(stops)),
        _table(
            (
                (
                    truck.profile,
                    home_row[here.location],
                    home_row[truck.end_location],
                    here.leaves.start_s - here.out_s - epoch_s,
                    here.leaves.end_s - here.out_s - epoch_s,
                    here.out_s,
                    truck.shift.start_s - epoch_s,
                    truck.shift.end_s - epoch_s,
                    truck.max_duration_s,
                    truck.longest_s,
                    *_limits(problem, truck, here),
                    weights.fixed(truck),
                    weights.per_m[truck.id],
                    weights.per_s[truck.id],
                    weights.per_overtime_s[truck.id],
                    here.kg,
                    here.litres,
                    streams.index(here.stream) if here.stream else -1,
                    bool(truck.begun),
                    PLENTY if truck.max_driving_s is None else truck.max_driving_s,
                    truck.rest_s,
                    here.driven_s,
                    end - len(here.breaks),
                    end,
                )
                for truck, here, end in zip(firsts, standing, end_break, strict=True)
            ),
            29,
        ),
        np.array([kind_of[truck.id] for truck in problem.trucks], dtype=np.int64),
        np.array(
            [
                [
                    truck.fits(stop)
                    and problem.truck_of_locked.get(stop.id, truck.id) == truck.id
                    and bonds.allow(stop, truck)
                    for stop in stops
                ]
                for truck in firsts
            ],
            dtype=np.bool_,
        ),
        _table(
            ((pause.window.start_s - epoch_s, pause.window.end_s - epoch_s, pause.duration_s) for pause in breaks), 3
        ),
        _table((bond for stop in stops for bond in bonds.of(stop)), 2),
        np.array(
            [
                weights.change,
                weights.balance_per_s,
                weights.compactness_per_m,
                weights.required,
                any(facility.max_kg is not None for facility in problem.facilities),
                bool(problem.relations or problem.before_locked),
                weights.required,
            ],
            dtype=np.int64,
        ),
    )


def _limits(problem: Problem, truck: Truck, here: Standing) -> tuple[int, ...]:
    """Return what a kind may carry and do, less what it has done already."""
    done = [problem.stop_by_id[stop_id] for stop_id in here.stop_ids]
    used = (
        (truck.max_trips, here.trips),
        (truck.max_stops, len(done)),
        (truck.max_shift_kg, sum(stop.demand_kg for stop in done)),
        (truck.max_shift_l, sum(stop.demand_l for stop in done)),
    )
    left = (PLENTY if most is None else max(0, most - so_far) for most, so_far in used)
    return truck.capacity_kg, truck.capacity_l, *left


class _Bonds:
    """What ties the stops that can still be planned to each other, and to what trucks have begun."""

    def __init__(self, problem: Problem, stops: Sequence[Stop]) -> None:
        self._problem = problem
        self.stops = stops
        self.row = {stop.id: row for row, stop in enumerate(stops)}
        self._begun = {truck.id: Standing.of(problem, truck).stop_ids for truck in problem.trucks if truck.begun}
        self._follower = {before: stop_id for stop_id, before in problem.before_locked.items()}

    def of(self, stop: Stop) -> list[tuple[int, int]]:
        """Return rows of other stops and what they are to this one."""
        found: list[tuple[int, int]] = []
        for relation in self._problem.relations_of.get(stop.id, ()):
            mine = relation.stop_ids.index(stop.id)
            for place, other in enumerate(relation.stop_ids):
                if place == mine or other not in self.row:
                    continue
                bond = TOGETHER
                if relation.kind is RelationKind.APART:
                    bond = APART
                elif relation.kind is RelationKind.IN_ORDER:
                    bond = BEFORE if mine < place else BEHIND
                found.append((self.row[other], bond))
        return found

    def allow(self, stop: Stop, truck: Truck) -> bool:
        """Whether what trucks have begun leaves a truck to a stop."""
        for relation in self._problem.relations_of.get(stop.id, ()):
            holders = {who for who, done in self._begun.items() if set(done) & set(relation.stop_ids)}
            if relation.kind is RelationKind.APART and truck.id in holders:
                return False
            if relation.kind is not RelationKind.APART and holders - {truck.id}:
                return False
        return True

    def neighbours(self, stop: Stop) -> tuple[int, int]:
        """Return `AFTER` and `THEN` of a stop."""
        before, after = self._problem.before_locked.get(stop.id), ANYWHERE
        if before is not None:
            done = self._begun.get(self._problem.truck_of_locked[stop.id], ())
            if before in self.row:
                after = self.row[before]
            elif before == (done[-1] if done else ""):
                after = FIRST
        return after, self.row.get(self._follower.get(stop.id, ""), ANYWHERE)


def _places(problem: Problem, bonds: _Bonds, weights: Weights, streams: list[str], windows: list[int]) -> Ints:
    truck = {truck.id: row for row, truck in enumerate(problem.trucks)}
    end_window = np.cumsum(windows).tolist()
    end_bond = np.cumsum([len(bonds.of(stop)) for stop in bonds.stops]).tolist()
    rows: list[tuple[int, ...]] = []
    for row, stop in enumerate(bonds.stops):
        rows.append(
            (
                stop.service_s,
                stop.demand_kg,
                stop.demand_l,
                streams.index(stop.stream),
                weights.prize(problem, stop),
                end_window[row] - windows[row],
                end_window[row],
                *bonds.neighbours(stop),
                truck[problem.truck_in_force[stop.id]] if stop.id in problem.truck_in_force else -1,
                end_bond[row - 1] if row else 0,
                end_bond[row],
                PLENTY,
            )
        )
    for row, facility in enumerate(problem.facilities, len(bonds.stops)):
        most_kg = PLENTY if facility.max_kg is None else facility.max_kg
        first = end_window[row] - windows[row]
        rows.append((facility.unloading_s, 0, 0, -1, 0, first, end_window[row], ANYWHERE, ANYWHERE, -1, 0, 0, most_kg))
    return _table(rows, 13)


def _table(rows: Iterable[tuple[int, ...]], columns: int) -> Ints:
    return np.array(list(rows), dtype=np.int64).reshape(-1, columns)


def _ways(problem: Problem, where: list[int]) -> NDArray[np.int32]:
    pairs = np.ix_(where, where)
    ways = np.stack(
        [np.stack([matrix.distance_m[pairs], matrix.duration_s[pairs]], axis=-1) for matrix in problem.matrices]
    )
    ways[(ways >= UNREACHABLE).any(axis=-1)] = UNREACHABLE
    return np.ascontiguousarray(ways)


def _windows(place: Place, epoch_s: int) -> list[TimeWindow]:
    moved = [TimeWindow(max(0, start - epoch_s), end - epoch_s) for start, end in place.windows if end >= epoch_s]
    # A facility that closed before the day began keeps a window that nobody can meet.
    return moved or [TimeWindow(FOREVER_S, FOREVER_S) if place.windows else TimeWindow(0, FOREVER_S)]


def _near(ways: NDArray[np.int32], stops: int) -> Ints:
    """Order the stops around each stop by the time there and back, and where that is the same by the way."""
    there = ways[:stops, :stops].astype(np.int64)
    both = there + there.transpose(1, 0, 2)
    away = both[..., SECONDS] * UNREACHABLE + both[..., METRES]
    np.fill_diagonal(away, -1)
    nearest = np.argsort(away, axis=1, kind="stable")[:, 1 : NEIGHBOURS + 1]
    return np.ascontiguousarray(nearest, dtype=np.int64)
