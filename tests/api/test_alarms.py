"""Alarms and work orders over HTTP: seen in one's districts, decided about as seen, in one's language."""

import json
import re

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.accounts import EVERYWHERE, Role
from api.cli import app
from city.database import transaction
from sensors.alarms import AlarmKind, Cause, settle
from sensors.device_days import DeviceHealth, judge_devices
from sensors.devices import Mounting, register_devices
from sensors.intake import receive
from sensors.silence import look
from sensors.work_orders import Wanted, keep_repairs
from tests.api.people import ELSEWHERE, HERE, People

DEVICES = {HERE: "meter-1", ELSEWHERE: "meter-2"}
EVIDENCE = {"share": 0.4, "readings": 300}


@pytest.fixture
def burning(people: People) -> People:
    """Return the city with a fire in each district, a silent gateway, and a sensor to be repaired in each."""
    now = people.clock.now()
    mountings = [Mounting(device, f"{district}-p0-dry", "", 150) for district, device in DEVICES.items()]
    assert register_devices(people.engine, mountings, at=now, actor="ann") == ()
    for device in DEVICES.values():
        said = {"device": device, "at": now.isoformat(), "distance_cm": 90, "temperature_c": 74}
        assert receive(people.engine, people.clock, format="dustcart", body=json.dumps(said).encode()).stored == 1
    with transaction(people.engine) as session:
        evidence = {"devices": 74, "of": 77, "log_odds": 90.0, "device_ids": []}
        settle(session, causes=[Cause(AlarmKind.OUTAGE, "gateway/g1", now, evidence)], now=now)
        wanted = [Wanted(device, "tilted", f"{district}-p0-dry", EVIDENCE) for district, device in DEVICES.items()]
        assert len(keep_repairs(session, wanted, DEVICES.values(), ["tilted"], now)) == 2
    return people


def kinds(client: TestClient, **query: object) -> list[str]:
    """Return the kinds of the alarms that a client sees."""
    return [alarm["kind"] for alarm in client.get("/api/v1/alarms", params=query).json()["items"]]


def test_a_fire_is_shown_with_the_place_and_in_ones_language(burning: People) -> None:
    client = burning.client((Role.OPERATOR, HERE), language="zh")
    (alarm,) = client.get("/api/v1/alarms", params={"state": "open"}).json()["items"]
    assert (alarm["severity"], alarm["state"], alarm["object"]) == ("critical", "open", f"bin/{HERE}-p0-dry")
    assert alarm["place"] == {"point_id": f"{HERE}-p0", "name": "0 Renmin Road", "lon": 121.47, "lat": 31.233}
    assert "74" in alarm["text"]
    assert "火情" in alarm["text"]


