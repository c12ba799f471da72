"""The simulated city beside the real agents: at the pace of a clock, through the public API, and nothing else.

What the city's devices and crews have to say waits here until the API has taken it, as it does in a network server
and in a driver's phone.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from city.clock import Clock
from routing.plan import VisitKind
from scenarios.crews import PlannedVisit, Tour, departures, hindrance_at, weight_on_scale
from scenarios.doors import ClosedError, Doors
from scenarios.trucks import Payloads
from scenarios.uplinks import Uplink
from scenarios.world import World
from sensors.service import CouldNotReason, ServiceOutcome

log = logging.getLogger(__name__)

# Real seconds between two looks at the clock, between two looks at the dispatches, and between two savings.
PACE_S = 0.5
LOOK_EVERY_S = 2.0
SAVE_EVERY_S = 2.0


@dataclass
class Told:
    """What was said to the API so far, and what it refused."""

    readings: int = 0
    records: int = 0
    refused: int = 0


@dataclass
class Underway:
    """A tour and how far its crew has come."""

    tour: Tour
    leaves: tuple[datetime, ...]
    next: int = 0
    load_kg: float = 0.0

    @property
    def visit(self) -> PlannedVisit:
        """The visit that comes next."""
        return self.tour.visits[self.next]

    @property
    def due_at(self) -> datetime:
        """When the crew is through with it; what was recorded tells better than what was drawn."""
        recorded = self.tour.records.get(self.visit.stop_id or "")
        return recorded.at if recorded else self.leaves[self.next]

    @property
    def is_home(self) -> bool:
        """Whether nothing is left to do."""
        return self.next == len(self.tour.visits)


@dataclass
class LiveCity:
    """A world that keeps up with a clock.

    Parameters
    ----------
    crews
        Id of one crew of each district, which looks for the district's dispatches.
    saved_in
        File the world is kept in, so that the city goes on where it was.
    """

    world: World
    doors: Doors
    clock: Clock
    payloads: Payloads
    crews: Sequence[str]
    saved_in: Path
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self._resumed_at = self.world.at
        self._underway: dict[str, Underway] = {}
        self._untold: deque[Callable[[], Awaitable[None]]] = deque()

    async def run(self, stop: threading.Event) -> None:
        """Keep up with the clock until told to stop; the last moment is saved."""
        looked_s = saved_s = float("-inf")
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            try:
                if loop.time() - looked_s >= LOOK_EVERY_S:
                    await self.look_for_dispatches()
                    looked_s = loop.time()
                await self.step(self.clock.now())
                if loop.time() - saved_s >= SAVE_EVERY_S:
                    self.save()
                    saved_s = loop.time()
            except ClosedError as error:
                log.warning("%s; trying again", error)
            await asyncio.sleep(PACE_S)
        self.save()

    async def look_for_dispatches(self) -> None:
        """Take up dispatches that were published since the last look."""
        for crew_id in self.crews:
            for dispatch_id in await self.doors.dispatches_under_way(crew_id):
                if dispatch_id not in self._underway:
                    tour = await self.doors.tour(crew_id, dispatch_id)
                    self._underway[dispatch_id] = Underway(tour, departures(tour, self.world.seed))

    async def step(self, now: datetime) -> None:
        """Let everything happen that happens until now, in order, and tell the API."""
        while (crew := self._first_due()) is not None and crew.due_at <= now:
            self._send(self.world.advance(crew.due_at))
            self._visit(crew)
        self._send(self.world.advance(now))
        await self._tell()

    def save(self) -> None:
        """Keep the moment, unless something is still to be told: it would be lost."""
        if not self._untold:
            self.world.save(self.saved_in)

    def _first_due(self) -> Underway | None:
        out = [crew for crew in self._underway.values() if not crew.is_home]
        return min(out, key=lambda crew: (crew.due_at, crew.tour.dispatch_id), default=None)

    def _visit(self, crew: Underway) -> None:
        visit, at = crew.visit, max(crew.due_at, self.world.at)
        if visit.kind is VisitKind.UNLOAD:
            crew.load_kg = 0.0
        elif visit.kind is VisitKind.STOP:
            self._serve(crew, visit, at)
        crew.next += 1

    def _serve(self, crew: Underway, visit: PlannedVisit, at: datetime) -> None:
        assert visit.stop_id and visit.point_id and visit.stream  # noqa: S101, PT018 - a stop has all three
        recorded = crew.tour.records.get(visit.stop_id)
        if recorded is not None:
            crew.load_kg += recorded.weight_kg
            if recorded.outcome is ServiceOutcome.DONE and recorded.at > self._resumed_at:
                self.world.collect(visit.point_id, visit.stream)
            return
        hindrance = hindrance_at(crew.tour, visit.stop_id, self.world.seed)
        if hindrance is None and crew.load_kg >= self.payloads.limit_kg(crew.tour.truck_id, visit.stream):
            hindrance = CouldNotReason.TRUCK_FULL
        if hindrance is not None:
            self._record(crew.tour, visit.stop_id, at, hindrance=hindrance)
            return
        collected = self.world.collect(visit.point_id, visit.stream)
        weight_kg = weight_on_scale(collected.weight_kg, crew.tour, visit.stop_id, self.world.seed)
        crew.load_kg += weight_kg
        self._record(crew.tour, visit.stop_id, at, weight_kg=weight_kg, bin_count=collected.bin_count)

    def _record(
        self,
        tour: Tour,
        stop_id: str,
        at: datetime,
        *,
        weight_kg: float | None = None,
        bin_count: int | None = None,
        hindrance: CouldNotReason | None = None,
    ) -> None:
        async def tell() -> None:
            taken = await self.doors.record(
                tour, stop_id, at=at, weight_kg=weight_kg, bin_count=bin_count, hindrance=hindrance
            )
            self.told.records += taken
            self.told.refused += not taken

        self._untold.append(tell)

    def _send(self, uplinks: Sequence[Uplink]) -> None:
        for uplink in uplinks:

            async def tell(uplink: Uplink = uplink) -> None:
                taken = await self.doors.deliver(uplink)
                self.told.readings += taken
                self.told.refused += not taken

            self._untold.append(tell)

    async def _tell(self) -> None:
        while self._untold:
            await self._untold[0]()
            self._untold.popleft()
