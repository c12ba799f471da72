"""What happened, twice over: the audit for people, the outbox for machines. Written in the transaction that did it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, Session, SQLModel

from city.database import moment

# Who acted when it was time that decided.
CLOCK = "clock"


class AuditRecord(SQLModel, table=True):
    """One decision or sign-in: when, who, what, on which object, from which state to which."""

    __tablename__ = "audit_record"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_column=moment(index=True))
    actor: str = Field(description="the account that acted, or the agent's name")
    action: str = Field(description="what was done, e.g. proposal.approved")
    subject: str = Field(index=True, description="the object, kind/id")
    district_id: str | None = Field(default=None, index=True)
    reason: str = ""
    before: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    after: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class OutboxEvent(SQLModel, table=True):
    """An event that others are owed. Its id is its place in the stream."""

    __tablename__ = "outbox_event"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_column=moment())
    kind: str = Field(index=True)
    subject: str
    district_id: str | None = Field(default=None, index=True)
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


def record(
    session: Session,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    district_id: str | None = None,
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add the audit record and the outbox event of one change to the caller's transaction."""
    session.add(
        AuditRecord(
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            district_id=district_id,
            reason=reason,
            before=before or {},
            after=after or {},
        )
    )
    session.add(
        OutboxEvent(
            at=at,
            kind=action,
            subject=subject,
            district_id=district_id,
            payload={"actor": actor, "reason": reason, **(after or {})},
        )
    )
