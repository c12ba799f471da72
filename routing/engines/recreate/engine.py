"""Runs the compiled search in slices, so that it stops on time, and turns its arrays into tours.

First a short search over everything. Then, as long as that works, one truck less: its stops are left out at a price
that is high but can be paid for a while, and the search goes on without the truck until all of them have found a place
(after the fleet phase of Christiaens and Vanden Berghe 2020). The rest of the time the best tours are searched on.
"""

from dataclasses import dataclass, field
from time import monotonic

import numpy as np

from routing.draft import Draft, Tours
from routing.engines.limit import Limit
from routing.engines.recreate.board import COST, ROW, SIZE, Board, empty_board, renew
from routing.engines.recreate.chance import Chance, chance_of
from routing.engines.recreate.memory import Memory
from routing.engines.recreate.search import memory_of, recreate, search
from routing.engines.recreate.terrain import (
    CLOSES_S,
    END_ROW,
    END_WINDOW,
    FIRST_WINDOW,
    FIXED,
    IN_FORCE,
    MUST,
    PRICE,
    PROFILE,
    SECONDS,
    START_ROW,
    START_STREAM,
    Ints,
    Terrain,
    terrain_of,
)
from routing.engines.weights import Weights
from routing.matrix import Matrix
from routing.pieces import chained
from routing.plan import Route, Visit, VisitKind
from routing.problem import Facility, Place, Problem, Stop, TimeWindow, Truck
from routing.standing import Standing

# Temperatures at which a search begins and ends, as shares of what serving a stop costs on average.
HOT, WARM, COLD = 3.0, 1.0, 0.003
# Shares of the time: of the first search, of one attempt to do with a truck less, and until when these are made.
FIRST_SEARCH, ATTEMPT, LAST_ATTEMPT = 0.1, 0.15, 0.7
# Price of a stop left out during such an attempt, in the same unit as the temperatures.
SOFT_PRICE = 8.0
SLICES = 100
FIRST_SLICE = 20


