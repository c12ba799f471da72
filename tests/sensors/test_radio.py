"""How well a frame was heard: kept with its reading, from every network server that tells, and never in its way."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from city.clock import ManualClock
from city.database import reading
from sensors.decoders import decode
from sensors.devices import Mounting, register_devices
from sensors.intake import receive
from sensors.radio import MOST_SPREADING, UNHEARD, Radio, best
from sensors.telemetry import Reading
from sensors.uplink import Uplink

CHIRPSTACK = "EM400-UDL_ChirpStack_uplink_payload_1"
NOW = datetime(2023, 8, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "format_name", "radio"),
    [
        (CHIRPSTACK, "chirpstack", Radio("6a7e111a10000000", -35, 11.5, 7)),
        (
            "EM400-UDL_ThingsStackCommunity_uplink_payload_1",
            "thethingsstack",
            Radio("eui-6a7e111a10000000", -35, 13.2, 7),
        ),
        ("EM400-UDL_LORIOT_uplink_payload_1", "loriot", Radio(None, -21, 10, 9)),
        ("EM400-TLD_LORIOT_uplink_payload_2", "loriot", Radio("1020304080706050", -38, 8.5, 12)),
        ("EM400-UDL_HTTP_uplink_payload", "milesight-gateway", Radio("24e124fffef021be", -57, 10, 7)),
    ],
)
def test_the_gateway_that_heard_it_best_is_read_from_each_envelope(
    shared_data: Path, name: str, format_name: str, radio: Radio
) -> None:
    (uplink,) = decode(format_name, (shared_data / f"payloads/thingsboard/Milesight_{name}.json").read_bytes())
    assert isinstance(uplink, Uplink)
    assert uplink.radio == radio


def test_it_is_stored_with_the_reading(engine: Engine, shared_data: Path) -> None:
    register_devices(engine, [Mounting("1000000000000001", None, "", 150)], at=NOW, actor="ann")
    body = (shared_data / f"payloads/thingsboard/Milesight_{CHIRPSTACK}.json").read_bytes()
    assert receive(engine, ManualClock(NOW), format="chirpstack", body=body).stored == 1
    with reading(engine) as session:
        kept = session.exec(select(Reading)).one()
    assert (kept.platform, kept.gateway_id, kept.rssi_dbm) == ("chirpstack", "6a7e111a10000000", -35)
    assert (kept.snr_db, kept.spreading_factor) == (11.5, 7)


@pytest.mark.parametrize("broken", [None, 7, {}, [7, None], [{"rssi": "loud", "snr": 900, "gatewayId": ["x"]}]])
def test_what_is_wrong_with_it_is_left_out_and_the_reading_is_kept(shared_data: Path, broken: Any) -> None:
    message = json.loads((shared_data / f"payloads/thingsboard/Milesight_{CHIRPSTACK}.json").read_bytes())
    message["rxInfo"], message["txInfo"] = broken, broken
    (uplink,) = decode("chirpstack", json.dumps(message).encode())
    assert isinstance(uplink, Uplink)
    assert uplink.radio == UNHEARD


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["rssi", "snr", "g"]), inner),
    max_leaves=8,
)


@given(JSON, JSON)
def test_no_metadata_whatever_breaks_a_decoder(receptions: Any, spreading: Any) -> None:
    radio = best(receptions, gateway=["g"], spreading=spreading)
    assert radio.spreading_factor is None or radio.spreading_factor <= MOST_SPREADING
