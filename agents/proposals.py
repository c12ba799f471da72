"""A proposal and its life. Its row in the database is the authority on what was decided, by whom, about what.

Every step of that life goes through `move`: one compare-and-set on id, version and state, with its journal entry in
the same transaction. No other statement anywhere writes `proposal.state`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import JSON, Column, update
from sqlmodel import Field, Session, SQLModel, col, select

from agents.errors import ConflictError, NotFoundError, StaleVersionError
from agents.reasons import StopReason
from agents.summary import Summary
from city.database import moment, word
from city.journal import record
from routing.difference import Difference
from routing.files import plan_from_json, plan_to_json
from routing.plan import Plan


class ProposalState(StrEnum):
    """Where a proposal stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class ProposalKind(StrEnum):
    """What a proposal is about: the plan of a shift, or a change of the one that is being driven."""

    PLAN = "plan"
    CHANGE = "change"


TRANSITIONS: dict[ProposalState, frozenset[ProposalState]] = {
    ProposalState.PENDING: frozenset(
        {
            ProposalState.APPROVED,
            ProposalState.REJECTED,
            ProposalState.EXPIRED,
            ProposalState.SUPERSEDED,
        }
    ),
    ProposalState.APPROVED: frozenset({ProposalState.PUBLISHED, ProposalState.WITHDRAWN}),
    ProposalState.REJECTED: frozenset(),
    ProposalState.EXPIRED: frozenset(),
    ProposalState.SUPERSEDED: frozenset(),
    ProposalState.PUBLISHED: frozenset(),
    ProposalState.WITHDRAWN: frozenset(),
}

# States in which a proposal stands for its shift; the database lets each shift have one such proposal at most.
LIVE = frozenset({ProposalState.PENDING, ProposalState.APPROVED, ProposalState.PUBLISHED})


_difference = TypeAdapter(Difference)


class Proposal(SQLModel, table=True):
    """Routes of one district for one shift of one service date, waiting for a decision.

    A change stands for its shift beside the plan that it changes until it is published; then it is the plan in force.
    """

    id: str = Field(primary_key=True)
    kind: ProposalKind = Field(default=ProposalKind.PLAN, sa_column=word(ProposalKind))
    base_id: str | None = Field(default=None, description="of a change: the plan in force that it changes")
    closures: list[str] = Field(
        default_factory=list,
        sa_column=Column(JSON, nullable=False),
        description="names of the closures that were known when it was planned",
    )
    cycle_id: int = Field(foreign_key="planning_cycle.id", unique=True, description="the planning cycle that made it")
    district_id: str = Field(foreign_key="district.id", index=True)
    service_date: date = Field(index=True)
    shift_id: str = Field(foreign_key="shift.id")
    thread_id: str = Field(index=True, description="the LangGraph thread that waits for the decision")
    live_key: str | None = Field(
        default=None, unique=True, description="the shift it stands for while pending, approved or published, else none"
    )
    state: ProposalState = Field(sa_column=word(ProposalState, index=True))
    version: int = Field(default=1, description="grows with every edit; a decision names the version it is about")
    created_at: datetime = Field(sa_column=moment())
    expires_at: datetime = Field(sa_column=moment())
    decided_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    decided_by: str | None = None
    decision_reason: str = ""
    decided_hash: str | None = Field(default=None, description="material hash of the version that was decided on")


