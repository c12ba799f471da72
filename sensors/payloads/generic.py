"""What a network server's own codec says, for models without one here: only names that leave no doubt of the unit."""

from collections.abc import Mapping
from typing import Any

from sensors.fields import number, truth
from sensors.payloads import Codec, register
from sensors.uplink import Measured


def read_decoded(values: Mapping[str, Any]) -> Measured:
    """Read an object whose field names say their unit; others are ignored."""
    millimetres = number(values, "distance_mm")
    percent = number(values, "fill_level_percent")
    return Measured(
        distance_cm=number(values, "distance_cm") if millimetres is None else millimetres / 10.0,
        fill_level=number(values, "fill_level") if percent is None else percent / 100.0,
        temperature_c=number(values, "temperature_c"),
        battery_percent=number(values, "battery_percent"),
        tilted=truth(values, "tilted"),
        fire=truth(values, "fire"),
        battery_low=truth(values, "battery_low"),
    )


register(Codec(read=None, read_decoded=read_decoded), models=["generic"])
