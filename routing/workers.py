"""Who searches: this process, or several that stay alive, because an engine takes longer to load than a part to search.

Whoever searches, the drafts come back in the order of the tasks, so that nothing depends on who is done first.
"""

import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from routing.draft import Draft, draft_of, tours_of
from routing.engines.limit import Limit
from routing.plan import Route
from routing.problem import Problem
from routing.relay import relay

# A process has to start and to load the engines before it searches; on 2 cores that took 0.8 s.
MIN_SECONDS_FOR_PROCESSES = 3.0


@dataclass(frozen=True, slots=True)
class Task:
    """A problem to search from routes of it, if there are any.

    Attributes
    ----------
    share
        How much time it should get beside other tasks, in stops' worth.
    order_first
        Begin with the engine that orders stops best, where trucks make one trip.
    """

    problem: Problem
    start: tuple[Route, ...]
    seed: int
    share: float
    order_first: bool = False


class Workers(Protocol):
    """Searches tasks, several at a time. Used in a ``with``, which ends what it started."""

    @property
    def count(self) -> int:
        """How many tasks are searched at the same time."""

    def search(self, tasks: Sequence[Task], end: float, iterations: int | None) -> list[Draft]:
        """Search every task and return the drafts in the order of the tasks.

        Parameters
        ----------
        end
            `time.monotonic` at which to be done.
        iterations
            Steps of each engine's leg, if they count and not time.
        """

    def __enter__(self) -> Self:
        """Start what is needed."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what was started."""


class Processes:
    """This process and, for more than one core, others on this machine."""

    def __init__(self, cores: int, seconds: float) -> None:
        alone = seconds < MIN_SECONDS_FOR_PROCESSES or multiprocessing.current_process().daemon  # may have no children
        self._cores = 1 if alone else cores
        self._stack = ExitStack()
        self._pool: ProcessPoolExecutor | None = None

    @property
    def count(self) -> int:
        """How many tasks are searched at the same time."""
        return self._cores

    def search(self, tasks: Sequence[Task], end: float, iterations: int | None) -> list[Draft]:
        """Search the first load here and the others in processes, which start when they are first needed."""
        loads = share_out(tasks, self._cores)
        if len(loads) > 1 and self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = self._stack.enter_context(ProcessPoolExecutor(self._cores - 1, context))
        with _without_main():
            others = [
                self._pool.submit(search_in_turn, [tasks[number] for number in load], end, iterations)
                for load in loads[1:]
                if self._pool is not None
            ]
        found = [search_in_turn([tasks[number] for number in load], end, iterations) for load in loads[:1]]
        found += [other.result() for other in others]
        return in_order(loads, found)

    def __enter__(self) -> Self:
        """Nothing to do yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes."""
        self._stack.close()


@contextmanager
def _without_main() -> Iterator[None]:
    """Let processes start without running the caller's script again: they need nothing of it, and it may not be ready.

    Python does that for whatever is named as the main module's file or specification.
    """
    main = sys.modules["__main__"]
    hidden: dict[str, object] = {
        name: main.__dict__[name] for name in ("__file__", "__spec__") if name in main.__dict__
    }
    main.__dict__.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        main.__dict__.update(hidden)


def share_out(tasks: Sequence[Task], workers: int) -> list[list[int]]:
    """Give every worker tasks, as numbers, of about the same share; a worker's small ones come first.

    What the small ones leave over of their time goes to the large ones.
    """
    loads: list[list[int]] = [[] for _ in range(min(workers, len(tasks)))]
    totals = [0.0] * len(loads)
    for number in sorted(range(len(tasks)), key=lambda number: -tasks[number].share):
        least = totals.index(min(totals))
        loads[least].insert(0, number)
        totals[least] += tasks[number].share
    return loads


def in_order(loads: Sequence[Sequence[int]], found: Sequence[Sequence[Draft]]) -> list[Draft]:
    """Put the drafts of all loads back into the order of the tasks."""
    drafts = {
        number: draft for load, done in zip(loads, found, strict=True) for number, draft in zip(load, done, strict=True)
    }
    return [drafts[number] for number in range(len(drafts))]


def search_in_turn(tasks: Sequence[Task], end: float, iterations: int | None) -> list[Draft]:
    """Search tasks one after the other, each with its share of what time is left; where steps count, with all of it."""
    found = []
    waiting = sum(task.share for task in tasks)
    for task in tasks:
        left = end - monotonic()
        start = tours_of(task.problem, task.start)
        if left > 0 or not task.start:
            seconds = left * task.share / waiting if iterations is None else left
            limit = Limit(seconds, iterations)
            found.append(relay(task.problem, limit, task.seed, start, order_first=task.order_first))
        else:
            found.append(draft_of(task.problem, start))
        waiting -= task.share
    return found
