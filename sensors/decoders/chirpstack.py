"""ChirpStack v4, the ``up`` event of its MQTT and HTTP integrations in JSON.

Joins, acknowledgements and the other events come to the same address; they carry no reading and give no uplink.
Source: ChirpStack's ``integration.proto``, whose JSON form may leave out fields that are zero.
"""

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, from_base64, parse, part, time, whole
from sensors.radio import best, within
from sensors.uplink import Unusable, Uplink, normal_device_id

# What only an uplink has; `fCnt` and `fPort` alone would miss a first frame, written without its zeros.
UPLINK_FIELDS = ("data", "object", "rxInfo", "fPort", "fCnt")


@decoder("chirpstack")
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read one event."""
    event = an_object(parse(body), "a ChirpStack event")
    device = part(event, "deviceInfo")
    if not device:
        raise IntakeError("wrong_shape", "the message has no deviceInfo, which every ChirpStack v4 event has")
    device_id = normal_device_id(device.get("devEui"))
    if not any(event.get(field) is not None for field in UPLINK_FIELDS):
        return []
    decoded = event.get("object")
    return [
        Uplink(
            device_id=device_id,
            at=time(event.get("time"), "time"),
            counter=whole(event, "fCnt", absent=0),
            payload=from_base64(event.get("data"), "data"),
            port=whole(event, "fPort", absent=0),
            decoded=None if decoded is None else an_object(decoded, "object"),
            radio=best(
                event.get("rxInfo"),
                gateway=["gatewayId"],
                spreading=within(event, "txInfo", "modulation", "lora", "spreadingFactor"),
            ),
        )
    ]
