"""Readings: who spoke, is it new, what is it worth; then its row, and the state of its bin.

What trucks and people report goes the same way, because it tells of the same bins, which are locked once.
"""

import hashlib
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session, col

from city.registry import Bin
from city.shapes import BOX, profile_of
from sensors import payloads
from sensors.afterwards import StillDevice
from sensors.bulk import document, given, insert_new
from sensors.calibrations import CalibrationRecord
from sensors.cleaning import Sight, Standing, Worth, weigh
from sensors.delivery import Delivery
from sensors.errors import IntakeError
from sensors.moments import check_moment
from sensors.reports import store_reports, tie_reports
from sensors.service import told_since
from sensors.states import open_estimates
from sensors.telemetry import Device, Reading, Verdict
from sensors.timeline import Event, Identity, Said, tell
from sensors.uplink import Measured, Uplink
from sensors.watch import watch

# A frame with the same counter and content within this time is the same frame: heard by several gateways, or sent again
# because no answer came. Sensors of this trade report every ten minutes at most.
SAME_FRAME = timedelta(minutes=9)


@dataclass(frozen=True, slots=True)
class _Registered:
    """A device as intake needs to know it."""

    bin_id: str | None
    model: str
    active: bool
    sight: Sight
    earlier: Sight
    since: datetime | None

    def sight_at(self, at: datetime) -> Sight:
        """Return what it can see: a reading is measured by the calibration of its own time."""
        return self.sight if self.since is None or at >= self.since else self.earlier


@dataclass(slots=True)
class _Arrival:
    """A reading that may be stored, and the delivery that brought it."""

    delivery: Delivery
    device: _Registered
    uplink: Uplink
    measured: Measured
    worth: Worth
    sent_ms: int
    content: str

    @property
    def identity(self) -> Identity:
        """Device and frame key; the key begins with the time, so that a counter that starts again hides nothing."""
        return self.uplink.device_id, f"{self.sent_ms:013d}-{self.content}"


def store_readings(session: Session, deliveries: Sequence[Delivery], now: datetime) -> None:
    """Store the new readings and reports of deliveries, move the states of their bins, and refuse what cannot be.

    Parameters
    ----------
    deliveries
        Decoded; what is stored, known or refused is written on them.
    now
        When they came in.
    """
    arrivals = _arrivals(session, deliveries, now)
    reports = tie_reports(session, deliveries, now)
    bin_ids = {arrival.device.bin_id for arrival in arrivals if arrival.device.bin_id is not None}
    bin_ids |= {bin_id for tied in reports for bin_id in tied.bin_ids}
    with open_estimates(session, sorted(bin_ids)) as estimates:
        # Only now are the bins locked, so only now is it certain what is new.
        new = _new(session, arrivals)
        news: dict[str, list[Event]] = defaultdict(list, store_reports(session, reports))
        for identity, arrival in new.items():
            if arrival.device.bin_id is not None:
                level = arrival.worth.fill_level if arrival.worth.verdict is Verdict.OK else None
                news[arrival.device.bin_id].append(Said(arrival.uplink.at, identity, level))
        opinions = tell(session, estimates, news, told_since)
        rows = []
        for identity in sorted(new):
            row = _row(new[identity], identity[1], now)
            if (opinion := opinions.get(identity)) is not None:
                row["verdict"], row["verdict_reason"] = opinion.verdict, opinion.reason
                row["verdict_numbers"] = opinion.numbers
            rows.append(row)
        insert_new(session, Reading, rows)
        watch(session, rows, estimates, now)


def _arrivals(session: Session, deliveries: Sequence[Delivery], now: datetime) -> list[_Arrival]:
    """Tell what can be stored from what is refused."""
    speakers = {item.device_id for delivery in deliveries for item in delivery.found if isinstance(item, Uplink)}
    devices = _devices(session, sorted(speakers))
    arrivals = []
    for delivery in deliveries:
        for item in delivery.found:
            if not isinstance(item, Uplink):
                continue
            try:
                arrivals.append(_arrival(delivery, item, devices.get(item.device_id), now))
            except IntakeError as error:
                delivery.refuse(error.code, str(error), device_id=item.device_id, index=item.index, alone=item.alone)
    return arrivals


def _devices(session: Session, ids: Sequence[str]) -> dict[str, _Registered]:
    if not ids:
        return {}
    wanted = given(session, device_id=sa.String())
    query = (
        sa.select(
            col(Device.id),
            col(Device.bin_id),
            col(Device.model),
            col(Device.active),
            col(Device.mounting_height_cm),
            col(Bin.depth_cm),
            col(Bin.shape),
            col(CalibrationRecord.empty_cm),
            col(CalibrationRecord.drifted),
            col(CalibrationRecord.before_cm),
            col(CalibrationRecord.since),
            col(StillDevice.distance_cm),
            col(StillDevice.verdict),
            col(StillDevice.reason),
            col(StillDevice.numbers),
        )
        .join(wanted, wanted.c.device_id == Device.id)
        .outerjoin(Bin, col(Bin.id) == Device.bin_id)
        .outerjoin(StillDevice, col(StillDevice.device_id) == Device.id)
        .outerjoin(
            CalibrationRecord,
            sa.and_(
                col(CalibrationRecord.device_id) == Device.id,
                col(CalibrationRecord.bin_id) == Device.bin_id,
                col(CalibrationRecord.mounting_height_cm) == Device.mounting_height_cm,
            ),
        )
    )
    rows = session.connection().execute(query, document(session, [{"device_id": name} for name in ids]))
    found: Iterable[tuple[Any, ...]] = map(tuple, rows)
    return {row[0]: _registered(*row[1:]) for row in found}


