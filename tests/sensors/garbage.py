"""What strangers send: one message of each kind that is of no use, and why it is refused."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sensors.intake import MOST_BYTES

KNOWN, REVOKED = "meter-1", "revoked"


@dataclass(frozen=True)
class Piece:
    """A message in the project's own format, and the code of what is wrong with it."""

    name: str
    body: bytes
    code: str


OVERSIZED = Piece("oversized", b"x" * (MOST_BYTES + 1), "too_large")


def garbage(now: datetime) -> tuple[Piece, ...]:
    """Return a message of each kind, if they arrive now."""

    def said(at: datetime = now, **more: object) -> bytes:
        return json.dumps({"device": KNOWN, "at": at.isoformat(), "fill_level": 0.4} | more).encode()

    return (
        Piece("nothing", b"", "not_json"),
        Piece("truncated", said()[:-9], "not_json"),
        Piece("binary", bytes(range(256)), "not_json"),
        Piece("wrong charset", json.dumps({"device": "垃圾桶"}, ensure_ascii=False).encode("gb18030"), "not_json"),
        Piece("utf-16", said().decode().encode("utf-16"), "not_json"),
        Piece("deeply nested", b'{"device":' + b"[" * 200_000, "not_json"),
        Piece("nested and closed", b'{"device":' * 900 + b"1" + b"}" * 900, "no_device"),
        Piece("not a number", b'{"device": "meter-1", "at": NaN}', "not_json"),
        Piece("a text with a NUL", said(device="meter-1\x00"), "no_device"),
        Piece("an endless name", said(device="m" * 10_000), "no_device"),
        Piece("an impossible level", said(fill_level=-1e300), "impossible_value"),
        Piece("an endless number", said(sequence=10**30), "wrong_shape"),
        Piece("future", said(now + timedelta(days=1)), "future"),
        Piece("replayed from long ago", said(now - timedelta(days=500)), "too_old"),
        Piece("unknown device", said(device="nobody"), "unknown_device"),
        Piece("revoked device", said(device=REVOKED), "revoked_device"),
    )
