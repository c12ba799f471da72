"""What terminals of trucks send: frames that real ones sent, and positions written as they write them."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sensors.jt808.frame import Frame, write_frame

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
CHINA = timezone(timedelta(hours=8))
PHONE = "013511221122"


def real_frames(shared_data: Path) -> list[dict[str, Any]]:
    """Return what terminals of several makers sent, with what another decoder made of it."""
    frames: list[dict[str, Any]] = json.loads((shared_data / "payloads/jt808/frames_decoded.json").read_text())
    return frames


def between(frame: str) -> bytes:
    return bytes.fromhex(frame)[1:-1]


def position(at: datetime, *, phone: str = PHONE, serial: int = 1, version: int | None = None) -> bytes:
    """Write the frame of a position in Shanghai."""
    body = bytes(4) + (3).to_bytes(4) + (31_231_000).to_bytes(4) + (121_470_200).to_bytes(4)
    body += (12).to_bytes(2) + (235).to_bytes(2) + (90).to_bytes(2)
    body += bytes.fromhex(at.astimezone(CHINA).strftime("%y%m%d%H%M%S"))
    return write_frame(Frame(0x0200, phone, serial, body, version=version))
