"""The days of each device, and how it does by them: summed up once a day, in parts, beside everything else.

What a device said in a day becomes one row; its health is worked out from those rows (`sensors.health`), and from that
its battery alarm and its repair orders. Readings of ninety days are never gone through again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Column, Engine
from sqlmodel import Field, Session, SQLModel, col, select

from city.clock import Clock
from city.database import UtcDateTime, moment, turn
from city.registry import Bin
from sensors.alarms import Alarm, AlarmKind, Cause, Gone, settle, standing
from sensors.bulk import document, given, insert_or_update
from sensors.health import BATTERY_DAYS, Day, Fault, Health, health_of
from sensors.observation import Seen
from sensors.service import ServiceOutcome, ServiceRecord
from sensors.silence import DeviceState
from sensors.telemetry import Device, ObservationRecord, Reading, Verdict
from sensors.timeline import REACH_DAYS
from sensors.work_orders import Wanted, WorkOrder, keep_repairs

# Devices of one transaction, at 3.4 ms each: on SQLite all other writers wait for it.
AT_ONCE = 100
DAY_MS = 86_400_000

# A fault becomes a repair order when it takes this share of a device's use, and the order is not needed any more when
# it takes less than half of that: a device on the edge is not ordered and cancelled every other day.
REPAIR_FROM, REPAIRED_BELOW = 0.3, 0.15
# A device that is offline is looked for after so long: most come back by themselves.
LOOK_FOR_AFTER = timedelta(days=3)
OFFLINE_CAUSE = "offline"

# How near to a crew's visit readings must be to be held against it, and what counts as a contradiction: an emptying
# after which the sensor still sees the old level, or a look that differs by more than two people ever do.
AROUND_EMPTYING, AROUND_LOOK = timedelta(hours=12), timedelta(hours=2)
FEWEST_AROUND = 2
STILL_FULL, UNMOVED = 0.3, 0.1
LOOKS_OTHERWISE = 0.4


class DeviceDay(SQLModel, table=True):
    """What a device said in a day; see `sensors.health.Day`."""

    __tablename__ = "device_day"

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    day: date = Field(primary_key=True, description="in UTC")
    verdicts: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    battery_percent: float | None = None
    temperature_c: float | None = None
    rssi_dbm: float | None = None
    snr_db: float | None = None
    spreading_factor: float | None = None
    visits: int = Field(default=0, ge=0)
    contradicted: int = Field(default=0, ge=0)
    battery_low: bool | None = None


class DeviceHealth(SQLModel, table=True):
    """How a device does, as of a day."""

    __tablename__ = "device_health"

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    as_of: date = Field(index=True, description="the day it was judged on; the days before it count")
    judged_at: datetime = Field(sa_column=moment())
    score: float = Field(index=True, ge=0, le=1)
    reasons: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False), description="the worst first")
    battery: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


_READINGS: sa.Table = Reading.__table__  # type: ignore[attr-defined]
_COLUMNS = ("battery_percent", "temperature_c", "rssi_dbm", "snr_db", "spreading_factor")


@dataclass(slots=True)
class _Sum:
    """One day of one device while it is summed up."""

    verdicts: dict[str, int] = field(default_factory=dict)
    battery_percent: float | None = None
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    visits: int = 0
    contradicted: int = 0
    battery_low: bool | None = None

    def mean(self, name: str) -> float | None:
        return self.sums[name] / self.counts[name] if self.counts[name] else None


def judge_devices(engine: Engine, clock: Clock, *, at_most: int | None = None) -> int:
    """Sum up the days of devices that were not judged today, and judge them. Returns how many were.

    Parameters
    ----------
    at_most
        Stop after about so many, so that nothing else waits; all of them if not given.
    """
    now = clock.now()
    judged = 0
    while at_most is None or judged < at_most:
        with turn(engine) as session:
            part = _not_judged(session, now.date())
            if part:
                _judge(session, part, now)
        judged += len(part)
        if len(part) < AT_ONCE:
            break
    return judged


def _not_judged(session: Session, today: date) -> Sequence[DeviceState]:
    query = (
        select(DeviceState)
        .outerjoin(DeviceHealth, col(DeviceHealth.device_id) == DeviceState.device_id)
        .where(col(DeviceHealth.as_of).is_(None) | (col(DeviceHealth.as_of) < today))
        .order_by(col(DeviceState.device_id))
        .limit(AT_ONCE)
    )
    return session.exec(query).all()


def _judge(session: Session, states: Sequence[DeviceState], now: datetime) -> None:
    today = now.date()
    ids = [state.device_id for state in states]
    bins = dict(session.exec(select(Device.id, Device.bin_id).where(col(Device.id).in_(ids))).all())
    _sum_up(session, ids, bins, today)
    days = _days(session, ids, today)
    outages = _outage_days(session, today, now)
    healths = {
        state.device_id: health_of(
            days.get(state.device_id, []),
            today,
            outages.get(f"platform/{state.platform}", frozenset())
            | outages.get(f"gateway/{state.gateway_id}", frozenset()),
        )
        for state in states
    }
    rows = [
        {
            "device_id": device_id,
            "as_of": today,
            "judged_at": now,
            "score": health.score,
            "reasons": [
                {"fault": reason.fault.value, "lost": reason.lost, "numbers": dict(reason.numbers)}
                for reason in health.reasons
            ],
            "battery": asdict(health.battery) if health.battery else None,
        }
        for device_id, health in healths.items()
    ]
    insert_or_update(session, DeviceHealth, rows, update=["as_of", "judged_at", "score", "reasons", "battery"])
    alarms = standing(session, device_ids=ids, kinds=[AlarmKind.BATTERY, AlarmKind.OFFLINE])
    _keep_battery_alarms(session, healths, bins, alarms, now)
    _keep_orders(session, healths, bins, alarms, now)


def _sum_up(session: Session, ids: Sequence[str], bins: Mapping[str, str | None], today: date) -> None:
    """Write the days up to yesterday that are not written yet, and once more those that late readings may change."""
    last = dict(
        session.exec(
            select(DeviceDay.device_id, sa.func.max(DeviceDay.day))
            .where(col(DeviceDay.device_id).in_(ids))
            .group_by(col(DeviceDay.device_id))
        ).all()
    )
    oldest = today - timedelta(days=BATTERY_DAYS)
    since = {device_id: max(last.get(device_id, oldest) - timedelta(days=REACH_DAYS), oldest) for device_id in ids}
    until_ms = _ms(today)
    wanted = given(session, device_id=sa.String(), lowest=sa.String(), highest=sa.String())
    day = sa.cast(sa.func.substr(_READINGS.c.frame_key, 1, 13), sa.BigInteger) // DAY_MS
    means = [name for name in _COLUMNS if name != "battery_percent"]
    query = (
        sa.select(
            _READINGS.c.device_id,
            day.label("day"),
            _READINGS.c.verdict,
            sa.func.count().label("readings"),
            sa.func.max(_READINGS.c.battery_percent).label("battery_percent"),
            sa.func.max(sa.case((_READINGS.c.battery_low, 1), (sa.not_(_READINGS.c.battery_low), 0))).label("low"),
            *(sa.func.sum(_READINGS.c[name]).label(f"{name}_sum") for name in means),
            *(sa.func.count(_READINGS.c[name]).label(f"{name}_count") for name in means),
        )
        .join(
            wanted,
            sa.and_(
                wanted.c.device_id == _READINGS.c.device_id,
                _READINGS.c.frame_key.between(wanted.c.lowest, wanted.c.highest),
            ),
        )
        .group_by(_READINGS.c.device_id, day, _READINGS.c.verdict)
    )
    asked = [
        {"device_id": device_id, "lowest": f"{_ms(begin):013d}", "highest": f"{until_ms:013d}"}
        for device_id, begin in since.items()
    ]
    sums: dict[tuple[str, date], _Sum] = defaultdict(_Sum)
    for row in session.connection().execute(query, document(session, asked)):
        one = sums[row.device_id, date(1970, 1, 1) + timedelta(days=int(row.day))]
        one.verdicts[Verdict(row.verdict).value] = row.readings
        if row.battery_percent is not None:
            one.battery_percent = max(one.battery_percent or 0.0, row.battery_percent)
        if row.low is not None:
            one.battery_low = bool(row.low) or one.battery_low is True
        for name in means:
            one.sums[name] += getattr(row, f"{name}_sum") or 0.0
            one.counts[name] += getattr(row, f"{name}_count")
    _hold_against_visits(session, sums, bins, min(since.values()), today)
    rows = [
        {
            "device_id": device_id,
            "day": of_day,
            "verdicts": one.verdicts,
            "battery_percent": one.battery_percent,
            **{name: one.mean(name) for name in means},
            "visits": one.visits,
            "contradicted": one.contradicted,
            "battery_low": one.battery_low,
        }
        for (device_id, of_day), one in sorted(sums.items())
    ]
    insert_or_update(session, DeviceDay, rows, update=["verdicts", *_COLUMNS, "visits", "contradicted", "battery_low"])
    session.connection().execute(
        sa.delete(DeviceDay).where(col(DeviceDay.device_id).in_(ids), col(DeviceDay.day) < oldest)
    )


def _hold_against_visits(
    session: Session,
    sums: dict[tuple[str, date], _Sum],
    bins: Mapping[str, str | None],
    begin: date,
    today: date,
) -> None:
    """Count visits of crews to the devices' bins, and those that contradict what the device saw."""
    span = (datetime.combine(begin, time(), UTC), datetime.combine(today, time(), UTC))
    looking: dict[str, list[str]] = defaultdict(list)
    for device_id, bin_id in bins.items():
        if bin_id is not None:
            looking[bin_id].append(device_id)
    visits: list[tuple[str, datetime, float | None]] = []
    emptied = (
        select(Bin.id, ServiceRecord.at)
        .join(ServiceRecord, (col(ServiceRecord.point_id) == Bin.point_id) & (col(ServiceRecord.stream) == Bin.stream))
        .where(
            col(Bin.id).in_(looking),
            col(ServiceRecord.at).between(*span),
            ServiceRecord.outcome == ServiceOutcome.DONE,
        )
    )
    visits += [(bin_id, at, None) for bin_id, at in session.exec(emptied)]
    seen = select(ObservationRecord.bin_id, ObservationRecord.at, ObservationRecord.seen).where(
        col(ObservationRecord.bin_id).in_(looking), col(ObservationRecord.at).between(*span)
    )
    visits += [(bin_id, at, Seen(word).level) for bin_id, at, word in session.exec(seen)]
    if not visits:
        return
    wanted = given(session, number=sa.Integer(), bin_id=sa.String(), lowest=UtcDateTime(), highest=UtcDateTime())
    query = (
        sa.select(wanted.c.number, _READINGS.c.device_id, _READINGS.c.at, _READINGS.c.fill_level)
        .join(
            wanted,
            sa.and_(wanted.c.bin_id == _READINGS.c.bin_id, _READINGS.c.at.between(wanted.c.lowest, wanted.c.highest)),
        )
        .where(_READINGS.c.verdict.in_([Verdict.OK, Verdict.SPIKE]), _READINGS.c.fill_level.is_not(None))
    )
    asked = []
    for number, (bin_id, at, level) in enumerate(visits):
        around = AROUND_EMPTYING if level is None else AROUND_LOOK
        asked.append({"number": number, "bin_id": bin_id, "lowest": at - around, "highest": at + around})
    near: dict[tuple[int, str], list[tuple[datetime, float]]] = defaultdict(list)
    for number, device_id, at, level in session.connection().execute(query, document(session, asked)):
        near[number, device_id].append((at, level))
    for number, (bin_id, at, level) in enumerate(visits):
        for device_id in looking[bin_id]:
            key = device_id, at.date()
            if key in sums and (contradicted := _contradicted(at, level, near[number, device_id])) is not None:
                sums[key].visits += 1
                sums[key].contradicted += contradicted