def test_alarms_are_filtered_paged_and_kept_to_ones_districts(burning: People) -> None:
    everywhere, here = burning.client((Role.OPERATOR, EVERYWHERE)), burning.client((Role.VIEWER, HERE))
    assert kinds(everywhere) == ["outage", "fire", "fire"]
    assert kinds(everywhere, kind="outage") == ["outage"]
    assert kinds(everywhere, severity="critical", district=HERE) == ["fire"]
    assert kinds(here) == ["fire"]
    assert kinds(everywhere, state="closed") == []
    seen, cursor = [], None
    while cursor is not None or not seen:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = everywhere.get("/api/v1/alarms", params=query).json()
        seen += [alarm["id"] for alarm in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [3, 2, 1]
    assert here.get("/api/v1/alarms/3").status_code == 404


def test_who_acknowledges_and_closes_says_what_they_saw(burning: People) -> None:
    wei, ann = (burning.client((Role.OPERATOR, HERE), name=name) for name in ("wei", "ann"))
    tag = wei.get("/api/v1/alarms/1").headers["ETag"]
    assert wei.post("/api/v1/alarms/1/acknowledge").status_code == 428
    done = wei.post("/api/v1/alarms/1/acknowledge", headers={"If-Match": tag})
    assert (done.status_code, done.json()["state"], done.json()["acknowledged_by"]) == (200, "acknowledged", "wei")
    late = ann.post("/api/v1/alarms/1/acknowledge", headers={"If-Match": tag})
    assert (late.status_code, "wei" in late.json()["detail"]) == (409, True)
    stale = ann.post("/api/v1/alarms/1/close", json={"reason": "out"}, headers={"If-Match": tag})
    assert stale.status_code == 412
    now = {"If-Match": done.headers["ETag"]}
    assert ann.post("/api/v1/alarms/1/close", json={"reason": " "}, headers=now).status_code == 422
    closed = ann.post("/api/v1/alarms/1/close", json={"reason": "barbecue, out"}, headers=now)
    assert (closed.json()["closed_by"], closed.json()["closed_because"]) == ("ann", "barbecue, out")
    audit = burning.client((Role.SUPERVISOR, EVERYWHERE)).get("/api/v1/audit?action=alarm.fire").json()["items"]
    assert [one["actor"] for one in audit] == ["ann", "wei", "sensors", "sensors"]


@pytest.mark.parametrize(
    ("path", "step", "body"),
    [("alarms", "/close", {"reason": " "}), ("work-orders", "", {"state": "done"})],
)
def test_who_gives_no_reason_is_asked_for_it_in_their_language(
    burning: People, path: str, step: str, body: dict[str, str]
) -> None:
    client = burning.client((Role.OPERATOR, HERE), language="zh")
    (found,) = client.get(f"/api/v1/{path}").json()["items"]
    shown = f"/api/v1/{path}/{found['id']}"
    tag = {"If-Match": client.get(shown).headers["ETag"]}
    refused = client.post(shown + step, json=body, headers=tag)
    assert (refused.status_code, refused.json()["code"]) == (422, "reason_missing")
    assert not re.search("[a-z]", refused.json()["detail"])


def test_a_repair_is_taken_done_and_not_done_twice(burning: People) -> None:
    wei, ann = (burning.client((Role.OPERATOR, HERE), name=name) for name in ("wei", "ann"))
    (order,) = wei.get("/api/v1/work-orders", params={"state": "open"}).json()["items"]
    assert (order["object"], order["cause"], order["evidence"]) == ("device/meter-1", "tilted", EVIDENCE)
    assert "40%" in order["text"]
    path = f"/api/v1/work-orders/{order['id']}"
    tag = {"If-Match": wei.get(path).headers["ETag"]}
    taken = wei.post(path, json={"state": "assigned"}, headers=tag)
    assert (taken.status_code, taken.json()["assigned_to"]) == (200, "wei")
    assert ann.post(path, json={"state": "done", "note": "upright"}, headers=tag).status_code == 412
    fresh = {"If-Match": taken.headers["ETag"]}
    assert ann.post(path, json={"state": "done"}, headers=fresh).status_code == 422
    done = ann.post(path, json={"state": "done", "note": "upright"}, headers=fresh)
    assert (done.json()["state"], done.json()["ended_by"], done.json()["note"]) == ("done", "ann", "upright")
    again = wei.post(path, json={"state": "cancelled", "note": "no"}, headers={"If-Match": done.headers["ETag"]})
    assert again.status_code == 409
    assert burning.client((Role.OPERATOR, ELSEWHERE)).get(path).status_code == 404


def test_a_device_shows_its_health_with_reasons_and_the_ranking_what_it_is_worth(burning: People) -> None:
    client = burning.client((Role.VIEWER, HERE))
    unjudged = client.get("/api/v1/devices/meter-1/health").json()
    assert (unjudged["score"], unjudged["reasons"]) == (None, [])
    with transaction(burning.engine) as session:
        session.add(
            DeviceHealth(
                device_id="meter-1",
                as_of=burning.clock.now().date(),
                judged_at=burning.clock.now(),
                score=0.6,
                reasons=[{"fault": "tilted", "lost": 0.4, "numbers": EVIDENCE}],
            )
        )
    health = client.get("/api/v1/devices/METER-1/health")
    assert health.status_code == 404  # only an EUI may be written in any way
    health = client.get("/api/v1/devices/meter-1/health").json()
    assert (health["score"], "40%" in health["reasons"][0]["text"]) == (0.6, True)
    assert client.get("/api/v1/devices/meter-2/health").status_code == 404
    (ranked,) = client.get("/api/v1/sensor-ranking").json()
    assert (ranked["bin_id"], ranked["device_id"], ranked["useful"]) == (f"{HERE}-p0-dry", "meter-1", 0.6)
    without = client.get("/api/v1/sensor-ranking", params={"without": True, "sensor_cost": 0}).json()
    assert len(without) == 7
    assert all(one["value"] == pytest.approx(5 * one["visits_saved"]) for one in without)


def test_the_command_line_lists_alarms_health_and_ranking(burning: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUSTCART_DATABASE_URL", burning.engine.url.render_as_string(hide_password=False))
    assert look(burning.engine, burning.clock.now()) == 2
    assert judge_devices(burning.engine, burning.clock) == 2

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["sensors", *words])
        assert done.exit_code == 0, done.output
        return done.output

    listed = json.loads(run("alarms", "--json"))
    assert [alarm["kind"] for alarm in listed] == ["outage", "fire", "fire"]
    assert "74 °C" in run("alarms", "--kind", "fire")
    assert json.loads(run("alarms", "--closed", "--json")) == []
    assert json.loads(run("health", "--json", "--below", "1")) == []
    assert {one["device_id"] for one in json.loads(run("rank", "--json"))} == set(DEVICES.values())
    assert len(json.loads(run("rank", "--without", "--count", "3", "--json"))) == 3
    assert DEVICES[HERE] in run("rank", "--worst")
