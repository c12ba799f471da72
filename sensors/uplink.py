"""What a decoder makes of a message: who spoke, when, and what was measured or still has to be read from bytes."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import Field, dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

import orjson

from sensors.errors import IntakeError
from sensors.fields import parse, shown
from sensors.radio import UNHEARD, Radio

LONGEST_DEVICE_ID = 128

# No bin is deeper and no sensor of this trade sees farther.
FARTHEST_CM = 10_000.0
# A heap can stand above the bin; three times the usable volume cannot.
FULLEST = 3.0
# Below the first nothing works; above the second even a fire sensor is gone.
COLDEST_C, HOTTEST_C = -90.0, 1_000.0

_EUI = re.compile(r"(?:eui-)?((?:[0-9a-f]{2}[-:]?){7}[0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Measured:
    """What one frame says.

    Parameters
    ----------
    distance_cm
        From the sensor down to the waste.
    fill_level
        0..1 of the usable volume, for devices that compute it themselves.
    temperature_c
        At the sensor.
    battery_percent
        What is left of the battery, 0..100.
    tilted
        The lid is open or the bin lies on its side.
    fault
        Why the device itself gave no level, in one word (``no_echo``); empty when it gave one or never meant to.
    fire, battery_low
        What the device itself judges; none if it never says.
    """

    distance_cm: float | None = None
    fill_level: float | None = None
    temperature_c: float | None = None
    battery_percent: float | None = None
    tilted: bool | None = None
    fault: str = ""
    fire: bool | None = None
    battery_low: bool | None = None


@dataclass(frozen=True, slots=True)
class Uplink:
    """One frame of one device, out of its envelope.

    Parameters
    ----------
    device_id
        As `normal_device_id` writes it.
    at
        When the frame was sent, or first heard; aware UTC.
    counter
        The device's frame counter, which may start again or wrap; none if it has none.
    payload
        The device's own bytes; empty if the envelope brought none.
    port
        LoRaWAN port of the payload, which tells makers apart where the model is not registered.
    decoded
        The network server's own reading of the payload, for models we have no codec for.
    measured
        What was measured, when the envelope says it outright.
    radio
        How well it was heard, where the envelope tells.
    index, alone
        Its place in a message of many, and the element by itself in the form its decoder reads; empty: the message.
    """

    device_id: str
    at: datetime
    counter: int | None = None
    payload: bytes = b""
    port: int | None = None
    decoded: Mapping[str, Any] | None = None
    measured: Measured | None = None
    radio: Radio = field(default=UNHEARD, compare=False)
    index: int = field(default=0, compare=False)
    alone: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unusable:
    """One element of a message that cannot be used, beside others that can.

    Parameters
    ----------
    index
        Its place in the message.
    code, reason
        As in `IntakeError`.
    device_id
        Who sent it, if that much could be read.
    body
        The element alone, in the form its decoder reads, so that it can be replayed by itself.
    """

    index: int
    code: str
    reason: str
    device_id: str | None
    body: bytes


class Element(Protocol):
    """What knows its place in a message of many."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def index(self) -> int:
        """Its place."""

    @property
    def alone(self) -> bytes:
        """The element by itself, in the form its decoder reads."""


Read = TypeVar("Read", bound=Element)


def one_of_many(read: Callable[[Any], Read], element: Any, index: int, alone: bytes) -> Read | Unusable:
    """Read one element of a message, so that it does not spoil the others if it cannot be used."""
    try:
        return replace(read(element), index=index, alone=alone)
    except IntakeError as error:
        return Unusable(index, error.code, str(error), None, alone)


def one_or_list(body: bytes, read: Callable[[Any], Read], speaker: str) -> list[Read | Unusable]:
    """Read a message in JSON that is one element or a list of them; in a list, bad ones do not spoil the good ones.

    Parameters
    ----------
    speaker
        The field of an element that says who speaks.
    """
    message = parse(body)
    if not isinstance(message, list):
        return [read(message)]
    return [_named(one_of_many(read, one, index, orjson.dumps(one)), one, speaker) for index, one in enumerate(message)]


def _named(read: Read | Unusable, element: Any, speaker: str) -> Read | Unusable:
    """Say who sent what cannot be used, if that much can be read."""
    if isinstance(read, Unusable) and isinstance(element, dict):
        with suppress(IntakeError):
            return replace(read, device_id=normal_device_id(element.get(speaker)))
    return read


def normal_device_id(text: object) -> str:
    """Write a device's name the one way it is registered: an EUI as 16 small hex digits, any other name as it is.

    Raises
    ------
    IntakeError
        ``no_device`` if there is no usable name.
    """
    if not isinstance(text, str) or not (name := text.strip()):
        raise IntakeError("no_device", f"the message names no device ({shown(text)}); it needs a text")
    if len(name) > LONGEST_DEVICE_ID or not name.isprintable():
        raise IntakeError(
            "no_device", f"the device's name {shown(name)} is not printable or longer than {LONGEST_DEVICE_ID} signs"
        )
    eui = _EUI.fullmatch(name.lower())
    return eui.group(1).replace("-", "").replace(":", "") if eui else name


def checked(measured: Measured) -> Measured:
    """Return what was measured if such a thing can be.

    Raises
    ------
    IntakeError
        ``impossible_value``, naming the value and its bounds.
    """
    within("distance_cm", measured.distance_cm, 0.0, FARTHEST_CM)
    within("fill_level", measured.fill_level, 0.0, FULLEST)
    within("temperature_c", measured.temperature_c, COLDEST_C, HOTTEST_C)
    within("battery_percent", measured.battery_percent, 0.0, 100.0)
    return measured


def within(name: str, value: float | None, lowest: float, highest: float) -> None:
    """Refuse a value outside its bounds, or that is not a number.

    Raises
    ------
    IntakeError
        ``impossible_value``, naming the value and its bounds.
    """
    if value is not None and not lowest <= value <= highest:
        raise IntakeError("impossible_value", f"{name} is {value!r}; possible is {lowest:g} to {highest:g}")
