"""Intake: a message comes in, its readings are stored once with a verdict, and the bins' states move; or it is kept.

Everything one message brings is one transaction. When `receive` returns, what it counts as stored is durable, what it
counts as rejected lies in the dead-letter table, and nothing else was changed.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Engine, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from city.clock import Clock
from city.database import transaction
from city.registry import Bin
from sensors import payloads
from sensors.cleaning import Sight, Worth, weigh
from sensors.decoders import decode
from sensors.errors import IntakeError
from sensors.estimate import Estimate, Judgement, hear, observe
from sensors.fields import parse
from sensors.states import insert_new, open_estimates
from sensors.telemetry import DeadLetter, Device, Reading, Verdict
from sensors.uplink import Measured, Unusable, Uplink

# A device's clock may be this far ahead of ours.
CLOCK_TOLERANCE = timedelta(minutes=5)
# Older readings belong in an archive, not in a state; a device that lost its clock says 1970 or 2000.
OLDEST = timedelta(days=400)
# Larger messages are refused whole; a network server's are a few kilobytes, a batch of 10,000 readings is under this.
MOST_BYTES = 4_000_000
# Keys of one look-up; SQLite takes no more than 32,766 values in a statement, and a key has two.
CHUNK = 10_000


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


@dataclass(slots=True)
class _Message:
    """What came, and what its decoder made of it."""

    format: str
    body: bytes
    found: list[Uplink | Unusable] = field(default_factory=list)

    def read(self) -> None:
        if len(self.body) > MOST_BYTES:
            raise IntakeError("too_large", f"the message has {len(self.body)} bytes; at most {MOST_BYTES} are read")
        self.found = decode(self.format, self.body)

    def alone(self, index: int) -> bytes:
        """Cut one element out of a message of many, in the form its decoder reads."""
        if len(self.found) == 1:
            return self.body
        elements = parse(self.body)
        return orjson.dumps(elements[index]) if isinstance(elements, list) else self.body


@dataclass(slots=True)
class _Arrival:
    """A reading that may be stored."""

    device: Device
    uplink: Uplink
    measured: Measured
    worth: Worth
    key: str

    @property
    def identity(self) -> tuple[str, str]:
        return self.device.id, self.key


@dataclass(slots=True)
class _Sorting:
    """What a message turned out to hold."""

    arrivals: list[_Arrival] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    letters: list[tuple[Rejection, bytes]] = field(default_factory=list)

    def refuse(self, rejection: Rejection, body: bytes) -> None:
        self.rejected.append(rejection)
        self.letters.append((rejection, body))


def receive(engine: Engine, clock: Clock, *, format: str, body: bytes) -> Receipt:  # noqa: A002 - the word callers use
    """Take in one message.

    Parameters
    ----------
    format
        A name of `sensors.decoders.formats`.
    body
        The message as it came.

    Returns
    -------
    Receipt
        What is stored, was known, or was refused. Nothing is raised for what a stranger sends.
    """
    now = clock.now()
    sorting = _Sorting()
    message = _Message(format, body)
    try:
        message.read()
    except IntakeError as error:
        sorting.refuse(Rejection(error.code, str(error), None, None), body[:MOST_BYTES])
    with transaction(engine) as session:
        _sort(session, message, now, sorting)
        stored = _store(session, sorting.arrivals, now)
        _keep_letters(session, sorting.letters, format, now)
    return Receipt(stored, len(sorting.arrivals) - stored, tuple(sorting.rejected))


def _sort(session: Session, message: _Message, now: datetime, sorting: _Sorting) -> None:
    """Tell what can be stored from what is refused."""
    devices = _devices(session, {item.device_id for item in message.found if isinstance(item, Uplink)})
    sights = _sights(session, devices.values())
    for index, item in enumerate(message.found):
        if isinstance(item, Unusable):
            sorting.refuse(Rejection(item.code, item.reason, item.device_id, item.index), item.body)
            continue
        try:
            device = _trusted(devices.get(item.device_id), item)
            _plausible_time(item, now)
            measured = payloads.read(item, device.model)
        except IntakeError as error:
            sorting.refuse(Rejection(error.code, str(error), item.device_id, index), message.alone(index))
            continue
        worth = weigh(measured, sights[device.id])
        sorting.arrivals.append(_Arrival(device, item, measured, worth, _frame_key(item)))


def _devices(session: Session, ids: set[str]) -> dict[str, Device]:
    ordered = sorted(ids)
    found: dict[str, Device] = {}
    for start in range(0, len(ordered), CHUNK):
        query = select(Device).where(col(Device.id).in_(ordered[start : start + CHUNK]))
        found |= {device.id: device for device in session.exec(query)}
    return found


def _sights(session: Session, devices: Iterable[Device]) -> dict[str, Sight]:
    listed = list(devices)
    bin_ids = sorted({device.bin_id for device in listed if device.bin_id is not None})
    depths: dict[str, int] = {}
    for start in range(0, len(bin_ids), CHUNK):
        query = select(Bin.id, Bin.depth_cm).where(col(Bin.id).in_(bin_ids[start : start + CHUNK]))
        depths |= dict(session.exec(query).all())
    return {device.id: Sight(device.mounting_height_cm, depths.get(device.bin_id or "")) for device in listed}


def _trusted(device: Device | None, uplink: Uplink) -> Device:
    if device is None:
        raise IntakeError(
            "unknown_device", f"device {uplink.device_id} is not registered; register it and replay the message"
        )
    if not device.active:
        raise IntakeError("revoked_device", f"device {uplink.device_id} is registered but not in use")
    return device


def _plausible_time(uplink: Uplink, now: datetime) -> None:
    if uplink.at > now + CLOCK_TOLERANCE:
        raise IntakeError(
            "future", f"device {uplink.device_id} speaks at {uplink.at.isoformat()}, but it is {now.isoformat()}"
        )
    if uplink.at < now - OLDEST:
        raise IntakeError(
            "too_old", f"device {uplink.device_id} speaks of {uplink.at.isoformat()}, over {OLDEST.days} days ago"
        )


def _frame_key(uplink: Uplink) -> str:
    """Name a frame: by event time, so that a counter that starts again hides nothing, and by counter."""
    milliseconds = round(uplink.at.timestamp() * 1000)
    return f"{milliseconds:013d}" if uplink.counter is None else f"{milliseconds:013d}-{uplink.counter}"


def _store(session: Session, arrivals: Sequence[_Arrival], now: datetime) -> int:
    """Store what is new and move the states of its bins; return how many readings that were."""
    if not arrivals:
        return 0
    bin_ids = {arrival.device.bin_id for arrival in arrivals if arrival.device.bin_id is not None}
    with open_estimates(session, bin_ids) as estimates:
        # Only now are the bins locked, so only now is it certain what is new.
        known = _known(session, [arrival.identity for arrival in arrivals])
        new: dict[tuple[str, str], _Arrival] = {}
        for arrival in sorted(arrivals, key=lambda arrival: arrival.identity):
            if arrival.identity not in known:
                new.setdefault(arrival.identity, arrival)
        rows = {identity: _row(arrival, now) for identity, arrival in new.items()}
        by_bin: dict[str, list[_Arrival]] = defaultdict(list)
        for arrival in new.values():
            if arrival.device.bin_id is not None:
                by_bin[arrival.device.bin_id].append(arrival)
        for bin_id, of_bin in by_bin.items():
            of_bin.sort(key=lambda arrival: (arrival.uplink.at, arrival.identity))
            _listen(session, bin_id, estimates[bin_id], of_bin, rows)
        if not rows:
            return 0
        keys = insert_new(session, Reading).returning(col(Reading.device_id), col(Reading.frame_key))
        return len(session.connection().execute(keys, list(rows.values())).all())


def _known(session: Session, identities: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for start in range(0, len(identities), CHUNK):
        query = select(Reading.device_id, Reading.frame_key).where(
            tuple_(col(Reading.device_id), col(Reading.frame_key)).in_(identities[start : start + CHUNK])
        )
        found |= set(session.exec(query).all())
    return found


def _row(arrival: _Arrival, now: datetime) -> dict[str, Any]:
    uplink, measured, worth = arrival.uplink, arrival.measured, arrival.worth
    raw: dict[str, Any] = {"counter": uplink.counter, "port": uplink.port}
    if uplink.payload:
        raw["payload"] = uplink.payload.hex()
    elif uplink.decoded is not None:
        raw["decoded"] = dict(uplink.decoded)
    if measured.fault:
        raw["fault"] = measured.fault
    return {
        "device_id": arrival.device.id,
        "frame_key": arrival.key,
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


def _listen(
    session: Session,
    bin_id: str,
    estimate: Estimate,
    arrivals: Sequence[_Arrival],
    rows: Mapping[tuple[str, str], dict[str, Any]],
) -> None:
    """Let one bin's filter hear its new readings in order, and write its verdicts into their rows."""
    for arrival in arrivals:
        at, worth, row = arrival.uplink.at, arrival.worth, rows[arrival.identity]
        hear(estimate, at)
        if worth.verdict is not Verdict.OK or worth.fill_level is None:
            continue
        latest = max((heard for heard in (estimate.as_of, estimate.rival_as_of) if heard is not None), default=None)
        if latest is not None and at < latest:
            row |= {"verdict": Verdict.LATE, "verdict_reason": "late"}
            continue
        judgement = observe(estimate, at, worth.fill_level)
        if judgement.turned_at is not None:
            _judge_again(session, bin_id, judgement, estimate, rows)
        if not judgement.believed:
            row |= _spike(judgement)


