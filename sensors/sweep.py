"""The sweep: alarms that time raises and not a reading, because a device says nothing. Called every minute.

A silence with one cause is one alarm, with the devices under it; the others are told each by itself. Any number of
processes may sweep at once: what one has raised the other finds raised.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from city.clock import Clock
from city.database import transaction
from city.registry import Bin, CollectionPoint
from sensors.alarms import Alarm, AlarmKind, Cause, Gone, end_quiet, renew, settle, standing
from sensors.bulk import chunks, update_rows
from sensors.causes import NOT_OVERFLOWING, overflow_seen
from sensors.levels import BinState
from sensors.outages import FEWEST, Outage, Scope, Silences, silences
from sensors.silence import AT_ONCE, DeviceState, heard_of, look, look_at, offline_after
from sensors.telemetry import Device

# A gateway or platform is looked into when at least this share of its devices is silent: an outage takes nearly all.
# Below it not even those that speak are asked, which would cost a look at the whole city every minute.
WORTH_ASKING = 0.2
# Devices named in the evidence; all of them are in `device_state`.
NAMED = 100

Standing = Mapping[tuple[AlarmKind, str], Alarm]

_TIME_DRIVEN = (AlarmKind.OFFLINE, AlarmKind.OUTAGE, AlarmKind.OVERFLOW)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: devices it looked at, alarms it raised and closed."""

    looked: int
    raised: int
    closed: int


def sweep(engine: Engine, clock: Clock) -> Swept:
    """Raise and close what time alone decides, as of the clock's now."""
    now = clock.now()
    looked = look(engine, now)
    with transaction(engine) as session:
        end_quiet(session, now)
        if not looked:
            # Nobody's silence has begun, ended or grown long: only crews can have changed anything.
            overflows = standing(session, kinds=[AlarmKind.OVERFLOW])
            gone = _below_brim(session, {(alarm.kind, alarm.subject): alarm for alarm in overflows})
            settle(session, gone=gone, now=now)
            return Swept(0, 0, len(gone))
        open_ = {(alarm.kind, alarm.subject): alarm for alarm in standing(session, kinds=_TIME_DRIVEN)}
        found = _silences(session, open_, now)
        quiet = _states(session, col(DeviceState.quiet))
        outages = [_of_outage(session, outage) for outage in found.outages]
        causes = outages + _of_single(session, quiet, found, now)
        gone = _gone(session, open_, found, quiet) + _below_brim(session, open_)
        raised = settle(session, gone=gone, causes=causes, now=now)
        _put_under(session, found, outages, now)
    return Swept(looked, len(raised), len(gone))


def _states(session: Session, *which: Any) -> Sequence[DeviceState]:
    """Read the states of devices anew, in order."""
    query = select(DeviceState).where(*which).order_by(col(DeviceState.device_id))
    return session.exec(query, execution_options={"populate_existing": True}).all()


def _silences(session: Session, open_: Standing, now: datetime) -> Silences:
    """Tell silences with one cause from the others."""
    known = _known(session, open_)
    quiet = _states(session, col(DeviceState.quiet))
    heard = {state.device_id: replace(heard_of(state), gateway="", platform="") for state in quiet}
    for scope, name in _worth_asking(session, quiet, known):
        which = (col(DeviceState.gateway_id) if scope is Scope.GATEWAY else col(DeviceState.platform)) == name
        # Those that speak are the evidence against an outage, and were not looked at since they should have spoken.
        speaking = _states(session, which, col(DeviceState.quiet).is_(False))
        for part in chunks(speaking, AT_ONCE):
            look_at(session, part, now)
        for state in _states(session, which):
            under = heard.get(state.device_id) or replace(heard_of(state), gateway="", platform="")
            gateway, platform = (name, under.platform) if scope is Scope.GATEWAY else (under.gateway, name)
            heard[state.device_id] = replace(under, gateway=gateway, platform=platform)
    return silences(heard.values(), now, known=known)


def _worth_asking(session: Session, quiet: Sequence[DeviceState], known: Sequence[Outage]) -> list[tuple[Scope, str]]:
    """Return the gateways and platforms of which so many devices are silent that it may be one cause."""
    worth: list[tuple[Scope, str]] = []
    for scope, column in ((Scope.GATEWAY, col(DeviceState.gateway_id)), (Scope.PLATFORM, col(DeviceState.platform))):
        names = {outage.name for outage in known if outage.scope is scope}
        silent = Counter(state.gateway_id if scope is Scope.GATEWAY else state.platform for state in quiet)
        many = {name for name, count in silent.items() if name and count >= FEWEST}
        sizes = session.exec(select(column, sa.func.count()).where(column.in_(many)).group_by(column))
        names |= {name for name, size in sizes if name and silent[name] >= WORTH_ASKING * size}
        worth += [(scope, name) for name in sorted(names)]
    return worth


def _known(session: Session, open_: Standing) -> list[Outage]:
    """Return the outages that have an alarm already."""
    alarms = [alarm for (kind, _), alarm in open_.items() if kind is AlarmKind.OUTAGE]
    under: dict[int, list[str]] = defaultdict(list)
    numbers = [alarm.id for alarm in alarms]
    rows = session.exec(
        select(DeviceState.outage_id, DeviceState.device_id)
        .where(col(DeviceState.outage_id).in_(numbers))
        .order_by(col(DeviceState.device_id))
    )
    for number, device_id in rows:
        under[number or 0].append(device_id)
    known = []
    for alarm in alarms:
        scope, _, name = alarm.subject.partition("/")
        devices = tuple(under[alarm.id or 0])
        log_odds, of = alarm.evidence["log_odds"], alarm.evidence["of"]
        known.append(Outage(Scope(scope), name, alarm.began_at, devices, of, log_odds))
    return known


