"""What the simulated devices send is what real network servers send, and our decoders read it back."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.mounting import MODEL, Network
from scenarios.uplinks import Uplink
from sensors.decoders import decode
from sensors.payloads import read
from sensors.uplink import Uplink as Read

UPLINK = Uplink(
    device_id="24e124713d00002a",
    network=Network.CHIRPSTACK,
    at=datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC),
    frame=492_321,
    distance_mm=873,
    temperature_c=-3.4,
    battery_percent=92,
    tilted=False,
    gateway=3,
)


@st.composite
def uplinks(draw: st.DrawFn) -> Uplink:
    return dataclasses.replace(
        UPLINK,
        network=draw(st.sampled_from(Network)),
        distance_mm=draw(st.integers(1, 0x7FFF)),
        temperature_c=draw(st.integers(-300, 800)) / 10,
        battery_percent=draw(st.integers(0, 100)),
        tilted=draw(st.booleans()),
        frame=draw(st.integers(0, 2**32 - 1)),
    )


@given(sent=uplinks())
def test_our_decoders_read_back_what_was_sent(sent: Uplink) -> None:
    (uplink,) = decode(sent.format, sent.body())
    assert isinstance(uplink, Read)
    assert (uplink.device_id, uplink.at, uplink.counter) == (sent.device_id, sent.at, sent.frame)
    measured = read(uplink, MODEL)
    assert measured.distance_cm == pytest.approx(sent.distance_mm / 10)
    assert measured.temperature_c == pytest.approx(sent.temperature_c)
    assert (measured.battery_percent, measured.tilted) == (sent.battery_percent, sent.tilted)


def test_the_number_for_no_echo_is_not_taken_for_a_distance() -> None:
    (uplink,) = decode("chirpstack", dataclasses.replace(UPLINK, distance_mm=0xFFFF).body())
    assert isinstance(uplink, Read)
    assert read(uplink, MODEL).fault == "no_echo"


@pytest.mark.parametrize(
    ("network", "real"),
    [
        (Network.CHIRPSTACK, "Milesight_EM400-TLD_ChirpStack_uplink_payload.json"),
        (Network.THINGS_STACK, "Milesight_EM400-TLD_ThingsStackCommunity_uplink_payload.json"),
    ],
)
def test_envelopes_have_the_fields_of_real_ones(shared_data: Path, network: Network, real: str) -> None:
    ours = json.loads(dataclasses.replace(UPLINK, network=network).body())
    theirs = json.loads((shared_data / "payloads" / "thingsboard" / real).read_text())
    # What one installation's servers add and no reader needs.
    optional = {"channel_index", "uplink_token", "frequency_offset", "cluster_address"}
    assert {path for path in paths(theirs) - paths(ours) if path[-1] not in optional} == set()
    assert paths(ours) <= paths(theirs)


def paths(value: Any, at: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if isinstance(value, dict):
        return {at} | {path for key, inner in value.items() for path in paths(inner, (*at, key))}
    if isinstance(value, list):
        return {at} | {path for inner in value for path in paths(inner, at)}
    return {at}
