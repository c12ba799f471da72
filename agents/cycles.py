"""Planning cycles: one row per run of the agents for a district, service date and shift, and who is at work on it.

A worker holds a cycle by a claim with an end: its token and a time of the machine's clock. It renews the claim while it
works; when it dies, the claim runs out and another worker takes the cycle over. Whatever a worker writes for a cycle
it writes in a transaction that first makes sure it still holds the claim (`hold`), so that one that was merely asleep
cannot write after it was replaced. Claims count in machine time, not in the city's: a simulated day runs faster than
processes die.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, Column, Engine, UniqueConstraint, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, and_, col, or_, select

from agents.errors import AgentError, ConflictError, NotFoundError, RefusedError
from agents.proposals import Proposal, ProposalKind, ProposalState
from agents.said import said
from agents.shifts import ShiftDay
from city.database import moment, transaction, word
from city.journal import CLOCK, record
from city.registry import District
from city.wording import Language

# Long enough for a slow disk, short enough that a dead worker is replaced within 30 s.
LEASE = timedelta(seconds=20)
# Planning starts this long before the shift: time to solve, and an hour and a half for people to look and change.
PLANNING_LEAD = timedelta(hours=2)
# A shift that nobody planned in time is planned late, with trucks leaving no sooner than people need to decide...
DECISION_TIME = timedelta(minutes=30)
# ...unless so much of it is gone that its crews have long been sent elsewhere by telephone.
LATEST_SHARE_GONE = 0.5
# A cycle that fails this often is given up: something in it kills or confuses every worker, and people must look.
MAX_ATTEMPTS = 3
RETRY_AFTER = timedelta(seconds=30)


class CycleState(StrEnum):
    """Where a cycle stands."""

    PLANNING = "planning"
    WAITING = "waiting"
    QUIET = "quiet"
    FAILED = "failed"
    CLOSED = "closed"


class PlanningCycle(SQLModel, table=True):
    """One run of the agents. `run` counts them: 1 by the clock, more when somebody asks again."""

    __tablename__ = "planning_cycle"
    __table_args__ = (UniqueConstraint("district_id", "service_date", "shift_id", "run"),)

    id: int | None = Field(default=None, primary_key=True)
    district_id: str = Field(foreign_key="district.id", index=True)
    service_date: date = Field(index=True)
    shift_id: str = Field(foreign_key="shift.id")
    run: int = 1
    kind: ProposalKind = Field(
        default=ProposalKind.PLAN, sa_column=word(ProposalKind), description="whether it plans a shift or changes it"
    )
    state: CycleState = Field(sa_column=word(CycleState, index=True))
    requested_by: str = Field(description="clock, or the account that asked")
    started_at: datetime = Field(sa_column=moment())
    finished_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    claim: str | None = Field(default=None, description="token of the worker that holds it")
    claimed_until: datetime | None = Field(
        default=None, sa_column=moment(nullable=True), description="machine time; after it another worker may take over"
    )
    attempts: int = Field(default=0, description="how often a worker has taken it up to plan")
    retry_at: datetime | None = Field(
        default=None, sa_column=moment(nullable=True), description="machine time of the next try after a failure"
    )
    outcome: dict[str, Any] = Field(
        default_factory=dict,
        sa_column=Column(JSON, nullable=False),
        description="an Outcome: why it ended quietly or failed",
    )

    @property
    def number(self) -> int:
        """Its id, once it is stored."""
        assert self.id is not None  # noqa: S101 - given by the database
        return self.id

    @property
    def thread_id(self) -> str:
        """Name of its LangGraph thread: one per district, service date and shift, whatever the run; one for changes."""
        return f"{self.shift_key}/change" if self.kind is ProposalKind.CHANGE else self.shift_key

    @property
    def shift_key(self) -> str:
        """Name of its shift."""
        return f"{self.district_id}/{self.service_date.isoformat()}/{self.shift_id}"

    @property
    def proposal_id(self) -> str:
        """Id of the proposal it makes, if it makes one."""
        return f"p{self.number}"


class Outcome(BaseModel):
    """Why a cycle ended without a proposal: a code of ``outcome.*`` and its numbers."""

    model_config = ConfigDict(frozen=True)

    code: str
    numbers: dict[str, Any] = {}

    def say(self, language: Language) -> str:
        """Word it for a person."""
        return said(f"outcome.{self.code}", language, self.numbers)


def outcome_of(error: Exception) -> Outcome:
    """Return a failure as the outcome of its cycle."""
    if isinstance(error, AgentError):
        return Outcome(code=error.code, numbers=error.numbers)
    return Outcome(code="cannot_be_planned", numbers={"detail": str(error)})


@dataclass(frozen=True, slots=True)
class Holder:
    """A worker as claims know it: its token, and the machine's time now."""

    token: str
    now: datetime


