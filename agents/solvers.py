"""Solving beside the program: processes that know nothing but `routing`, so that the API is never held up.

They are started by name and not as copies of this program (`multiprocessing` would run its main module again in each):
a solving process holds the engines and the problem, no database, no web server.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from agents.errors import PlanningError
from agents.replanning import Happening, Replanned
from agents.solving import receive, send
from routing.errors import RoutingError
from routing.plan import Plan
from routing.problem import Problem

ATTEMPTS = 2
# What happens during a shift must not wait until a plan of the next one is solved: it has a process of its own.
URGENT = 1


class Solvers:
    """As many solving processes as there are cores, and one for changes of a running day, started when first needed.

    Parameters
    ----------
    cores
        How many; 0: as many as the machine has.
    """

    def __init__(self, cores: int = 0) -> None:
        self.cores = cores or os.cpu_count() or 1
        self._turns = threading.Semaphore(self.cores)
        self._urgent = threading.Semaphore(URGENT)
        self._mutex = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._all: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def solve(self, problem: Problem, seconds: float, *, seed: int, start: Plan | None = None) -> Plan:
        """Solve a problem in another process, on one core, and wait for its plan.

        Raises
        ------
        PlanningError
            If the process dies twice, as it does when the system runs out of memory; or the processes are ended.
        RoutingError
            If the problem cannot be solved as it is.
        """
        with self._turns:
            plan = self._ask(problem, ("solve", problem, seconds, seed, start))
        assert isinstance(plan, Plan)  # noqa: S101
        return plan

    def replan(self, problem: Problem, plan: Plan, events: Sequence[Happening], now_s: int) -> Replanned:
        """Take events into a plan that is being driven, in another process, without waiting for any that solves.

        Raises
        ------
        PlanningError
            As `solve`.
        RoutingError
            As `agents.replanning.replan_all`.
        """
        with self._urgent:
            found = self._ask(problem, ("replan", problem, plan, events, now_s))
        assert isinstance(found, Replanned)  # noqa: S101
        return found

    def _ask(self, problem: Problem, question: object) -> object:
        for _ in range(ATTEMPTS):
            process = self._take()
            try:
                kind, answer = _ask(process, question)
            except (EOFError, OSError):
                self._bury(process)
                continue
            self._give_back(process)
            if kind == "refused":
                raise RoutingError(str(answer))
            if kind == "failed":
                raise RuntimeError(answer)
            return answer
        raise PlanningError("solver_died", stops=len(problem.stops), trucks=len(problem.trucks))

    def warm(self) -> None:
        """Start the processes and let them load the engines, so that the first plan does not wait for that."""
        for process in [self._take() for _ in range(self.cores + URGENT)]:
            self._give_back(process)

    def processes(self) -> list[int]:
        """Return the ids of the processes that are running."""
        with self._mutex:
            return [process.pid for process in self._all]

    def close(self) -> None:
        """End the processes; plans that are being solved are given up."""
        with self._mutex:
            self._closed = True
            ended, self._all, self._idle = self._all, set(), []
        for process in ended:
            process.kill()
        for process in ended:
            _reap(process)

    def _take(self) -> subprocess.Popen[bytes]:
        with self._mutex:
            if self._closed:
                raise PlanningError("solver_closed")
            if self._idle:
                return self._idle.pop()
            process = _start()
            self._all.add(process)
            return process

    def _give_back(self, process: subprocess.Popen[bytes]) -> None:
        with self._mutex:
            if process in self._all:
                self._idle.append(process)

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        with self._mutex:
            self._all.discard(process)
        process.kill()
        _reap(process)


def _start() -> subprocess.Popen[bytes]:
    """Start a solving process. It finds the program where this one does; a Ctrl-C in the terminal is not its own."""
    places = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "agents.solving"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": places},
        start_new_session=True,
    )


def _ask(process: subprocess.Popen[bytes], question: object) -> tuple[str, object]:
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    send(process.stdin, question)
    kind, answer = receive(process.stdout)
    return kind, answer


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a killed process and close what led to it."""
    process.wait()
    for channel in (process.stdin, process.stdout):
        if channel is not None:
            try:
                channel.close()
            except OSError:
                continue  # a question that was never read