def _contradicted(at: datetime, seen: float | None, near: Sequence[tuple[datetime, float]]) -> bool | None:
    """Tell whether a device contradicts a visit; none if it said too little around it.

    Parameters
    ----------
    seen
        The level somebody saw; none if the bin was emptied.
    """
    before = [level for when, level in near if when < at]
    after = [level for when, level in near if when >= at]
    if seen is not None:
        levels = before + after
        return abs(median(levels) - seen) > LOOKS_OTHERWISE if len(levels) >= FEWEST_AROUND else None
    if len(before) < FEWEST_AROUND or len(after) < FEWEST_AROUND:
        return None
    return median(after) > STILL_FULL and median(after) > median(before) - UNMOVED


def _days(session: Session, ids: Sequence[str], today: date) -> dict[str, list[Day]]:
    rows = session.exec(select(DeviceDay).where(col(DeviceDay.device_id).in_(ids), col(DeviceDay.day) < today))
    days: dict[str, list[Day]] = defaultdict(list)
    for row in rows:
        days[row.device_id].append(
            Day(
                row.day,
                row.verdicts,
                row.battery_percent,
                row.temperature_c,
                row.rssi_dbm,
                row.snr_db,
                row.spreading_factor,
                row.visits,
                row.contradicted,
                row.battery_low,
            )
        )
    return days


