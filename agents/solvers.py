"""Solving beside the program: a pool of processes that know nothing but `routing`, so that the API is never held up."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from agents.errors import PlanningError
from routing.plan import Plan
from routing.problem import Problem


class Solvers:
    """As many solving processes as there are cores, started when they are first needed.

    Parameters
    ----------
    cores
        How many; 0: as many as the machine has.
    """

    def __init__(self, cores: int = 0) -> None:
        self.cores = cores or os.cpu_count() or 1
        self._mutex = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._closed = False

    def solve(self, problem: Problem, seconds: float, *, seed: int, start: Plan | None = None) -> Plan:
        """Solve a problem in another process, on one core, and wait for its plan.

        Raises
        ------
        PlanningError
            If the process dies twice, as it does when the system runs out of memory.
        RoutingError
            If the problem cannot be solved as it is.
        """
        for _ in range(2):
            pool = self._running()
            try:
                return pool.submit(_solve, problem, seconds, seed, start).result()
            except BrokenProcessPool:
                self._discard(pool)
        raise PlanningError("solver_died", stops=len(problem.stops), trucks=len(problem.trucks))

    def warm(self) -> None:
        """Start the processes and let them load the engines, so that the first plan does not wait for that."""
        pool = self._running()
        for _ in range(self.cores):
            pool.submit(_load)

    def processes(self) -> list[int]:
        """Return the ids of the processes that are running."""
        with self._mutex:
            return [] if self._pool is None else list(self._pool._processes)

    def close(self) -> None:
        """End the processes; plans that are being solved are given up."""
        with self._mutex:
            self._closed = True
            if self._pool is not None:
                for process in list(self._pool._processes.values()):
                    process.terminate()
                self._pool.shutdown(wait=True, cancel_futures=True)
                self._pool = None

    def _running(self) -> ProcessPoolExecutor:
        with self._mutex:
            if self._closed:
                raise PlanningError("solver_closed")
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self.cores, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
                )
            return self._pool

    def _discard(self, broken: ProcessPoolExecutor) -> None:
        with self._mutex:
            if self._pool is broken:
                self._pool = None
        broken.shutdown(wait=False, cancel_futures=True)


def _load() -> None:
    """Load what solving needs. Slow enough that every process of the pool gets one of these."""
    from routing.engines import ortools, pyvrp  # noqa: F401, PLC0415


def _solve(problem: Problem, seconds: float, seed: int, start: Plan | None) -> Plan:
    """Run in the solving process: only there are the engines and their memory needed."""
    from routing.solve import Budget, solve  # noqa: PLC0415

    return solve(problem, Budget(seconds), seed=seed, start=start)


def _end_with_parent() -> None:
    """Let a solving process end when the program does, even if that was killed: nobody else would tell it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for_end, args=(parent.sentinel,), daemon=True).start()


def _wait_for_end(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
