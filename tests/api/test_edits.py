"""Edits over HTTP: tried without a trace, made as a new version, refused when the plan would break."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlmodel import Session, col, select

from agents.proposals import ProposalVersion
from api.accounts import Role
from tests.api.people import HERE, People, on_sqlite
from tests.api.proposing import make_proposal, stops_of

OPERATOR = (Role.OPERATOR, HERE)
FIRST = {"If-Match": '"1.pending.en"'}


def versions(people: People) -> list[tuple[int, str]]:
    with Session(people.engine) as session:
        rows = session.exec(select(ProposalVersion).order_by(col(ProposalVersion.version))).all()
    return [(row.version, row.author) for row in rows]


def test_a_preview_tells_the_cost_and_changes_nothing(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    client = people.client(OPERATOR)
    before = client.get(f"/api/v1/proposals/{name}").json()
    tried = client.post(
        f"/api/v1/proposals/{name}/edits?preview=true", headers=FIRST,
        json={"edit": "drop", "stop_id": stops_of(HERE)[0]},
    )  # fmt: skip
    assert tried.status_code == 200, tried.text
    outcome = tried.json()
    assert (outcome["preview"], outcome["cost"]["distance_m"], outcome["cost"]["stops"]) == (True, -2800, -1)
    assert outcome["text"].startswith("-9 min, -2.8 km")
    assert tried.headers["etag"] == FIRST["If-Match"]
    assert client.get(f"/api/v1/proposals/{name}").json() == before
    assert versions(people) == [(1, "planner")]


def test_an_edit_makes_a_version_that_a_decision_must_name(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    client = people.client(OPERATOR, name="li.wei")
    path = f"/api/v1/proposals/{name}"
    edit = client.post(f"{path}/edits", headers=FIRST, json={"edit": "drop", "stop_id": stops_of(HERE)[0]})
    assert (edit.status_code, edit.headers["etag"], edit.json()["version"]) == (200, '"2.pending.en"', 2)
    for action, body in (("approve", None), ("reject", {"reason": "x"}), ("edits", {"edit": "lock", "stop_id": "x"})):
        stale = client.post(f"{path}/{action}", headers=FIRST, json=body)
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    shown = client.get(path).json()
    assert (shown["version"], shown["author"]) == (2, "li.wei")
    dropped = next(stop for stop in shown["left_out"] if stop["id"] == stops_of(HERE)[0])
    assert (dropped["standing"], dropped["reason"]["changed_by"]) == ("dropped", "li.wei")
    assert client.get(path, params={"version": 1}).json()["summary"]["stops"] == 3
    assert client.get(path, params={"version": 9}).status_code == 404
    approved = client.post(f"{path}/approve", headers={"If-Match": edit.headers["etag"]})
    assert (approved.status_code, approved.json()["version"]) == (200, 2)
    late = client.post(
        f"{path}/edits", headers={"If-Match": '"2.pending.en"'}, json={"edit": "lock", "stop_id": stops_of(HERE)[1]}
    )  # fmt: skip
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")


@on_sqlite
def test_stops_can_be_added_moved_locked_and_unlocked(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    client = people.client(OPERATOR)
    path = f"/api/v1/proposals/{name}"
    tag = FIRST["If-Match"]
    stop, left_out = stops_of(HERE)[0], stops_of(HERE)[3]
    truck = client.get(path).json()["routes"][0]["truck_id"]
    other = next(f"{HERE}-truck-{number}" for number in (1, 2) if f"{HERE}-truck-{number}" != truck)
    for edit in (
        {"edit": "add", "point_id": left_out.split("/")[0], "stream": "dry"},
        {"edit": "move", "stop_id": stop, "truck_id": other},
        {"edit": "lock", "stop_id": stop},
    ):
        answer = client.post(f"{path}/edits", headers={"If-Match": tag}, json=edit)
        assert answer.status_code == 200, answer.text
        tag = answer.headers["etag"]
    shown = client.get(path).json()
    placed = {
        visit["stop"]["id"]: (route["truck_id"], visit["stop"]["locked"])
        for route in shown["routes"]
        for visit in route["visits"]
        if visit["stop"]
    }
    assert placed[stop] == (other, True)
    assert placed[left_out] == (truck, False)
    locked = client.post(
        f"{path}/edits", headers={"If-Match": tag}, json={"edit": "move", "stop_id": stop, "truck_id": truck}
    )  # fmt: skip
    assert (locked.status_code, locked.json()["type"]) == (422, "/problems/edit-refused")
    assert versions(people)[-1][0] == 4
    freed = client.post(f"{path}/edits", headers={"If-Match": tag}, json={"edit": "unlock", "stop_id": stop})
    assert freed.status_code == 200


def test_of_edits_at_once_about_one_version_one_is_made(people: People, server: str) -> None:
    name = make_proposal(people.engine, people.clock)
    token = people.token(OPERATOR)

    def drop(number: int) -> int:
        body = {"edit": "drop", "stop_id": stops_of(HERE)[number % 3]}
        headers = FIRST | {"Authorization": f"Bearer {token}"}
        return httpx.post(f"{server}/api/v1/proposals/{name}/edits", headers=headers, json=body).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(drop, range(6))) == [200] + [412] * 5
    assert [version for version, _ in versions(people)] == [1, 2]


@on_sqlite
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"edit": "drop"}, "/stop_id"),
        ({"edit": "move", "stop_id": "x", "truck_id": "y", "position": -1}, "/position"),
        ({"edit": "drop", "stop_id": "x", "drop": 1}, "/drop"),
        ({"edit": "drop", "stop_id": "x", "a/b~c": 1}, "/a~1b~0c"),
        ({"edit": "explode"}, "/edit"),
        ({}, "/edit"),
        ([], ""),
    ],
)
def test_what_is_wrong_with_an_edit_is_pointed_at_in_the_body_that_was_sent(
    body: Any, pointer: str, people: People
) -> None:
    name = make_proposal(people.engine, people.clock)
    answer = people.client(OPERATOR).post(f"/api/v1/proposals/{name}/edits", headers=FIRST, json=body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"edit": "explode", "stop_id": "x"},
        {"edit": "drop"},
        {"edit": "drop", "stop_id": "x", "actor": "supervisor"},
        {"edit": "move", "stop_id": "x", "truck_id": "y", "position": -1},
        {"edit": "move", "stop_id": "x", "truck_id": "y", "position": 10**30},
        {"edit": "move", "stop_id": "x", "truck_id": "y", "position": 1.5},
        {"edit": "add", "point_id": "x", "stream": "plutonium"},
        {"edit": "drop", "stop_id": "a\x00b"},
        {"edit": "drop", "stop_id": "no-such/dry"},
        {"edit": "move", "stop_id": "huangpu-p0/dry", "truck_id": "no-such"},
        {"edit": "add", "point_id": "pudong-p0", "stream": "dry"},
    ],
)
def test_an_edit_that_makes_no_sense_is_refused_and_changes_nothing(body: dict[str, Any], people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    answer = people.client(OPERATOR).post(f"/api/v1/proposals/{name}/edits", headers=FIRST, json=body)
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert versions(people) == [(1, "planner")]