def _registered(
    bin_id: str | None,
    model: str,
    active: bool,
    height_cm: float,
    depth_cm: float | None,
    shape: str | None,
    empty_cm: float | None,
    drifted: bool | None,
    before_cm: float | None,
    since: datetime | None,
    still_cm: float | None,
    verdict: Verdict | None,
    reason: str | None,
    numbers: dict[str, float] | None,
) -> _Registered:
    still = None
    if still_cm is not None and verdict is not None:
        still = Standing(still_cm, Verdict(verdict), reason or "", numbers or {})
    dead_zone_cm = payloads.dead_zone_cm(model)
    plain = Sight(height_cm, depth_cm, profile_of(shape or BOX), dead_zone_cm=dead_zone_cm, still=still)
    if since is None:
        return _Registered(bin_id, model, active, plain, plain, None)
    now = replace(plain, empty_cm=empty_cm, drifted=bool(drifted))
    return _Registered(bin_id, model, active, now, replace(plain, empty_cm=before_cm), since)


def _arrival(delivery: Delivery, uplink: Uplink, device: _Registered | None, now: datetime) -> _Arrival:
    if device is None:
        raise IntakeError(
            "unknown_device", f"device {uplink.device_id} is not registered; register it and replay the message"
        )
    if not device.active:
        raise IntakeError("revoked_device", f"device {uplink.device_id} is registered but not in use")
    check_moment(f"device {uplink.device_id}", uplink.at, now)
    measured = payloads.read(uplink, device.model)
    sent_ms = int(uplink.at.timestamp() * 1000)
    worth = weigh(measured, device.sight_at(uplink.at))
    return _Arrival(delivery, device, uplink, measured, worth, sent_ms, _content(uplink, measured))


def _content(uplink: Uplink, measured: Measured) -> str:
    """Name what a frame says, and its place in the device's own count if it keeps one."""
    said = uplink.payload or orjson.dumps(measured)
    digest = hashlib.blake2b(said, digest_size=6).hexdigest()
    return digest if uplink.counter is None else f"{uplink.counter}-{digest}"


def _new(session: Session, arrivals: Sequence[_Arrival]) -> dict[Identity, _Arrival]:
    """Pick the frames that are not stored, each once, and count them for the delivery that brought them first."""
    times = _times(session, arrivals)
    same_ms = SAME_FRAME // timedelta(milliseconds=1)
    new: dict[Identity, _Arrival] = {}
    for arrival in sorted(arrivals, key=lambda arrival: arrival.sent_ms):
        heard = times[arrival.uplink.device_id, arrival.content]
        apart_ms = 0 if arrival.uplink.counter is None else same_ms
        place = bisect_left(heard, arrival.sent_ms - apart_ms)
        if place < len(heard) and heard[place] <= arrival.sent_ms + apart_ms:
            arrival.delivery.duplicates += 1
            continue
        insort(heard, arrival.sent_ms)
        new[arrival.identity] = arrival
        arrival.delivery.stored += 1
    return new


def _times(session: Session, arrivals: Sequence[_Arrival]) -> dict[tuple[str, str], list[int]]:
    """Return when frames around those that arrived were sent, in milliseconds, by device and content."""
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    if not arrivals:
        return times
    wanted = given(session, device_id=sa.String(), lowest=sa.String(), highest=sa.String())
    query = sa.select(col(Reading.device_id), col(Reading.frame_key)).join(
        wanted,
        sa.and_(
            wanted.c.device_id == Reading.device_id,
            col(Reading.frame_key).between(wanted.c.lowest, wanted.c.highest),
        ),
    )
    same_ms = SAME_FRAME // timedelta(milliseconds=1)
    spans: dict[str, tuple[int, int]] = {}
    for arrival in arrivals:
        lowest, highest = spans.get(arrival.uplink.device_id, (arrival.sent_ms, arrival.sent_ms))
        spans[arrival.uplink.device_id] = min(lowest, arrival.sent_ms), max(highest, arrival.sent_ms)
    rows = [
        {"device_id": device_id, "lowest": f"{lowest - same_ms:013d}", "highest": f"{highest + same_ms + 1:013d}"}
        for device_id, (lowest, highest) in spans.items()
    ]
    for device_id, frame_key in session.connection().execute(query, document(session, rows)):
        sent, _, content = frame_key.partition("-")
        insort(times[device_id, content], int(sent))
    return times


def _row(arrival: _Arrival, frame_key: str, now: datetime) -> dict[str, Any]:
    uplink, measured, worth = arrival.uplink, arrival.measured, arrival.worth
    raw: dict[str, Any] = {"counter": uplink.counter, "port": uplink.port}
    if uplink.payload:
        raw["payload"] = uplink.payload.hex()
    elif uplink.decoded is not None:
        raw["decoded"] = uplink.decoded
    if measured.fault:
        raw["fault"] = measured.fault
    return {
        "device_id": uplink.device_id,
        "frame_key": frame_key,
        "bin_id": arrival.device.bin_id,
        "at": uplink.at,
        "received_at": now,
        "distance_cm": measured.distance_cm,
        "fill_level": worth.fill_level,
        "temperature_c": measured.temperature_c,
        "battery_percent": measured.battery_percent,
        "tilted": measured.tilted,
        "fire": measured.fire,
        "battery_low": measured.battery_low,
        "platform": arrival.delivery.message.format,
        "gateway_id": uplink.radio.gateway_id,
        "rssi_dbm": uplink.radio.rssi_dbm,
        "snr_db": uplink.radio.snr_db,
        "spreading_factor": uplink.radio.spreading_factor,
        "verdict": worth.verdict,
        "verdict_reason": worth.reason,
        "verdict_numbers": worth.numbers,
        "raw": raw,
    }
