"""LwM2M object 3435, filling level, as LwM2M servers hand on what devices notify.

::

    {"ep": "urn:imei:860000000000001",     the device's endpoint name
     "at": "2026-03-01T06:30:00+08:00",    when; needed where neither the pack nor resource 5518 says so
     "res": "/3435/0",                     the path that was observed; not needed where the values name their own
     "val": ...}                           what was notified

``val`` is a node as Leshan writes it (an instance with ``resources``, or one resource), a SenML pack, an object of
LwM2M JSON with ``e``, or ``{"tlv": "<hex digits>"}``. A SenML pack whose base name begins with the endpoint, as in
``urn:dev:imei:860000000000001:/3435/0/``, may also come by itself. A second container of a device, instance 1, is the
device ``<ep>/1``.

Source: the OMA registry's 3435, version 2.0 (uCIFI); LwM2M 1.1 Core, 7.4.3 TLV and 7.4.4 JSON; RFC 8428 SenML.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, from_hex, milliseconds, numeric, parse, shown, time
from sensors.lwm2m_tlv import read_tlv
from sensors.uplink import Measured, Unusable, Uplink, checked, normal_device_id

FILLING, TEMPERATURE, DEVICE = 3435, 3303, 3
# Resources of a filling level: percent and centimetres filled, height of the container, whether it stands upright and
# its lid is shut, whether the device finds a fire, quality of the measurement.
HEIGHT_CM, PERCENT, CONTENT_CM, OUT_OF_POSITION, COVER_OPEN, FIRE = 1, 2, 3, 13, 21, 22
TIMESTAMP, FRACTION, QUALITY, QUALITY_LEVEL = 5518, 6050, 6042, 6049
REJECTED = 1.0
# Resources beside it that belong to the same reading: the sensor's value of a thermometer, the battery of the device.
VALUE, BATTERY, BATTERY_STATUS = 5700, 9, 20
# Words of the battery's status (LwM2M 1.1 Core, object 3): normal, charging, charged, damaged, low; else unknown.
LOW, KNOWN_STATUS = 4.0, frozenset({0.0, 1.0, 2.0, 3.0, 4.0})

# A SenML time below this counts from now, and nobody here knows when now was (RFC 8428, 4.5.3).
FIRST_ABSOLUTE_S = float(1 << 28)
# A count this large is of milliseconds: as seconds it would be in the year 5138.
FIRST_MILLISECONDS = 1e11
_PATH = re.compile(r"^(?P<ep>.*?):?/(?P<path>\d+(?:/\d+){0,3})/?$")

Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Told:
    """One resource's value, and when it was so if that is said."""

    place: Place
    value: Any
    at: datetime | None = None