def _outage_days(session: Session, today: date, now: datetime) -> dict[str, frozenset[date]]:
    """Return the days on which a platform or gateway was down, by what was."""
    oldest = now - timedelta(days=BATTERY_DAYS)
    rows = session.exec(
        select(Alarm.subject, Alarm.began_at, Alarm.closed_at).where(
            Alarm.kind == AlarmKind.OUTAGE, col(Alarm.closed_at).is_(None) | (col(Alarm.closed_at) > oldest)
        )
    )
    down: dict[str, set[date]] = defaultdict(set)
    for subject, began_at, closed_at in rows:
        last = (closed_at or now).date()
        down[subject] |= {began_at.date() + timedelta(days=day) for day in range((last - began_at.date()).days + 1)}
    return {subject: frozenset(day for day in days if day < today) for subject, days in down.items()}


def _keep_battery_alarms(
    session: Session,
    healths: Mapping[str, Health],
    bins: Mapping[str, str | None],
    alarms: Iterable[Alarm],
    now: datetime,
) -> None:
    known = {alarm.device_id: alarm for alarm in alarms if alarm.kind is AlarmKind.BATTERY}
    causes, gone = [], []
    for device_id, health in healths.items():
        if health.is_battery_ending and device_id not in known:
            told = asdict(health.battery) if health.battery else {"percent": None, "days_left": None}
            evidence = {name: None if value is None else round(value, 2) for name, value in told.items()}
            evidence["flagged"] = health.battery_low is True
            cause = Cause(
                AlarmKind.BATTERY, f"device/{device_id}", now, evidence, bin_id=bins[device_id], device_id=device_id
            )
            causes.append(cause)
        elif health.is_battery_well and device_id in known:
            gone.append(Gone(known[device_id], "recharged"))
    settle(session, gone=gone, causes=causes, now=now)


