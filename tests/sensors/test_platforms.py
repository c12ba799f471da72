"""Readings from other platforms: a vendor's service and a city's context broker, by their own published examples."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensors.decoders import decode
from sensors.errors import IntakeError
from sensors.uplink import Measured, Unusable, Uplink


def test_bigbellys_answer_gives_every_assets_fullness_as_a_level(shared_data: Path) -> None:
    text = (shared_data / "payloads" / "bigbelly_assets.txt").read_text()
    answer = text[text.index("{") : text.rindex("}") + 1]
    expected = json.loads(answer)["assets"]
    uplinks = decode("bigbelly", answer.encode())
    assert len(uplinks) == 3
    for uplink, asset in zip(uplinks, expected, strict=True):
        assert isinstance(uplink, Uplink)
        assert uplink.device_id == f"bigbelly-{asset['serialNumber']}"
        assert uplink.at.timestamp() * 1000 == pytest.approx(asset["lastCall"])
        assert uplink.measured == Measured(fill_level=asset["latestFullness"] / 10)


def test_a_bad_asset_is_named_and_spoils_no_other() -> None:
    good = {"serialNumber": 1, "latestFullness": 8, "lastCall": 1704949151000}
    listed = [good | {"serialNumber": None}, good | {"latestFullness": 80}, good | {"lastCall": "now"}, 3, good]
    *bad, kept = decode("bigbelly", json.dumps({"assets": listed}).encode())
    codes = [one.code for one in bad if isinstance(one, Unusable)]
    assert codes == ["no_device", "impossible_value", "no_time", "wrong_shape"]
    assert isinstance(kept, Uplink)


@pytest.mark.parametrize("name", ["WasteContainer.example.jsonld", "WasteContainer.example-normalized.jsonld"])
def test_a_context_brokers_container_reads_in_both_forms(shared_data: Path, name: str) -> None:
    body = (shared_data / "payloads" / "fiware" / name).read_bytes()
    (uplink,) = decode("fiware", body)
    assert isinstance(uplink, Uplink)
    assert uplink.device_id == "urn:ngsi-ld:wastecontainer:1021:AAWD"
    assert (uplink.at.month, uplink.at.hour, uplink.at.tzinfo) == (3, 10, UTC)
    assert uplink.measured == Measured()


CONTAINER: dict[str, object] = {"id": "c", "type": "WasteContainer", "dateObserved": "2026-03-01T06:30:00Z"}


def test_a_notification_carries_levels_with_the_time_they_were_observed() -> None:
    entity = {
        "id": "urn:ngsi-ld:WasteContainer:7",
        "type": "WasteContainer",
        "fillingLevel": {"type": "Property", "value": 0.4, "observedAt": "2026-03-01T06:30:00Z"},
        "temperature": {"type": "Property", "value": 21.5},
        "status": {"type": "Property", "value": "lidOpen"},
        "modifiedAt": "2026-03-01T09:00:00Z",
    }
    other = {"id": "urn:ngsi-ld:WasteContainerIsle:1", "type": "WasteContainerIsle"}
    notification = {"id": "urn:ngsi-ld:Notification:1", "type": "Notification", "data": [entity, other]}
    assert decode("fiware", json.dumps(notification).encode()) == [
        Uplink(
            device_id="urn:ngsi-ld:WasteContainer:7",
            at=datetime(2026, 3, 1, 6, 30, tzinfo=UTC),
            measured=Measured(fill_level=0.4, temperature_c=21.5, tilted=True),
        )
    ]


@pytest.mark.parametrize(
    ("entity", "code"),
    [
        ({"id": "c", "type": "WasteContainer", "fillingLevel": 0.4}, "no_time"),
        (
            {"id": "c", "type": "WasteContainer", "fillingLevel": 40, "dateObserved": "2026-03-01T06:30:00Z"},
            "impossible_value",
        ),
        (
            {"id": "c", "type": "WasteContainer", "fillingLevel": "full", "dateObserved": "2026-03-01T06:30:00Z"},
            "wrong_shape",
        ),
        ({"type": "WasteContainer", "dateObserved": "2026-03-01T06:30:00Z"}, "no_device"),
        ({"id": "c"}, "wrong_shape"),
        (None, "wrong_shape"),
    ],
)
def test_a_bad_entity_is_named(entity: object, code: str) -> None:
    (bad,) = decode("fiware", json.dumps(entity).encode())
    assert isinstance(bad, Unusable)
    assert bad.code == code
    assert json.loads(bad.body) == entity


def test_another_message_than_bigbellys_is_refused() -> None:
    with pytest.raises(IntakeError, match="assets"):
        decode("bigbelly", b'{"errorCode": "STATUS_DENIED"}')
