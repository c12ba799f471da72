"""Needs: what the monitor found to be worth somebody's attention, one per cause."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from city.database import moment, word
from city.streams import Stream
from sensors.service import CouldNotReason


class NeedReason(StrEnum):
    """The cause of a need."""

    OVERFLOWING = "overflowing"
    OVERFLOW_RISK = "overflow_risk"
    RULE_INTERVAL = "rule_interval"
    MISSED_SERVICE = "missed_service"
    UNKNOWN_LEVEL = "unknown_level"
    FIRE = "fire"
    TILTED = "tilted"


class NeedAction(StrEnum):
    """What the dispatcher made of it."""

    ROUTE_REQUIRED = "route_required"
    ROUTE_OPTIONAL = "route_optional"
    ATTENDANT_SWAP = "attendant_swap"
    WAIT = "wait"
    PERSON_LOOKS = "person_looks"


class Evidence(BaseModel):
    """What speaks for a need; each cause fills in what it rests on.

    Attributes
    ----------
    level, sigma, rate_per_h
        Fill level now, its standard deviation, and the mean filling per hour.
    full_by_service, full_by_next, next_at
        Probability that it overflows before a truck of this shift can be expected, and before the next chance after
        it, which is at `next_at`.
    emptied_at, heard_at
        When it was last emptied, and when its sensor was last heard.
    interval_h, due_at
        The longest time between two collections that the rules allow, and when that time is up.
    missed_at, missed_reason
        The visit that could not serve it.
    alarm_id, began_at
        The open alarm that says it, and since when.
    """

    model_config = ConfigDict(frozen=True)

    level: float | None = None
    sigma: float | None = None
    rate_per_h: float | None = None
    full_by_service: float | None = None
    full_by_next: float | None = None
    next_at: datetime | None = None
    emptied_at: datetime | None = None
    heard_at: datetime | None = None
    interval_h: float | None = None
    due_at: datetime | None = None
    missed_at: datetime | None = None
    missed_reason: CouldNotReason | None = None
    alarm_id: int | None = None
    began_at: datetime | None = None


class Need(SQLModel, table=True):
    """Something about a bin, or one stream at a point, that should not be left alone.

    It closes itself when its cause is gone.
    """

    id: int | None = Field(default=None, primary_key=True)
    district_id: str = Field(foreign_key="district.id", index=True)
    point_id: str = Field(foreign_key="collection_point.id", index=True)
    stream: Stream = Field(sa_column=word(Stream))
    bin_id: str | None = Field(
        default=None, foreign_key="bin.id", index=True, description="none: about every bin of the stream there"
    )
    reason: NeedReason = Field(sa_column=word(NeedReason))
    open_key: str | None = Field(default=None, unique=True, description="the cause while the need is open, else none")
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    confidence: float = Field(ge=0, le=1)
    deadline: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    opened_at: datetime = Field(sa_column=moment())
    updated_at: datetime = Field(sa_column=moment())
    closed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    action: NeedAction | None = Field(default=None, sa_column=word(NeedAction, nullable=True))
    action_reason: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False), description="an agents.decisions.Decision"
    )