def leaves_from(day: ShiftDay, now: datetime) -> datetime:
    """When the first truck of a shift planned now may leave; until then people may decide."""
    return day.starts_at if now < day.starts_at else now + DECISION_TIME


def is_due(day: ShiftDay, now: datetime) -> bool:
    """Whether a shift is near enough to be planned and not too far gone."""
    latest = day.starts_at + (day.ends_at - day.starts_at) * LATEST_SHARE_GONE
    return day.starts_at - PLANNING_LEAD <= now and leaves_from(day, now) <= latest


def missing(session: Session, days: Sequence[ShiftDay]) -> list[ShiftDay]:
    """Return the shifts that no cycle exists for yet."""
    known = set(
        session.exec(
            select(col(PlanningCycle.district_id), col(PlanningCycle.service_date), col(PlanningCycle.shift_id)).where(
                col(PlanningCycle.service_date).in_({day.service_date for day in days})
            )
        )
    )
    return [day for day in days if (day.district_id, day.service_date, day.shift_id) not in known]


def begin(engine: Engine, day: ShiftDay, holder: Holder, at: datetime) -> PlanningCycle | None:
    """Start the clock's cycle of a shift and hold it; ``None`` if another worker was quicker or is busy there."""
    try:
        with transaction(engine) as session:
            serialise(session, day.district_id)
            if _is_busy(session, day, holder, planning=True):
                return None
            return _add(session, day, run=1, requested_by=CLOCK, at=at, holder=holder)
    except IntegrityError:
        return None  # the unique key of district, date, shift and run: it exists


def request(engine: Engine, day: ShiftDay, holder: Holder, *, actor: str, at: datetime) -> PlanningCycle:
    """Begin to plan a shift because somebody asks for it, anew if it has been planned before, and hold the cycle.

    The rule by which one proposal supersedes another: a cycle that a person asked for supersedes the pending proposal
    of the same shift when its own is ready, and never one that is approved or published.

    Raises
    ------
    ConflictError
        If the shift has an approved or published proposal, or is being planned just now.
    RefusedError
        If the shift is over, or nobody with a truck works in it.
    """
    if leaves_from(day, at) >= day.ends_at:
        raise RefusedError("shift_is_over", district_id=day.district_id, shift_id=day.shift_id, date=day.service_date)
    if not day.streams:
        raise RefusedError("no_crews", district_id=day.district_id, shift_id=day.shift_id)
    with transaction(engine) as session:
        serialise(session, day.district_id)
        _refuse_if_decided(session, day)
        runs = session.exec(
            select(PlanningCycle.run, PlanningCycle.state, PlanningCycle.kind).where(
                PlanningCycle.district_id == day.district_id,
                PlanningCycle.service_date == day.service_date,
                PlanningCycle.shift_id == day.shift_id,
            )
        ).all()
        being_planned = any((state, kind) == (CycleState.PLANNING, ProposalKind.PLAN) for _, state, kind in runs)
        if being_planned or _is_busy(session, day, holder, planning=True):
            raise ConflictError("being_planned", district_id=day.district_id, shift_id=day.shift_id)
        run = max((run for run, _, _ in runs), default=0) + 1
        cycle = _add(session, day, run=run, requested_by=actor, at=at, holder=holder)
        record(
            session,
            at=at,
            actor=actor,
            action="cycle.requested",
            subject=f"cycle/{cycle.number}",
            district_id=day.district_id,
            after={"thread_id": day.thread_id, "run": run},
        )
        return cycle


