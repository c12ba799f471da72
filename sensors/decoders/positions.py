"""Where trucks were, in Dustcart's own JSON, for fleet systems that can be told what to send; one object, or a list.

::

    {"truck": "hp-12",                    the truck's id, or the number of its terminal
     "at": "2026-03-01T06:30:00+08:00",   when it was there
     "lon": 121.4737, "lat": 31.2304,     where
     "coordinates": "gcj02",              shifted as maps in China are; left out: WGS 84
     "fixed": true,                       whether satellites were in sight; left out: they were
     "speed_kmh": 23.5, "heading_deg": 90}

``truck``, ``at``, ``lon`` and ``lat`` must be there.
"""

from typing import Any

from city.gcj02 import to_wgs84
from city.marks import canonical_terminal
from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, number, only, shown, text, time, truth
from sensors.position import Position, check_place
from sensors.uplink import Unusable, normal_device_id, one_or_list

FIELDS = frozenset({"truck", "at", "lon", "lat", "coordinates", "fixed", "speed_kmh", "heading_deg"})
SYSTEMS = ("wgs84", "gcj02")


@decoder("positions")
def decode(body: bytes) -> list[Position | Unusable]:
    """Read one position or a list of them."""
    return one_or_list(body, _position, "truck")


def _position(element: Any) -> Position:
    record = an_object(element, "a position")
    truck = canonical_terminal(normal_device_id(record.get("truck")))
    only(record, FIELDS, "a position")
    lon, lat = number(record, "lon"), number(record, "lat")
    if lon is None or lat is None:
        raise IntakeError("wrong_shape", "a position needs lon and lat")
    check_place(lon, lat)
    match text(record, "coordinates"):
        case "" | "wgs84":
            pass
        case "gcj02":
            place = to_wgs84(lon, lat)
            lon, lat = float(place.lon), float(place.lat)
        case other:
            raise IntakeError("wrong_shape", f"coordinates should be {' or '.join(SYSTEMS)}, not {shown(other)}")
    return Position(
        truck=truck,
        at=time(record.get("at"), "at"),
        lon=lon,
        lat=lat,
        fixed=truth(record, "fixed") is not False,
        speed_kmh=number(record, "speed_kmh"),
        heading_deg=number(record, "heading_deg"),
    )
