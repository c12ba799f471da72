"""Milesight EM400-TLD (laser), -UDL and -MUD (ultrasonic): a chain of channel, type and little-endian value.

Source: the maker's user guides of the three models, "Uplink data"; their examples are among the tests.
"""

from collections.abc import Mapping
from typing import Any

from sensors.errors import IntakeError
from sensors.fields import number
from sensors.payloads import Codec, register
from sensors.uplink import Measured

MODELS = ("milesight-em400-tld", "milesight-em400-udl", "milesight-em400-mud")
PORT = 85

# Length of the value behind each (channel, type).
BATTERY, TEMPERATURE, DISTANCE, POSITION = (0x01, 0x75), (0x03, 0x67), (0x04, 0x82), (0x05, 0x00)
TEMPERATURE_ALARM, DISTANCE_ALARM = (0x83, 0x67), (0x84, 0x82)
LENGTHS = {
    BATTERY: 1,
    TEMPERATURE: 2,
    DISTANCE: 2,
    POSITION: 1,
    TEMPERATURE_ALARM: 3,
    DISTANCE_ALARM: 3,
    (0x06, 0x88): 9,  # place, NB-IoT models only
    (0xFF, 0x01): 1,  # what follows is said once, on joining: versions, class, power on, serial number
    (0xFF, 0x09): 2,
    (0xFF, 0x0A): 2,
    (0xFF, 0x0B): 1,
    (0xFF, 0x0F): 1,
    (0xFF, 0x16): 8,
    (0xFF, 0xFE): 1,
    (0xFF, 0xFF): 2,
}

# Channels of answers to commands that were sent down to the device; nothing measured comes after them.
ANSWERS = (0xFE, 0xFF)
CUT_OFF = -1

# The value is a signed 16-bit number of millimetres: 0 and what would be negative stand for "nothing came back".
LONGEST_MM = 0x7FFF
HIGHEST_PERCENT = 100
NO_ECHO = "no_echo"


def read(payload: bytes) -> Measured:
    """Read a frame.

    Raises
    ------
    IntakeError
        ``truncated`` if a value is cut off, ``wrong_shape`` at a channel nobody documents.
    """
    values: dict[tuple[int, int], bytes] = {}
    place = 0
    while place < len(payload):
        head = (payload[place], payload[place + 1] if place + 1 < len(payload) else CUT_OFF)
        length = LENGTHS.get(head)
        if length is None and head[0] in ANSWERS and head[1] != CUT_OFF:
            break
        if length is None and head[1] != CUT_OFF:
            raise IntakeError(
                "wrong_shape",
                f"byte {place} of {payload.hex()} opens channel {head[0]:02x} {head[1]:02x}, unknown for EM400",
            )
        if length is None or place + 2 + length > len(payload):
            raise IntakeError("truncated", f"the frame {payload.hex()} ends inside the value that byte {place} opens")
        values[head] = payload[place + 2 : place + 2 + length]
        place += 2 + length
    return _measured(values)


def _measured(values: Mapping[tuple[int, int], bytes]) -> Measured:
    distance = values.get(DISTANCE) or values.get(DISTANCE_ALARM)
    temperature = values.get(TEMPERATURE) or values.get(TEMPERATURE_ALARM)
    battery, position = values.get(BATTERY), values.get(POSITION)
    distance_mm = None if distance is None else int.from_bytes(distance[:2], "little")
    return Measured(
        distance_cm=None if distance_mm is None else distance_mm / 10.0,
        temperature_c=None if temperature is None else int.from_bytes(temperature[:2], "little", signed=True) / 10.0,
        battery_percent=float(battery[0]) if battery and battery[0] <= HIGHEST_PERCENT else None,
        tilted=None if position is None else position[0] != 0,
        fault=_fault(distance_mm),
    )


def read_decoded(values: Mapping[str, Any]) -> Measured:
    """Read what the maker's own codec gives: millimetres, and the position as a word."""
    distance_mm = number(values, "distance")
    position = values.get("position")
    return Measured(
        distance_cm=None if distance_mm is None else distance_mm / 10.0,
        temperature_c=number(values, "temperature"),
        battery_percent=number(values, "battery"),
        tilted=None if position is None else position in ("tilt", 1),
        fault=_fault(distance_mm),
    )


def _fault(distance_mm: float | None) -> str:
    return NO_ECHO if distance_mm is not None and not 0 < distance_mm <= LONGEST_MM else ""


register(Codec(read, read_decoded), models=MODELS, ports=[PORT])
