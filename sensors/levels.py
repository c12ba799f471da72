"""What is known of each bin now: its fill level, how sure that is, and how fast it fills."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from city.database import moment, word


class LevelSource(StrEnum):
    """Where the knowledge comes from."""

    SENSOR = "sensor"
    SERVICE_RECORD = "service_record"
    NOTHING = "nothing"


class BinState(SQLModel, table=True):
    """The current estimate of one bin. No row, or no `as_of`: nothing is known, which is not the same as empty."""

    __tablename__ = "bin_state"

    bin_id: str = Field(primary_key=True, foreign_key="bin.id")
    fill_level: float | None = Field(default=None, description="0..1 of the usable volume at as_of")
    sigma: float = Field(default=0.0, ge=0, description="standard deviation of fill_level")
    as_of: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    rate_per_h: float = Field(default=0.0, ge=0, description="mean filling per hour")
    rate_sigma: float = Field(default=0.0, ge=0, description="standard deviation of the mean rate")
    volatility: float = Field(
        default=0.0,
        ge=0,
        description="standard deviation of the level gained in one hour around the mean rate",
    )
    emptied_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    heard_at: datetime | None = Field(
        default=None, sa_column=moment(nullable=True), description="last reading of any verdict"
    )
    source: LevelSource = Field(default=LevelSource.NOTHING, sa_column=word(LevelSource))
