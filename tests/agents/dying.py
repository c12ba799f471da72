"""A worker in a process of its own that is killed by SIGKILL when it writes a checkpoint for the n-th time."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any

from agents.solvers import Solvers
from agents.worker import Worker
from city.clock import ManualClock
from city.database import open_engine
from city.settings import Settings

WRITES = ("put", "put_writes")


def step_and_die(url: str, at: datetime, settings: Settings, solvers: Solvers, *, writes: int) -> int:
    """Let a worker do one step at a moment; return its exit code: 0 if it finished before its time to die came."""
    child = multiprocessing.get_context("fork").Process(target=_step, args=(url, at, settings, solvers, writes))
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def _step(url: str, at: datetime, settings: Settings, solvers: Solvers, writes: int) -> None:
    left = writes

    def fatal(write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(*args, **kwargs)

        return counted

    clock = ManualClock(at)
    worker = Worker(open_engine(url), clock, settings, machine=clock, solvers=solvers)
    for name in WRITES:
        setattr(worker.checkpoints, name, fatal(getattr(worker.checkpoints, name)))
    worker.step()
    # Leave at once: what the test runner registered for its own end is not this process's.
    os._exit(0)
