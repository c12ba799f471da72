"""A proposal and its life. Its row in the database is the authority on what was decided, by whom, about what."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary
from sqlmodel import Field, SQLModel

from city.database import moment, word


class ProposalState(StrEnum):
    """Where a proposal stands."""

    DRAFT = "draft"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


TRANSITIONS: dict[ProposalState, frozenset[ProposalState]] = {
    ProposalState.DRAFT: frozenset({ProposalState.PENDING, ProposalState.WITHDRAWN}),
    ProposalState.PENDING: frozenset(
        {
            ProposalState.APPROVED,
            ProposalState.REJECTED,
            ProposalState.EXPIRED,
            ProposalState.SUPERSEDED,
            ProposalState.WITHDRAWN,
        }
    ),
    ProposalState.APPROVED: frozenset({ProposalState.PUBLISHED, ProposalState.WITHDRAWN}),
    ProposalState.REJECTED: frozenset(),
    ProposalState.EXPIRED: frozenset(),
    ProposalState.SUPERSEDED: frozenset(),
    ProposalState.PUBLISHED: frozenset(),
    ProposalState.WITHDRAWN: frozenset(),
}


class Proposal(SQLModel, table=True):
    """Routes of one district for one shift of one service date, waiting for a decision."""

    id: str = Field(primary_key=True)
    district_id: str = Field(foreign_key="district.id", index=True)
    service_date: date = Field(index=True)
    shift_id: str = Field(foreign_key="shift.id")
    thread_id: str = Field(index=True, description="the LangGraph thread that waits for the decision")
    state: ProposalState = Field(sa_column=word(ProposalState, index=True))
    version: int = Field(default=1, description="grows with every edit; a decision names the version it is about")
    created_at: datetime = Field(sa_column=moment())
    expires_at: datetime = Field(sa_column=moment())
    decided_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    decided_by: str | None = None
    decision_reason: str = ""


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
    reasons: dict[str, Any] = Field(
        sa_column=Column(JSON, nullable=False), description="why each stop is in or out, by stop id"
    )
    summary: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="km, hours, tonnes, counts")
    material_hash: str = Field(description="SHA-256 of what an approval covers: trucks, stops, order, windows, cost")


class PlanningProblem(SQLModel, table=True):
    """A routing problem as it was solved, stored once under its own hash."""

    __tablename__ = "planning_problem"

    hash: str = Field(primary_key=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False), description="compressed problem file")
