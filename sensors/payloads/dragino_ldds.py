"""Dragino LDDS45 and LDDS75, ultrasonic distance sensors, and DDS45-LB and DDS75-LB, their successors.

Big-endian: 0-1 battery in millivolts (14 bits), 2-3 distance in millimetres, 4 whether an interrupt sent it, 5-6
temperature of a probe that may be connected, in tenths of a degree, 7 whether the ultrasonic sensor is there. Older
firmware ends after byte 4, or after byte 3. A frame of seven bytes tells model, firmware and battery, as on joining.

Source: the maker's user manuals of the four, "Uplink Payload", whose worked values are among the tests;
TheThingsNetwork/lorawan-devices, ``vendor/dragino/ldds45-codec.yaml`` and ``dds45-lb.js``.
"""

from collections.abc import Mapping
from typing import Any

from sensors.errors import IntakeError
from sensors.fields import number, shown
from sensors.payloads import Codec, register
from sensors.uplink import Measured

MODELS = ("dragino-ldds45", "dragino-ldds75", "dragino-dds45-lb", "dragino-dds75-lb")

LENGTHS = (4, 5, 8)
STATUS_LENGTH = 7
BATTERY_BITS = 0x3FFF
# Nearer than this a flat surface is not measured ("Flat object range" in the manuals' features).
DEAD_ZONES_CM = {"dragino-ldds75": 28.0, "dragino-dds75-lb": 28.0, "dragino-ldds45": 3.0, "dragino-dds45-lb": 3.0}
# What the sensor says for a probe it does not see, and for an echo from nearer than it can measure, or none.
NO_PROBE_MM, NO_ECHO_MM = 0, 20
# A sensor that measures itself says 0.0 where no probe for the temperature is connected; 0x7fff and 0x8000 are a broken
# one. The DS18B20 measures from -55 to 125.
NO_TEMPERATURE = (0, 0x7FFF, 0x8000)
SIGN_BIT, SIGNED_RANGE = 0x8000, 0x10000
# Voltage of a lithium cell (Li-SOCl2) when new, and what the maker gives as the least it works with. It falls late and
# fast, so a percentage in between is only a rough one.
FULL_MV, FLAT_MV = 3_600.0, 2_100.0


def read(payload: bytes) -> Measured:
    """Read a frame.

    Raises
    ------
    IntakeError
        ``truncated`` if its length is none that such a sensor sends.
    """
    if len(payload) == STATUS_LENGTH:
        return Measured(battery_percent=_percent(int.from_bytes(payload[5:7])))
    if len(payload) not in LENGTHS:
        raise IntakeError(
            "truncated",
            f"the frame {payload.hex()} has {len(payload)} bytes; it needs {STATUS_LENGTH} or one of"
            f" {', '.join(map(str, LENGTHS))}",
        )
    distance_mm = int.from_bytes(payload[2:4])
    has_sensor = len(payload) < 8 or payload[7] != 0
    tenths = int.from_bytes(payload[5:7]) if len(payload) == 8 else 0
    return Measured(
        distance_cm=distance_mm / 10.0,
        temperature_c=None if tenths in NO_TEMPERATURE else _signed(tenths) / 10.0,
        battery_percent=_percent(int.from_bytes(payload[:2]) & BATTERY_BITS),
        fault="" if has_sensor and distance_mm not in (NO_PROBE_MM, NO_ECHO_MM) else "no_echo",
    )


def _signed(tenths: int) -> int:
    return tenths - SIGNED_RANGE if tenths & SIGN_BIT else tenths


def _percent(millivolts: float) -> float:
    return min(max(100.0 * (millivolts - FLAT_MV) / (FULL_MV - FLAT_MV), 0.0), 100.0)


def read_decoded(values: Mapping[str, Any]) -> Measured:
    """Read what the maker's own codecs give: the distance with its unit, or why there is none."""
    distance = values.get("Distance", values.get("distance"))
    battery_v = number(values, "Bat") if values.get("Bat") is not None else number(values, "battery")
    distance_mm = _millimetres(distance)
    return Measured(
        distance_cm=None if distance_mm is None else distance_mm / 10.0,
        battery_percent=None if battery_v is None else _percent(1000.0 * battery_v),
        fault="no_echo" if distance is not None and distance_mm in (None, NO_PROBE_MM, NO_ECHO_MM) else "",
    )


def _millimetres(distance: Any) -> float | None:
    """Return a distance such as 2799 or "2799 mm"; none for a text that says there is none."""
    if isinstance(distance, str):
        digits, _, _ = distance.partition(" ")
        return float(digits) if digits.isascii() and digits.isdecimal() else None
    if distance is None or (isinstance(distance, int | float) and not isinstance(distance, bool)):
        return distance
    raise IntakeError("wrong_shape", f"the distance should be a number or a text, not {shown(distance)}")


register(Codec(read, read_decoded), models=MODELS, dead_zones_cm=DEAD_ZONES_CM)
