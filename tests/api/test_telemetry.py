"""From a device to a bin's forecast over HTTP: registered, heard, stored before it is acknowledged, forecast."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, func, select

from api.accounts import EVERYWHERE, Role
from api.resources import intake
from sensors.telemetry import DeadLetter, Reading
from tests.api.people import ELSEWHERE, HERE, People, on_sqlite
from tests.sensors.garbage import OVERSIZED, garbage

BIN = f"{HERE}-p0-dry"
READING = "/api/v1/intake/dustcart"


@pytest.fixture
def gateway(people: People) -> TestClient:
    """A gateway with a key."""
    return people.client((Role.DEVICE, EVERYWHERE))


@pytest.fixture
def integrator(people: People) -> TestClient:
    """A system that sets devices up."""
    return people.client((Role.INTEGRATOR, EVERYWHERE))


def reading(people: People, device: str = "meter-1", minutes: float = 0, **measured: Any) -> dict[str, Any]:
    """Measure something some minutes ago."""
    at = people.clock.now() - timedelta(minutes=minutes)
    return {"device": device, "at": at.isoformat(), **measured}


def count(people: People, table: type[Reading] | type[DeadLetter]) -> int:
    with Session(people.engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_a_device_is_registered_heard_and_moves_its_bins_forecast(
    people: People, gateway: TestClient, integrator: TestClient
) -> None:
    unknown = people.client((Role.VIEWER, HERE)).get(f"/api/v1/bins/{BIN}").json()
    assert (unknown["level"], unknown["outlook"]) == (None, [])
    assert "unknown" in unknown["text"]
    made = integrator.put("/api/v1/devices/24:E1:24:71:3D:34:12:34", json={"bin_id": BIN, "mounting_height_cm": 150})
    assert (made.status_code, made.json()["id"]) == (201, "24e124713d341234")
    batch = [
        reading(people, "24E124713D341234", minutes, fill_level=0.7 - 0.1 * minutes / 60) for minutes in (120, 60, 0)
    ]
    taken = gateway.post(READING, json=batch)
    assert (taken.status_code, taken.json()) == (200, {"stored": 3, "duplicates": 0, "rejected": []})
    again = gateway.post(READING, json=batch)
    assert (again.status_code, again.json()["duplicates"]) == (200, 3)
    assert count(people, Reading) == 3
    known = people.client((Role.VIEWER, HERE), name="another").get(f"/api/v1/bins/{BIN}").json()
    assert known["level"]["mean"] == pytest.approx(0.7, abs=0.1)
    assert 0 < known["level"]["sigma"] < 0.3
    assert [ahead["hours"] for ahead in known["outlook"]] == [6, 12, 24, 48, 72]
    assert [fact["code"] for fact in known["facts"]] == ["borrowed"]
    assert all("%" in fact["text"] for fact in known["facts"])
    chances = [ahead["overflow_probability"] for ahead in known["outlook"]]
    assert chances == sorted(chances)
    assert all(0 <= chance <= 1 for chance in chances)
    assert known["knowledge"]["source"] == "sensor"
    assert (known["unknown_since"], known["text"][:3]) == (None, f"{known['level']['mean']:.0%}")
    people.clock.advance(timedelta(days=1))
    silent = people.client((Role.CREW, HERE)).get(f"/api/v1/bins/{BIN}").json()
    assert silent["unknown_since"] == known["knowledge"]["as_of"]
    assert "unknown since 03-03 06:00" in silent["text"]
    assert silent["level"]["sigma"] > known["level"]["sigma"]


def test_what_can_be_used_is_stored_and_the_rest_is_named_and_kept(
    people: People, gateway: TestClient, integrator: TestClient
) -> None:
    integrator.put("/api/v1/devices/meter-1", json={"bin_id": BIN, "mounting_height_cm": 150})
    mixed = [
        reading(people, fill_level=0.4),
        reading(people, "nobody", fill_level=0.4),
        {"device": "meter-1"},
        reading(people, minutes=-60, fill_level=0.4),
        reading(people, minutes=5, fill_level=-7),
    ]
    partly = gateway.post(READING, json=mixed, headers={"Accept-Language": "zh"})
    assert partly.status_code == 207
    receipt = partly.json()
    assert receipt["stored"] == 1
    assert [(one["index"], one["code"]) for one in receipt["rejected"]] == [
        (1, "unknown_device"), (2, "no_time"), (3, "future"), (4, "impossible_value"),
    ]  # fmt: skip
    assert "登记" in receipt["rejected"][0]["message"]
    assert "nobody" in receipt["rejected"][0]["detail"]
    nothing = gateway.post(READING, json=mixed[1:])
    assert (nothing.status_code, nothing.json()["type"]) == (422, "/problems/nothing-usable")
    assert len(nothing.json()["rejected"]) == 4
    assert (count(people, Reading), count(people, DeadLetter)) == (1, 4)


def test_garbage_is_refused_with_its_reason_and_kept_and_the_server_lives_on(
    people: People, gateway: TestClient, integrator: TestClient
) -> None:
    integrator.put("/api/v1/devices/meter-1", json={"bin_id": BIN, "mounting_height_cm": 150})
    integrator.put("/api/v1/devices/revoked", json={"bin_id": None, "mounting_height_cm": 150, "active": False})
    headers = {"Content-Type": "application/json"}
    pieces = garbage(people.clock.now())
    for piece in pieces:
        refused = gateway.post(READING, content=piece.body, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/nothing-usable"), piece.name
        assert [one["code"] for one in refused.json()["rejected"]] == [piece.code], piece.name
    assert gateway.post(READING, content=OVERSIZED.body, headers=headers).status_code == 413
    assert gateway.post(READING, json=reading(people, fill_level=0.4)).json()["stored"] == 1
    assert (count(people, Reading), count(people, DeadLetter)) == (1, len(pieces))


def test_nothing_is_acknowledged_that_is_not_stored(
    people: People, gateway: TestClient, integrator: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    integrator.put("/api/v1/devices/meter-1", json={"bin_id": BIN, "mounting_height_cm": 150})

    def full(*_: Any, **__: Any) -> Any:
        raise OperationalError("INSERT", {}, Exception("disk is full"))

    monkeypatch.setattr(intake, "receive", full)
    refused = gateway.post(READING, json=reading(people, fill_level=0.4))
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert count(people, Reading) == 0


def test_the_same_reading_from_many_gateways_at_once_is_stored_once(
    people: People, integrator: TestClient, server: str
) -> None:
    integrator.put("/api/v1/devices/meter-1", json={"bin_id": BIN, "mounting_height_cm": 150})
    headers = {"Authorization": f"Bearer {people.token((Role.DEVICE, EVERYWHERE))}"}
    body = reading(people, fill_level=0.4)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: httpx.post(f"{server}{READING}", json=body, headers=headers), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["stored"] for answer in answers) == count(people, Reading) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("format_name", "file"),
    [
        ("chirpstack", "Milesight_EM400-TLD_ChirpStack_uplink_payload.json"),
        ("thethingsstack", "Milesight_EM400-TLD_ThingsStackCommunity_uplink_payload.json"),
    ],
)
def test_real_envelopes_of_network_servers_are_taken_in(
    format_name: str, file: str, people: People, gateway: TestClient, integrator: TestClient, shared_data: Path
) -> None:
    text = (shared_data / "payloads" / "thingsboard" / file).read_text()
    envelope = json.loads(text)
    eui = envelope["deviceInfo"]["devEui"] if format_name == "chirpstack" else envelope["end_device_ids"]["dev_eui"]
    moment = envelope["time"] if format_name == "chirpstack" else envelope["received_at"]
    integrator.put(f"/api/v1/devices/{eui}", json={"bin_id": BIN, "mounting_height_cm": 300})
    now = people.clock.now().isoformat().replace("+00:00", "Z")
    fresh = text.replace(moment[:19], now[:19])
    taken = gateway.post(f"/api/v1/intake/{format_name}", content=fresh, headers={"Content-Type": "application/json"})
    assert (taken.status_code, taken.json()["stored"]) == (200, 1), taken.text
    for unknown in ("morse", "fes-csv"):  # a table is a file, and no JSON
        assert gateway.post(f"/api/v1/intake/{unknown}", json={}).status_code == 404


def test_moving_a_device_takes_the_tag_of_where_it_was(people: People, integrator: TestClient) -> None:
    path = "/api/v1/devices/meter-1"
    made = integrator.put(path, json={"bin_id": BIN, "mounting_height_cm": 150})
    moved = {"bin_id": f"{HERE}-p1-dry", "mounting_height_cm": 150}
    assert integrator.put(path, json=moved).status_code == 428
    assert integrator.put(path, json=moved, headers={"If-Match": '"x"'}).status_code == 412
    assert integrator.get(path).headers["etag"] == made.headers["etag"]
    done = integrator.put(path, json=moved, headers={"If-Match": made.headers["etag"]})
    assert (done.status_code, done.json()["bin_id"]) == (200, f"{HERE}-p1-dry")
    assert integrator.put(path, json=moved, headers={"If-Match": made.headers["etag"]}).status_code == 412
    assert integrator.put("/api/v1/devices/new", json=moved, headers={"If-Match": '"x"'}).status_code == 412
    audit = people.client((Role.SUPERVISOR, HERE)).get("/api/v1/audit?action=device").json()["items"]
    assert [record["action"] for record in audit] == ["device.changed", "device.registered"]
    assert audit[0]["before"]["bin_id"] == BIN


@on_sqlite
def test_devices_are_set_up_in_ones_own_districts_only(people: People, integrator: TestClient) -> None:
    local = people.client((Role.ADMIN, HERE))
    for bin_id in (f"{ELSEWHERE}-p0-dry", "no-such-bin", None):
        refused = local.put("/api/v1/devices/meter-9", json={"bin_id": bin_id, "mounting_height_cm": 150})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/bin_id")
    misspelt = {"bin_id": BIN, "mounting_height_cm": 150, "model": "milesight-em400-tdl"}
    refused = local.put("/api/v1/devices/meter-9", json=misspelt)
    (fault,) = refused.json()["errors"]
    assert (refused.status_code, fault["pointer"], fault["code"]) == (422, "/model", "unknown_model")
    integrator.put("/api/v1/devices/meter-1", json={"bin_id": f"{ELSEWHERE}-p0-dry", "mounting_height_cm": 150})
    assert local.get("/api/v1/devices/meter-1").status_code == 404
    assert local.put("/api/v1/devices/meter-1", json={"bin_id": BIN, "mounting_height_cm": 150}).status_code == 404
    for height in (0, -1, 10**9, 1.5, "tall", None):
        assert local.put(
            "/api/v1/devices/meter-2", json={"bin_id": BIN, "mounting_height_cm": height}
        ).status_code == 422  # fmt: skip


@on_sqlite
def test_trucks_and_people_are_heard_where_devices_are(people: People, gateway: TestClient) -> None:
    now = people.clock.now().isoformat()
    truck = f"{HERE}-truck-1"
    lift = {"truck": truck, "at": now, "bin": BIN, "gross_kg": 58.5, "tare_kg": 13}
    place = {"truck": truck, "at": now, "lon": 121.47, "lat": 31.23}
    seen = {"observer": "crew 3", "at": now, "bin": BIN, "seen": "3/4"}
    for name, element in (("lifts", lift), ("positions", place), ("observations", seen)):
        taken = gateway.post(f"/api/v1/intake/{name}", json=[element, element])
        assert (taken.status_code, taken.json()) == (200, {"stored": 1, "duplicates": 1, "rejected": []})
    unknown = gateway.post("/api/v1/intake/lifts", json=lift | {"truck": "nobody"})
    assert unknown.json()["rejected"][0]["code"] == "unknown_truck"


def test_a_crew_says_what_it_sees_in_its_own_name_and_district(people: People) -> None:
    crew = people.client((Role.CREW, HERE))
    address = f"/api/v1/bins/{BIN}/observations"
    seen = {"seen": "3/4", "at": people.clock.now().isoformat(), "note": "lid broken"}
    first, again = crew.post(address, json=seen), crew.post(address, json=seen)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["observer"] == crew.get("/api/v1/me").json()["actor"]
    otherwise = crew.post(address, json=seen | {"seen": "0"}, headers={"Accept-Language": "zh"})
    assert (otherwise.status_code, otherwise.json()["rejected"][0]["code"]) == (422, "record_contradicts")
    assert crew.post(address, json=seen | {"observer": "somebody else"}).status_code == 422
    assert crew.post(f"/api/v1/bins/{ELSEWHERE}-p0-dry/observations", json=seen).status_code == 404
    assert people.client((Role.VIEWER, HERE), name="eve").post(address, json=seen).status_code == 403