def begin_change(session: Session, day: ShiftDay, holder: Holder, at: datetime) -> PlanningCycle | None:
    """Begin to change the plan of a shift under way, in the caller's transaction, and hold the cycle.

    ``None`` if a living worker is at a change of the same shift.
    """
    serialise(session, day.district_id)
    if _is_busy(session, day, holder, planning=True, kind=ProposalKind.CHANGE):
        return None
    runs = session.exec(
        select(func.max(PlanningCycle.run)).where(
            PlanningCycle.district_id == day.district_id,
            PlanningCycle.service_date == day.service_date,
            PlanningCycle.shift_id == day.shift_id,
        )
    ).one()
    run = (runs or 0) + 1
    return _add(session, day, run=run, requested_by=CLOCK, at=at, holder=holder, kind=ProposalKind.CHANGE)


def take(engine: Engine, cycle: PlanningCycle, holder: Holder) -> PlanningCycle | None:
    """Claim a cycle that nobody holds; ``None`` if another worker was quicker or the district is busy."""
    with transaction(engine) as session:
        serialise(session, cycle.district_id)
        planning = cycle.state is CycleState.PLANNING
        if _is_busy(session, cycle, holder, planning=planning, kind=cycle.kind):
            return None
        taken = session.exec(
            update(PlanningCycle)
            .where(
                col(PlanningCycle.id) == cycle.id,
                col(PlanningCycle.state) == cycle.state,
                or_(col(PlanningCycle.claim).is_(None), col(PlanningCycle.claimed_until) <= holder.now),
            )
            .values(
                claim=holder.token,
                claimed_until=holder.now + LEASE,
                attempts=PlanningCycle.attempts + (1 if planning else 0),
                retry_at=None,
            )
        )
        if taken.rowcount != 1:
            return None
        return session.get(PlanningCycle, cycle.id, populate_existing=True)


def renew(engine: Engine, holder: Holder, cycle_ids: Collection[int]) -> None:
    """Extend a worker's claims on the cycles it is at work on, where they have not run out.

    A claim on any other cycle is one that it failed to give up: that must run out, or nobody could ever take it over.
    """
    if not cycle_ids:
        return
    with transaction(engine) as session:
        session.exec(
            update(PlanningCycle)
            .where(
                col(PlanningCycle.id).in_(cycle_ids),
                col(PlanningCycle.claim) == holder.token,
                col(PlanningCycle.claimed_until) > holder.now,
            )
            .values(claimed_until=holder.now + LEASE)
        )


def hold(session: Session, cycle_id: int, token: str) -> PlanningCycle:
    """Read a cycle and make sure, until the caller's transaction ends, that this worker holds it.

    Raises
    ------
    NotFoundError
        If there is no such cycle.
    ConflictError
        If another worker has taken it over: nothing may be written for it.
    """
    cycle = session.exec(
        select(PlanningCycle).where(PlanningCycle.id == cycle_id).with_for_update(),
        execution_options={"populate_existing": True},
    ).one_or_none()
    if cycle is None:
        raise NotFoundError("unknown_cycle", cycle_id=cycle_id)
    if cycle.claim != token:
        raise ConflictError("claim_lost", cycle_id=cycle_id)
    return cycle


def rest(
    session: Session, cycle: PlanningCycle, state: CycleState, *, at: datetime, outcome: Outcome | None = None
) -> None:
    """Let a held cycle come to rest in a state; how it ended, if it ended by itself, goes to the journal."""
    cycle.state = state
    cycle.finished_at = None if state is CycleState.WAITING else at
    if outcome is not None:
        cycle.outcome = outcome.model_dump(mode="json")
        record(
            session,
            at=at,
            actor=CLOCK,
            action=f"cycle.{state}",
            subject=f"cycle/{cycle.number}",
            district_id=cycle.district_id,
            reason=outcome.say("en"),
            after={"thread_id": cycle.thread_id, **cycle.outcome},
        )
    session.add(cycle)


def release(engine: Engine, cycle_id: int, token: str, *, attempted: bool = True) -> None:
    """Give up the claim on a cycle, if it is still held.

    Parameters
    ----------
    attempted
        Whether it counts as an attempt; a worker that was told to stop has not failed.
    """
    with transaction(engine) as session:
        session.exec(
            update(PlanningCycle)
            .where(col(PlanningCycle.id) == cycle_id, col(PlanningCycle.claim) == token)
            .values(claim=None, claimed_until=None, attempts=PlanningCycle.attempts - (0 if attempted else 1))
        )


