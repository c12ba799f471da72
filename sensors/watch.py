"""Watching what comes in: alarms are raised and closed in the transaction that stores the readings which show it.

Almost every reading shows nothing. Those that might, and those of devices with a standing alarm, are looked at
together with what their device said before, by event time: in whatever order they arrive, the last word is the latest
one's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from sensors.alarms import Alarm, AlarmKind, AlarmState, Cause, Gone, forget, renew, settle, standing
from sensors.bulk import document, given
from sensors.causes import NEAR_BRIM, NOT_OVERFLOWING, OVERFLOWING, TILTED_FOR, Pose, overflow_seen, tilt_of
from sensors.estimate import Estimate
from sensors.fire import LOOK_BACK, WORSE_C, Fire, Heat, fire_of, may_burn
from sensors.telemetry import Reading

# A device that lies is looked at from so long before on: three readings of the slowest devices.
LOOK_BACK_TILTED = TILTED_FOR + timedelta(hours=24)
# A fire older than this is looked at from here on, however long it is standing.
OLDEST_FIRE = timedelta(days=2)

_READINGS: sa.Table = Reading.__table__  # type: ignore[attr-defined]


def watch(
    session: Session, rows: Sequence[Mapping[str, Any]], estimates: Mapping[str, Estimate], now: datetime
) -> None:
    """Raise and close the alarms that new readings call for.

    Parameters
    ----------
    rows
        Readings that were just stored in the session's transaction, by the names of `Reading`'s columns.
    estimates
        What is known now of the bins concerned, by bin.
    now
        The city's time.
    """
    if not rows and not estimates:
        return
    alarms = standing(session, device_ids={row["device_id"] for row in rows}, bin_ids=estimates)
    open_ = {(alarm.kind, alarm.subject): alarm for alarm in alarms}
    causes: list[Cause] = []
    gone: list[Gone] = []
    news = _news(rows, alarms)
    told = _told(session, news)
    for device_id, bin_id in _bins(rows, news).items():
        _look_for_fire(session, device_id, bin_id, told, open_, causes, gone, now)
        _look_for_tilt(device_id, bin_id, told, open_, causes, gone)
    _look_for_overflow(session, estimates, open_, causes, gone, now)
    gone += _heard_again(rows, alarms, now)
    if causes or gone:
        settle(session, gone=gone, causes=causes, now=now)


def _news(rows: Sequence[Mapping[str, Any]], alarms: Sequence[Alarm]) -> dict[str, datetime]:
    """Return from when on the readings of devices must be looked at; devices that need no look are left out."""
    since: dict[str, datetime] = {}
    fires = {alarm.device_id: alarm.began_at for alarm in alarms if alarm.kind is AlarmKind.FIRE}
    tilts = {alarm.device_id for alarm in alarms if alarm.kind is AlarmKind.TILT}
    for row in rows:
        device_id, at = row["device_id"], row["at"]
        hot = row["fire"] or may_burn(row["temperature_c"]) or device_id in fires
        tilted = row["tilted"] or device_id in tilts
        if hot:
            begun = max(min(at, fires.get(device_id, at)), at - OLDEST_FIRE) - LOOK_BACK
            since[device_id] = min(begun, since.get(device_id, begun))
        if tilted:
            begun = at - LOOK_BACK_TILTED
            since[device_id] = min(begun, since.get(device_id, begun))
    return since


def _told(session: Session, since: Mapping[str, datetime]) -> dict[str, list[sa.Row[Any]]]:
    """Read what devices told since a moment each, in the order it was measured."""
    if not since:
        return {}
    wanted = given(session, device_id=sa.String(), lowest=sa.String())
    columns = (_READINGS.c[name] for name in ("device_id", "frame_key", "at", "temperature_c", "tilted", "fire"))
    query = (
        sa.select(*columns)
        .join(
            wanted,
            sa.and_(wanted.c.device_id == _READINGS.c.device_id, _READINGS.c.frame_key >= wanted.c.lowest),
        )
        .order_by(_READINGS.c.device_id, _READINGS.c.frame_key)
    )
    rows = [{"device_id": device_id, "lowest": f"{int(at.timestamp() * 1000):013d}"} for device_id, at in since.items()]
    told: dict[str, list[sa.Row[Any]]] = {device_id: [] for device_id in since}
    for row in session.connection().execute(query, document(session, rows)):
        told[row.device_id].append(row)
    return told


def _bins(rows: Sequence[Mapping[str, Any]], of: Mapping[str, object]) -> dict[str, str | None]:
    return {row["device_id"]: row["bin_id"] for row in rows if row["device_id"] in of}


def _look_for_fire(
    session: Session,
    device_id: str,
    bin_id: str | None,
    told: Mapping[str, Sequence[sa.Row[Any]]],
    open_: Mapping[tuple[AlarmKind, str], Alarm],
    causes: list[Cause],
    gone: list[Gone],
    now: datetime,
) -> None:
    heats = [
        Heat(row.at, row.frame_key, row.temperature_c, row.fire)
        for row in told[device_id]
        if row.temperature_c is not None or row.fire is not None
    ]
    if not heats:
        return
    subject = f"device/{device_id}" if bin_id is None else f"bin/{bin_id}"
    alarm = open_.get((AlarmKind.FIRE, subject))
    fire = fire_of(heats, _burning(alarm, device_id, heats[0].at))
    if alarm is not None and alarm.device_id != device_id:
        # Another sensor of the bin told of the fire, and only it can tell that it is out.
        if fire is not None and not alarm.evidence["confirmed"]:
            renew(session, alarm, {"confirmed": True}, now, confirmed=True)
        return
    if fire is None:
        if alarm is not None:
            gone.append(Gone(alarm, "cooled" if alarm.evidence.get("confirmed") else "contradicted"))
        return
    evidence = _fire_evidence(device_id, fire)
    if alarm is not None and alarm.state is not AlarmState.CLOSED:
        confirmed = fire.confirmed and not alarm.evidence["confirmed"]
        evidence["confirmed"] |= alarm.evidence["confirmed"]
        if evidence != alarm.evidence:
            renew(session, alarm, evidence, now, confirmed=confirmed)
        return
    if alarm is not None:
        if (fire.hottest_c or 0.0) < (alarm.evidence.get("hottest_c") or 0.0) + WORSE_C:
            return
        forget(session, alarm, now)
    causes.append(Cause(AlarmKind.FIRE, subject, fire.began_at, evidence, bin_id=bin_id, device_id=device_id))


def _burning(alarm: Alarm | None, device_id: str, at: datetime) -> Fire | None:
    """Return the confirmed fire that a device told of before a moment, from its alarm."""
    if alarm is None or alarm.device_id != device_id or alarm.began_at >= at or not alarm.evidence.get("confirmed"):
        return None
    last_at = datetime.fromisoformat(alarm.evidence["last_at"])
    evidence = alarm.evidence
    flagged = evidence.get("flagged", False)
    return Fire(alarm.began_at, last_at, True, evidence["hottest_c"], evidence["from_c"], (), flagged)


def _fire_evidence(device_id: str, fire: Fire) -> dict[str, Any]:
    values = asdict(fire)
    del values["keys"], values["began_at"]
    readings = [{"device_id": device_id, "frame_key": key} for key in fire.keys]
    return {**values, "last_at": fire.last_at.isoformat(), "readings": readings}


def _look_for_tilt(
    device_id: str,
    bin_id: str | None,
    told: Mapping[str, Sequence[sa.Row[Any]]],
    open_: Mapping[tuple[AlarmKind, str], Alarm],
    causes: list[Cause],
    gone: list[Gone],
) -> None:
    poses = [Pose(row.at, row.frame_key, row.tilted) for row in told[device_id] if row.tilted is not None]
    if not poses:
        return
    alarm = open_.get((AlarmKind.TILT, f"device/{device_id}"))
    tilt = tilt_of(poses, standing=alarm is not None)
    if tilt is None and alarm is not None:
        gone.append(Gone(alarm, "upright"))
    elif tilt is not None and alarm is None:
        readings = [{"device_id": device_id, "frame_key": key} for key in tilt.keys]
        evidence = {"tilted_readings": tilt.readings, "readings": readings}
        causes.append(
            Cause(AlarmKind.TILT, f"device/{device_id}", tilt.began_at, evidence, bin_id=bin_id, device_id=device_id)
        )


def _look_for_overflow(
    session: Session,
    estimates: Mapping[str, Estimate],
    open_: Mapping[tuple[AlarmKind, str], Alarm],
    causes: list[Cause],
    gone: list[Gone],
    now: datetime,
) -> None:
    for bin_id, estimate in estimates.items():
        believed, rival = estimate.believed, estimate.rival
        alarm = open_.get((AlarmKind.OVERFLOW, f"bin/{bin_id}"))
        if believed is None or (alarm is None and believed.level < NEAR_BRIM):
            continue
        probability = overflow_seen(
            believed.level,
            believed.sigma,
            rival.level if rival else None,
            rival.sigma if rival else 0.0,
            estimate.rival_odds,
        )
        evidence = {
            "fill_level": round(believed.level, 3),
            "sigma": round(believed.sigma, 3),
            "probability": round(probability, 3),
            "as_of": believed.as_of.isoformat(),
        }
        if alarm is None:
            if probability >= OVERFLOWING:
                subject = f"bin/{bin_id}"
                causes.append(Cause(AlarmKind.OVERFLOW, subject, believed.as_of, evidence, bin_id=bin_id))
        elif probability <= NOT_OVERFLOWING:
            gone.append(Gone(alarm, "below_brim"))
        elif believed.level > alarm.evidence.get("fill_level", 0.0):
            renew(session, alarm, evidence, now)


def _heard_again(rows: Sequence[Mapping[str, Any]], alarms: Sequence[Alarm], now: datetime) -> list[Gone]:
    """Tell which silent devices are back; an old reading that comes late says nothing of that."""
    back = []
    for alarm in alarms:
        if alarm.kind is AlarmKind.OFFLINE:
            patience = timedelta(hours=alarm.evidence["patience_h"])
            heard = (row["at"] for row in rows if row["device_id"] == alarm.device_id)
            if any(now - at <= patience for at in heard):
                back.append(Gone(alarm, "heard"))
    return back
