"""Dustcart's own JSON reading, for gateways that can be told what to send; one object, or a list of them.

::

    {"device": "24e124713d341234",        who; an EUI in any spelling, or the maker's own number
     "at": "2026-03-01T06:30:00+08:00",   when it was measured
     "distance_cm": 63.5,                 down to the waste, and/or
     "fill_level": 0.4,                   0..1 of the usable volume, if the device knows it
     "temperature_c": 21.4, "battery_percent": 92, "tilted": false,
     "fire": false, "battery_low": false, what the device itself judges
     "sequence": 1207}                    the device's own count of its readings, if it keeps one

Only ``device`` and ``at`` must be there. Other fields are refused, because a misspelt one would be lost in silence.
"""

from typing import Any

from sensors.decoders import decoder
from sensors.fields import an_object, number, only, time, truth, whole
from sensors.uplink import Measured, Unusable, Uplink, checked, normal_device_id, one_or_list

FIELDS = frozenset(
    {
        "device",
        "at",
        "distance_cm",
        "fill_level",
        "temperature_c",
        "battery_percent",
        "tilted",
        "fire",
        "battery_low",
        "sequence",
    }
)


@decoder("dustcart")
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read one reading or a list of them."""
    return one_or_list(body, _uplink, "device")


def _uplink(element: Any) -> Uplink:
    record = an_object(element, "a reading")
    device_id = normal_device_id(record.get("device"))
    only(record, FIELDS, "a reading")
    measured = Measured(
        distance_cm=number(record, "distance_cm"),
        fill_level=number(record, "fill_level"),
        temperature_c=number(record, "temperature_c"),
        battery_percent=number(record, "battery_percent"),
        tilted=truth(record, "tilted"),
        fire=truth(record, "fire"),
        battery_low=truth(record, "battery_low"),
    )
    return Uplink(
        device_id=device_id,
        at=time(record.get("at"), "at"),
        counter=whole(record, "sequence"),
        measured=checked(measured),
    )
