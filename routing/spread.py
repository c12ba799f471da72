"""Spreads the search of independent pieces over cores and over time: small ones in one go, large ones in rounds."""

from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

from routing.draft import Draft, complete, draft_of, merit, tours_of
from routing.plan import Route
from routing.positions import positions
from routing.problem import Problem
from routing.rounds import improve, joined
from routing.split import split
from routing.workers import Task, Workers

# Pieces of more stops are searched in rounds.
LARGE_STOPS = 300
# Share of its time in which a large piece gets its first routes, part by part.
FIRST_SHARE = 0.2


def search(
    pieces: Sequence[Problem],
    start: Sequence[Route],
    workers: Workers,
    *,
    seed: int,
    end: float,
    iterations: int | None,
) -> list[Draft]:
    """Search every piece and return their drafts in order.

    Parameters
    ----------
    start
        Routes to begin with, of any piece.
    end
        `time.monotonic` at which to be done.
    iterations
        Steps of each engine's leg, if they count and not time.
    """
    starts = [tuple(route for route in start if route.truck_id in piece.truck_by_id) for piece in pieces]
    large = {number: positions(piece, seed) for number, piece in enumerate(pieces) if len(piece.stops) > LARGE_STOPS}
    tasks: list[Task] = []
    owner: list[int] = []
    for number, piece in enumerate(pieces):
        if number not in large:
            tasks.append(Task(piece, starts[number], seed, float(len(piece.stops))))
            owner.append(number)
        elif not starts[number]:
            parts = split(piece, seed=seed, where=large[number])
            tasks += [Task(part, (), seed, FIRST_SHARE * len(part.stops)) for part in parts]
            owner += [number] * len(parts)
    if iterations is None and not large:
        again = _again(tasks, workers.count)
        tasks += [replace(tasks[number], seed=seed + lap) for lap, number in again]
        owner += [owner[number] for _, number in again]
    at_once = sum(task.share for task in tasks)
    in_rounds = sum((1 if starts[number] else 1 - FIRST_SHARE) * len(pieces[number].stops) for number in large)
    now = monotonic()
    until = now + (end - now) * at_once / max(at_once + in_rounds, 1.0) if iterations is None else end
    found = workers.search(tasks, until, iterations)
    drafts = []
    for number, piece in enumerate(pieces):
        mine = [draft for draft, of in zip(found, owner, strict=True) if of == number]
        if number not in large:
            drafts.append(min(mine, key=lambda draft: merit(piece, draft)))
        elif starts[number]:
            drafts.append(complete(piece, draft_of(piece, tours_of(piece, starts[number])), end))
        else:
            drafts.append(complete(piece, joined(piece, mine), end))
    if large:
        improved = improve(
            [pieces[number] for number in large],
            [drafts[number] for number in large],
            list(large.values()),
            workers,
            seed=seed,
            end=end,
            iterations=iterations,
        )
        for number, draft in zip(large, improved, strict=True):
            drafts[number] = draft
    return drafts


def _again(tasks: Sequence[Task], cores: int) -> list[tuple[int, int]]:
    """Return lap and number of tasks to search once more, the largest first, so that every core has one."""
    if not tasks:
        return []
    largest = sorted(range(len(tasks)), key=lambda number: -tasks[number].share)
    every = [(lap, number) for lap in range(1, cores) for number in largest]
    return every[: max(0, cores - len(tasks))]
