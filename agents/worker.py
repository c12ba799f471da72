"""The worker: plans what is due, wakes what was decided, publishes, lets expire, and takes over from the dead.

It keeps nothing that matters in memory. As many workers as one likes run over one database; each takes what nobody
holds. A worker that is killed loses its claims after their lease, and another goes on from the last checkpoint.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from agents.change_graph import build_change_graph
from agents.checkpoints import open_checkpoints
from agents.cycles import (
    LEASE,
    MAX_ATTEMPTS,
    CycleState,
    Holder,
    PlanningCycle,
    abandoned,
    begin,
    decided,
    hold,
    is_due,
    missing,
    outcome_of,
    postpone,
    release,
    renew,
    request,
    rest,
    take,
)
from agents.errors import AgentError, ConflictError, PlanningError
from agents.graph import build_graph
from agents.proposals import Proposal, ProposalKind
from agents.review import expire
from agents.roads import CityRoads
from agents.shifts import ShiftDay, shift_day, shift_days
from agents.solvers import Solvers
from agents.surroundings import Surroundings
from agents.threads import UNFINISHED, advance, is_of
from agents.watching import open_shifts, overdue, take_up, watch
from city.clock import Clock, SystemClock
from city.database import reading, transaction
from city.errors import CityError
from city.registry import City
from city.settings import Settings
from city.store import zone_of
from routing.errors import RoutingError
from sensors.afterwards import stir_still
from sensors.day_learning import learn_special_days
from sensors.device_days import judge_devices
from sensors.emptied import look_at_stirred
from sensors.sweep import sweep

log = logging.getLogger(__name__)

# A decision becomes dispatches within a second: it is seen within this time and published in a fraction of it.
POLL_S = 0.4
# Claims are renewed often enough to survive two missed turns.
RENEW_S = LEASE.total_seconds() / 4
# While a district is being solved its thread only waits, so that others can read, write and check meanwhile.
PLANNINGS_PER_CORE = 2
# Shifts of yesterday may still run, those of tomorrow may begin soon after midnight.
DATES_AROUND = (-1, 0, 1)
# Changes of running days that are worked out at the same time; others of other districts wait a moment.
CHANGES_AT_ONCE = 4
# Streets and trucks are looked at this often: a change has five seconds from the cause to the proposal.
WATCH_PAUSE_S = 1.0
# Silences are looked for this often in the city's time, and not more often than that in the machine's.
SWEEP_EVERY, SWEEP_PAUSE_S = timedelta(minutes=1), 1.0
# How often devices are looked for that say the same for too long: it takes a day to be one.
STILL_EVERY = timedelta(hours=6)
# What special days bring is learnt this often: from the days that have become a day older.
SPECIAL_DAYS_EVERY = timedelta(hours=24)
# Devices whose health is judged after each sweep: 150,000 are through within two hours, and no sweep waits for long.
JUDGED_AT_A_TIME = 2_000
# After the database was away.
PAUSE_S = 2.0


class Worker:
    """One worker over one database.

    Parameters
    ----------
    clock
        The city's time: when shifts are due and proposals expire.
    machine
        The machine's time, for claims; not the city's, which may be simulated.
    roads
        The city's road graphs, where the program has them already.
    solvers
        Solving processes to share with others; ``None``: its own, which end with it.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        settings: Settings,
        *,
        machine: Clock | None = None,
        roads: CityRoads | None = None,
        solvers: Solvers | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._machine = machine or SystemClock()
        self._solvers = solvers or Solvers(settings.cores)
        self._surroundings = Surroundings(
            engine,
            clock,
            settings,
            roads or CityRoads.of(engine, settings),
            self._solvers,
            token=uuid.uuid4().hex,
        )
        self._resources = ExitStack()
        self.checkpoints = self._resources.enter_context(open_checkpoints(engine))
        self._graphs = {
            ProposalKind.PLAN: build_graph(self.checkpoints),
            ProposalKind.CHANGE: build_change_graph(self.checkpoints),
        }
        self._threads = ThreadPoolExecutor(self._solvers.cores * PLANNINGS_PER_CORE, thread_name_prefix="planning")
        self._changes = ThreadPoolExecutor(CHANGES_AT_ONCE, thread_name_prefix="change")
        self._plannings: dict[int, Future[None]] = {}
        self._changing: set[int] = set()
        self._renewed_s = time.monotonic()
        self._stopping = threading.Event()
        self._owns_solvers = solvers is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def roads(self) -> CityRoads:
        """The road graphs it plans on, for others in the program that need them."""
        return self._surroundings.roads

    def close(self) -> None:
        """Give up what is being planned, so that another worker can take it at once, and close everything."""
        self._stopping.set()
        with self._resources:
            if self._owns_solvers:
                self._solvers.close()
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._changes.shutdown(wait=True, cancel_futures=True)

    def step(self) -> bool:
        """Do one round of due work and wait for all of it. Returns whether there was any."""
        expired = expire(self._engine, self._clock.now())
        watch(self._engine, self._clock)
        started = self._start_plannings() + self._start_changes()
        settled = self._wake_decided()
        while started and wait(started, timeout=RENEW_S).not_done:
            self._renew()
        self._forget_finished()
        return bool(expired or started or settled)

    def plan(self, day: ShiftDay, *, actor: str) -> PlanningCycle:
        """Plan a shift because somebody asks for it, anew if need be, and return the cycle as it ended.

        Raises
        ------
        ConflictError, RefusedError
            As `agents.cycles.request`.
        """
        cycle = request(self._engine, day, self._holder(), actor=actor, at=self._clock.now())
        self._plannings[cycle.number] = self._threads.submit(self._work_on, cycle)
        while wait([self._plannings[cycle.number]], timeout=RENEW_S).not_done:
            self._renew()
        self._forget_finished()
        with reading(self._engine) as session:
            return session.get_one(PlanningCycle, cycle.number)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop. What is being planned then is left to the next worker."""
        self._solvers.warm()
        threading.Thread(target=self._warm_roads, name="roads", daemon=True).start()
        sweeping = threading.Thread(target=self._sweep, args=[stop], name="sweep", daemon=True)
        watching = threading.Thread(target=self._watch, args=[stop], name="watch", daemon=True)
        sweeping.start()
        watching.start()
        try:
            while not stop.is_set():
                pause_s = POLL_S
                try:
                    expire(self._engine, self._clock.now())
                    self._wake_decided()
                    self._forget_finished()
                    self._start_changes()
                    self._start_plannings()
                    self._renew_in_time()
                except SQLAlchemyError:
                    log.exception("the database does not answer; trying again")
                    pause_s = PAUSE_S
                stop.wait(pause_s)
        finally:
            self.close()
            # Whoever opened the database closes it next.
            sweeping.join()
            watching.join()

    def _warm_roads(self) -> None:
        """Build the road graphs before the first planning needs them. What is wrong with them, planning will say."""
        try:
            self.roads.warm()
        except (CityError, RoutingError, SQLAlchemyError) as error:
            log.warning("the road graphs cannot be built yet: %s", error)

    def _sweep(self, stop: threading.Event) -> None:
        """Look for what time alone decides about devices, beside everything else: no decision waits for it."""
        swept_at = stilled_at = learnt_at = None
        while not (stop.wait(SWEEP_PAUSE_S) or self._stopping.is_set()):
            if swept_at is not None and self._clock.now() - swept_at < SWEEP_EVERY:
                continue
            try:
                swept_at = self._clock.now()
                sweep(self._engine, self._clock)
                judge_devices(self._engine, self._clock, at_most=JUDGED_AT_A_TIME)
                if stilled_at is None or swept_at - stilled_at >= STILL_EVERY:
                    stir_still(self._engine, swept_at)
                    stilled_at = swept_at
                look_at_stirred(self._engine, swept_at)
                if learnt_at is None or swept_at - learnt_at >= SPECIAL_DAYS_EVERY:
                    learn_special_days(self._engine, swept_at)
                    learnt_at = swept_at
            except SQLAlchemyError:
                log.exception("the sweep for silent devices and emptyings failed; trying again")

    def _watch(self, stop: threading.Event) -> None:
        """Look at what concerns shifts under way, beside everything else."""
        while not (stop.wait(WATCH_PAUSE_S) or self._stopping.is_set()):
            try:
                watch(self._engine, self._clock)
            except (SQLAlchemyError, AgentError):
                log.exception("what concerns the shifts under way could not be read; trying again")

    def _holder(self) -> Holder:
        return Holder(self._surroundings.token, self._machine.now())

    def _renew(self) -> None:
        """Extend the claims on what is being planned."""
        self._renewed_s = time.monotonic()
        renew(self._engine, self._holder(), [number for number, future in self._plannings.items() if not future.done()])

    def _renew_in_time(self) -> None:
        if time.monotonic() - self._renewed_s >= RENEW_S:
            self._renew()

    def _forget_finished(self) -> None:
        self._plannings = {number: future for number, future in self._plannings.items() if not future.done()}
        self._changing &= self._plannings.keys()

    def _free(self) -> int:
        """How many more plannings there are threads for; changes have threads of their own."""
        taken = sum(not future.done() for number, future in self._plannings.items() if number not in self._changing)
        return self._solvers.cores * PLANNINGS_PER_CORE - taken

    def _start_plannings(self) -> list[Future[None]]:
        """Take up as many plannings as there are threads free; the rest is left to others or to the next round."""
        claims = self._claims()
        started = []
        while self._free() > 0 and (cycle := next(claims, None)) is not None:
            started.append(self._threads.submit(self._work_on, cycle))
            self._plannings[cycle.number] = started[-1]
        return started

    def _start_changes(self) -> list[Future[None]]:
        """Take up what happened in shifts under way, at once: it does not wait behind any planning."""
        with reading(self._engine) as session:
            if session.get(City, 1) is None:
                return []
            left = abandoned(session, self._machine.now(), ProposalKind.CHANGE)
            now = self._clock.now()
            days: dict[str, tuple[ShiftDay, str | None]] = {
                day.thread_id: (day, None) for day in open_shifts(session, now)
            }
            for proposal in overdue(session, now):
                day = shift_day(session, proposal.district_id, proposal.service_date, proposal.shift_id)
                days[day.thread_id] = day, proposal.id
        started = [
            self._start_change(taken)
            for cycle in left
            if cycle.number not in self._plannings and (taken := take(self._engine, cycle, self._holder()))
        ]
        for day, anew in days.values():
            if begun := take_up(self._engine, day, self._holder(), self._clock.now(), anew=anew):
                started.append(self._start_change(begun))
        return started

    def _start_change(self, cycle: PlanningCycle) -> Future[None]:
        self._changing.add(cycle.number)
        self._plannings[cycle.number] = self._changes.submit(self._work_on, cycle)
        return self._plannings[cycle.number]

    def _claims(self) -> Iterator[PlanningCycle]:
        """Claim one cycle after the other: first what others left behind, then the shifts that are due."""
        with reading(self._engine) as session:
            if session.get(City, 1) is None:
                return
            left = abandoned(session, self._machine.now())
            due = self._due(session)
        for cycle in left:
            if cycle.number not in self._plannings and (taken := take(self._engine, cycle, self._holder())):
                yield taken
        for day in due:
            if begun := begin(self._engine, day, self._holder(), self._clock.now()):
                yield begun

    def _due(self, session: Session) -> list[ShiftDay]:
        zone = zone_of(session)
        now = self._clock.now()
        today = now.astimezone(zone).date()
        dates = [today + timedelta(days=away) for away in DATES_AROUND]
        return missing(session, [day for day in shift_days(session, zone, dates) if is_due(day, now)])

    def _wake_decided(self) -> bool:
        """Carry every decision that was taken to its thread."""
        with reading(self._engine) as session:
            waiting = decided(session, self._machine.now())
        woken = False
        for cycle in waiting:
            if taken := take(self._engine, cycle, self._holder()):
                self._work_on(taken)
                woken = True
                self._renew_in_time()
        return woken

    def _work_on(self, cycle: PlanningCycle) -> None:
        """Bring a claimed cycle as far as it goes, and write down how it went. Nothing escapes: others go on."""
        try:
            _give_up_if_hopeless(cycle)
            advance(self._graphs[cycle.kind], self._surroundings, cycle)
            self._leave(cycle)
        except ConflictError as error:
            log.warning("cycle %s: %s", cycle.thread_id, error)
            with self._left_to_its_lease(cycle):
                release(self._engine, cycle.number, self._surroundings.token)
        except (PlanningError, RoutingError, CityError) as error:
            with self._left_to_its_lease(cycle):
                self._fail(cycle, error)
        except Exception:
            log.exception("cycle %s failed and will be tried again", cycle.thread_id)
            with self._left_to_its_lease(cycle):
                self._postpone(cycle)

    def _leave(self, cycle: PlanningCycle) -> None:
        """Close the cycle if its thread has ended, and give up the claim either way."""
        with transaction(self._engine) as session:
            held = hold(session, cycle.number, self._surroundings.token)
            proposal = session.get(Proposal, held.proposal_id)
            if held.state is CycleState.WAITING and (proposal is None or proposal.state not in UNFINISHED):
                rest(session, held, CycleState.CLOSED, at=self._clock.now())
            ended = held.state is not CycleState.WAITING
        if ended:
            self._prune(cycle)
        release(self._engine, cycle.number, self._surroundings.token)

    def _prune(self, cycle: PlanningCycle) -> None:
        """Take away the checkpoints of a thread that has ended: proposal and journal tell the story."""
        if is_of(self._graphs[cycle.kind], cycle):
            self.checkpoints.delete_thread(cycle.thread_id)

    def _fail(self, cycle: PlanningCycle, error: Exception) -> None:
        """Tell the operator, through the journal, that this shift has no plan, and why."""
        if self._stopping.is_set():
            release(self._engine, cycle.number, self._surroundings.token, attempted=False)
            return
        log.error("cycle %s: %s", cycle.thread_id, error)
        with transaction(self._engine) as session:
            held = hold(session, cycle.number, self._surroundings.token)
            rest(session, held, CycleState.FAILED, at=self._clock.now(), outcome=outcome_of(error))
        self._prune(cycle)
        release(self._engine, cycle.number, self._surroundings.token)

    def _postpone(self, cycle: PlanningCycle) -> None:
        with transaction(self._engine) as session:
            postpone(
                session,
                hold(session, cycle.number, self._surroundings.token),
                machine_now=self._machine.now(),
            )
        release(self._engine, cycle.number, self._surroundings.token)

    @contextmanager
    def _left_to_its_lease(self, cycle: PlanningCycle) -> Iterator[None]:
        """Let a cycle stay claimed for what remains of its lease if not even its failure can be written down."""
        try:
            yield
        except (AgentError, SQLAlchemyError) as error:
            log.warning("cycle %s stays claimed until its lease ends: %s", cycle.thread_id, error)


def _give_up_if_hopeless(cycle: PlanningCycle) -> None:
    """Stop a cycle that has cost several workers their lives or their patience."""
    if cycle.attempts > MAX_ATTEMPTS:
        raise PlanningError("given_up", attempts=MAX_ATTEMPTS)