@dataclass
class _Pace:
    """How far a run is, by the clock or by its iterations."""

    limit: Limit
    begin: float = field(default_factory=monotonic)
    iterations: int = 0
    per_second: float = 0.0

    @property
    def passed(self) -> float:
        """Return the share of the run that is over."""
        by_clock = (monotonic() - self.begin) / max(self.limit.seconds, 1e-9)
        if self.limit.iterations is None or by_clock >= 1.0:
            return by_clock
        return self.iterations / self.limit.iterations

    @property
    def slice(self) -> int:
        """Return how many iterations to do before looking at the clock again."""
        if self.limit.iterations is not None:
            return max(1, self.limit.iterations // SLICES)
        return max(1, int(self.per_second * self.limit.seconds / SLICES)) if self.per_second else FIRST_SLICE

    def count(self, iterations: int, seconds: float) -> None:
        """Note what a slice did and took."""
        self.iterations += iterations
        self.per_second = iterations / max(seconds, 1e-6)


@dataclass
class _Run:
    """Tours under search on a terrain."""

    terrain: Terrain
    board: Board
    memory: Memory

    @classmethod
    def of(cls, terrain: Terrain, visits: list[Ints]) -> "_Run":
        """Begin with what trucks visit, (visits, 2) each; what does not work is left out."""
        board = empty_board(terrain)
        for truck in range(len(terrain.kind)):
            _go_home(terrain, board, truck)
        for truck, rows in enumerate(visits):
            board.visits[truck, : len(rows)] = rows
            board.tours[truck, SIZE] = len(rows)
            if renew(terrain, board, truck):
                board.truck_of[rows[rows[:, ROW] < len(board.truck_of), ROW]] = truck
            else:
                board.tours[truck, SIZE] = 0
                _go_home(terrain, board, truck)
        return cls(terrain, board, memory_of(terrain, board))

    @property
    def best(self) -> list[Ints]:
        """Return what each truck visits in the best tours."""
        return [
            visits[:size].astype(np.int64)
            for visits, size in zip(self.memory.best_visits, self.memory.best_size, strict=True)
        ]

    @property
    def cost(self) -> int:
        """Return the cost of the best tours, with the prices of stops left out."""
        return int(self.memory.cost[1])


def _go_home(terrain: Terrain, board: Board, truck: int) -> None:
    """Give a truck without stops the visits it needs: one facility, the nearest, if it has something on board."""
    kind = terrain.kinds[terrain.kind[truck]]
    if kind[START_STREAM] >= 0:
        rows = len(terrain.near) + np.flatnonzero(terrain.accepts[:, kind[START_STREAM]])
        if len(rows) == 0:
            return
        ways = terrain.ways[kind[PROFILE], :, :, SECONDS].astype(np.int64)
        row = rows[np.argmin(ways[kind[START_ROW], rows] + ways[rows, kind[END_ROW]])]
        board.visits[truck, 0] = row, terrain.places[row, FIRST_WINDOW]
        board.tours[truck, SIZE] = 1
    renew(terrain, board, truck)


def warm() -> None:
    """Compile the search and the timing, or load them where they were compiled before, so that no plan has to wait."""
    chained(np.zeros((2, 3), np.int64), np.zeros(1, np.int64))
    ways = np.array([[0, 1], [1, 0]])
    shift = TimeWindow(0, 9)
    problem = Problem(
        (Stop("stop", 1, "any", 0, 0, 0),),
        (Facility("facility", 0, frozenset({"any"}), 0),),
        (Truck("truck", 0, 0, frozenset({"any"}), 0, 0, shift, 9),),
        (Matrix(ways, ways),),
    )
    Recreate(problem, Weights.of(problem)).run(None, Limit(60, 1), 0)


class Recreate:
    """A problem laid out for the compiled search; made once, then run leg by leg.

    Parameters
    ----------
    problem
        Every stop can be served by some truck if it is alone.
    """

    def __init__(self, problem: Problem, weights: Weights) -> None:
        self._problem = problem
        self._epoch_s = min(truck.shift.start_s for truck in problem.trucks)
        done = {stop_id for truck in problem.trucks for stop_id in Standing.of(problem, truck).stop_ids}
        self._stops = [stop for stop in problem.stops if stop.id not in done]
        self._terrain = terrain_of(problem, self._stops, weights, self._epoch_s)
        self._places: tuple[Place, ...] = (*self._stops, *problem.facilities)
        self._must = np.array([problem.must_serve(stop) for stop in self._stops], dtype=np.bool_)
        self._held = set(problem.truck_of_locked.values()) | {truck.id for truck in problem.trucks if truck.begun}

    def run(self, draft: Draft | None, limit: Limit, seed: int) -> Tours:
        """Search on from a draft, or from nothing."""
        pace = _Pace(limit)
        rng = chance_of(seed)
        run = _Run.of(self._terrain, self._visits(draft) if draft else [])
        if not self._stops:
            return self._tours(run)
        self._fill(run, rng, eager=draft is None and pace.passed < LAST_ATTEMPT)
        unit = self._unit(run)
        if draft is None:
            self._anneal(run, pace, rng, FIRST_SEARCH, (HOT * unit, COLD * unit))
            while pace.passed < LAST_ATTEMPT:
                leaner = self._with_a_truck_less(run, pace, rng, unit)
                if leaner is None or leaner.cost >= run.cost:
                    break
                run = leaner
        self._anneal(run, pace, rng, 1.0, (WARM * unit, COLD * unit), eager=True)
        return self._tours(run)

    def _tours(self, run: _Run) -> Tours:
        return {
            truck.id: [self._places[row] for row in rows[:, ROW]]
            for truck, rows in zip(self._problem.trucks, run.best, strict=True)
        }

    def _with_a_truck_less(self, run: _Run, pace: _Pace, rng: Chance, unit: float) -> _Run | None:
        """Search the best tours on without the truck that has the fewest stops; ``None`` if there is none to spare."""
        tours = run.best
        used = [number for number, rows in enumerate(tours) if len(rows)]
        spare = [number for number in used if self._problem.trucks[number].id not in self._held]
        if len(used) < 2 or not spare:
            return None
        dropped = min(spare, key=lambda number: len(tours[number]))
        kept = [number for number in used if number != dropped]
        places = self._terrain.places.copy()
        prices = places[: len(self._must), PRICE]
        place_of = np.full(len(self._problem.trucks), -1)
        place_of[kept] = np.arange(len(kept))
        held = places[:, IN_FORCE] >= 0
        places[held, IN_FORCE] = place_of[places[held, IN_FORCE]]
        prices[self._must] = np.minimum(prices[self._must], int(SOFT_PRICE * unit))
        leaner = _Run.of(
            self._terrain._replace(places=places, kind=np.ascontiguousarray(self._terrain.kind[kept])),
            [tours[number] for number in kept],
        )
        self._anneal(leaner, pace, rng, pace.passed + ATTEMPT, (HOT * unit, COLD * unit))
        back = dict(zip(kept, leaner.best, strict=True))
        nothing = np.zeros((0, 2), dtype=np.int64)
        return _Run.of(self._terrain, [back.get(number, nothing) for number in range(len(tours))])

    def _anneal(
        self, run: _Run, pace: _Pace, rng: Chance, until: float, heat: tuple[float, float], *, eager: bool = False
    ) -> None:
        """Search until a share of the run is over, from hot to cold.

        Parameters
        ----------
        eager
            At times put optional stops back that are not worth it by themselves; see `_fill`.
        """
        begin, (hot, cold) = pace.passed, heat
        at_any_price = self._at_any_price(run.terrain) if eager and not self._must.all() else run.terrain
        while (passed := pace.passed) < until:
            temperature = hot * (cold / hot) ** ((passed - begin) / (until - begin))
            iterations, since = pace.slice, monotonic()
            search(run.terrain, at_any_price, run.board, run.memory, iterations, temperature, rng)
            pace.count(iterations, monotonic() - since)

    def _fill(self, run: _Run, rng: Chance, *, eager: bool) -> None:
        """Put what nobody serves where it costs least.

        Parameters
        ----------
        eager
            Also what is not worth it by itself: a truck may be worth sending for some stops together and for none
            alone. The search drops those that are not worth it after all.
        """
        missing = np.flatnonzero(run.board.truck_of < 0)
        run.memory.loose[: len(missing)] = missing
        recreate(self._at_any_price(run.terrain) if eager else run.terrain, run.board, run.memory, len(missing), rng)
        run.memory = memory_of(run.terrain, run.board)

    def _at_any_price(self, terrain: Terrain) -> Terrain:
        """Return a terrain on which every stop is worth whatever it costs."""
        places = terrain.places.copy()
        places[: len(self._must), PRICE] = terrain.rates[MUST]
        return terrain._replace(places=places)

    def _unit(self, run: _Run) -> float:
        """Return what serving a stop costs on average, trucks' fixed costs aside: the unit of temperature."""
        used = run.board.tours[:, SIZE] > 0
        driving = run.board.tours[used, COST] - self._terrain.kinds[self._terrain.kind[used], FIXED]
        return max(1.0, float(driving.sum()) / max(1, int((run.board.truck_of >= 0).sum())))

    def _visits(self, draft: Draft) -> list[Ints]:
        """Turn a draft into rows of places and windows."""
        routes = {route.truck_id: route for route in draft.routes}
        stop_row = {stop.id: row for row, stop in enumerate(self._stops)}
        gate_row = {gate.id: row for row, gate in enumerate(self._problem.facilities, len(stop_row))}

        def entry(visit: Visit) -> tuple[int, int]:
            row = (stop_row if visit.kind is VisitKind.STOP else gate_row)[visit.subject_id]
            first, end = self._terrain.places[row, [FIRST_WINDOW, END_WINDOW]]
            closes = self._terrain.windows[first:end, CLOSES_S]
            return row, int(first + np.searchsorted(closes, visit.start_s - self._epoch_s))

        return [
            np.array([entry(visit) for visit in _ahead(truck, routes[truck.id])], dtype=np.int64).reshape(-1, 2)
            if truck.id in routes
            else np.zeros((0, 2), dtype=np.int64)
            for truck in self._problem.trucks
        ]


def _ahead(truck: Truck, route: Route) -> list[Visit]:
    """Return stops and unloadings after what a truck has begun."""
    visits = route.visits[len(truck.begun) or 1 : -1]
    return [visit for visit in visits if visit.kind is not VisitKind.BREAK]
