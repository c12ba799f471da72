"""Readings in the forms of open standards: SensorThings, LwM2M and the forms of NGSI that the examples do not show."""

import json
import struct
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors import payloads
from sensors.decoders import decode
from sensors.errors import IntakeError
from sensors.uplink import Measured, Unusable, Uplink

AT = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
SECONDS = int(AT.timestamp())
LEVEL = {
    "@iot.id": 5,
    "name": "Fill level of hp-104",
    "unitOfMeasurement": {"name": "Percentage", "symbol": "%", "definition": "ucum:%"},
    "ObservedProperty": {"name": "Filling level"},
}


def uplinks(format_name: str, message: Any) -> list[Uplink]:
    found = decode(format_name, json.dumps(message).encode())
    assert all(isinstance(one, Uplink) for one in found), found
    return [one for one in found if isinstance(one, Uplink)]


def measured(uplink: Uplink, model: str = "") -> Measured:
    return payloads.read(uplink, model)


@pytest.mark.parametrize(
    ("stream", "result", "expected"),
    [
        (LEVEL, 63, Measured(fill_level=0.63)),
        (LEVEL | {"unitOfMeasurement": {"symbol": "cm"}}, 63.5, Measured(distance_cm=63.5)),
        (LEVEL | {"unitOfMeasurement": {"name": "metre", "symbol": None}}, "1.5", Measured(distance_cm=150.0)),
        (LEVEL | {"unitOfMeasurement": {"symbol": "°C"}}, 21.5, Measured(temperature_c=21.5)),
        (LEVEL | {"ObservedProperty": {"name": "Battery"}, "name": ""}, 80, Measured(battery_percent=80.0)),
    ],
)
def test_an_expanded_datastream_says_what_its_results_stand_for(
    stream: dict[str, Any], result: Any, expected: Measured
) -> None:
    (uplink,) = uplinks(
        "sensorthings", {"phenomenonTime": "2026-03-01T14:30:00+08:00", "result": result, "Datastream": stream}
    )
    assert (uplink.device_id, uplink.at) == ("datastream-5", AT)
    assert measured(uplink) == expected


@pytest.mark.parametrize(
    "stream",
    [
        {"Datastream": {"@iot.id": 5}},
        {"Datastream@iot.navigationLink": "https://frost.example/v1.1/Observations(17)/../Datastreams(5)"},
        {"Datastream": {"@iot.selfLink": "https://frost.example/v1.1/Datastreams(5)"}},
    ],
)
def test_of_a_datastream_known_by_its_id_the_registered_model_says_it(stream: dict[str, Any]) -> None:
    observation = {"phenomenonTime": "2026-03-01T06:00:00Z/2026-03-01T06:30:00Z", "result": 635} | stream
    (uplink,) = uplinks("sensorthings", observation)
    assert (uplink.device_id, uplink.at) == ("datastream-5", AT)
    assert measured(uplink, "distance-mm") == Measured(distance_cm=63.5)
    assert measured(uplink) == Measured()


def test_lists_and_data_arrays_are_read_row_by_row() -> None:
    row = {"phenomenonTime": "2026-03-01T06:30:00Z", "result": 10, "Datastream": LEVEL}
    assert len(uplinks("sensorthings", [row, row])) == 2
    assert len(uplinks("sensorthings", {"value": [row], "@iot.nextLink": "https://frost.example/more"})) == 1
    array = {
        "Datastream": {"@iot.id": "a b"},
        "components": ["phenomenonTime", "result", "FeatureOfInterest/id"],
        "dataArray@iot.count": 3,
        "dataArray": [["2026-03-01T06:30:00Z", 20, 1], ["2026-03-01T06:40:00Z", 21], ["yesterday", 22, 1]],
    }
    for message in (array, [array], {"value": [array]}):
        good, *bad = decode("sensorthings", json.dumps(message).encode())
        assert isinstance(good, Uplink)
        assert (good.device_id, good.at, measured(good, "fill-percent").fill_level) == ("datastream-a b", AT, 0.2)
        assert [one.code for one in bad if isinstance(one, Unusable)] == ["wrong_shape", "no_time"]
        assert decode("sensorthings", good.alone) == [good]


