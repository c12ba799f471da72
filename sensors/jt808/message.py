"""What messages of JT/T 808 say: positions, alone or many at once; times are those of China, whatever the city."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

from city.marks import canonical_terminal
from sensors.errors import IntakeError
from sensors.jt808.frame import FIRST_VERSION, LONGER_PHONE, MOST_BODY, Frame, write_frame
from sensors.position import Position
from sensors.uplink import Unusable, one_of_many

HEARTBEAT, LOGOUT = 0x0002, 0x0003
REGISTER, AUTHENTICATE = 0x0100, 0x0102
POSITION, POSITION_ASKED_FOR, POSITIONS = 0x0200, 0x0201, 0x0704
# An answer of the terminal to a question of ours.
ANSWER = 0x0001

CHINA = timezone(timedelta(hours=8))
CENTURY = 2000

# Alarm and status words, place, altitude, speed, heading, time; more may follow.
LEAST_POSITION = 28
FIXED, SOUTH, WEST = 1 << 1, 1 << 2, 1 << 3
DEGREES = 1e-6
KMH = 0.1


def read_body(message: int, phone: str, body: bytes) -> list[Position | Unusable]:
    """Return the positions that a message tells of; none for messages of other kinds.

    Raises
    ------
    IntakeError
        If the message as a whole is of no use.
    """
    if message == POSITION:
        return [_position(phone, body)]
    if message == POSITION_ASKED_FOR:
        # The serial number of the question it answers comes first.
        return [_position(phone, body[2:])]
    return list(_positions(phone, body)) if message == POSITIONS else []


def _positions(phone: str, body: bytes) -> Iterator[Position | Unusable]:
    """Read a batch: how many, of what kind, and each with its length before it."""
    if len(body) < 3:
        raise IntakeError("truncated", f"a batch of positions of {phone} has {len(body)} bytes; it needs 3")
    count, place = int.from_bytes(body[:2]), 3
    for index in range(count):
        length = int.from_bytes(body[place : place + 2])
        item = body[place + 2 : place + 2 + length]
        if place + 2 > len(body) or len(item) < length:
            reason = f"the batch of {phone} declares {count} positions and ends inside number {index + 1}"
            yield Unusable(index, "truncated", reason, canonical_terminal(phone), alone(phone, body[place + 2 :]))
            return
        yield one_of_many(lambda one: _position(phone, one), item, index, alone(phone, item))
        place += 2 + length


def alone(phone: str, body: bytes) -> bytes:
    """Write one position of a batch as the frame it would have been by itself."""
    version = FIRST_VERSION if len(phone) == 2 * LONGER_PHONE else None
    return write_frame(Frame(POSITION, phone, 0, body[:MOST_BODY], version=version))


def _position(phone: str, body: bytes) -> Position:
    if len(body) < LEAST_POSITION:
        raise IntakeError(
            "truncated", f"a position of {phone} has {len(body)} bytes; it needs at least {LEAST_POSITION}"
        )
    status, lat, lon = (int.from_bytes(body[place : place + 4]) for place in (4, 8, 12))
    speed, heading = (int.from_bytes(body[place : place + 2]) for place in (18, 20))
    return Position(
        truck=canonical_terminal(phone),
        at=_moment(phone, body[22:28].hex()),
        lon=lon * DEGREES * (-1 if status & WEST else 1),
        lat=lat * DEGREES * (-1 if status & SOUTH else 1),
        fixed=bool(status & FIXED),
        speed_kmh=round(speed * KMH, 1),
        heading_deg=float(heading),
    )


def _moment(phone: str, digits: str) -> datetime:
    """Read year to second, two decimal digits each."""
    try:
        year, month, day, hour, minute, second = (int(digits[place : place + 2]) for place in range(0, 12, 2))
        return datetime(CENTURY + year, month, day, hour, minute, second, tzinfo=CHINA).astimezone(UTC)
    except ValueError as error:
        raise IntakeError("no_time", f"a position of {phone} is of {digits}, which is no time ({error})") from error


def joined(frames: Sequence[Frame]) -> Sequence[Frame]:
    """Return the frames of one message if none of its parts is missing and they stand in order.

    Raises
    ------
    IntakeError
        ``truncated`` if that is not so.
    """
    first = frames[0]
    kinds = {(frame.message, frame.phone, frame.parts) for frame in frames}
    if len(kinds) > 1 or [frame.part for frame in frames] != list(range(1, first.parts + 1)):
        numbers = ", ".join(str(frame.part) for frame in frames)
        raise IntakeError("truncated", f"a message of {first.phone} needs {first.parts} parts in order, not {numbers}")
    return frames
