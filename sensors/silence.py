"""Who has not spoken for too long: each device against its own rhythm, looked at only when its time is up.

Nothing is written when a device speaks. Each has a moment at which it would have been silent for too long, from what
was known at the last look; only then its readings are asked, and the moment moves on. So a sweep over a city costs what
is due and not what is there: one device in a hundred every minute where they speak every hour.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Field, Session, SQLModel, col, select

from city.database import moment, transaction, turn
from sensors.bulk import document, given, insert_new, update_rows
from sensors.outages import USUAL_INTERVAL_H, Heard, silent_after
from sensors.telemetry import Device, Reading

# A device alone is offline after so many of its intervals, and not before that time. In Frankfurt's year seventeen good
# sensors that speak every hour have five to seven gaps over six hours each, of which four are the platform's.
OFFLINE_INTERVALS, OFFLINE_AFTER = 8.0, timedelta(hours=6)
# Whoever was never heard is given a day.
NEVER_HEARD_AFTER = timedelta(days=1)
# Whose rhythm is not known yet may be one of those that speak once a day.
RHYTHM_UNKNOWN_AFTER = timedelta(hours=36)
# How quickly a new rhythm is learned, from one look to the next, and from how many gaps at least.
INTERVAL_PACE, FEWEST_GAPS = 0.3, 3
# Readings of a device that was not looked at for longer are not all gone through.
LONGEST_LOOK_BACK = timedelta(days=2)
# Silent devices are looked at when something of theirs came in within the first, and in any case after the second.
JUST_RECEIVED, LOOK_AGAIN = timedelta(minutes=10), timedelta(hours=1)
# Devices of one transaction, at 0.24 ms each: on SQLite all other writers wait for it.
AT_ONCE = 1_000


class DeviceState(SQLModel, table=True):
    """What is known of a device's rhythm, as of the last look at it."""

    __tablename__ = "device_state"

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    since: datetime = Field(sa_column=moment(), description="when it was looked at first")
    heard_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    interval_h: float = Field(default=0.0, ge=0, description="usual time between two readings; 0: not known")
    platform: str | None = Field(default=None, description="what brought its last message")
    gateway_id: str | None = Field(default=None, description="which gateway heard it last")
    quiet: bool = Field(default=False, index=True, description="silent for longer than it ever should be")
    outage_id: int | None = Field(
        default=None, foreign_key="alarm.id", index=True, description="the alarm of the outage that explains it"
    )
    look_at: datetime = Field(sa_column=moment(index=True), description="when to look again")


_STATES: sa.Table = DeviceState.__table__  # type: ignore[attr-defined]
_READINGS: sa.Table = Reading.__table__  # type: ignore[attr-defined]


def offline_after(interval_h: float) -> timedelta:
    """Return the silence after which a device by itself is offline."""
    if interval_h == 0.0:
        return RHYTHM_UNKNOWN_AFTER
    return max(timedelta(hours=OFFLINE_INTERVALS * interval_h), OFFLINE_AFTER)


def look(engine: Engine, now: datetime) -> int:
    """Look at the devices whose time is up, and learn their rhythm. Returns how many were looked at.

    Each part of them is a transaction of its own, so that intake never waits for long.
    """
    with transaction(engine) as session:
        _begin(session, now)
        _call_up(session, now)
    looked = 0
    while True:
        with turn(engine) as session:
            due = session.exec(
                select(DeviceState)
                .where(DeviceState.look_at <= now)
                .order_by(col(DeviceState.device_id))
                .limit(AT_ONCE)
                .with_for_update()
            ).all()
            look_at(session, due, now)
        looked += len(due)
        if len(due) < AT_ONCE:
            return looked


def look_at(session: Session, states: Sequence[DeviceState], now: datetime) -> None:
    """Look whether some devices have spoken since they were looked at last. Their rows are changed, not the objects."""
    told = _told(session, states, now)
    rows = [_looked_at(state, told.get(state.device_id, ()), now) for state in states]
    update_rows(session, DeviceState, rows)