@pytest.mark.parametrize(
    ("observation", "code"),
    [
        ({"result": 3, "phenomenonTime": "2026-03-01T06:30:00Z"}, "no_device"),
        ({"result": 3, "Datastream": LEVEL}, "no_time"),
        ({"phenomenonTime": "2026-03-01T06:30:00Z", "Datastream": LEVEL}, "wrong_shape"),
        ({"phenomenonTime": "2026-03-01T06:30:00Z", "result": "full", "Datastream": LEVEL}, "wrong_shape"),
        ({"phenomenonTime": "2026-03-01T06:30:00Z", "result": [1], "Datastream": LEVEL}, "wrong_shape"),
        ({"dataArray": 5, "Datastream": LEVEL}, "wrong_shape"),
    ],
)
def test_a_bad_observation_is_named(observation: dict[str, Any], code: str) -> None:
    with pytest.raises(IntakeError) as caught:
        decode("sensorthings", json.dumps(observation).encode())
    assert caught.value.code == code


FULL = Measured(fill_level=0.63, tilted=False)
ENDPOINT = "urn:imei:860000000000001"
NODE = {
    "kind": "instance",
    "id": 0,
    "resources": [
        {"kind": "singleResource", "id": 1, "type": "INTEGER", "value": "120"},
        {"kind": "singleResource", "id": 2, "type": "FLOAT", "value": "63.0"},
        {"kind": "singleResource", "id": 5, "type": "BOOLEAN", "value": False},
        {"kind": "singleResource", "id": 13, "type": "BOOLEAN", "value": False},
    ],
}


def tlv(resource: int, value: bytes) -> bytes:
    """Write a resource of fewer than eight bytes, or of eight and more with its length."""
    if len(value) < 8:
        return bytes([0xC0 | len(value), resource]) + value
    return bytes([0xC8, resource, len(value)]) + value


@pytest.mark.parametrize(
    "value",
    [
        NODE,
        [{"bn": "/3435/0/", "bt": SECONDS, "n": "1", "v": 120}, {"n": "2", "v": 63}, {"n": "13", "vb": False}],
        [{"n": "2", "v": 63}, {"n": "13", "vb": False}],
        {"bn": "/3435/0/", "e": [{"n": "2", "v": 63.0}, {"n": "13", "bv": False}]},
        {"tlv": (tlv(1, b"\x78") + tlv(2, struct.pack(">f", 63)) + tlv(13, b"\x00")).hex()},
        {"tlv": (tlv(2, struct.pack(">d", 63)) + tlv(13, b"\x00") + tlv(18, b"glass and plastic")).hex()},
    ],
    ids=["leshan", "senml", "senml without names", "lwm2m json", "tlv", "tlv with doubles and texts"],
)
def test_a_filling_level_reads_in_every_form_a_server_hands_on(value: Any) -> None:
    (uplink,) = uplinks("lwm2m", {"ep": ENDPOINT, "at": AT.isoformat(), "res": "/3435/0", "val": value})
    assert (uplink.device_id, uplink.at, uplink.measured) == (ENDPOINT, AT, FULL)


