"""Decoders: every real message reads as its maker says, and no bytes at all make one fail in a way of its own."""

import base64
import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sensors import payloads
from sensors.decoders import decode, formats
from sensors.errors import IntakeError
from sensors.uplink import Measured, Unusable, Uplink

ENVELOPES = {
    "ChirpStack": "chirpstack",
    "ThingsStackCommunity": "thethingsstack",
    "ThingsStackIndustries": "thethingsstack",
    "LORIOT": "loriot",
    "HTTP": "milesight-gateway",
}


def _pairs(folder: Path) -> list[tuple[str, str, bytes, dict[str, object]]]:
    found = []
    for path in sorted(folder.glob("*_uplink_payload*.json")):
        model, envelope, *_ = path.name.removeprefix("Milesight_").split("_")
        result = json.loads(path.with_name(path.name.replace("_payload", "_result")).read_text())
        device = result[0] if isinstance(result, list) else result
        found.append((ENVELOPES[envelope], f"milesight-{model.lower()}", path.read_bytes(), device))
    return found


def _telemetry(uplink: Uplink, measured: Measured) -> dict[str, object]:
    assert measured.distance_cm is not None
    said: dict[str, object] = {
        "ts": int(uplink.at.timestamp() * 1000),
        "distance": round(measured.distance_cm * 10),
        "temperature": measured.temperature_c,
    }
    if measured.battery_percent is not None:
        said["battery"] = measured.battery_percent
    if measured.tilted is not None:
        said["position"] = "tilt" if measured.tilted else "normal"
    return said


def test_every_real_envelope_reads_as_its_maker_says(shared_data: Path) -> None:
    pairs = _pairs(shared_data / "payloads" / "thingsboard")
    assert len(pairs) == 20
    for format_name, model, body, expected in pairs:
        (uplink,) = decode(format_name, body)
        assert isinstance(uplink, Uplink)
        eui = expected["attributes"].get("eui") or expected["deviceName"].split()[-1]  # type: ignore[attr-defined]
        assert uplink.device_id == eui
        (telemetry,) = expected["telemetry"]  # type: ignore[misc]
        # Whether a threshold of the device was passed is no measurement.
        said = {key: value for key, value in telemetry["values"].items() if not key.endswith(("abnormal", "alarming"))}
        assert _telemetry(uplink, payloads.read(uplink, model)) == {"ts": telemetry["ts"], **said}


def test_the_port_tells_the_maker_where_no_model_is_registered(shared_data: Path) -> None:
    body = (shared_data / "payloads/thingsboard/Milesight_EM400-TLD_ChirpStack_uplink_payload.json").read_bytes()
    (uplink,) = decode("chirpstack", body)
    assert isinstance(uplink, Uplink)
    assert payloads.read(uplink, "").distance_cm == 160.1


def test_the_makers_printed_examples_read_as_printed() -> None:
    codec = {
        model: payloads.read(_frame(text), model)
        for model, text in (
            ("milesight-em400-tld", "017564 0367f800 04820101 050000"),
            ("milesight-em400-udl", "017564 0367f800 04820101 050001"),
        )
    }
    assert codec["milesight-em400-tld"] == Measured(25.7, None, 24.8, 100.0, False)
    assert codec["milesight-em400-udl"] == Measured(25.7, None, 24.8, 100.0, True)
    assert payloads.read(_frame("8482330701"), "milesight-em400-udl").distance_cm == 184.3
    assert payloads.read(_frame("8367220101"), "milesight-em400-udl") == Measured(temperature_c=29.0)
    joined = _frame("ff0bff ff0101 ff166329c42503920003 ff090100 ff0a0101 ff0f00")
    assert payloads.read(joined, "milesight-em400-tld") == Measured()


@pytest.mark.parametrize("millimetres", ["0000", "ffff", "fdff"])
def test_a_laser_that_saw_nothing_says_so(millimetres: str) -> None:
    assert payloads.read(_frame(f"0482{millimetres}"), "milesight-em400-tld").fault == "no_echo"


def _frame(text: str, port: int = 85) -> Uplink:
    return Uplink("24e124713d341234", datetime(2026, 3, 1, tzinfo=UTC), 1, bytes.fromhex(text), port)


def test_a_frame_cut_short_is_named() -> None:
    with pytest.raises(IntakeError) as caught:
        payloads.read(_frame("01755c0367"), "milesight-em400-tld")
    assert caught.value.code == "truncated"