def _spike(judgement: Judgement) -> dict[str, Any]:
    numbers = {"expected": round(judgement.expected, 3), "sigma": round(judgement.sigma, 3)}
    return {"verdict": Verdict.SPIKE, "verdict_reason": "unexpected", "verdict_numbers": numbers}


def _judge_again(
    session: Session,
    bin_id: str,
    judgement: Judgement,
    estimate: Estimate,
    rows: Mapping[tuple[str, str], dict[str, Any]],
) -> None:
    """Turn the verdicts since belief and rival parted: what was false is true now, and the other way round."""
    higher_is_true = (estimate.fill_level or 0.0) > judgement.divide
    truth = {"verdict": Verdict.OK, "verdict_reason": "", "verdict_numbers": None}
    for row in rows.values():
        if row["bin_id"] != bin_id or row["at"] < judgement.turned_at or row["fill_level"] is None:
            continue
        if row["verdict"] in (Verdict.OK, Verdict.SPIKE):
            row.update(truth if (row["fill_level"] > judgement.divide) == higher_is_true else _spike(judgement))
    stored = (
        col(Reading.bin_id) == bin_id,
        col(Reading.at) >= judgement.turned_at,
        col(Reading.verdict).in_([Verdict.OK, Verdict.SPIKE]),
    )
    above = col(Reading.fill_level) > judgement.divide
    below = col(Reading.fill_level) <= judgement.divide
    session.exec(update(Reading).where(*stored, above if higher_is_true else below).values(**truth))
    session.exec(update(Reading).where(*stored, below if higher_is_true else above).values(**_spike(judgement)))


def _keep_letters(
    session: Session,
    letters: Sequence[tuple[Rejection, bytes]],
    format: str,  # noqa: A002
    now: datetime,
) -> None:
    """Keep what was refused; the same thing again is counted."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for rejection, body in letters:
        digest = hashlib.sha256(format.encode(errors="replace") + b"\0" + body).hexdigest()
        row = rows.setdefault(
            (digest, rejection.code),
            {
                "received_at": now,
                "last_at": now,
                "times": 0,
                "format": format,
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
