"""LORIOT's network server: frames as ``rx``, and as ``gw`` with the gateways that heard them; payload in hex."""

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, from_hex, milliseconds, parse, whole
from sensors.radio import best
from sensors.uplink import Unusable, Uplink, normal_device_id

UPLINKS = ("rx", "gw")


@decoder("loriot")
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read one message; other commands than uplinks give none."""
    message = an_object(parse(body), "a LORIOT message")
    if not isinstance(command := message.get("cmd"), str):
        raise IntakeError("wrong_shape", "the message has no cmd, which every LORIOT message has")
    if command not in UPLINKS:
        return []
    return [
        Uplink(
            device_id=normal_device_id(message.get("EUI")),
            at=milliseconds(message.get("ts"), "ts"),
            counter=whole(message, "fcnt", absent=0),
            payload=from_hex(message.get("data"), "data"),
            port=whole(message, "port", absent=0),
            radio=best(message.get("gws", [message]), gateway=["gweui"], spreading=message.get("dr")),
        )
    ]
