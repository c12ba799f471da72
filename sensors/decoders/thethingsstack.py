"""The Things Stack v3 (Community, Cloud, Enterprise), the JSON of its MQTT and webhook integrations.

Fields that are zero, false or empty are left out, so the first frame has no ``f_cnt``. Joins, downlink events and
locations come to the same address; they carry no reading and give no uplink.
Source: "Data Formats" in The Things Stack's documentation.
"""

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, from_base64, parse, part, time, whole
from sensors.radio import best, within
from sensors.uplink import Unusable, Uplink, normal_device_id


@decoder("thethingsstack")
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read one message."""
    message = an_object(parse(body), "a message of The Things Stack")
    device = part(message, "end_device_ids")
    if not device:
        raise IntakeError(
            "wrong_shape", "the message has no end_device_ids, which every message of The Things Stack has"
        )
    # A device that joined by session keys may have no EUI; its name in the console is all there is then.
    device_id = normal_device_id(device.get("dev_eui") or device.get("device_id"))
    if message.get("uplink_message") is None:
        return []
    uplink = part(message, "uplink_message")
    decoded = uplink.get("decoded_payload")
    return [
        Uplink(
            device_id=device_id,
            # The network server's time: the application server's, outside, is later by its own queue.
            at=time(uplink.get("received_at") or message.get("received_at"), "received_at"),
            counter=whole(uplink, "f_cnt", absent=0),
            payload=from_base64(uplink.get("frm_payload"), "frm_payload"),
            port=whole(uplink, "f_port", absent=0),
            decoded=None if decoded is None else an_object(decoded, "decoded_payload"),
            radio=best(
                uplink.get("rx_metadata"),
                gateway=["gateway_ids", "gateway_id"],
                spreading=within(uplink, "settings", "data_rate", "lora", "spreading_factor"),
            ),
        )
    ]