def test_a_pack_by_itself_names_device_and_time_and_what_belongs_to_the_reading() -> None:
    pack = [
        {"bn": f"{ENDPOINT}:/3435/0/", "bt": SECONDS, "n": "2", "v": 63},
        {"n": "21", "vb": True},
        {"bn": f"{ENDPOINT}:/", "n": "3303/0/5700", "v": 31.5},
        {"n": "3/0/9", "v": 88},
        {"n": "3/0/0", "vs": "a maker"},
        {"bn": f"{ENDPOINT}:/3435/0/", "n": "2", "v": 64, "t": 600},
        {"bn": f"{ENDPOINT}:/3435/1/", "n": "3", "v": 30},
        {"n": "1", "v": 120},
    ]
    first, later, second = uplinks("lwm2m", pack)
    assert first.measured == Measured(None, 0.63, 31.5, 88.0, True)
    assert (later.at - first.at).total_seconds() == 600
    assert later.measured == Measured(fill_level=0.64)
    assert (second.device_id, second.measured) == (f"{ENDPOINT}/1", Measured(fill_level=0.25))


@pytest.mark.parametrize("stamp", [SECONDS, str(SECONDS), SECONDS * 1000, "2026-03-01T06:30:00Z"])
def test_the_device_itself_says_when_it_measured(stamp: Any) -> None:
    node = {"kind": "instance", "id": 0, "resources": [{"id": 2, "value": 63}, {"id": 5518, "value": stamp}]}
    (uplink,) = uplinks("lwm2m", {"ep": "bin-7", "res": "/3435/0", "val": node})
    assert uplink.at == AT


def test_a_measurement_that_the_device_rejects_says_so() -> None:
    node = {"kind": "instance", "id": 0, "resources": [{"id": 2, "value": 63}, {"id": 6042, "value": 1}]}
    (uplink,) = uplinks("lwm2m", {"ep": "bin-7", "at": AT.isoformat(), "res": "/3435/0", "val": node})
    assert uplink.measured is not None
    assert uplink.measured.fault == "no_echo"


def test_what_a_device_judges_of_fire_and_battery_is_carried() -> None:
    at = int(AT.timestamp())
    for fire, status, low in ((True, 4, True), (False, 0, False), (True, 6, None)):
        pack = [
            {"bn": "urn:dev:imei:860000000000001:/", "bt": at, "n": "3435/0/2", "v": 63},
            {"n": "3435/0/22", "vb": fire},
            {"n": "3/0/20", "v": status},
        ]
        (uplink,) = uplinks("lwm2m", pack)
        assert uplink.measured == Measured(fill_level=0.63, fire=fire, battery_low=low)


def test_one_resource_and_a_whole_object_are_read_too() -> None:
    one = {"ep": "bin-7", "at": AT.isoformat(), "res": "/3435/0/2", "val": {"id": 2, "value": 63}}
    assert uplinks("lwm2m", one)[0].measured == Measured(fill_level=0.63)
    whole = one | {"res": "/3435", "val": {"id": 3435, "instances": [NODE, NODE | {"id": 3}]}}
    assert [uplink.device_id for uplink in uplinks("lwm2m", whole)] == ["bin-7", "bin-7/3"]
    instances = b"".join(bytes([0x08, number, 6]) + tlv(2, struct.pack(">f", 63)) for number in (0, 1))
    assert len(uplinks("lwm2m", one | {"res": "/3435", "val": {"tlv": instances.hex()}})) == 2


def test_what_other_objects_say_is_no_mistake() -> None:
    node = {"kind": "instance", "id": 0, "resources": [{"id": 9, "value": 88}]}
    assert uplinks("lwm2m", {"ep": "bin-7", "at": AT.isoformat(), "res": "/3/0", "val": node}) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ep": None}, "no_device"),
        ({"at": None}, "no_time"),
        ({"at": "noon"}, "no_time"),
        ({"val": None}, "wrong_shape"),
        ({"res": "3435;0"}, "wrong_shape"),
        ({"val": [{"n": "/3435/0/2", "v": "full"}]}, "wrong_shape"),
        ({"val": [{"n": "2", "v": 6300}]}, "impossible_value"),
        ({"val": {"tlv": "c402"}}, "truncated"),
        ({"val": {"tlv": "c4027f800000"}}, "impossible_value"),
        ({"val": {"tlv": "hello"}}, "wrong_shape"),
    ],
)
def test_a_bad_notification_is_named(change: dict[str, Any], code: str) -> None:
    message = {"ep": "bin-7", "at": AT.isoformat(), "res": "/3435/0", "val": NODE} | change
    with pytest.raises(IntakeError) as caught:
        decode("lwm2m", json.dumps(message).encode())
    assert caught.value.code == code


