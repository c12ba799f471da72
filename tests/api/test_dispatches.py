"""Dispatches over HTTP: read by the crew, its stops recorded once, late or at once, and nobody else's."""

import json
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlmodel import update

from agents.publish import publish
from api.accounts import EVERYWHERE, Role
from city.database import transaction
from city.registry import Shift
from routing import Break, TimeWindow
from tests.api.people import HERE, People, on_sqlite
from tests.api.proposing import SEVEN_S, make_dispatch, make_proposal, stops_of

CREW = (Role.CREW, HERE)


def test_a_crew_records_its_stops_until_the_dispatch_is_finished(people: People) -> None:
    name = make_dispatch(people.engine, people.clock)
    crew = people.client(CREW, name="crew.one")
    (line,) = crew.get("/api/v1/dispatches", params={"state": "published"}).json()["items"]
    assert (line["id"], line["plate"], line["crew_id"]) == (name, "沪A01", f"{HERE}-truck-1-crew")
    shown = crew.get(f"/api/v1/dispatches/{name}").json()
    stops = [visit["stop"]["id"] for visit in shown["visits"] if visit["stop"]]
    assert sorted(stops) == stops_of(HERE)[:3]
    assert {visit["stop"]["record"] for visit in shown["visits"] if visit["stop"]} == {None}
    people.clock.advance(timedelta(hours=2))
    happened = (people.clock.now() - timedelta(hours=1)).isoformat()

    def record(stop: str, **body: object) -> tuple[int, dict[str, object]]:
        answer = crew.post(f"/api/v1/dispatches/{name}/stops/{quote(stop, safe='')}/service-record", json=body)
        return answer.status_code, answer.json()

    status, first = record(stops[0], outcome="done", weight_kg=86.5, bin_count=1, at=happened)
    assert (status, first["dispatch_state"], first["actor"]) == (201, "started", "crew.one")
    assert record(stops[0], outcome="done", weight_kg=86.5, bin_count=1, at=happened)[0] == 200
    status, contradiction = record(stops[0], outcome="could_not", reason="blocked")
    assert (status, contradiction["code"]) == (409, "record_contradicts")
    assert record(stops[1], outcome="could_not", reason="blocked", note="a car")[0] == 201
    status, last = record(stops[2], outcome="done")
    assert (status, last["dispatch_state"]) == (201, "finished")
    shown = crew.get(f"/api/v1/dispatches/{name}").json()
    records = {visit["stop"]["id"]: visit["stop"]["record"] for visit in shown["visits"] if visit["stop"]}
    assert (records[stops[0]]["weight_kg"], records[stops[1]]["reason"]) == (86.5, "blocked")
    assert shown["state"] == "finished"


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"outcome": "could_not"}, 422, "record_reason_missing"),
        ({"outcome": "done", "reason": "blocked"}, 422, "record_reason_unwanted"),
        ({"outcome": "done", "at": "2026-03-04T00:00:00Z"}, 422, "record_in_future"),
        ({"outcome": "done", "at": "2026-03-01T00:00:00Z"}, 422, "record_before_dispatch"),
        ({"outcome": "done", "at": "2026-03-03T07:00:00"}, 422, None),
        ({"outcome": "done", "weight_kg": -1}, 422, None),
        ({"outcome": "done", "bin_count": 10**12}, 422, None),
        ({"outcome": "done", "actor": "somebody.else"}, 422, None),
        ({"outcome": "vanished"}, 422, None),
        ({}, 422, None),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(
    body: dict[str, object], status: int, code: str | None, people: People
) -> None:
    name = make_dispatch(people.engine, people.clock)
    answer = people.client(CREW).post(f"/api/v1/dispatches/{name}/stops/{stops_of(HERE)[0]}/service-record", json=body)
    assert (answer.status_code, answer.json().get("code")) == (status, code)


@on_sqlite
def test_a_break_is_shown_where_the_truck_stands_and_belongs_to_no_place(people: People) -> None:
    pause = Break(TimeWindow(SEVEN_S - 900, SEVEN_S), 1800)
    name = make_proposal(people.engine, people.clock, breaks=(pause,))
    operator = people.client((Role.OPERATOR, HERE))
    shown = operator.get(f"/api/v1/proposals/{name}")
    operator.post(f"/api/v1/proposals/{name}/approve", headers={"If-Match": shown.headers["etag"]})
    (dispatch_id,) = publish(people.engine, people.clock, name)
    sent = operator.get(f"/api/v1/dispatches/{dispatch_id}").json()["visits"]
    for visits in (shown.json()["routes"][0]["visits"], sent):
        (taken,) = [visit for visit in visits if visit["kind"] == "break"]
        assert (taken["stop"], taken["facility"]) == (None, None)


@on_sqlite
def test_a_stop_that_is_not_on_the_dispatch_is_404(people: People) -> None:
    name = make_dispatch(people.engine, people.clock)
    crew = people.client(CREW)
    for stop in (stops_of(HERE)[3], "nowhere/dry", "x"):
        answer = crew.post(f"/api/v1/dispatches/{name}/stops/{stop}/service-record", json={"outcome": "done"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_on_dispatch")


@on_sqlite
def test_a_proposal_is_drawn_along_the_streets_its_trucks_drive(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    with transaction(people.engine) as session:  # a shift that is not worked any more had its routes all the same
        session.exec(update(Shift).values(active=False))
    viewer = people.client((Role.VIEWER, EVERYWHERE))
    answer = viewer.get(f"/api/v1/proposals/{name}/map")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["etag"] == '"1.pending.en"'
    drawn = json.loads(answer.text, parse_constant=pytest.fail)
    lines = [one for one in drawn["features"] if one["geometry"]["type"] == "LineString"]
    points = [one for one in drawn["features"] if one["geometry"]["type"] == "Point"]
    assert (len(lines), len(points)) == (5, 6)
    assert {street for line in lines for street in line["properties"]["streets"]} == {"Renmin Road"}
    corners = [position for line in lines for position in line["geometry"]["coordinates"]]
    assert all(121.46 <= lon <= 121.54 and 31.229 <= lat <= 31.234 for lon, lat in corners)
    assert max(len(line["geometry"]["coordinates"]) for line in lines) > 2
