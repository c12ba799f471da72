"""What a Milesight gateway's own network server posts over plain HTTP."""

import re

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, from_base64, parse, time, whole
from sensors.radio import best, within
from sensors.uplink import Unusable, Uplink, normal_device_id

# Some firmware leaves out the second hyphen of the date: 2020-0327T12:39:05Z.
_BROKEN_DATE = re.compile(r"(\d{4})-(\d{2})(\d{2}T.*)", re.DOTALL)


@decoder("milesight-gateway")
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read one message."""
    message = an_object(parse(body), "a message of a Milesight gateway")
    if "devEUI" not in message:
        raise IntakeError("wrong_shape", "the message has no devEUI, which every message of a Milesight gateway has")
    at = message.get("time")
    if isinstance(at, str) and (broken := _BROKEN_DATE.fullmatch(at)):
        at = "-".join(broken.groups())
    return [
        Uplink(
            device_id=normal_device_id(message["devEUI"]),
            at=time(at, "time"),
            counter=whole(message, "fCnt"),
            payload=from_base64(message.get("data"), "data"),
            port=whole(message, "fPort"),
            radio=best(
                message.get("rxInfo"),
                gateway=["mac"],
                snr="loRaSNR",
                spreading=within(message, "txInfo", "dataRate", "spreadFactor"),
            ),
        )
    ]
