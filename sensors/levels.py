"""What is known of each bin now: its fill level, how sure that is, how fast it fills, and since when nobody knows."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import JSON, Column
from sqlmodel import Field, Session, SQLModel, col, select

from city.database import moment, word
from city.registry import Bin, CollectionPoint, PointKind
from city.streams import Stream
from sensors.diary import last_heard, stored_diaries
from sensors.estimate import LevelSource
from sensors.experience import Diaries, open_diaries
from sensors.forecast import level_at
from sensors.outages import silent_after
from sensors.priors import LENDING_HOURS, NO_LENDERS, Lenders, Peers, Prior, prior_for

# Without a sensor, a level is as good as unknown when it could be off by this much, one standard deviation.
VAGUE_SIGMA = 0.25


class BinState(SQLModel, table=True):
    """The current estimate of one bin. No row, or no `as_of`: nothing is known, which is not the same as empty.

    Everything the filter of `sensors.estimate` remembers is in the row, so a restart loses nothing. The ``rival``
    is the other explanation of the last readings (emptied or not, waste or an echo) with the log odds against it.
    """

    __tablename__ = "bin_state"

    bin_id: str = Field(primary_key=True, foreign_key="bin.id")
    fill_level: float | None = Field(default=None, description="0..1 of the usable volume at as_of; above 1: overflow")
    sigma: float = Field(default=0.0, ge=0, description="standard deviation of fill_level")
    as_of: datetime | None = Field(
        default=None, sa_column=moment(nullable=True), description="last believed reading or service record"
    )
    rate_per_h: float = Field(default=0.0, ge=0, description="mean filling per hour")
    rate_sigma: float = Field(default=0.0, ge=0, description="standard deviation of the mean rate")
    volatility: float = Field(
        default=0.0,
        ge=0,
        description="standard deviation of the level gained in one hour around the mean rate",
    )
    learned_h: float = Field(default=0.0, ge=0, description="hours of filling that the rate was learned from, fading")
    noise: float = Field(default=0.0, ge=0, description="standard deviation of one reading's level")
    interval_h: float = Field(default=0.0, ge=0, description="usual time between two readings; 0: not known")
    anchor_level: float | None = Field(default=None, description="level where the running lesson on the rate began")
    anchor_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    emptied_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    heard_at: datetime | None = Field(
        default=None, sa_column=moment(nullable=True), description="last reading of any verdict"
    )
    source: LevelSource = Field(default=LevelSource.NOTHING, sa_column=word(LevelSource))
    rival_level: float | None = Field(default=None, description="level if the rival explanation is the true one")
    rival_sigma: float = Field(default=0.0, ge=0)
    rival_as_of: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    rival_odds: float = Field(default=0.0, description="log odds against the rival")
    rival_emptied_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    disputed_since: datetime | None = Field(
        default=None, sa_column=moment(nullable=True), description="first reading that the two explain differently"
    )
    echo_level: float | None = Field(default=None, description="level at which something fixed seems to be in the way")
    echo_weight: float = Field(default=0.0, ge=0)
    recent: str = Field(default="", description="the last readings and open pages, see sensors.diary.note")


class BinDay(SQLModel, table=True):
    """What was known of a bin before its first event of a day, kept for a few days.

    What arrives late is placed where it belongs: from here on the bin's events are gone through again.
    """

    __tablename__ = "bin_day"

    bin_id: str = Field(primary_key=True, foreign_key="bin.id")
    day: date = Field(primary_key=True, description="in UTC")
    memory: list[Any] = Field(sa_column=Column(JSON, nullable=False), description="see sensors.states.memory_of")


def states_of(
    session: Session, bin_ids: Collection[str] | None = None, *, district_id: str | None = None
) -> dict[str, BinState]:
    """Return what is known of bins in use, by id; what like bins tell of those that never told anything themselves.

    Parameters
    ----------
    bin_ids
        Which bins; every one if not given.
    district_id
        Only bins of this district.
    """
    query = (
        select(Bin, CollectionPoint.kind, CollectionPoint.district_id, BinState)
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .outerjoin(BinState, col(BinState.bin_id) == Bin.id)
        .where(col(Bin.active), col(CollectionPoint.active))
        .order_by(col(Bin.id))
    )
    if district_id is not None:
        query = query.where(CollectionPoint.district_id == district_id)
    if bin_ids is not None:
        query = query.where(col(Bin.id).in_(bin_ids))
    peers: dict[str, Peers] = {}
    states: dict[str, BinState] = {}
    rows = cast("Iterable[tuple[Bin, PointKind, str, BinState | None]]", session.exec(query))
    for bin_, kind, district, state in rows:
        if state is not None:
            states[bin_.id] = state
            continue
        if district not in peers:
            peers[district] = peers_of(session, district)
        prior = prior_for(bin_.stream, kind, bin_.usable_volume_l, peers[district])
        states[bin_.id] = unknown_state(bin_.id, prior)
    return states


def unknown_state(bin_id: str, prior: Prior) -> BinState:
    """Return the state of a bin of which nothing is known but what like bins do."""
    return BinState(
        bin_id=bin_id, rate_per_h=prior.rate_per_h, rate_sigma=prior.rate_sigma, volatility=prior.volatility
    )


def peers_of(session: Session, district_id: str) -> Peers:
    """Sum up what the bins of a district learned, by stream and kind of point, for `sensors.priors.prior_for`."""
    rate, volatility = col(BinState.rate_per_h), col(BinState.volatility)
    rows = session.connection().execute(
        sa.select(
            col(Bin.stream),
            col(CollectionPoint.kind),
            col(Bin.usable_volume_l),
            sa.func.count(),
            sa.func.sum(rate),
            sa.func.sum(rate * rate),
            sa.func.sum(volatility * volatility),
        )
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .join(BinState, col(BinState.bin_id) == Bin.id)
        .where(col(CollectionPoint.district_id) == district_id, col(BinState.learned_h) >= LENDING_HOURS)
        .group_by(col(Bin.stream), col(CollectionPoint.kind), col(Bin.usable_volume_l))
    )
    peers: dict[tuple[Stream, PointKind], Lenders] = {}
    for stream, kind, volume_l, count, *sums in rows:
        alike = Lenders(count, *sums).at_reference(volume_l)
        peers[stream, kind] = peers.get((stream, kind), NO_LENDERS) + alike
    return peers


def diaries_of(session: Session, states: Sequence[BinState]) -> Diaries:
    """Return what bins did before, for a forecast of them."""
    stored = stored_diaries(session, [state.bin_id for state in states])
    return open_diaries([(stored.get(state.bin_id), last_heard(state.recent)) for state in states])


def unknown_since(state: BinState, at: datetime) -> datetime | None:
    """Return since when the bin's level is not known any more, or none while it is.

    A sensor's word holds while it keeps talking; a service record's while the forecast from it is narrow. A bin that
    never told anything is unknown since the beginning of time.
    """
    if state.as_of is None:
        return datetime.min.replace(tzinfo=UTC)
    if state.source is LevelSource.SENSOR:
        return state.as_of if at - state.as_of > silent_after(state.interval_h) else None
    return state.as_of if level_at(state, at).sigma > VAGUE_SIGMA else None