def _keep_orders(
    session: Session,
    healths: Mapping[str, Health],
    bins: Mapping[str, str | None],
    alarms: Iterable[Alarm],
    now: datetime,
) -> None:
    open_ = set(
        session.exec(
            select(WorkOrder.device_id, WorkOrder.cause).where(
                col(WorkOrder.device_id).in_(healths), col(WorkOrder.ended_at).is_(None)
            )
        ).all()
    )
    wanted = []
    lost = {alarm.device_id: alarm for alarm in alarms if alarm.kind is AlarmKind.OFFLINE}
    for device_id, health in healths.items():
        alarm = lost.get(device_id)
        if alarm is not None and now - alarm.began_at >= LOOK_FOR_AFTER:
            silent_h = round((now - alarm.began_at) / timedelta(hours=1), 1)
            evidence = {"alarm_id": alarm.id, **alarm.evidence, "silent_h": silent_h}
            wanted.append(Wanted(device_id, OFFLINE_CAUSE, bins[device_id], evidence))
        for reason in health.reasons:
            if reason.fault is Fault.MISSING and alarm is not None:
                continue
            least = REPAIRED_BELOW if (device_id, reason.fault.value) in open_ else REPAIR_FROM
            if reason.lost >= least:
                numbers = {name: round(value, 3) for name, value in reason.numbers.items()}
                evidence = {"as_of": now.date().isoformat(), "score": round(health.score, 3), **numbers}
                wanted.append(Wanted(device_id, reason.fault.value, bins[device_id], evidence))
    keep_repairs(session, wanted, healths, [*(fault.value for fault in Fault), OFFLINE_CAUSE], now)


def _ms(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)
