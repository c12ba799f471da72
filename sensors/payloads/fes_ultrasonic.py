"""The 17-byte frame of the ultrasonic sensors in Frankfurt's glass containers (FES).

Bytes: 0-1 header ff ff, 2-3 status and firmware, 4-7 serial number (little-endian), 8 event, 9-12 four distances of one
measurement in units of 2 cm, 13 battery voltage in units of 10 mV above 2.5 V, 14 temperature in degrees, signed, 15
tilt in degrees, 16 a counter of frames that wraps. Worked out from frames and what the operator's server made of them,
and the same as Sensoneo publishes ("Single sensor 3.0, Payload description for LORA and NBIoT"). The server shows frost
without its sign, 255 for -1, in its exports too.
"""

from collections.abc import Mapping
from statistics import median
from typing import Any

from sensors.errors import IntakeError
from sensors.fields import number
from sensors.payloads import Codec, register
from sensors.uplink import Measured

LENGTH = 17
HEADER = b"\xff\xff"
CM_PER_STEP = 2
# The last two steps stand for "nothing came back".
FARTHEST_CM = 254.0
SIGN_BIT, SIGNED_RANGE = 128, 256
# More than upright sensors ever show; beyond a half turn it is no angle at all.
TILTED_DEG, MOST_DEG = 30.0, 180.0
# Voltage of the lithium cell when full and when the radio fails.
FULL_MV, FLAT_MV = 3_600.0, 2_800.0


def read(payload: bytes) -> Measured:
    """Read a frame; of its four distances the middle one counts.

    Raises
    ------
    IntakeError
        ``truncated`` if its length is wrong, ``wrong_shape`` if it does not begin as every frame does.
    """
    if len(payload) != LENGTH:
        raise IntakeError("truncated", f"the frame {payload.hex()} has {len(payload)} bytes; it needs {LENGTH}")
    if not payload.startswith(HEADER):
        raise IntakeError("wrong_shape", f"the frame {payload.hex()} does not begin with {HEADER.hex()}")
    return said(
        distance_cm=median(CM_PER_STEP * step for step in payload[9:13]),
        voltage_mv=2_500.0 + 10.0 * payload[13],
        temperature_c=float(payload[14]),
        tilt_deg=float(payload[15]),
    )


def read_decoded(values: Mapping[str, Any]) -> Measured:
    """Read the same values by name, as the columns of an export have them."""
    return said(
        distance_cm=number(values, "height_cm"),
        voltage_mv=number(values, "voltage_mv"),
        temperature_c=number(values, "temperature_c"),
        tilt_deg=number(values, "tilt_deg"),
    )


def said(
    *, distance_cm: float | None, voltage_mv: float | None, temperature_c: float | None, tilt_deg: float | None
) -> Measured:
    """Turn what the sensor says into what it means."""
    charge = None if voltage_mv is None else 100.0 * (voltage_mv - FLAT_MV) / (FULL_MV - FLAT_MV)
    return Measured(
        distance_cm=distance_cm,
        temperature_c=None if temperature_c is None else _signed(temperature_c),
        battery_percent=None if charge is None else min(max(charge, 0.0), 100.0),
        tilted=None if tilt_deg is None or tilt_deg > MOST_DEG else tilt_deg > TILTED_DEG,
        fault="no_echo" if distance_cm is not None and distance_cm >= FARTHEST_CM else "",
    )


def _signed(degrees: float) -> float:
    return degrees - SIGNED_RANGE if SIGN_BIT <= degrees < SIGNED_RANGE else degrees


register(Codec(read, read_decoded), models=["fes-ultrasonic"])
