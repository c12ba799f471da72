"""Intake: messages come in, their readings are stored once with a verdict, and the bins' states move; or they are kept.

All messages of one call are one transaction. When it returns, what it counts as stored is durable, what it counts as
rejected lies in the dead-letter table, and nothing else was changed.
"""

import hashlib
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from city.clock import CLOCK_TOLERANCE, Clock
from city.database import transaction
from city.registry import Bin
from sensors import payloads
from sensors.bulk import document, given, insert_new
from sensors.cleaning import Sight, Worth, weigh
from sensors.decoders import decode
from sensors.errors import IntakeError
from sensors.service import served_since
from sensors.states import open_estimates
from sensors.telemetry import DeadLetter, Device, Reading, Verdict
from sensors.timeline import Event, Identity, Said, tell
from sensors.uplink import Measured, Unusable, Uplink

# Older readings belong in an archive, not in a state; a device that lost its clock says 1970 or 2000.
OLDEST = timedelta(days=400)
# Larger messages are refused whole; a network server's are a few kilobytes, a batch of 10,000 readings is under this.
MOST_BYTES = 4_000_000
# What is kept of a message that is too large.
KEPT_BYTES = 64_000
# A frame with the same counter and content within this time is the same frame: heard by several gateways, or sent again
# because no answer came. Sensors of this trade report every ten minutes at most.
SAME_FRAME = timedelta(minutes=9)


@dataclass(frozen=True, slots=True)
class Message:
    """What came: the name of a format of `sensors.decoders.formats`, and the bytes."""

    format: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something that was refused and kept as a dead letter.

    Parameters
    ----------
    code
        Why, worded as ``rejection.<code>``.
    message
        The same in plain English with the values.
    device_id
        Who sent it, if that much is known.
    index
        Its place in the message; none if the whole message is of no use.
    """

    code: str
    message: str
    device_id: str | None
    index: int | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message.

    Parameters
    ----------
    stored
        Readings that are durable now and were not there before.
    duplicates
        Readings that were there already, or twice in the message.
    rejected
        What was refused.
    """

    stored: int
    duplicates: int
    rejected: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class _Registered:
    """A device as intake needs to know it."""

    bin_id: str | None
    model: str
    active: bool
    sight: Sight


@dataclass(slots=True)
class _Arrival:
    """A reading that may be stored."""

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


@dataclass(slots=True)
class _Sorted:
    """What a message turned out to hold."""

    message: Message
    found: list[Uplink | Unusable] = field(default_factory=list)
    arrivals: list[_Arrival] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    letters: list[tuple[Rejection, bytes]] = field(default_factory=list)
    stored: int = 0

    def refuse(self, rejection: Rejection, body: bytes) -> None:
        self.rejected.append(rejection)
        self.letters.append((rejection, body))

    @property
    def receipt(self) -> Receipt:
        return Receipt(self.stored, len(self.arrivals) - self.stored, tuple(self.rejected))


def receive(engine: Engine, clock: Clock, *, format: str, body: bytes) -> Receipt:  # noqa: A002 - the word callers use
    """Take in one message; see `receive_all`."""
    return receive_all(engine, clock, [Message(format, body)])[0]


def receive_all(
    engine: Engine, clock: Clock, messages: Sequence[Message], *, keep_refused: bool = True
) -> list[Receipt]:
    """Take in messages in one transaction.

    Parameters
    ----------
    keep_refused
        Whether what is refused becomes a dead letter; not where it is one already and is tried again.

    Returns
    -------
    list of Receipt
        For each message what is stored, was known, or was refused. Nothing is raised for what a stranger sends.
    """
    now = clock.now()
    every = [_opened(message) for message in messages]
    with transaction(engine) as session:
        _sort(session, every, now)
        _store(session, every, now)
        if keep_refused:
            _keep_letters(session, every, now)
    return [one.receipt for one in every]


def _opened(message: Message) -> _Sorted:
    opened = _Sorted(message)
    if (size := len(message.body)) > MOST_BYTES:
        too_large = f"the message has {size} bytes; at most {MOST_BYTES} are read, and {KEPT_BYTES} of it kept"
        opened.refuse(Rejection("too_large", too_large, None, None), message.body[:KEPT_BYTES])
        return opened
    try:
        opened.found = decode(message.format, message.body)
    except IntakeError as error:
        opened.refuse(Rejection(error.code, str(error), None, None), message.body)
    return opened


def _sort(session: Session, every: Sequence[_Sorted], now: datetime) -> None:
    """Tell what can be stored from what is refused."""
    speakers = {item.device_id for one in every for item in one.found if isinstance(item, Uplink)}
    devices = _devices(session, sorted(speakers))
    for one in every:
        for item in one.found:
            if isinstance(item, Unusable):
                one.refuse(Rejection(item.code, item.reason, item.device_id, item.index), item.body)
                continue
            try:
                one.arrivals.append(_arrival(item, devices.get(item.device_id), now))
            except IntakeError as error:
                rejection = Rejection(error.code, str(error), item.device_id, item.index)
                one.refuse(rejection, item.alone or one.message.body)


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
        )
        .join(wanted, wanted.c.device_id == Device.id)
        .outerjoin(Bin, col(Bin.id) == Device.bin_id)
    )
    rows = session.connection().execute(query, document(session, [{"device_id": name} for name in ids]))
    return {
        device_id: _Registered(bin_id, model, active, Sight(height_cm, depth_cm))
        for device_id, bin_id, model, active, height_cm, depth_cm in rows
    }


