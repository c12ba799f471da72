"""Bytes of devices read as their makers' documents say."""

import base64
import json
import re
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors import payloads
from sensors.decoders import decode
from sensors.errors import IntakeError
from sensors.uplink import Measured, Uplink

DINGTEK, LDDS45, LDDS75 = "dingtek-df702", "dragino-ldds45", "dragino-ldds75"


def frame(text: str, port: int = 2) -> Uplink:
    return Uplink("24e124713d341234", datetime(2026, 3, 1, tzinfo=UTC), 1, bytes.fromhex(text), port)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The maker's own examples: a periodic report, one with a position, and settings it was asked for.
        ("80000101 1107d0 00 19 0000 0000 0000 00 81", Measured(200.0, None, 25.0, None, False, "", False, False)),
        (
            "80000101 1907d0 01 cd03e942 ef272042 19 0000 0000 0000 00 81",
            Measured(200.0, None, 25.0, None, False, "", False, False),
        ),
        ("80000103 1901 0418011e4b1e 000000000000 000000000000 81", Measured()),
        # An alarm: full, on fire at 140 degrees, fallen; and frost.
        ("80000102 1100e6 00 8c 005a 1110 0007 00 81", Measured(23.0, None, 140.0, None, True, "", True, False)),
        ("80000101 110400 00 fb 0000 0001 0001 00 81", Measured(102.4, None, -5.0, None, False, "", False, True)),
        # The oldest layout, as bytes and as text: full, no fire, not fallen, 230 mm.
        ("10000230", Measured(distance_cm=23.0, tilted=False, fire=False, battery_low=False)),
        ("3130303030323330", Measured(distance_cm=23.0, tilted=False, fire=False, battery_low=False)),
        ("01011034", Measured(distance_cm=103.4, tilted=False, fire=True, battery_low=True)),
        ("80000101 110000 00 19 0000 0000 0000 00 81", Measured(0.0, None, 25.0, None, False, "no_echo", False, False)),
    ],
)
def test_dingteks_frames_read_as_its_protocol_says(text: str, expected: Measured) -> None:
    assert payloads.read(frame(text), DINGTEK) == expected
    assert payloads.read(frame(text, port=3), "") == expected


@pytest.mark.parametrize(
    ("text", "distance_cm", "temperature_c", "fault"),
    [
        # The worked values of the manuals: 2885 mV, 2821 mm, 26.1 and -19.3 degrees; 2799 mm without a probe.
        ("0b45 0b05 00 0105 01", 282.1, 26.1, ""),
        ("0b49 0b05 01 ff3f 01", 282.1, -19.3, ""),
        ("0d3b 0aef 00 0000 01", 279.9, None, ""),
        ("0e1c 0b05 00", 282.1, None, ""),
        ("0e1c 0b05", 282.1, None, ""),
        # No sensor connected, an echo from too near, and a sensor that is not there by its own word.
        ("0b49 0000 00 0105 01", 0.0, 26.1, "no_echo"),
        ("0b49 0014 00 0105 01", 2.0, 26.1, "no_echo"),
        ("0b49 0b05 00 0105 00", 282.1, 26.1, "no_echo"),
    ],
)
def test_draginos_frames_read_as_its_manuals_say(
    text: str, distance_cm: float, temperature_c: float | None, fault: str
) -> None:
    for model in (LDDS45, LDDS75):
        measured = payloads.read(frame(text), model)
        assert (measured.distance_cm, measured.temperature_c, measured.fault) == (distance_cm, temperature_c, fault)


def test_draginos_battery_is_read_without_the_bits_above_it() -> None:
    assert payloads.read(frame("cb45 0b05 00 0105 01"), LDDS75).battery_percent == pytest.approx(52.3, abs=0.1)
    assert payloads.read(frame("28 0100 01 ff 0e10"), "dragino-dds45-lb") == Measured(battery_percent=100.0)


