"""Bigbelly's answer to a query for assets: every compactor's fullness from 0 to 10, as of its last call."""

from typing import Any

import orjson

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, milliseconds, number, parse, whole
from sensors.uplink import Measured, Unusable, Uplink, checked, one_of_many

FULLEST = 10.0


@decoder("bigbelly")
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read one answer; assets that cannot be used do not spoil the others."""
    answer = an_object(parse(body), "an answer of Bigbelly")
    assets = answer.get("assets")
    if not isinstance(assets, list):
        raise IntakeError("wrong_shape", "the message has no list of assets, which every answer of Bigbelly has")
    return [one_of_many(_uplink, asset, index, orjson.dumps({"assets": [asset]})) for index, asset in enumerate(assets)]


def _uplink(asset: Any) -> Uplink:
    record = an_object(asset, "an asset")
    if (serial := whole(record, "serialNumber")) is None:
        raise IntakeError("no_device", "the asset has no serialNumber")
    fullness = number(record, "latestFullness")
    return Uplink(
        device_id=f"bigbelly-{serial}",
        at=milliseconds(record.get("lastCall"), "lastCall"),
        measured=checked(Measured(fill_level=None if fullness is None else fullness / FULLEST)),
    )