def _arrival(uplink: Uplink, device: _Registered | None, now: datetime) -> _Arrival:
    if device is None:
        raise IntakeError(
            "unknown_device", f"device {uplink.device_id} is not registered; register it and replay the message"
        )
    if not device.active:
        raise IntakeError("revoked_device", f"device {uplink.device_id} is registered but not in use")
    if uplink.at > now + CLOCK_TOLERANCE:
        raise IntakeError(
            "future", f"device {uplink.device_id} speaks at {uplink.at.isoformat()}, but it is {now.isoformat()}"
        )
    if uplink.at < now - OLDEST:
        raise IntakeError(
            "too_old", f"device {uplink.device_id} speaks of {uplink.at.isoformat()}, over {OLDEST.days} days ago"
        )
    measured = payloads.read(uplink, device.model)
    sent_ms = int(uplink.at.timestamp() * 1000)
    return _Arrival(device, uplink, measured, weigh(measured, device.sight), sent_ms, _content(uplink, measured))


def _content(uplink: Uplink, measured: Measured) -> str:
    """Name what a frame says, and its place in the device's own count if it keeps one."""
    said = uplink.payload or orjson.dumps(measured)
    digest = hashlib.blake2b(said, digest_size=6).hexdigest()
    return digest if uplink.counter is None else f"{uplink.counter}-{digest}"


def _store(session: Session, every: Sequence[_Sorted], now: datetime) -> None:
    """Store what is new and move the states of its bins."""
    bin_ids = {arrival.device.bin_id for one in every for arrival in one.arrivals}
    with open_estimates(session, sorted(bin_id for bin_id in bin_ids if bin_id is not None)) as estimates:
        # Only now are the bins locked, so only now is it certain what is new.
        new = _new(session, every)
        news: dict[str, list[Event]] = defaultdict(list)
        for identity, arrival in new.items():
            if arrival.device.bin_id is not None:
                level = arrival.worth.fill_level if arrival.worth.verdict is Verdict.OK else None
                news[arrival.device.bin_id].append(Said(arrival.uplink.at, identity, level))
        opinions = tell(session, estimates, news, served_since)
        rows = []
        for identity in sorted(new):
            row = _row(new[identity], identity[1], now)
            if (opinion := opinions.get(identity)) is not None:
                row["verdict"], row["verdict_reason"] = opinion.verdict, opinion.reason
                row["verdict_numbers"] = opinion.numbers
            rows.append(row)
        insert_new(session, Reading, rows)


def _new(session: Session, every: Sequence[_Sorted]) -> dict[Identity, _Arrival]:
    """Pick the frames that are not stored, each once, and count them for the message that brought them first."""
    brought = sorted(((arrival, one) for one in every for arrival in one.arrivals), key=lambda pair: pair[0].sent_ms)
    times = _times(session, [arrival for arrival, _ in brought])
    same_ms = SAME_FRAME // timedelta(milliseconds=1)
    new: dict[Identity, _Arrival] = {}
    for arrival, message in brought:
        heard = times[arrival.uplink.device_id, arrival.content]
        apart_ms = 0 if arrival.uplink.counter is None else same_ms
        place = bisect_left(heard, arrival.sent_ms - apart_ms)
        if place < len(heard) and heard[place] <= arrival.sent_ms + apart_ms:
            continue
        insort(heard, arrival.sent_ms)
        new[arrival.identity] = arrival
        message.stored += 1
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
        "verdict": worth.verdict,
        "verdict_reason": worth.reason,
        "verdict_numbers": worth.numbers,
        "raw": raw,
    }


def _keep_letters(session: Session, every: Sequence[_Sorted], now: datetime) -> None:
    """Keep what was refused; the same thing again is counted."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in every:
        name = one.message.format if one.message.format.isprintable() else repr(one.message.format)
        for rejection, body in one.letters:
            digest = hashlib.sha256(name.encode(errors="replace") + b"\0" + body).hexdigest()
            row = rows.setdefault(
                (digest, rejection.code),
                {
                    "received_at": now,
                    "last_at": now,
                    "times": 0,
                    "format": name,
                    "code": rejection.code,
                    "reason": rejection.message,
                    "device_id": rejection.device_id,
                    "digest": digest,
                    "body": body,
                },
            )
            row["times"] += 1
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(DeadLetter)
    again = statement.on_conflict_do_update(
        index_elements=["digest", "code"],
        set_={"times": col(DeadLetter.times) + statement.excluded.times, "last_at": statement.excluded.last_at},
    )
    session.connection().execute(again, [rows[key] for key in sorted(rows)])