@pytest.mark.parametrize(
    ("model", "text", "code"),
    [
        (DINGTEK, "8000010111", "truncated"),
        (DINGTEK, "80000101 1207d0 00 19 0000 0000 0000 00 81", "wrong_shape"),
        (DINGTEK, "80000101 1107d0 00 19 0000 0000 0000 00 82", "wrong_shape"),
        (DINGTEK, "2000023a", "wrong_shape"),
        (LDDS45, "0b45", "truncated"),
        (LDDS75, "0b450b0500010501ff", "truncated"),
    ],
)
def test_what_no_such_device_sends_is_refused(model: str, text: str, code: str) -> None:
    with pytest.raises(IntakeError) as caught:
        payloads.read(frame(text), model)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("model", "decoded", "expected"),
    [
        (DINGTEK, {"level": "2000 mm", "tilt": True, "temperature": "25 ℃"}, Measured(200.0, None, 25.0, None, True)),
        (DINGTEK, {"level": 2000, "alarmFall": False, "temperature": -3}, Measured(200.0, None, -3.0, None, False)),
        (DINGTEK, {"alarmFire": True, "alarmBattery": False}, Measured(fire=True, battery_low=False)),
        (LDDS45, {"Bat": 3.6, "Distance": "2799 mm"}, Measured(279.9, None, None, 100.0)),
        (LDDS45, {"Bat": 3.6, "Distance": "No Sensor"}, Measured(battery_percent=100.0, fault="no_echo")),
        ("dragino-dds45-lb", {"battery": 2.1, "distance": 2799}, Measured(279.9, None, None, 0.0)),
    ],
)
def test_what_the_makers_codecs_say_is_read_where_the_bytes_are_gone(
    model: str, decoded: dict[str, object], expected: Measured
) -> None:
    event = {"time": "2026-03-01T06:30:00Z", "deviceInfo": {"devEui": "24e124713d341234"}, "object": decoded}
    (uplink,) = decode("chirpstack", json.dumps(event).encode())
    assert isinstance(uplink, Uplink)
    assert payloads.read(uplink, model) == expected


def test_milesights_mud_reads_as_its_guide_says_through_the_things_stack() -> None:
    uplink_message = {
        "frm_payload": base64.b64encode(bytes.fromhex("0175640367f80004820101050000")).decode(),
        "f_port": 85,
        "received_at": "2026-03-01T06:30:00Z",
    }
    body = {"end_device_ids": {"dev_eui": "24E124713D341234"}, "uplink_message": uplink_message}
    (uplink,) = decode("thethingsstack", json.dumps(body).encode())
    assert isinstance(uplink, Uplink)
    assert payloads.read(uplink, "milesight-em400-mud") == Measured(25.7, None, 24.8, 100.0, False)
    assert payloads.read(frame("0482fdff", port=85), "milesight-em400-mud").fault == "no_echo"


@given(st.sampled_from(payloads.models()), st.binary(max_size=30), st.integers(0, 255))
def test_no_frame_breaks_a_codec(model: str, payload: bytes, head: int) -> None:
    for body in (
        payload,
        bytes([0x80, 0, 1, 1, 17]) + payload[:11].ljust(11, b"\0") + b"\x81",
        payload + bytes([head]),
    ):
        with suppress(IntakeError):
            payloads.read(Uplink("a", datetime(2026, 3, 1, tzinfo=UTC), 1, body, 85), model)


_WORDS = """level temperature tilt alarmFall alarmFire alarmBattery Bat Distance battery distance position height_cm"""
_words = st.sampled_from(re.findall(r"\w+", _WORDS))
_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just([1])


@given(st.sampled_from(payloads.models()), st.dictionaries(_words, _values, max_size=6))
def test_no_word_of_another_codec_breaks_ours(model: str, decoded: dict[str, object]) -> None:
    with suppress(IntakeError):
        payloads.read(Uplink("a", datetime(2026, 3, 1, tzinfo=UTC), 1, decoded=decoded), model)