class ProposalVersion(SQLModel, table=True):
    """What was shown at one version: the plan, the reasons and everything needed to change or replay it."""

    __tablename__ = "proposal_version"

    proposal_id: str = Field(primary_key=True, foreign_key="proposal.id")
    version: int = Field(primary_key=True)
    created_at: datetime = Field(sa_column=moment())
    author: str = Field(description="the planner, or the account that edited")
    change: dict[str, Any] = Field(
        default_factory=dict,
        sa_column=Column(JSON, nullable=False),
        description="the edit that made this version",
    )
    problem_hash: str = Field(foreign_key="planning_problem.hash")
    plan: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="a routing Plan")
    locks: dict[str, str] = Field(
        default_factory=dict,
        sa_column=Column(JSON, nullable=False),
        description="truck id of every stop a person locked, by stop id",
    )
    reasons: dict[str, Any] = Field(
        sa_column=Column(JSON, nullable=False), description="why each stop is in or out, by stop id"
    )
    summary: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="km, hours, tonnes, counts")
    difference: dict[str, Any] | None = Field(
        default=None,
        sa_column=Column(JSON(none_as_null=True), nullable=True),
        description="of a change: a routing Difference from the plan in force",
    )
    material_hash: str = Field(description="SHA-256 of what an approval covers: trucks, stops, order, times, cost")


