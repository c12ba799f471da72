"""Uplinks: a device's frame as its network server posts it, bytes of the Milesight EM400-TLD inside.

The EM400's payload is a sequence of (channel, type, value), little-endian; see the maker's decoder
(Milesight-IoT/SensorDecoders). The envelopes are those of ChirpStack v4's HTTP integration and of The Things Stack v3's
webhook.
"""

import base64
import json
import struct
import uuid
from dataclasses import dataclass
from datetime import datetime

from scenarios.mounting import Network

F_PORT = 85
# Names of the intake's decoders, by network server.
FORMATS = {Network.CHIRPSTACK: "chirpstack", Network.THINGS_STACK: "thethingsstack"}
_NAMESPACE = uuid.UUID("6f2d5f2e-3f0a-4d1c-9d35-0f6d2a1c7b11")
_TENANT = str(uuid.uuid5(_NAMESPACE, "tenant"))
_APPLICATION = str(uuid.uuid5(_NAMESPACE, "application"))
_PROFILE = str(uuid.uuid5(_NAMESPACE, "profile"))


@dataclass(frozen=True, slots=True)
class Uplink:
    """One frame on its way to the intake.

    Attributes
    ----------
    frame
        The device's own count of its frames.
    distance_mm
        0 to 65535.
    gateway
        Number of the gateway that heard it.
    """

    device_id: str
    network: Network
    at: datetime
    frame: int
    distance_mm: int
    temperature_c: float
    battery_percent: int
    tilted: bool
    gateway: int

    @property
    def format(self) -> str:
        """Name of the intake's decoder."""
        return FORMATS[self.network]

    def body(self) -> bytes:
        """Return what the network server posts."""
        envelope = _chirpstack(self) if self.network is Network.CHIRPSTACK else _things_stack(self)
        return json.dumps(envelope, separators=(",", ":")).encode()


def em400_payload(*, battery_percent: int, temperature_c: float, distance_mm: int, tilted: bool) -> bytes:
    """Encode one periodic report of an EM400: battery, temperature, distance, position."""
    return struct.pack(
        "<BBBBBhBBHBBB",
        0x01, 0x75, battery_percent,
        0x03, 0x67, round(temperature_c * 10),
        0x04, 0x82, distance_mm,
        0x05, 0x00, tilted,
    )  # fmt: skip


def _payload(uplink: Uplink) -> str:
    return base64.b64encode(
        em400_payload(
            battery_percent=uplink.battery_percent,
            temperature_c=uplink.temperature_c,
            distance_mm=uplink.distance_mm,
            tilted=uplink.tilted,
        )
    ).decode("ascii")


def _gateway(uplink: Uplink) -> str:
    return f"24e124fffe{uplink.gateway:06x}"


def _chirpstack(uplink: Uplink) -> dict[str, object]:
    time = uplink.at.isoformat(timespec="microseconds")
    return {
        "deduplicationId": str(uuid.uuid5(_NAMESPACE, f"{uplink.device_id}/{uplink.frame}")),
        "time": time,
        "deviceInfo": {
            "tenantId": _TENANT,
            "tenantName": "City",
            "applicationId": _APPLICATION,
            "applicationName": "bins",
            "deviceProfileId": _PROFILE,
            "deviceProfileName": "EM400-TLD",
            "deviceName": f"EM400-TLD {uplink.device_id[-6:]}",
            "devEui": uplink.device_id,
            "tags": {},
        },
        "devAddr": f"01{uplink.device_id[-6:]}",
        "adr": True,
        "dr": 5,
        "fCnt": uplink.frame,
        "fPort": F_PORT,
        "confirmed": False,
        "data": _payload(uplink),
        "rxInfo": [
            {
                "gatewayId": _gateway(uplink),
                "uplinkId": uplink.frame % 0xFFFF,
                "time": time,
                "rssi": -97,
                "snr": 6.5,
                "channel": uplink.frame % 8,
                "rfChain": 1,
                "location": {},
                "context": "",
                "metadata": {"region_common_name": "CN470", "region_config_id": "cn470_10"},
                "crcStatus": "CRC_OK",
            }
        ],
        "txInfo": {
            "frequency": 486300000,
            "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 7, "codeRate": "CR_4_5"}},
        },
    }


def _things_stack(uplink: Uplink) -> dict[str, object]:
    time = uplink.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    gateway = _gateway(uplink)
    return {
        "end_device_ids": {
            "device_id": f"eui-{uplink.device_id}",
            "application_ids": {"application_id": "bins"},
            "dev_eui": uplink.device_id.upper(),
            "join_eui": "24E124C0002A0001",
            "dev_addr": f"26{uplink.device_id[-6:].upper()}",
        },
        "correlation_ids": [f"gs:uplink:{uuid.uuid5(_NAMESPACE, f'{uplink.device_id}/{uplink.frame}')}"],
        "received_at": time,
        "uplink_message": {
            "session_key_id": base64.b64encode(uuid.uuid5(_NAMESPACE, uplink.device_id).bytes).decode("ascii"),
            "f_port": F_PORT,
            "f_cnt": uplink.frame,
            "frm_payload": _payload(uplink),
            "rx_metadata": [
                {
                    "gateway_ids": {"gateway_id": f"eui-{gateway}", "eui": gateway.upper()},
                    "time": time,
                    "timestamp": uplink.frame,
                    "rssi": -97,
                    "channel_rssi": -97,
                    "snr": 6.5,
                    "received_at": time,
                }
            ],
            "settings": {
                "data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7, "coding_rate": "4/5"}},
                "frequency": "486300000",
                "timestamp": uplink.frame,
                "time": time,
            },
            "received_at": time,
            "consumed_airtime": "0.056576s",
            "network_ids": {"net_id": "000013", "tenant_id": "city", "cluster_id": "local"},
        },
    }
