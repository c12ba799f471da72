"""Editing a pending proposal by hand: drop, add, move, lock. Each edit is priced, verified and makes a new version."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Engine, update
from sqlmodel import Session, col

from agents.edits import (
    AddStop,
    Draft,
    DropStop,
    Edit,
    LockStop,
    MoveStop,
    UnlockStop,
    added,
    dropped,
    locked,
    moved,
    unlocked,
)
from agents.errors import ConflictError, EditRefusedError, RefusedError
from agents.extending import extend
from agents.problems import Problems, store_problem
from agents.proposals import (
    Proposal,
    ProposalState,
    Shown,
    current,
    not_so,
    plan_of,
    read_proposal,
    version_of,
)
from agents.reasons import StopReason
from agents.revising import revised
from agents.roads import CityRoads
from agents.stop_ids import stop_id_of
from agents.summary import Summary, summarise
from city.clock import Clock
from city.database import reading, transaction
from city.journal import record
from routing.difference import Difference
from routing.plan import Plan
from routing.problem import Lock, Problem
from routing.verify import verify

__all__ = [
    "AddStop",
    "Desk",
    "DropStop",
    "Edit",
    "EditCost",
    "EditOutcome",
    "LockStop",
    "MoveStop",
    "UnlockStop",
    "apply",
    "open_desk",
    "preview",
]

# How an edit is named in the journal and in the version it made.
NAMES: dict[type, str] = {
    DropStop: "drop_stop",
    AddStop: "add_stop",
    MoveStop: "move_stop",
    LockStop: "lock_stop",
    UnlockStop: "unlock_stop",
}


@dataclass(frozen=True, slots=True)
class EditCost:
    """What an edit changes, new minus old. Cents are fixed, distance and time costs, without prizes."""

    cents: int
    distance_m: int
    duration_s: int
    stops: int
    trucks: int


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """A proposal after an edit.

    Attributes
    ----------
    version
        The version it makes, or would make.
    locks
        Truck id of every stop that is locked, by stop id.
    difference
        Of a change of a running day: what it changes after the edit.
    """

    version: int
    cost: EditCost
    plan: Plan
    reasons: Mapping[str, StopReason]
    summary: Summary
    locks: Mapping[str, str]
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What editing works with. Problems and roads are kept between edits: a stop that is dragged asks often."""

    engine: Engine
    clock: Clock
    roads: CityRoads
    problems: Problems


def open_desk(engine: Engine, clock: Clock, roads: CityRoads | None = None) -> Desk:
    """Make a desk over a database, with the city's road graphs where the program has them already."""
    return Desk(engine, clock, roads or CityRoads(engine), Problems())


def preview(desk: Desk, *, proposal_id: str, version: int, edit: Edit, actor: str) -> EditOutcome:
    """Try an edit and say what it costs; nothing is changed.

    Raises
    ------
    NotFoundError
        If there is no such proposal, or the edit names a stop or truck that is not the shift's.
    StaleVersionError, ConflictError
        If the proposal has another version now, is not pending, or its time is over.
    EditRefusedError
        If the plan would break a rule, naming which; or the edit asks for what is so already, or is locked.
    """
    outcome, _ = _try(desk, proposal_id, version, edit, actor)
    return outcome