@pytest.mark.parametrize(
    "entity",
    [
        {"fillingLevel": {"value": 0.4, "observedAt": "2026-03-01T06:30:00Z"}, "temperature": {"value": 21.5}},
        {"fillingLevel": 0.4, "temperature": 21.5, "dateObserved": "2026-03-01T06:30:00Z"},
        {"fillingLevel": 0.4, "temperature": {"value": 21.5, "unitCode": "CEL"}, "modifiedAt": AT.isoformat()},
        {
            "fillingLevel": {
                "type": "Number",
                "value": 0.4,
                "metadata": {"TimeInstant": {"type": "DateTime", "value": "2026-03-01T06:30:00.00Z"}},
            },
            "temperature": {"type": "Number", "value": 21.5, "metadata": {}},
        },
    ],
    ids=["concise", "key-values", "mixed", "ngsi v2"],
)
def test_a_container_reads_in_every_form_of_ngsi(entity: dict[str, Any]) -> None:
    kinds = ("WasteContainer", ["WasteContainer", "Device"], "https://smartdatamodels.org/x/WasteContainer")
    for kind in kinds:
        whole = {"id": "urn:ngsi-ld:WasteContainer:7", "type": kind} | entity
        for message in (whole, [whole], {"subscriptionId": "1", "data": [whole, {"id": "x", "type": "Road"}]}):
            (uplink,) = uplinks("fiware", message)
            assert (uplink.at, uplink.measured) == (AT, Measured(fill_level=0.4, temperature_c=21.5))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)
_WORDS = """Datastream components dataArray value result phenomenonTime unitOfMeasurement ObservedProperty symbol name
    ep at res val resources instances id kind bn bt bv n v vb vs t e tlv type data fillingLevel observedAt truck lon lat
    tag bin observer point stream seen"""
_words = st.sampled_from([*_WORDS.split(), "@iot.id", "Datastream@iot.navigationLink"])
_texts = ["/3435/0", "2026-03-01T06:30:00Z", "c402427c0000", "WasteContainer", "%", "2", "/3435/0/2", "3/4", "dry"]
_values = _json | st.sampled_from(_texts) | st.integers(0, 1 << 33)
_likely = st.recursive(
    _values,
    lambda inner: st.dictionaries(_words, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=14,
)
FORMATS = ("sensorthings", "lwm2m", "fiware", "positions", "lifts", "observations")


@given(st.sampled_from(FORMATS), _likely)
def test_no_json_breaks_a_decoder(format_name: str, message: Any) -> None:
    with suppress(IntakeError):
        for one in decode(format_name, json.dumps(message).encode()):
            if isinstance(one, Uplink):
                with suppress(IntakeError):
                    payloads.read(one, "fill-percent")


_notifications = st.fixed_dictionaries(
    {"ep": st.just("bin-7") | _json, "res": st.sampled_from(_texts) | _json, "val": _likely},
    optional={"at": _values},
)
_observations = st.fixed_dictionaries(
    {"result": _values, "phenomenonTime": st.just("2026-03-01T06:30:00Z") | _json, "Datastream": _likely}
)


@given(_notifications, _observations, st.binary(max_size=24))
def test_nothing_like_a_message_breaks_a_decoder(notification: Any, observation: Any, encoded: bytes) -> None:
    binary = {"ep": "bin-7", "at": AT.isoformat(), "res": "/3435/0", "val": {"tlv": encoded.hex()}}
    for format_name, message in (("lwm2m", notification), ("sensorthings", observation), ("lwm2m", binary)):
        with suppress(IntakeError):
            decode(format_name, json.dumps(message).encode())
