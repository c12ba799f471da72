"""FIWARE's WasteContainer (smart data model) as a context broker sends it: alone, listed, or in a notification.

Every form of NGSI-LD is read, normalized (each attribute an object with its type and value), concise (the same without
types, or the bare value) and key-values, and NGSI v2, whose times stand in ``metadata``. The container is the device:
the broker tells of it, whatever sensor is behind it. ``fillingLevel`` runs from 0 to 1.

Source: smart-data-models, dataModel.WasteManagement, WasteContainer; ETSI GS CIM 009 (NGSI-LD), 4.5.4 and 5.3.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, number, parse, time
from sensors.uplink import Measured, Unusable, Uplink, checked, normal_device_id, one_of_many

ENTITY = "WasteContainer"

# Where the time stands when the level itself has none, the most exact first.
TIMES = ("binLoggedTime", "dateObserved", "timeInstant", "TimeInstant", "dateModified", "modifiedAt")

# States of a container in which a distance says nothing about its level.
NOT_UPRIGHT = frozenset({"lidOpen", "dropped", "moved", "vandalized"})


@decoder("fiware")
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read one entity, a list of them or a notification; entities of other types give no uplink."""
    message = parse(body)
    if isinstance(message, dict) and ("subscriptionId" in message or message.get("type") == "Notification"):
        message = message.get("data")
    entities = message if isinstance(message, list) else [message]
    return [
        one_of_many(_uplink, entity, index, orjson.dumps(entity))
        for index, entity in enumerate(entities)
        if _is_wanted(entity)
    ]


def _is_wanted(entity: Any) -> bool:
    """Tell containers, and what is no entity at all and must be refused, from entities of other types."""
    return not (isinstance(entity, dict) and entity.get("type")) or _is_container(entity["type"])


def _is_container(types: Any) -> bool:
    """Tell a container by its type, one of several perhaps, short or spelt out as JSON-LD does."""
    listed = types if isinstance(types, list) else [types]
    return any(isinstance(one, str) and (one == ENTITY or one.endswith(f"/{ENTITY}")) for one in listed)


def _uplink(entity: Any) -> Uplink:
    record = an_object(entity, "an entity")
    if not _is_container(record.get("type")):
        raise IntakeError("wrong_shape", f"the message is no {ENTITY} entity of FIWARE")
    values = {name: _value(attribute) for name, attribute in record.items()}
    device_id = normal_device_id(record.get("id"))
    status = values.get("status")
    return Uplink(
        device_id=device_id,
        at=time(_observed_at(record, values), "the time of observation"),
        measured=checked(
            Measured(
                fill_level=number(values, "fillingLevel"),
                temperature_c=number(values, "temperature"),
                tilted=None if not isinstance(status, str) else status in NOT_UPRIGHT,
            )
        ),
    )


def _value(attribute: Any) -> Any:
    """Return an attribute's value in either form, a moment without its wrapping."""
    if isinstance(attribute, dict) and "value" in attribute:
        attribute = attribute["value"]
    if isinstance(attribute, dict) and "@value" in attribute:
        attribute = attribute["@value"]
    return attribute


def _observed_at(record: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    level = record.get("fillingLevel")
    if isinstance(level, dict):
        if level.get("observedAt") is not None:
            return level["observedAt"]
        metadata = level.get("metadata")
        if isinstance(metadata, dict) and metadata.get("TimeInstant") is not None:
            return _value(metadata["TimeInstant"])
    return next((values[name] for name in TIMES if values.get(name) is not None), None)
