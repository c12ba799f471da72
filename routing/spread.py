"""Spreads the search of independent pieces over cores and over time: small ones in one go, large ones in rounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from routing.draft import Draft, complete, draft_of, merit, tours_of
from routing.engines.pyvrp import unloads_at_home
from routing.groups import Positions
from routing.plan import Route
from routing.positions import positions
from routing.problem import Problem
from routing.rounds import improve, joined
from routing.split import split
from routing.workers import Task, Workers

# Pieces of more stops are searched in rounds after a first plan.
LARGE_STOPS = 300
# Up to so many stops the first plan is searched as a whole, which finds the fewest trucks; beyond that in parts.
WHOLE_STOPS = 2500
# Share of its time in which a large piece gets its first plan, as a whole or in parts.
WHOLE_SHARE, PARTS_SHARE = 0.5, 0.2
# Share of its time after which a small piece, where two engines take part, is searched on from the best of all cores.
# Ruin and recreate alone does better with one long run than with two short ones.
MEET = 0.7


@dataclass
class _Hunt:
    """The search of one piece.

    Attributes
    ----------
    share
        Of its time for the first step.
    """

    piece: Problem
    start: tuple[Route, ...]
    where: Positions | None
    share: float
    draft: Draft | None = None

    @property
    def stops(self) -> int:
        """Size of the piece."""
        return len(self.piece.stops)

    @property
    def is_order_alone(self) -> bool:
        """Whether trucks make one trip and cost nothing but their way, so that fewer of them are no end in itself.

        There PyVRP is best from the start; a small piece has time for both engines.
        """
        free = not any(truck.fixed_cents for truck in self.piece.trucks)
        return self.stops > LARGE_STOPS and free and unloads_at_home(self.piece) is not None

    @property
    def in_parts(self) -> bool:
        """Whether its first plan is searched part by part."""
        return self.stops > WHOLE_STOPS and not self.start


def search(
    pieces: Sequence[Problem],
    start: Sequence[Route],
    workers: Workers,
    *,
    seed: int,
    end: float,
    iterations: int | None,
    tell: Callable[[Sequence[Draft]], None],
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
    tell
        Called with the best drafts of all pieces when they may have got better.
    """
    alone = iterations is not None or workers.count == 1
    hunts = [_hunt(piece, start, seed, alone=alone) for piece in pieces]
    large = [hunt for hunt in hunts if hunt.where is not None]
    _begin(hunts, workers, seed, end, iterations)
    tell([_drafted(hunt) for hunt in hunts])
    meeting = [hunt for hunt in hunts if 0 < hunt.share < 1]
    if meeting and not large:
        _meet(meeting, workers, seed, end)
    elif large:
        small = [_drafted(hunt) for hunt in hunts if hunt.where is None]
        improved = improve(
            [hunt.piece for hunt in large],
            [_drafted(hunt) for hunt in large],
            [hunt.where for hunt in large if hunt.where is not None],
            workers,
            seed=seed,
            end=end,
            iterations=iterations,
            tell=lambda drafts: tell([*small, *drafts]),
        )
        for hunt, draft in zip(large, improved, strict=True):
            hunt.draft = draft
    return [_drafted(hunt) for hunt in hunts]


def _hunt(piece: Problem, start: Sequence[Route], seed: int, *, alone: bool) -> _Hunt:
    mine = tuple(route for route in start if route.truck_id in piece.truck_by_id)
    if len(piece.stops) <= LARGE_STOPS:
        return _Hunt(piece, mine, None, 1.0 if alone or unloads_at_home(piece) is None else MEET)
    if mine:
        return _Hunt(piece, mine, positions(piece, seed), 0.0)
    return _Hunt(piece, mine, positions(piece, seed), WHOLE_SHARE if len(piece.stops) <= WHOLE_STOPS else PARTS_SHARE)


def _begin(hunts: Sequence[_Hunt], workers: Workers, seed: int, end: float, iterations: int | None) -> None:
    """Give every piece its first plan; cores that would have nothing to do search the largest once more."""
    tasks: list[Task] = []
    owner: list[_Hunt] = []
    for hunt in hunts:
        if hunt.in_parts:
            parts = split(hunt.piece, seed=seed, where=hunt.where)
            tasks += [Task(part, (), seed, hunt.share * len(part.stops)) for part in parts]
            owner += [hunt] * len(parts)
        elif hunt.share:
            share = hunt.share * hunt.stops
            tasks.append(Task(hunt.piece, hunt.start, seed, share, order_first=hunt.is_order_alone))
            owner.append(hunt)
    if iterations is None:
        for lap, number in _again(tasks, workers.count):
            order_first = tasks[number].order_first or lap % 2 == 1
            tasks.append(replace(tasks[number], seed=seed + lap, order_first=order_first))
            owner.append(owner[number])
    now, share = monotonic(), sum(hunt.share * hunt.stops for hunt in hunts)
    part = share / max(1, sum(hunt.stops for hunt in hunts))
    found = workers.search(tasks, end if iterations is not None else now + (end - now) * part, iterations)
    for hunt in hunts:
        mine = [draft for draft, of in zip(found, owner, strict=True) if of is hunt]
        if hunt.in_parts:
            hunt.draft = complete(hunt.piece, joined(hunt.piece, mine), end)
        elif mine:
            hunt.draft = min(mine, key=lambda draft: merit(hunt.piece, draft))
        else:
            hunt.draft = complete(hunt.piece, draft_of(hunt.piece, tours_of(hunt.piece, hunt.start)), end)


def _meet(hunts: Sequence[_Hunt], workers: Workers, seed: int, end: float) -> None:
    """Search on from the best of all cores, with other seeds."""
    tasks = [
        Task(hunt.piece, _drafted(hunt).routes, seed + workers.count, float(hunt.stops), order_first=True)
        for hunt in hunts
    ]
    owner = list(range(len(hunts)))
    for lap, number in _again(tasks, workers.count):
        tasks.append(replace(tasks[number], seed=tasks[number].seed + lap, order_first=lap % 2 == 0))
        owner.append(number)
    for number, draft in zip(owner, workers.search(tasks, end, None), strict=True):
        hunt = hunts[number]
        hunt.draft = min(_drafted(hunt), draft, key=lambda one: merit(hunt.piece, one))


def _drafted(hunt: _Hunt) -> Draft:
    """Return the best draft so far; there is one after the first step."""
    return hunt.draft or Draft((), hunt.piece.stops)


def _again(tasks: Sequence[Task], cores: int) -> list[tuple[int, int]]:
    """Return lap and number of tasks to search once more, the largest first, so that every core has one."""
    if not tasks:
        return []
    largest = sorted(range(len(tasks)), key=lambda number: -tasks[number].share)
    every = [(lap, number) for lap in range(1, cores) for number in largest]
    return every[: max(0, cores - len(tasks))]
