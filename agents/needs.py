"""Needs: what the monitor found to be worth somebody's attention, one per cause."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from city.database import moment, word


class NeedReason(StrEnum):
    """The cause of a need."""

    OVERFLOW_RISK = "overflow_risk"
    OVERFLOWING = "overflowing"
    RULE_INTERVAL = "rule_interval"
    UNKNOWN_LEVEL = "unknown_level"
    MISSED_SERVICE = "missed_service"


class NeedAction(StrEnum):
    """What the dispatcher made of it."""

    ROUTE_REQUIRED = "route_required"
    ROUTE_OPTIONAL = "route_optional"
    ATTENDANT_SWAP = "attendant_swap"
    WAIT = "wait"
    PERSON_LOOKS = "person_looks"


class Need(SQLModel, table=True):
    """Something about a bin that should not be left alone. It closes itself when its cause is gone."""

    id: int | None = Field(default=None, primary_key=True)
    district_id: str = Field(foreign_key="district.id", index=True)
    bin_id: str = Field(foreign_key="bin.id", index=True)
    reason: NeedReason = Field(sa_column=word(NeedReason))
    open_key: str | None = Field(default=None, unique=True, description="the cause while the need is open, else none")
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    confidence: float = Field(ge=0, le=1)
    deadline: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    opened_at: datetime = Field(sa_column=moment())
    updated_at: datetime = Field(sa_column=moment())
    closed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    action: NeedAction | None = Field(default=None, sa_column=word(NeedAction, nullable=True))
    action_reason: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
