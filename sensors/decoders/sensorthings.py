"""OGC SensorThings: Observations as a server sends or is sent them, one, many, or in a dataArray.

The Datastream is the device and is registered as ``datastream-<id>``. Where it is expanded, its unit and observed
property say what a result stands for; where only its id is given, the device's registered model does, as
`sensors.payloads.single` has them.

Source: OGC 18-088, "SensorThings API Part 1: Sensing 1.1", 8.2.8 Observation and 14 dataArray.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, numeric, parse, part, shown, time
from sensors.payloads.single import RESULT
from sensors.uplink import Unusable, Uplink, normal_device_id, one_of_many

DATASTREAM = "Datastream"
ROWS = "dataArray"
_LINK = re.compile(r"Datastreams\((.*?)\)")

# What `sensors.payloads.generic` calls a result in a unit, by the words and signs that servers use for it.
UNITS = {
    **dict.fromkeys(("m", "metre", "meter"), ("distance_cm", 100.0)),
    **dict.fromkeys(("cm", "centimetre", "centimeter"), ("distance_cm", 1.0)),
    **dict.fromkeys(("mm", "millimetre", "millimeter"), ("distance_mm", 1.0)),
    **dict.fromkeys(("°c", "℃", "degc", "cel", "degree celsius"), ("temperature_c", 1.0)),
}
PERCENT = ("%", "percent", "percentage")
BATTERY = re.compile(r"batter|电池|电量")
FILLING = re.compile(r"fill|full|level|满|装载")


@decoder("sensorthings")
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read Observations; in a list or a dataArray, bad ones do not spoil the good ones."""
    message = parse(body)
    if isinstance(message, dict) and isinstance(message.get("value"), list):
        message = message["value"]
    if isinstance(message, dict) and ROWS not in message:
        return [_uplink(message)]
    elements = message if isinstance(message, list) else [message]
    observations = [one for element in elements for one in _observations(element)]
    return [one_of_many(_uplink, one, index, orjson.dumps(one)) for index, one in enumerate(observations)]


def _observations(element: Any) -> Iterator[Any]:
    """Write the rows of a dataArray as the Observations they stand for."""
    if not isinstance(element, dict) or ROWS not in element:
        yield element
        return
    columns, rows = element.get("components"), element[ROWS]
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise IntakeError("wrong_shape", "a dataArray needs its components and rows, both lists")
    stream = {key: value for key, value in element.items() if key.startswith(DATASTREAM)}
    for row in rows:
        if isinstance(row, list) and len(row) == len(columns):
            yield {str(name): value for name, value in zip(columns, row, strict=True)} | stream
        else:
            yield row


def _uplink(element: Any) -> Uplink:
    observation = an_object(element, "an Observation")
    stream = part(observation, DATASTREAM)
    device_id = normal_device_id(f"datastream-{_id(observation, stream)}")
    result = numeric(observation.get(RESULT), RESULT)
    if result is None:
        raise IntakeError("wrong_shape", "the Observation has no result")
    return Uplink(
        device_id=device_id,
        at=time(_moment(observation), "phenomenonTime"),
        decoded={RESULT: result, **_named(stream, result)},
    )


def _id(observation: Mapping[str, Any], stream: Mapping[str, Any]) -> str:
    """Return the id of the Datastream, from itself or from a link to it."""
    found = stream.get("@iot.id")
    if found is None:
        links = (stream.get("@iot.selfLink"), observation.get(f"{DATASTREAM}@iot.navigationLink"))
        matches = (_LINK.search(link) for link in links if isinstance(link, str))
        found = next((match.group(1).strip("'") for match in matches if match), None)
    if isinstance(found, str | int) and not isinstance(found, bool) and str(found):
        return str(found)
    raise IntakeError(
        "no_device", f"the Observation names no Datastream by an id ({shown(found)}); ask the server to expand it"
    )


def _moment(observation: Mapping[str, Any]) -> Any:
    """Return when it was observed, at the end of a span; else when the result was there."""
    observed = observation.get("phenomenonTime")
    if isinstance(observed, str):
        return observed.rpartition("/")[2]
    return observation.get("resultTime") if observed is None else observed


def _named(stream: Mapping[str, Any], result: float) -> dict[str, float]:
    """Name a result by its unit and observed property, if they leave no doubt."""
    unit = part(stream, "unitOfMeasurement")
    words = [str(unit[key]).strip().lower() for key in ("symbol", "name") if unit.get(key)]
    for word in words:
        if word in UNITS:
            name, factor = UNITS[word]
            return {name: factor * result}
    observed = f"{part(stream, 'ObservedProperty').get('name', '')} {stream.get('name', '')}".lower()
    if any(word in PERCENT for word in words):
        if BATTERY.search(observed):
            return {"battery_percent": result}
        if FILLING.search(observed):
            return {"fill_level_percent": result}
    return {}
