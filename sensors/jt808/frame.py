"""Frames of JT/T 808: cut out of a stream of bytes, checked, and taken apart; and written, for answers.

A frame stands between two flags 7e; inside, 7e is written 7d 02, and 7d is written 7d 01. It holds a header, the body
and the exclusive or of both. A header of 2019 has a version and a longer phone number; bit 14 of its second word tells.
"""

from dataclasses import dataclass
from functools import reduce
from operator import xor

from sensors.errors import IntakeError

FLAG, ESCAPE = 0x7E, 0x7D
ESCAPED = {0x01: ESCAPE, 0x02: FLAG}

MOST_BODY = 0x3FF
ENCRYPTION, PARTS, NEWER = 0x1C00, 0x2000, 0x4000
# Bytes of a phone number, two digits each, before and since 2019.
PHONE, LONGER_PHONE = 6, 10
# Bytes of the place in a message of several frames.
PLACE = 4
# The version that headers of 2019 carry.
FIRST_VERSION = 1
# Longest frame between its flags: header, part numbers, body and check, each byte escaped.
LONGEST = 2 * (5 + LONGER_PHONE + 2 + PLACE + MOST_BODY + 1)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, taken apart.

    Parameters
    ----------
    message
        What kind of message it is.
    phone
        The terminal's phone number, as many digits as its header has room for.
    serial
        The terminal's count of its frames, 0 to 65535 and round again.
    body
        Of this frame alone.
    part, parts
        Its place, from 1, in a message of so many frames.
    version
        Of a header of 2019; none for one before.
    """

    message: int
    phone: str
    serial: int
    body: bytes = b""
    part: int = 1
    parts: int = 1
    version: int | None = None


def read_frame(between: bytes) -> Frame:
    """Read what stands between two flags.

    Raises
    ------
    IntakeError
        ``truncated`` if it ends early, ``too_large``, ``wrong_checksum``, or ``wrong_shape`` if it is no such frame.
    """
    if len(between) > LONGEST:
        raise IntakeError("too_large", f"{between[:16].hex()}... is longer than any frame of JT/T 808, {LONGEST} bytes")
    plain = _unescaped(between)
    if len(plain) < 4:
        raise IntakeError("truncated", f"{len(plain)} bytes are no frame of JT/T 808")
    properties = int.from_bytes(plain[2:4])
    phone_at, phone_to, body_at = _layout(properties)
    if (length := properties & MOST_BODY) + body_at + 1 > len(plain):
        raise IntakeError(
            "truncated",
            f"the frame {_head(plain)} declares a body of {length} bytes and ends after"
            f" {max(len(plain) - body_at - 1, 0)}",
        )
    if (check := reduce(xor, plain[:-1])) != plain[-1]:
        raise IntakeError(
            "wrong_checksum", f"the frame {_head(plain)} should end with {check:02x}, not {plain[-1]:02x}"
        )
    if length + body_at + 1 < len(plain):
        raise IntakeError("wrong_shape", f"the frame {_head(plain)} is longer than the {length} bytes it declares")
    phone = plain[phone_at:phone_to].hex()
    if not phone.isdecimal():
        raise IntakeError("no_device", f"the frame {_head(plain)} comes from {phone}, which is no phone number")
    if properties & ENCRYPTION:
        raise IntakeError("wrong_shape", f"the frame {_head(plain)} is encrypted; turn that off in the terminal")
    part = parts = 1
    if properties & PARTS:
        parts, part = int.from_bytes(plain[body_at - PLACE : body_at - 2]), int.from_bytes(plain[body_at - 2 : body_at])
        if not 1 <= part <= parts:
            raise IntakeError("wrong_shape", f"the frame {_head(plain)} says it is part {part} of {parts}")
    return Frame(
        message=int.from_bytes(plain[:2]),
        phone=phone,
        serial=int.from_bytes(plain[phone_to : phone_to + 2]),
        body=plain[body_at:-1],
        part=part,
        parts=parts,
        version=plain[4] if properties & NEWER else None,
    )


def write_frame(frame: Frame) -> bytes:
    """Write a frame with its flags."""
    if len(frame.body) > MOST_BODY:
        raise ValueError(f"a body of {len(frame.body)} bytes does not fit into a frame")
    newer = frame.version is not None
    properties = len(frame.body) | (NEWER if newer else 0) | (PARTS if frame.parts > 1 else 0)
    plain = frame.message.to_bytes(2) + properties.to_bytes(2)
    if frame.version is not None:
        plain += frame.version.to_bytes(1)
    plain += bytes.fromhex(frame.phone) + frame.serial.to_bytes(2)
    if frame.parts > 1:
        plain += frame.parts.to_bytes(2) + frame.part.to_bytes(2)
    plain += frame.body
    plain += reduce(xor, plain).to_bytes(1)
    escaped = plain.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")
    return b"\x7e" + escaped + b"\x7e"


def _layout(properties: int) -> tuple[int, int, int]:
    """Return where the phone number begins and ends in a frame, and where the body begins."""
    newer = bool(properties & NEWER)
    phone_at = 5 if newer else 4
    phone_to = phone_at + (LONGER_PHONE if newer else PHONE)
    return phone_at, phone_to, phone_to + 2 + (PLACE if properties & PARTS else 0)


def _unescaped(between: bytes) -> bytes:
    plain = bytearray()
    pieces = between.split(b"\x7d")
    plain += pieces[0]
    for piece in pieces[1:]:
        if not piece or piece[0] not in ESCAPED:
            raise IntakeError("wrong_shape", f"7d in {between[:20].hex()} is followed by neither 01 nor 02")
        plain.append(ESCAPED[piece[0]])
        plain += piece[1:]
    return bytes(plain)


def _head(plain: bytes) -> str:
    return f"{plain[:16].hex()}..."


class Cutter:
    """Cuts a stream of bytes at its flags; what stands between two of them may or may not be a frame.

    However the stream was cut into packets, the same pieces come out. What grows longer than any frame is given up: its
    beginning is handed out once, and the rest is passed over up to the next flag. A piece that is too short for what it
    declares waits for the next: if that is no frame, but both are one with the flag between them, a terminal forgot to
    escape it.
    """

    def __init__(self) -> None:
        self._begun = bytearray()
        self._passing_over = False
        self._short = b""

    def feed(self, received: bytes) -> list[bytes]:
        """Return the pieces that end in what was received, without their flags and without empty ones."""
        pieces: list[bytes] = []
        *ended, rest = received.split(b"\x7e")
        for piece in ended:
            self._take(piece, pieces)
            if self._begun:
                self._end(bytes(self._begun), pieces)
                self._begun.clear()
            self._passing_over = False
        self._take(rest, pieces)
        return pieces

    def close(self) -> list[bytes]:
        """Return the piece that waited for another in vain, if one did."""
        short, self._short = self._short, b""
        return [short] if short else []

    def _take(self, piece: bytes, pieces: list[bytes]) -> None:
        if self._passing_over:
            return
        self._begun += piece
        if len(self._begun) > LONGEST:
            pieces += self.close()
            pieces.append(bytes(self._begun[: LONGEST + 1]))
            self._begun.clear()
            self._passing_over = True

    def _end(self, piece: bytes, pieces: list[bytes]) -> None:
        if self._short and not _fits(piece):
            together = self._short + b"\x7e" + piece
            if _fits(together):
                self._short = b""
                pieces.append(together)
                return
            if _is_short(together):
                self._short = together
                return
        pieces += self.close()
        if _is_short(piece):
            self._short = piece
        else:
            pieces.append(piece)


def _fits(piece: bytes) -> bool:
    try:
        read_frame(piece)
    except IntakeError:
        return False
    return True


def _is_short(piece: bytes) -> bool:
    """Tell whether a piece begins like a frame and ends before it; a cheap look, for every piece gets it."""
    if len(piece) > LONGEST:
        return False
    plain = piece.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
    properties = int.from_bytes(plain[2:4])
    *_, body_at = _layout(properties)
    return body_at <= len(plain) < body_at + 1 + (properties & MOST_BODY)