@decoder("lwm2m")
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read one notification; one that tells of other objects gives no uplink."""
    message = parse(body)
    if isinstance(message, list):
        endpoint, told = _pack(message, "")
        given = None
    else:
        record = an_object(message, "a notification")
        endpoint, told = _notified(record)
        given = _given(record)
    endpoint = normal_device_id(endpoint or None)
    by_time: dict[tuple[int, datetime | None], dict[Place, Any]] = {}
    for one in told:
        if one.place[0] in (FILLING, TEMPERATURE, DEVICE):
            container = one.place[1] if one.place[0] == FILLING else 0
            by_time.setdefault((container, one.at), {})[one.place] = one.value
    groups = [
        (container, at or given, values)
        for (container, at), values in by_time.items()
        if any(place[0] == FILLING for place in values)
    ]
    return [replace(_uplink(endpoint, *group), index=index) for index, group in enumerate(groups)]


def _notified(record: Mapping[str, Any]) -> tuple[str, list[Told]]:
    path, value = _numbers(record.get("res", "")), record.get("val")
    endpoint = record.get("ep")
    if not isinstance(endpoint, str):
        raise IntakeError("no_device", f"the notification names no endpoint ({shown(endpoint)}) as ep")
    match value:
        case list():
            return endpoint, _pack(value, _text(path))[1]
        case {"e": list(elements), **rest}:
            return endpoint, _pack([rest, *elements], _text(path))[1]
        case {"tlv": digits}:
            return endpoint, [Told(place, one) for place, one in read_tlv(from_hex(digits, "tlv"), path)]
        case dict():
            return endpoint, [Told(place, one) for place, one in _node(value, path)]
    raise IntakeError("wrong_shape", f"the notification has no val that can be read ({shown(value)})")


def _given(record: Mapping[str, Any]) -> datetime | None:
    """Return the time that stands beside the values."""
    at = record.get("at")
    if at is None:
        return None
    return milliseconds(at, "at") if isinstance(at, int) else time(at, "at")


def _numbers(path: Any) -> tuple[int, ...]:
    if not isinstance(path, str) or not re.fullmatch(r"/?(\d{1,5}(/\d{1,5}){0,3})?/?", path):
        raise IntakeError("wrong_shape", f"res is {shown(path)}; it should be a path such as /3435/0")
    return tuple(int(number) for number in path.strip("/").split("/") if number)


def _text(path: tuple[int, ...]) -> str:
    return "".join(f"/{number}" for number in path) + "/" if path else ""


def _node(node: Mapping[str, Any], path: tuple[int, ...]) -> Iterator[tuple[Place, Any]]:
    """Walk through a node as Leshan writes it: an object, an instance, or one resource."""
    for inner in ("instances", "resources"):
        if isinstance(node.get(inner), list):
            for one in node[inner]:
                child = an_object(one, inner)
                number = child.get("id")
                if not isinstance(number, int) or isinstance(number, bool):
                    raise IntakeError("wrong_shape", f"a node of {inner} has no number as its id ({shown(number)})")
                whole = len(path) == (1 if inner == "instances" else 2)
                yield from _node(child, (*path, number) if whole else path)
            return
    if len(path) == 3 and "value" in node:
        yield (path[0], path[1], path[2]), node["value"]


def _pack(records: list[Any], base: str) -> tuple[str, list[Told]]:
    """Read the records of SenML or of LwM2M JSON, which differ in the names of a truth and a base time only."""
    endpoint, base_time, base_value = "", 0.0, 0.0
    told = []
    for one in records:
        record = an_object(one, "a record")
        base = _string(record, "bn", base)
        base_time = _float(record, "bt", base_time)
        base_value = _float(record, "bv", base_value) if not isinstance(record.get("bv"), bool) else base_value
        value: Any = next((record[key] for key in ("v", "vb", "vs", "sv") if record.get(key) is not None), None)
        if isinstance(record.get("bv"), bool):
            value = record["bv"]
        if value is None:
            continue
        if base_value and isinstance(value, int | float) and not isinstance(value, bool):
            value += base_value
        match = _PATH.match(base + _string(record, "n", ""))
        if match is None:
            raise IntakeError("wrong_shape", f"the record {shown(record)} names no path such as /3435/0/2")
        endpoint = endpoint or match["ep"]
        numbers = _numbers(match["path"])
        if len(numbers) == 3:
            told.append(Told((numbers[0], numbers[1], numbers[2]), value, _absolute(base_time, record)))
    return endpoint, told


def _string(record: Mapping[str, Any], key: str, absent: str) -> str:
    value = record.get(key, absent)
    if not isinstance(value, str):
        raise IntakeError("wrong_shape", f"{key} should be a text, not {shown(value)}")
    return value


def _float(record: Mapping[str, Any], key: str, absent: float) -> float:
    return absent if (value := numeric(record.get(key), key)) is None else value


def _absolute(base_time: float, record: Mapping[str, Any]) -> datetime | None:
    seconds = base_time + _float(record, "t", 0.0)
    return None if seconds < FIRST_ABSOLUTE_S else milliseconds(round(seconds * 1000), "t")


def _uplink(endpoint: str, container: int, at: datetime | None, values: Mapping[Place, Any]) -> Uplink:
    def said(resource: int) -> float | None:
        return numeric(values.get((FILLING, container, resource)), f"resource {resource}")

    percent, content_cm, height_cm = said(PERCENT), said(CONTENT_CM), said(HEIGHT_CM)
    level = None if percent is None else percent / 100.0
    if level is None and content_cm is not None and height_cm:
        level = content_cm / height_cm
    positions = [_truth(values.get((FILLING, container, resource))) for resource in (OUT_OF_POSITION, COVER_OPEN)]
    status = numeric(values.get((DEVICE, 0, BATTERY_STATUS)), "battery status")
    rejected = said(QUALITY) == REJECTED or said(QUALITY_LEVEL) == 0.0
    measured = Measured(
        fill_level=level,
        temperature_c=numeric(values.get((TEMPERATURE, container, VALUE)), "temperature"),
        battery_percent=numeric(values.get((DEVICE, 0, BATTERY)), "battery"),
        tilted=None if positions == [None, None] else True in positions,
        fault="no_echo" if rejected else "",
        fire=_truth(values.get((FILLING, container, FIRE))),
        battery_low=status == LOW if status in KNOWN_STATUS else None,
    )
    device_id = endpoint if container == 0 else normal_device_id(f"{endpoint}/{container}")
    stamp = values.get((FILLING, container, TIMESTAMP))
    return Uplink(device_id=device_id, at=_measured_at(stamp, said(FRACTION), at), measured=checked(measured))


def _measured_at(stamp: Any, fraction_s: float | None, at: datetime | None) -> datetime:
    """Return when it was measured, as the device says; else as the pack or the server does.

    A time is seconds since 1970 by the standard; Leshan writes milliseconds, and others a text.
    """
    if isinstance(stamp, str) and not stamp.isdecimal():
        return time(stamp, "resource 5518")
    if seconds := numeric(stamp, "resource 5518"):
        thousandth = 1.0 if seconds >= FIRST_MILLISECONDS else 1000.0
        return milliseconds(round(seconds * thousandth + 1000.0 * (fraction_s or 0.0)), "resource 5518")
    if at is None:
        raise IntakeError("no_time", "neither resource 5518, nor the pack, nor at says when it was measured")
    return at.astimezone(UTC)


def _truth(value: Any) -> bool | None:
    """Return true or false, written as such, as a text or as a number."""
    match value:
        case None:
            return None
        case bool():
            return value
        case "true" | "1" | 1:
            return True
        case "false" | "0" | 0:
            return False
    raise IntakeError("wrong_shape", f"a resource should be true or false, not {shown(value)}")
