"""Searches on a Ray cluster: the same tasks, given to actors that stay alive on its machines.

Ray is an optional extra. Its usage statistics stay off, and no dashboard is started.
"""

import os
import socket
from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Self

from routing.draft import Draft
from routing.errors import RoutingError
from routing.workers import Task, in_order, search_in_turn, share_out

# What sending a load and getting its drafts back may take.
TRANSFER_S = 0.5
# How long the cluster may take to answer at all.
KNOCK_S = 5.0


class RaySearch:
    """Lives on a machine of the cluster and searches what it is sent."""

    def search(self, tasks: Sequence[Task], seconds: float, iterations: int | None) -> list[Draft]:
        """Search tasks one after the other; clocks of machines differ, so the time is a duration."""
        return search_in_turn(tasks, monotonic() + seconds, iterations)

    def machine(self) -> str:
        """Return the id of the cluster's node it lives on."""
        import ray  # noqa: PLC0415

        return str(ray.get_runtime_context().get_node_id())


class RayCluster:
    """The processors of a Ray cluster.

    Parameters
    ----------
    address
        Where the cluster is: ``auto``, ``host:port`` or ``ray://host:port``.
    cores
        How many of its processors to use at most.
    """

    def __init__(self, address: str, cores: int) -> None:
        self._address = address
        self._cores = cores
        self._ray: Any = None
        self._mine = False
        self._actors: list[Any] = []

    @property
    def count(self) -> int:
        """How many tasks are searched at the same time."""
        return len(self._actors)

    @property
    def machines(self) -> set[str]:
        """Ids of the cluster's nodes that take part."""
        return set(self._ray.get([actor.machine.remote() for actor in self._actors]))

    def search(self, tasks: Sequence[Task], end: float, iterations: int | None) -> list[Draft]:
        """Send every actor its load and wait for all."""
        loads = share_out(tasks, self.count)
        seconds = max(0.0, end - monotonic() - TRANSFER_S)
        found = [
            actor.search.remote([tasks[number] for number in load], seconds, iterations)
            for actor, load in zip(self._actors, loads, strict=False)
        ]
        try:
            return in_order(loads, self._ray.get(found))
        except self._ray.exceptions.RayError as error:
            raise RoutingError(f"the Ray cluster at {self._address} failed while it searched: {error}") from error

    def __enter__(self) -> Self:
        """Connect, and start an actor for each processor, spread over the machines.

        Raises
        ------
        RoutingError
            If Ray is not installed, or no cluster answers at the address.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        try:
            import ray  # noqa: PLC0415 - an optional extra that takes a second to load
        except ModuleNotFoundError as error:
            raise RoutingError("Ray is not installed; install dustcart[ray], or plan without a cluster") from error
        self._ray = ray
        if not ray.is_initialized():
            _knock(self._address)
            try:
                ray.init(address=self._address, log_to_driver=False, logging_level="error")
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise RoutingError(f"no Ray cluster answers at {self._address}: {error}") from error
            self._mine = True
        there = int(ray.cluster_resources().get("CPU", 0))
        if there < 1:
            raise RoutingError(f"the Ray cluster at {self._address} has no processors; add a machine to it")
        remote = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(RaySearch)
        self._actors = [remote.remote() for _ in range(min(self._cores, there))]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the actors, and the connection if it was made here."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors = []
        if self._mine:
            self._ray.shutdown()
            self._mine = False


def _knock(address: str) -> None:
    """Try whether anything listens at an address: Ray itself would wait for minutes.

    Raises
    ------
    RoutingError
        If nothing does.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return  # "auto": Ray knows at once
    try:
        socket.create_connection((host, int(port)), KNOCK_S).close()
    except (OSError, ValueError) as error:
        raise RoutingError(f"no Ray cluster answers at {address}: {error}") from error
