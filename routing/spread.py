"""Spreads the search of independent pieces over cores, each with its share of stops, and over time."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from time import monotonic

from routing.draft import Draft, merit, tours_of
from routing.engines.limit import Limit
from routing.plan import Route
from routing.problem import Problem
from routing.relay import relay

# A process has to start and to load the engines before it searches; on 2 cores that took 0.8 s.
MIN_SECONDS_FOR_PROCESSES = 3.0


@dataclass(frozen=True, slots=True)
class _Task:
    """A piece to search with a seed. Several tasks may have the same piece; the best draft counts."""

    number: int
    piece: Problem
    seed: int
    start: tuple[Route, ...]


def search(
    pieces: Sequence[Problem], start: Sequence[Route], *, seed: int, end: float, iterations: int | None, cores: int
) -> list[Draft]:
    """Search every piece and return their drafts in order.

    Parameters
    ----------
    start
        Routes to begin with, of any piece.
    end
        `time.monotonic`, which is the same in all processes, at which to be done.
    iterations
        Steps of each engine's leg, if they count and not time.
    """
    tasks = [_Task(number, piece, seed, _of_piece(piece, start)) for number, piece in enumerate(pieces)]
    if not tasks:
        return []
    in_processes = cores > 1 and end - monotonic() >= MIN_SECONDS_FOR_PROCESSES
    in_processes = in_processes and not multiprocessing.current_process().daemon  # which may have no children
    loads = _loads(tasks, cores if in_processes else 1)
    if len(loads) == 1:
        found = _search_in_turn(loads[0], end, iterations)
    else:
        with ProcessPoolExecutor(len(loads) - 1, multiprocessing.get_context("spawn")) as pool:
            others = [pool.submit(_search_in_turn, load, end, iterations) for load in loads[1:]]
            found = _search_in_turn(loads[0], end, iterations)
            for other in others:
                found += other.result()
    best: dict[int, Draft] = {}
    for number, draft in found:
        known = best.setdefault(number, draft)
        if merit(pieces[number], draft) < merit(pieces[number], known):
            best[number] = draft
    return [best[number] for number in range(len(pieces))]


def _of_piece(piece: Problem, start: Sequence[Route]) -> tuple[Route, ...]:
    return tuple(route for route in start if route.truck_id in piece.truck_by_id)


def _loads(tasks: list[_Task], cores: int) -> list[list[_Task]]:
    """Give every core about as many stops; cores that would have nothing to do search the largest pieces once more."""
    largest = sorted(tasks, key=lambda task: -len(task.piece.stops))
    loads: list[list[_Task]] = [[] for _ in range(min(cores, len(tasks)))]
    for task in largest:
        min(loads, key=_stops).append(task)
    again = (_Task(task.number, task.piece, task.seed + lap, task.start) for lap in range(1, cores) for task in largest)
    loads += [[next(again)] for _ in range(cores - len(loads))]
    return loads


def _stops(load: list[_Task]) -> int:
    return sum(len(task.piece.stops) for task in load)


def _search_in_turn(load: list[_Task], end: float, iterations: int | None) -> list[tuple[int, Draft]]:
    """Search a core's tasks one after the other, each with its share of what time is left."""
    found = []
    waiting = _stops(load)
    for task in reversed(load):  # the small ones first: what they leave over goes to the large ones
        seconds = max(0.0, end - monotonic()) * len(task.piece.stops) / waiting
        waiting -= len(task.piece.stops)
        start = tours_of(task.piece, task.start)
        found.append((task.number, relay(task.piece, Limit(seconds, iterations), task.seed, start)))
    return found