def apply(desk: Desk, *, proposal_id: str, version: int, edit: Edit, actor: str) -> EditOutcome:
    """Make a new version of a pending proposal by an edit. Whoever wants to decide must look at that version then.

    Raises
    ------
    RefusedError
        If nobody is named as editing; and everything that `preview` raises. The proposal is left as it was.
    """
    if not actor.strip():
        raise RefusedError("actor_missing", subject=proposal_id)
    outcome, problem = _try(desk, proposal_id, version, edit, actor)
    now = desk.clock.now()
    with transaction(desk.engine) as session:
        moved_on = session.exec(
            update(Proposal)
            .where(
                col(Proposal.id) == proposal_id,
                col(Proposal.version) == version,
                col(Proposal.state) == ProposalState.PENDING,
                col(Proposal.expires_at) > now,
            )
            .values(version=outcome.version)
        )
        proposal = current(session, proposal_id)
        if moved_on.rowcount != 1:
            raise _why_closed(proposal, version)
        change = {"edit": NAMES[type(edit)], **asdict(edit)}
        session.add(
            version_of(
                proposal_id,
                outcome.version,
                at=now,
                author=actor,
                problem_hash=store_problem(session, replace(problem, locks=())),
                plan=outcome.plan,
                locks=outcome.locks,
                reasons=outcome.reasons,
                summary=outcome.summary,
                change=change,
                difference=outcome.difference,
            )
        )
        record(
            session,
            at=now,
            actor=actor,
            action="proposal.edited",
            subject=f"proposal/{proposal_id}",
            district_id=proposal.district_id,
            before={"version": version},
            after={"version": outcome.version, "change": change, "cost": asdict(outcome.cost)},
        )
    return outcome


def _try(desk: Desk, proposal_id: str, version: int, edit: Edit, actor: str) -> tuple[EditOutcome, Problem]:
    """Carry an edit out on the version it is about, and check the plan it makes."""
    with reading(desk.engine) as session:
        proposal = current(session, proposal_id)
        if proposal.version != version or proposal.state is not ProposalState.PENDING:
            raise not_so(proposal, version)
        if desk.clock.now() >= proposal.expires_at:
            raise _why_closed(proposal, version)
        shown = read_proposal(session, proposal_id, version)
        before = _draft(desk, session, shown, actor)
        after = _edited(desk, session, shown, before, edit)
        base = None if proposal.base_id is None else plan_of(session, proposal.base_id)
    verification = verify(after.problem, after.plan)
    if not verification.ok:
        broken = tuple(str(violation) for violation in verification.violations)
        raise EditRefusedError("edit_breaks_plan", violations=broken, count=len(broken), first="; ".join(broken[:3]))
    said = {"alternatives": shown.summary.alternatives, "invalid_if": shown.summary.invalid_if}
    summary = summarise(after.plan, after.reasons, shown.summary.notes).model_copy(update=said)
    cost = EditCost(
        cents=after.plan.cost.driving_cents - before.plan.cost.driving_cents,
        distance_m=after.plan.distance_m - before.plan.distance_m,
        duration_s=after.plan.duration_s - before.plan.duration_s,
        stops=summary.stops - shown.summary.stops,
        trucks=len(after.plan.routes) - len(before.plan.routes),
    )
    locks = dict(after.problem.truck_of_locked)
    changes = None
    if base is not None:
        extra = cost.cents, cost.distance_m, cost.duration_s
        changes = revised(base, after.problem, after.plan, shown.difference or Difference(), extra)
    return EditOutcome(version + 1, cost, after.plan, after.reasons, summary, locks, changes), after.problem


def _why_closed(proposal: Proposal, version: int) -> ConflictError:
    """Say why a proposal is not open to an edit of this version; if its row does not say, its time is over."""
    if proposal.version != version or proposal.state is not ProposalState.PENDING:
        return not_so(proposal, version)
    return ConflictError("time_is_over", proposal_id=proposal.id)


def _draft(desk: Desk, session: Session, shown: Shown, actor: str) -> Draft:
    problem = desk.problems.read(session, shown.version.problem_hash)
    locks = tuple(Lock(stop_id, truck_id) for stop_id, truck_id in sorted(shown.version.locks.items()))
    return Draft(replace(problem, locks=locks) if locks else problem, shown.plan, shown.reasons, actor)


def _edited(desk: Desk, session: Session, shown: Shown, draft: Draft, edit: Edit) -> Draft:
    match edit:
        case DropStop():
            return dropped(draft, edit)
        case AddStop():
            if stop_id_of(edit.point_id, edit.stream) not in draft.problem.stop_by_id:
                draft = extend(session, desk.roads, shown.proposal, draft, edit, now=desk.clock.now())
            return added(draft, edit)
        case MoveStop():
            return moved(draft, edit)
        case LockStop():
            return locked(draft, edit)
        case UnlockStop():
            return unlocked(draft, edit)