def version_of(
    proposal_id: str,
    version: int,
    *,
    at: datetime,
    author: str,
    problem_hash: str,
    plan: Plan,
    locks: Mapping[str, str],
    reasons: Mapping[str, StopReason],
    summary: Summary,
    change: dict[str, Any] | None = None,
    difference: Difference | None = None,
) -> ProposalVersion:
    """Make the row of a version, with the hash of what an approval of it covers."""
    return ProposalVersion(
        proposal_id=proposal_id,
        version=version,
        created_at=at,
        author=author,
        change=change or {},
        problem_hash=problem_hash,
        plan=plan_to_json(plan),
        locks=dict(locks),
        reasons={stop_id: reason.model_dump(mode="json") for stop_id, reason in reasons.items()},
        summary=summary.model_dump(mode="json"),
        difference=None if difference is None else asdict(difference),
        material_hash=material_hash(plan),
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """A proposal as it is shown at one of its versions.

    Attributes
    ----------
    proposal, version
        The rows.
    plan
        The routes and what they leave unserved.
    reasons
        Why each stop is in or out, by stop id.
    summary
        The proposal in numbers.
    difference
        Of a change: what it changes for whom.
    """

    proposal: Proposal
    version: ProposalVersion
    plan: Plan
    reasons: dict[str, StopReason]
    summary: Summary
    difference: Difference | None = None


def read_proposal(session: Session, proposal_id: str, version: int | None = None) -> Shown:
    """Read a proposal as it stands, or as it stood at an older version.

    Raises
    ------
    NotFoundError
        If there is no such proposal or version.
    """
    proposal = session.get(Proposal, proposal_id)
    if proposal is None:
        raise NotFoundError("unknown_proposal", proposal_id=proposal_id)
    wanted = proposal.version if version is None else version
    shown = session.get(ProposalVersion, (proposal_id, wanted))
    if shown is None:
        raise NotFoundError("unknown_version", proposal_id=proposal_id, version=wanted, current=proposal.version)
    return Shown(
        proposal=proposal,
        version=shown,
        plan=plan_from_json(shown.plan),
        reasons={stop_id: StopReason.model_validate(reason) for stop_id, reason in shown.reasons.items()},
        summary=Summary.model_validate(shown.summary),
        difference=None if shown.difference is None else _difference.validate_python(shown.difference),
    )


def plan_of(session: Session, proposal_id: str, version: int | None = None) -> Plan:
    """Read the plan of a proposal alone, as it stands or as it stood: without the reasons, which take longer.

    Raises
    ------
    NotFoundError
        If there is no such proposal or version.
    """
    wanted = current(session, proposal_id).version if version is None else version
    found = session.exec(
        select(ProposalVersion.plan).where(
            ProposalVersion.proposal_id == proposal_id, ProposalVersion.version == wanted
        )
    ).one_or_none()
    if found is None:
        raise NotFoundError("unknown_version", proposal_id=proposal_id, version=wanted, current=wanted)
    return plan_from_json(dict(found))


def in_force(session: Session, district_id: str, service_date: date, shift_id: str) -> Proposal | None:
    """Return the proposal by which the trucks of a shift drive: the last that was published."""
    return session.exec(
        select(Proposal)
        .where(
            Proposal.district_id == district_id,
            Proposal.service_date == service_date,
            Proposal.shift_id == shift_id,
            Proposal.state == ProposalState.PUBLISHED,
        )
        .order_by(col(Proposal.cycle_id).desc())
        .limit(1)
    ).first()


def list_proposals(
    session: Session,
    *,
    district_ids: Iterable[str] | None = None,
    states: Iterable[ProposalState] | None = None,
    service_date: date | None = None,
) -> list[Proposal]:
    """Return proposals, the newest first, of some districts, states or one date if these are given."""
    query = select(Proposal).order_by(col(Proposal.created_at).desc(), col(Proposal.cycle_id).desc())
    if district_ids is not None:
        query = query.where(col(Proposal.district_id).in_(list(district_ids)))
    if states is not None:
        query = query.where(col(Proposal.state).in_(list(states)))
    if service_date is not None:
        query = query.where(Proposal.service_date == service_date)
    return list(session.exec(query))


def material_hash(plan: Plan) -> str:
    """Hash what an approval covers: which truck does what, in which order and when, what stays, what it costs."""
    material = {
        "routes": [
            [route.truck_id, [[visit.kind, visit.subject_id, visit.start_s] for visit in route.visits]]
            for route in sorted(plan.routes, key=lambda route: route.truck_id)
        ],
        "unserved": sorted(left.stop_id for left in plan.unserved),
        "cost": asdict(plan.cost),
    }
    return hashlib.sha256(json.dumps(material, separators=(",", ":")).encode()).hexdigest()


def move(
    session: Session,
    *,
    proposal_id: str,
    version: int,
    state: ProposalState,
    to: ProposalState,
    at: datetime,
    actor: str,
    reason: str = "",
    code: str | None = None,
    **values: Any,
) -> None:
    """Move a proposal on if it is at this version and in this state; journal it in the same transaction, the caller's.

    Parameters
    ----------
    state, to
        The state it must be in, and the one it goes to.
    reason, code
        Why, for people who read the journal; and as a code, where the agents moved it.
    values
        Other columns of the row that change with it.

    Raises
    ------
    NotFoundError
        If there is no such proposal.
    StaleVersionError, ConflictError
        If it has another version, or is in another state; nothing is changed.
    ValueError
        If no proposal may ever go that way: a mistake of the caller.
    """
    if to not in TRANSITIONS[state]:
        raise ValueError(f"a proposal never goes from {state} to {to}")
    if to not in LIVE:
        values["live_key"] = None
    changed = session.exec(
        update(Proposal)
        .where(col(Proposal.id) == proposal_id, col(Proposal.version) == version, col(Proposal.state) == state)
        .values(state=to, **values)
    )
    proposal = current(session, proposal_id)
    if changed.rowcount != 1:
        raise not_so(proposal, version)
    record(
        session,
        at=at,
        actor=actor,
        action=f"proposal.{to}",
        subject=f"proposal/{proposal_id}",
        district_id=proposal.district_id,
        reason=reason,
        before={"state": state, "version": version},
        after={"state": to, "version": version, **({"code": code} if code else {})},
    )


def current(session: Session, proposal_id: str, *, for_update: bool = False) -> Proposal:
    """Read a proposal's row as the database has it now, and if asked keep others from changing it meanwhile.

    Raises
    ------
    NotFoundError
        If there is no such proposal.
    """
    proposal = session.get(Proposal, proposal_id, populate_existing=True, with_for_update=for_update)
    if proposal is None:
        raise NotFoundError("unknown_proposal", proposal_id=proposal_id)
    return proposal


def not_so(proposal: Proposal, version: int) -> ConflictError:
    """Say in which way a proposal is not pending at a version."""
    if proposal.version != version:
        return StaleVersionError("stale_version", proposal_id=proposal.id, version=version, current=proposal.version)
    return ConflictError("wrong_state", proposal_id=proposal.id, state=proposal.state.value)