def test_the_things_stack_leaves_out_zeros() -> None:
    body = json.dumps(
        {
            "end_device_ids": {"device_id": "bin-7", "dev_eui": "24E124713D341234"},
            "uplink_message": {
                "frm_payload": base64.b64encode(bytes.fromhex("0482e803")).decode(),
                "received_at": "2026-03-01T06:30:00.123456789Z",
            },
        }
    ).encode()
    (uplink,) = decode("thethingsstack", body)
    assert isinstance(uplink, Uplink)
    assert (uplink.device_id, uplink.counter, uplink.port) == ("24e124713d341234", 0, 0)
    assert uplink.at == datetime(2026, 3, 1, 6, 30, 0, 123456, UTC)
    assert payloads.read(uplink, "milesight-em400-udl").distance_cm == 100.0


def test_a_network_servers_own_codec_is_used_only_when_the_bytes_say_nothing_to_us() -> None:
    event = {
        "time": "2026-03-01T06:30:00Z",
        "deviceInfo": {"devEui": "24e124713d341234"},
        "fCnt": 3,
        "fPort": 9,
        "data": base64.b64encode(bytes.fromhex("0482e803")).decode(),
        "object": {"distance_mm": 500, "battery_percent": 80, "anything": [1]},
    }
    (uplink,) = decode("chirpstack", json.dumps(event).encode())
    assert isinstance(uplink, Uplink)
    assert payloads.read(uplink, "milesight-em400-udl").distance_cm == 100.0
    assert payloads.read(uplink, "generic").distance_cm == 50.0
    assert payloads.read(uplink, "somebody-else").distance_cm == 50.0
    event |= {"data": None, "object": {"distance": 1601, "position": "tilt", "temperature": 23.2}}
    (uplink,) = decode("chirpstack", json.dumps(event).encode())
    assert isinstance(uplink, Uplink)
    assert payloads.read(uplink, "milesight-em400-tld") == Measured(160.1, None, 23.2, None, True)


def test_bytes_of_an_unknown_maker_are_refused_with_what_to_do() -> None:
    with pytest.raises(IntakeError, match=r"register the device with one of: .*milesight-em400-tld"):
        payloads.read(_frame("0102", port=7), "")


@pytest.mark.parametrize(
    ("format_name", "body"),
    [
        ("chirpstack", {"deviceInfo": {"devEui": "24e124713d341234"}, "time": "2026-03-01T06:30:00Z", "margin": 7}),
        ("chirpstack", {"deviceInfo": {"devEui": "24e124713d341234"}, "devAddr": "20000001"}),
        ("thethingsstack", {"end_device_ids": {"device_id": "bin-7"}, "join_accept": {"session_key_id": "AYfq"}}),
        ("loriot", {"cmd": "txd", "EUI": "24e124713d341234"}),
    ],
)
def test_what_a_network_server_says_besides_readings_is_no_mistake(format_name: str, body: dict[str, object]) -> None:
    assert decode(format_name, json.dumps(body).encode()) == []


def test_our_own_reading_in_full() -> None:
    body = b"""{"device": "24-E1-24-71-3D-34-12-34", "at": "2026-03-01T14:30:00+08:00", "distance_cm": 63.5,
        "fill_level": 0.4, "temperature_c": 21.4, "battery_percent": 92, "tilted": false, "sequence": 1207}"""
    assert decode("dustcart", body) == [
        Uplink(
            device_id="24e124713d341234",
            at=datetime(2026, 3, 1, 6, 30, tzinfo=UTC),
            counter=1207,
            measured=Measured(63.5, 0.4, 21.4, 92.0, False),
        )
    ]


