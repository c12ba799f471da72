"""Planning cycles: one row per run of the agents for a district, service date and shift, and who is at work on it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from city.database import moment, word


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
    state: CycleState = Field(sa_column=word(CycleState, index=True))
    requested_by: str = Field(description="clock, or the account that asked")
    started_at: datetime = Field(sa_column=moment())
    finished_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    claim: str | None = Field(default=None, description="token of the worker that holds it")
    claimed_until: datetime | None = Field(
        default=None, sa_column=moment(nullable=True), description="machine time; after it another worker may take over"
    )
    attempts: int = Field(default=0, description="how often a worker has taken it up")
    retry_at: datetime | None = Field(
        default=None, sa_column=moment(nullable=True), description="machine time of the next try after a failure"
    )
    outcome: dict[str, Any] = Field(
        default_factory=dict,
        sa_column=Column(JSON, nullable=False),
        description="code and numbers of why it ended quietly or failed",
    )

    @property
    def thread_id(self) -> str:
        """Name of its LangGraph thread: one per district, service date and shift, whatever the run."""
        return f"{self.district_id}/{self.service_date.isoformat()}/{self.shift_id}"
