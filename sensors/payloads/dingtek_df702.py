"""Dingtek DF702 and DF703, ultrasonic sensors for waste bins over LoRaWAN, in the layouts of both protocols.

Since protocol 2.0, big-endian: 0 header 80, 1 forced bit, 2 device type, 3 kind of report (1 periodic, 2 alarm, 3 its
settings), 4 length, 5-6 distance in millimetres, 7 whether a position follows (longitude and latitude, floats of four
bytes), then temperature in degrees, sign and size of the tilt, the nibbles full, fire, fallen and battery low, a count
of two bytes, one reserved, tail 81. Before that: the four nibbles and four decimal digits of the distance, as bytes or
as text.

Source: "DF702 & DF703 LoRaWAN Protocol V2.8" (2021) and the protocol before it (quoted in The Things Network's forum,
topic 23291); examples in TheThingsNetwork/lorawan-devices, ``vendor/dingtek/df702-codec.yaml``.
"""

from collections.abc import Mapping
from typing import Any

from sensors.errors import IntakeError
from sensors.fields import shown, truth
from sensors.payloads import Codec, register
from sensors.uplink import Measured

MODELS = ("dingtek-df702", "dingtek-df703")
PORT = 3

HEADER, TAIL = 0x80, 0x81
SETTINGS = 3
# Bytes of a frame without and with a position, and of the oldest kind.
SHORT, LONG, OLDEST = 17, 25, 4
POSITION_BYTES = 8
SIGN_BIT, SIGNED_RANGE = 128, 256


def read(payload: bytes) -> Measured:
    """Read a frame.

    Raises
    ------
    IntakeError
        ``truncated`` if its length is wrong, ``wrong_shape`` if it is no such frame.
    """
    if len(payload) == 2 * OLDEST and payload.isalnum():
        return _oldest(payload.decode("latin-1"), payload)
    if len(payload) == OLDEST:
        return _oldest(payload.hex(), payload)
    if len(payload) not in (SHORT, LONG):
        raise IntakeError(
            "truncated", f"the frame {payload.hex()} has {len(payload)} bytes; it needs {SHORT}, {LONG} or {OLDEST}"
        )
    if payload[0] != HEADER or payload[-1] != TAIL or payload[4] != len(payload):
        raise IntakeError(
            "wrong_shape", f"the frame {payload.hex()} does not stand between {HEADER:x} and {TAIL:x} with its length"
        )
    if payload[3] == SETTINGS:
        return Measured()
    place = 8 + (POSITION_BYTES if len(payload) == LONG else 0)
    flags = payload[place + 3 : place + 5].hex()
    _, fire, fallen, low = (digit != "0" for digit in flags)
    distance_mm = int.from_bytes(payload[5:7])
    return Measured(
        distance_cm=distance_mm / 10.0,
        temperature_c=_temperature(payload[place], fire=fire),
        tilted=fallen,
        fault="" if distance_mm else "no_echo",
        fire=fire,
        battery_low=low,
    )


def _temperature(degrees: int, *, fire: bool) -> float:
    """Return the temperature: frost has its sign in the highest bit, but where there is a fire there is no frost."""
    return float(degrees if fire or degrees < SIGN_BIT else degrees - SIGNED_RANGE)


def _oldest(digits: str, payload: bytes) -> Measured:
    if not digits.isdecimal() or set(digits[:4]) - {"0", "1"}:
        raise IntakeError("wrong_shape", f"the frame {payload.hex()} is not four flags and four decimal digits")
    distance_mm = int(digits[4:])
    _, fire, fallen, low = (digit == "1" for digit in digits[:4])
    return Measured(
        distance_cm=distance_mm / 10.0,
        tilted=fallen,
        fault="" if distance_mm else "no_echo",
        fire=fire,
        battery_low=low,
    )


def read_decoded(values: Mapping[str, Any]) -> Measured:
    """Read what the maker's own codecs give: numbers, some as a text with their unit behind."""
    distance_mm, temperature_c = _number(values, "level"), _number(values, "temperature")
    tilted = truth(values, "tilt")
    return Measured(
        distance_cm=None if distance_mm is None else distance_mm / 10.0,
        temperature_c=temperature_c,
        tilted=truth(values, "alarmFall") if tilted is None else tilted,
        fault="no_echo" if distance_mm == 0 else "",
        fire=truth(values, "alarmFire"),
        battery_low=truth(values, "alarmBattery"),
    )


def _number(values: Mapping[str, Any], key: str) -> float | None:
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        number, _, _ = value.partition(" ")
        if number.removeprefix("-").isascii() and number.removeprefix("-").isdecimal():
            return float(number)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise IntakeError("wrong_shape", f"{key} should be a number, with its unit or without, not {shown(value)}")


register(Codec(read, read_decoded), models=MODELS, ports=[PORT])