def _of_outage(session: Session, outage: Outage) -> Cause:
    """Return the cause of one alarm with all the devices under it."""
    named = outage.device_ids[:NAMED]
    districts = session.exec(
        select(CollectionPoint.district_id)
        .distinct()
        .join(Bin, col(Bin.point_id) == CollectionPoint.id)
        .join(Device, col(Device.bin_id) == Bin.id)
        .where(col(Device.id).in_(named))
    ).all()
    evidence = {
        "devices": len(outage.device_ids),
        "of": outage.of,
        "log_odds": round(outage.log_odds, 1),
        "device_ids": list(named),
    }
    return Cause(
        AlarmKind.OUTAGE,
        f"{outage.scope}/{outage.name}",
        outage.since,
        evidence,
        district_id=districts[0] if len(districts) == 1 else None,
    )


def _of_single(session: Session, quiet: Sequence[DeviceState], found: Silences, now: datetime) -> list[Cause]:
    """Return the causes of devices that have been silent by themselves for so long that somebody must look."""
    alone = {device.device_id for device in found.single}
    offline = []
    for state in quiet:
        silent = now - (state.heard_at or state.since)
        if state.device_id in alone and state.quiet and silent > _patience(state):
            offline.append((state, silent))
    bins: dict[str, str | None] = {}
    for part in chunks(offline, AT_ONCE):
        wanted = [state.device_id for state, _ in part]
        bins |= dict(session.exec(select(Device.id, Device.bin_id).where(col(Device.id).in_(wanted))).all())
    return [
        Cause(
            AlarmKind.OFFLINE,
            f"device/{state.device_id}",
            state.heard_at or state.since,
            {
                "heard_at": state.heard_at.isoformat() if state.heard_at else None,
                "interval_h": round(state.interval_h, 2),
                "silent_h": round(silent / timedelta(hours=1), 1),
                "patience_h": round(_patience(state) / timedelta(hours=1), 2),
            },
            bin_id=bins.get(state.device_id),
            device_id=state.device_id,
        )
        for state, silent in offline
    ]


def _patience(state: DeviceState) -> timedelta:
    return timedelta(0) if state.heard_at is None else offline_after(state.interval_h)


def _gone(session: Session, open_: Standing, found: Silences, quiet: Sequence[DeviceState]) -> list[Gone]:
    """Return the standing alarms of silences that are over, or that another one explains."""
    silent = {state.device_id for state in quiet}
    under = {device_id for outage in found.outages for device_id in outage.device_ids}
    down = {f"{outage.scope}/{outage.name}" for outage in found.outages}
    offline = [alarm for (kind, _), alarm in open_.items() if kind is AlarmKind.OFFLINE]
    outages = [alarm for (kind, _), alarm in open_.items() if kind is AlarmKind.OUTAGE]
    # A gateway that seemed to be down alone until the others fell silent too.
    larger = any(outage.scope is Scope.PLATFORM for outage in found.outages)
    gone = [
        Gone(alarm, "part_of_outage" if larger and alarm.subject.startswith(Scope.GATEWAY) else "over")
        for alarm in outages
        if alarm.subject not in down
    ]
    gone += [Gone(alarm, "part_of_outage") for alarm in offline if alarm.device_id in under]
    back = [alarm for alarm in offline if alarm.device_id not in silent and alarm.device_id not in under]
    for part in chunks(back, AT_ONCE):
        wanted = [alarm.device_id for alarm in part]
        watched = set(session.exec(select(DeviceState.device_id).where(col(DeviceState.device_id).in_(wanted))))
        gone += [Gone(alarm, "heard" if alarm.device_id in watched else "not_in_use") for alarm in part]
    return gone


def _below_brim(session: Session, open_: Standing) -> list[Gone]:
    """Return the overflows that a crew has ended; a reading that ends one does so when it comes."""
    alarms = {alarm.bin_id: alarm for (kind, _), alarm in open_.items() if kind is AlarmKind.OVERFLOW}
    wanted = sorted(bin_id for bin_id in alarms if bin_id is not None)
    gone = []
    for part in chunks(wanted, AT_ONCE):
        for state in session.exec(select(BinState).where(col(BinState.bin_id).in_(part))):
            told = (state.fill_level, state.sigma, state.rival_level, state.rival_sigma, state.rival_odds)
            if overflow_seen(*told) <= NOT_OVERFLOWING:
                gone.append(Gone(alarms[state.bin_id], "below_brim"))
    return gone


def _put_under(session: Session, found: Silences, causes: Sequence[Cause], now: datetime) -> None:
    """Note which devices are under which outage, and how many each has now."""
    alarms = {alarm.subject: alarm for alarm in standing(session, kinds=[AlarmKind.OUTAGE])}
    for cause in causes:
        # The most that ever were under it: they come back one by one.
        if cause.evidence["devices"] > alarms[cause.subject].evidence["devices"]:
            renew(session, alarms[cause.subject], cause.evidence, now)
    numbers = {
        device_id: alarms[f"{outage.scope}/{outage.name}"].id
        for outage in found.outages
        for device_id in outage.device_ids
    }
    under = select(DeviceState.device_id, DeviceState.outage_id).where(col(DeviceState.outage_id).is_not(None))
    before = dict(session.exec(under).all())
    changed = [
        {"device_id": device_id, "outage_id": numbers.get(device_id)}
        for device_id in sorted(before.keys() | numbers.keys())
        if before.get(device_id) != numbers.get(device_id)
    ]
    update_rows(session, DeviceState, changed)
