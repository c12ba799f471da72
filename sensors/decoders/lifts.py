"""Bins lifted into trucks, with weight and RFID tag, in Dustcart's own JSON; one object, or a list of them.

::

    {"truck": "hp-12",                    the truck's id, or the number of its terminal
     "at": "2026-03-01T06:30:00+08:00",   when the bin was emptied
     "tag": "E2 80 11 60 60 00",          RFID tag of the bin, hex digits in any spelling, or
     "bin": "hp-104-dry",                 its id, where the truck knows it; neither: the reader saw nothing
     "gross_kg": 58.5, "tare_kg": 13.0,   before and after, and/or
     "net_kg": 45.5,                      what it held
     "lon": 121.4737, "lat": 31.2304,
     "sequence": 318}                     the truck's own count of its lifts, if it keeps one

``truck`` and ``at`` must be there.
"""

from typing import Any

from city.marks import canonical_tag, canonical_terminal
from sensors.decoders import decoder
from sensors.fields import an_object, number, only, text, time, whole
from sensors.lift import Lift
from sensors.uplink import Unusable, normal_device_id, one_or_list

FIELDS = frozenset({"truck", "at", "tag", "bin", "gross_kg", "tare_kg", "net_kg", "lon", "lat", "sequence"})


@decoder("lifts")
def decode(body: bytes) -> list[Lift | Unusable]:
    """Read one lift or a list of them."""
    return one_or_list(body, _lift, "truck")


def _lift(element: Any) -> Lift:
    record = an_object(element, "a lift")
    truck = canonical_terminal(normal_device_id(record.get("truck")))
    only(record, FIELDS, "a lift")
    return Lift(
        truck=truck,
        at=time(record.get("at"), "at"),
        tag=canonical_tag(text(record, "tag")),
        bin_id=text(record, "bin") or None,
        sequence=whole(record, "sequence"),
        gross_kg=number(record, "gross_kg"),
        tare_kg=number(record, "tare_kg"),
        net_kg=number(record, "net_kg"),
        lon=number(record, "lon"),
        lat=number(record, "lat"),
    )
