"""Positions of trucks in JT/T 808: one frame with its flags, the parts of one message, or several frames.

Registering, heartbeats and other messages carry no position and give nothing. See `sensors.jt808`.
"""

from dataclasses import replace

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.jt808.frame import Cutter, read_frame
from sensors.jt808.message import joined, read_body
from sensors.position import Position
from sensors.uplink import Unusable


@decoder("jt808")
def decode(body: bytes) -> list[Position | Unusable]:
    """Read frames; of several that are not parts of one message, bad ones do not spoil the good ones."""
    cutter = Cutter()
    pieces = [*cutter.feed(body), *cutter.feed(b"\x7e"), *cutter.close()]
    match pieces:
        case []:
            raise IntakeError("truncated", "there is no frame in the message")
        case [piece]:
            return _said([piece])
        case [first, *_] if _is_part(first):
            return _said(pieces)
    found: list[Position | Unusable] = []
    for piece in pieces:
        try:
            said = _said([piece])
        except IntakeError as error:
            said = [Unusable(0, error.code, str(error), None, b"\x7e" + piece + b"\x7e")]
        found += [replace(one, index=len(found) + place) for place, one in enumerate(said)]
    return found


def _said(pieces: list[bytes]) -> list[Position | Unusable]:
    parts = joined([read_frame(piece) for piece in pieces])
    return read_body(parts[0].message, parts[0].phone, b"".join(part.body for part in parts))


def _is_part(piece: bytes) -> bool:
    try:
        return read_frame(piece).parts > 1
    except IntakeError:
        return False