def test_in_a_list_the_bad_readings_do_not_spoil_the_good() -> None:
    good = {"device": "bin-7", "at": "2026-03-01T06:30:00Z", "fill_level": 0.5}
    listed = [
        good,
        good | {"fill_level": 17},
        good | {"at": "yesterday"},
        5,
        good | {"fil_level": 1},
        good | {"device": ""},
    ]
    uplinks = decode("dustcart", json.dumps(listed).encode())
    assert isinstance(uplinks[0], Uplink)
    bad = [uplink for uplink in uplinks if isinstance(uplink, Unusable)]
    assert [(one.index, one.code, one.device_id) for one in bad] == [
        (1, "impossible_value", "bin-7"),
        (2, "no_time", "bin-7"),
        (3, "wrong_shape", None),
        (4, "wrong_shape", "bin-7"),
        (5, "no_device", None),
    ]
    assert json.loads(bad[0].body) == listed[1]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b'{"device": "bin-7", "at": "2026-03-', "not_json"),
        ('{"device": "垃圾房", "at": "2026-03-01T06:30:00Z"}'.encode("gbk"), "not_json"),
        ('{"device": "bin-7"}'.encode("utf-16"), "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"device": "bin-7", "at": "2026-03-01T06:30:00Z", "distance_cm": NaN}', "not_json"),
        (b'{"device": "bin-7", "at": "2026-03-01T06:30:00Z", "distance_cm": 1e999}', "not_json"),
        (b'{"device": "bin-7", "at": "2026-03-01T06:30:00Z", "distance_cm": -1}', "impossible_value"),
        (b'{"device": "bin-7", "at": "2026-03-01T06:30:00Z", "distance_cm": "63"}', "wrong_shape"),
        (b'{"device": "bin-7", "at": "2026-03-01T06:30:00Z", "sequence": -4}', "wrong_shape"),
        (b'{"device": "bin-7", "at": "2026-03-01T06:30:00"}', "no_time"),
        (b'{"device": "bin-7", "at": 1772346600}', "no_time"),
        (b'{"device": "bin-7"}', "no_time"),
        (b'{"device": "a\\u0000b", "at": "2026-03-01T06:30:00Z"}', "no_device"),
        (b'{"at": "2026-03-01T06:30:00Z"}', "no_device"),
        (b"null", "wrong_shape"),
    ],
)
def test_bad_input_is_named(body: bytes, code: str) -> None:
    with pytest.raises(IntakeError) as caught:
        decode("dustcart", body)
    assert caught.value.code == code


def test_a_byte_order_mark_does_no_harm() -> None:
    assert len(decode("dustcart", b'\xef\xbb\xbf{"device": "bin-7", "at": "2026-03-01T06:30:00Z"}')) == 1


def test_a_format_nobody_reads_is_refused_with_those_that_are() -> None:
    with pytest.raises(IntakeError, match="chirpstack, dustcart"):
        decode("smoke-signals", b"")


def _read_everything(format_name: str, body: bytes) -> None:
    try:
        uplinks = decode(format_name, body)
    except IntakeError:
        return
    for uplink in uplinks:
        for model in ("", "generic", "milesight-em400-mud") if isinstance(uplink, Uplink) else ():
            with suppress(IntakeError):
                payloads.read(uplink, model)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
# Words that open the doors into every decoder, so that made-up objects get past the first check.
_WORDS = """device at distance_cm fill_level sequence deviceInfo devEui time fCnt fPort data object rxInfo
    end_device_ids dev_eui device_id uplink_message received_at f_cnt f_port frm_payload decoded_payload cmd EUI
    ts fcnt port devEUI distance position battery temperature"""
_words = st.sampled_from(re.findall(r"\w+", _WORDS))
_values = _json | st.sampled_from(
    ["rx", "24e124713d341234", "2026-03-01T06:30:00Z", "0001-01-01T00:00:00+14:00", "g2foAAGEgkEGAQ=="]
)
_likely = st.dictionaries(_words, _values | st.dictionaries(_words, _values, max_size=8), max_size=10)


@given(st.sampled_from(formats()), st.binary(max_size=200))
def test_no_bytes_break_a_decoder(format_name: str, body: bytes) -> None:
    _read_everything(format_name, body)


@given(st.sampled_from(formats()), _likely | _json | st.lists(_likely, max_size=3))
@example("chirpstack", {"deviceInfo": {"devEui": "a"}, "object": {"position": []}, "time": "2026-03-01T06:30:00Z"})
@settings(max_examples=400)
def test_no_json_breaks_a_decoder(format_name: str, message: object) -> None:
    _read_everything(format_name, json.dumps(message).encode())


@given(st.binary(max_size=60))
def test_no_frame_breaks_a_codec(payload: bytes) -> None:
    for model in payloads.models():
        with suppress(IntakeError):
            payloads.read(Uplink("a", datetime(2026, 3, 1, tzinfo=UTC), 1, payload, 85), model)


@given(st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_mutation_of_a_real_message_breaks_a_decoder(shared_data: Path, data: st.DataObject) -> None:
    format_name, _, body, _ = data.draw(st.sampled_from(_pairs(shared_data / "payloads" / "thingsboard")))
    mutated = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        mutated[place : place + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=6) | st.just(b"null"))
    _read_everything(format_name, bytes(mutated))