def _begin(session: Session, now: datetime) -> None:
    """Begin to watch devices that have been put to work, and stop with those that were taken out."""
    new = session.exec(
        select(Device.id)
        .outerjoin(DeviceState, col(DeviceState.device_id) == Device.id)
        .where(col(Device.active), col(Device.bin_id).is_not(None), col(DeviceState.device_id).is_(None))
        .order_by(col(Device.id))
    ).all()
    columns = {"since": now, "heard_at": None, "interval_h": 0.0, "quiet": False, "look_at": now}
    insert_new(session, DeviceState, [{"device_id": device_id, **columns} for device_id in new])
    working = sa.select(col(Device.id)).where(col(Device.active), col(Device.bin_id).is_not(None))
    session.connection().execute(sa.delete(DeviceState).where(col(DeviceState.device_id).not_in(working)))


def _call_up(session: Session, now: datetime) -> None:
    """Let silent devices be looked at of which something came in just now; in an outage of all there are none."""
    spoken = sa.select(_READINGS.c.device_id).where(_READINGS.c.received_at > now - JUST_RECEIVED)
    back = (_STATES.c.quiet, _STATES.c.look_at > now, _STATES.c.device_id.in_(spoken))
    session.connection().execute(sa.update(_STATES).where(*back).values(look_at=now))


def _told(session: Session, states: Sequence[DeviceState], now: datetime) -> Mapping[str, Sequence[sa.Row[Any]]]:
    """Return what devices told since the last look at them: when, and through what; in order."""
    wanted = given(session, device_id=sa.String(), lowest=sa.String())
    query = (
        sa.select(*(_READINGS.c[name] for name in ("device_id", "at", "platform", "gateway_id")))
        .join(
            wanted,
            sa.and_(wanted.c.device_id == _READINGS.c.device_id, _READINGS.c.frame_key > wanted.c.lowest),
        )
        .order_by(_READINGS.c.device_id, _READINGS.c.frame_key)
    )
    rows = []
    for state in states:
        since = max(state.heard_at or state.since - LONGEST_LOOK_BACK, now - LONGEST_LOOK_BACK)
        rows.append({"device_id": state.device_id, "lowest": f"{int(since.timestamp() * 1000) + 1:013d}"})
    told: dict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in session.connection().execute(query, document(session, rows)):
        told[row.device_id].append(row)
    return told


def _looked_at(state: DeviceState, told: Sequence[sa.Row[Any]], now: datetime) -> dict[str, Any]:
    """Return the columns of a device's state after a look at it."""
    heard_at, interval_h, platform, gateway_id = state.heard_at, state.interval_h, state.platform, state.gateway_id
    if told:
        times = [row.at for row in told]
        interval_h = _learned(interval_h, times if heard_at is None else [heard_at, *times])
        heard_at = max(times[-1], heard_at or times[-1])
        platform = told[-1].platform or platform
        gateway_id = next((row.gateway_id for row in reversed(told) if row.gateway_id is not None), gateway_id)
    silent_since = heard_at or state.since
    patience = NEVER_HEARD_AFTER if heard_at is None else silent_after(interval_h or USUAL_INTERVAL_H)
    quiet = now - silent_since > patience
    return {
        "device_id": state.device_id,
        "heard_at": heard_at,
        "interval_h": interval_h,
        "platform": platform,
        "gateway_id": gateway_id,
        "quiet": quiet,
        "look_at": _next_look(now, silent_since, patience, interval_h, quiet=quiet),
    }


def _next_look(
    now: datetime, silent_since: datetime, patience: timedelta, interval_h: float, *, quiet: bool
) -> datetime:
    """Return when a device is to be looked at again: when it would be silent for too long, then when it is offline."""
    if not quiet:
        return max(silent_since + patience, now) + timedelta(seconds=1)
    offline = silent_since + offline_after(interval_h) + timedelta(seconds=1)
    return min(offline, now + LOOK_AGAIN) if offline > now else now + LOOK_AGAIN


def _learned(interval_h: float, times: Sequence[datetime]) -> float:
    gaps_h = [(late - early) / timedelta(hours=1) for early, late in pairwise(times)]
    if not gaps_h:
        return interval_h
    seen = median(gaps_h)
    if interval_h == 0.0:
        return seen
    return interval_h + INTERVAL_PACE * (seen - interval_h) if len(gaps_h) >= FEWEST_GAPS else interval_h


def heard_of(state: DeviceState) -> Heard:
    """Return what there is to know of a device for telling an outage from a failure of its own."""
    return Heard(
        state.device_id,
        state.heard_at or state.since,
        state.interval_h,
        gateway=state.gateway_id or "",
        platform=state.platform or "",
    )