def postpone(session: Session, cycle: PlanningCycle, *, machine_now: datetime) -> None:
    """Let a held cycle be tried again after a while."""
    cycle.retry_at = machine_now + RETRY_AFTER
    session.add(cycle)


def abandoned(session: Session, machine_now: datetime, kind: ProposalKind = ProposalKind.PLAN) -> list[PlanningCycle]:
    """Return cycles of a kind that are to be planned and that no living worker holds, the oldest first."""
    return list(
        session.exec(
            select(PlanningCycle)
            .where(
                PlanningCycle.state == CycleState.PLANNING, PlanningCycle.kind == kind, *_nobody_holds_it(machine_now)
            )
            .order_by(col(PlanningCycle.id))
        )
    )


def decided(session: Session, machine_now: datetime) -> list[PlanningCycle]:
    """Return waiting cycles whose proposal is not pending any more, those that are approved first."""
    cycles = session.exec(
        select(PlanningCycle, Proposal.state)
        .join(Proposal, col(Proposal.cycle_id) == PlanningCycle.id)
        .where(
            PlanningCycle.state == CycleState.WAITING,
            Proposal.state != ProposalState.PENDING,
            *_nobody_holds_it(machine_now),
        )
        .order_by(col(PlanningCycle.id))
    )
    return [cycle for cycle, _ in sorted(cycles, key=lambda found: found[1] is not ProposalState.APPROVED)]


def _nobody_holds_it(machine_now: datetime) -> tuple[Any, ...]:
    return (
        or_(col(PlanningCycle.claim).is_(None), col(PlanningCycle.claimed_until) <= machine_now),
        or_(col(PlanningCycle.retry_at).is_(None), col(PlanningCycle.retry_at) <= machine_now),
    )


def serialise(session: Session, district_id: str) -> None:
    """Let claims of one district be made one after the other. SQLite's writers queue anyway."""
    session.exec(select(District.id).where(District.id == district_id).with_for_update())


def _is_busy(
    session: Session,
    shift: ShiftDay | PlanningCycle,
    holder: Holder,
    *,
    planning: bool,
    kind: ProposalKind = ProposalKind.PLAN,
) -> bool:
    """Whether a living worker is in the way: on the same thread, or planning a district that is to be planned.

    Two plannings of one district would overwrite each other's needs; a decision of another shift disturbs nobody, nor
    does a change of a shift that is under way.
    """
    same_thread = and_(
        PlanningCycle.service_date == shift.service_date,
        PlanningCycle.shift_id == shift.shift_id,
        PlanningCycle.kind == kind,
    )
    planned = and_(PlanningCycle.state == CycleState.PLANNING, PlanningCycle.kind == ProposalKind.PLAN)
    in_the_way = or_(same_thread, planned) if planning and kind is ProposalKind.PLAN else same_thread
    return bool(
        session.exec(
            select(PlanningCycle.id)
            .where(
                PlanningCycle.district_id == shift.district_id,
                col(PlanningCycle.claim).is_not(None),
                col(PlanningCycle.claimed_until) > holder.now,
                in_the_way,
            )
            .limit(1)
        ).first()
    )


def _refuse_if_decided(session: Session, day: ShiftDay) -> None:
    standing = session.exec(select(Proposal).where(Proposal.live_key == day.thread_id)).first()
    if standing is not None and standing.state is not ProposalState.PENDING:
        raise ConflictError("already_decided", proposal_id=standing.id, state=standing.state.value)


def _add(
    session: Session,
    day: ShiftDay,
    *,
    run: int,
    requested_by: str,
    at: datetime,
    holder: Holder,
    kind: ProposalKind = ProposalKind.PLAN,
) -> PlanningCycle:
    cycle = PlanningCycle(
        district_id=day.district_id,
        service_date=day.service_date,
        shift_id=day.shift_id,
        run=run,
        kind=kind,
        state=CycleState.PLANNING,
        requested_by=requested_by,
        started_at=at,
        claim=holder.token,
        claimed_until=holder.now + LEASE,
        attempts=1,
    )
    session.add(cycle)
    session.flush()
    return cycle
