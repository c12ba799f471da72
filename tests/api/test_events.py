"""What happens during a shift, told over HTTP: noted once, shown with what came of it; offers name the cheapest."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from api.accounts import Role
from tests.api.people import ELSEWHERE, HERE, People, on_sqlite
from tests.api.proposing import make_dispatch

pytestmark = on_sqlite

EVENTS = f"/api/v1/districts/{HERE}/events"
TRUCK = f"{HERE}-truck-1"


@pytest.fixture
def operator(people: People) -> TestClient:
    """An operator of a district whose morning is under way."""
    make_dispatch(people.engine, people.clock, HERE)
    people.clock.advance(timedelta(hours=1))
    return people.client((Role.OPERATOR, HERE))


def test_a_breakdown_is_noted_once_and_is_shown_in_the_callers_language(operator: TestClient) -> None:
    told = [operator.post(EVENTS, json={"kind": "truck_out", "subject_id": TRUCK}) for _ in range(2)]
    assert [answer.status_code for answer in told] == [201, 201]
    assert told[0].json()["id"] == told[1].json()["id"]
    (item,) = operator.get(EVENTS, headers={"Accept-Language": "zh"}).json()["items"]
    assert (item["kind"], item["change_id"], item["outcome"]) == ("truck_out", None, None)
    assert TRUCK in item["text"]
    assert "无法继续行驶" in item["text"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "truck_out", "subject_id": "nobody"}, 404, "truck_not_out"),
        ({"kind": "stop_cancelled", "subject_id": "nowhere/dry"}, 404, "stop_not_ahead"),
        ({"kind": "stop_needed", "subject_id": f"{ELSEWHERE}-p0/dry"}, 404, "unknown_stop"),
        ({"kind": "stop_needed", "subject_id": "no stream"}, 404, "unknown_stop"),
        ({"kind": "facility_closed", "subject_id": "nowhere"}, 404, "unknown_facility"),
        ({"kind": "truck_out", "subject_id": TRUCK, "at": "2031-01-01T00:00:00Z"}, 422, "event_in_future"),
        (
            {"kind": "facility_closed", "subject_id": f"{HERE}-transfer", "until_at": "2020-01-01T00:00:00Z"},
            422,
            "ends_before",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_noted(
    operator: TestClient, body: dict[str, object], status: int, code: str
) -> None:
    answer = operator.post(EVENTS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert operator.get(EVENTS).json()["items"] == []


def test_where_no_plan_is_being_driven_nothing_can_be_told(people: People) -> None:
    answer = people.client((Role.OPERATOR, HERE)).post(EVENTS, json={"kind": "truck_out", "subject_id": TRUCK})
    assert answer.json()["code"] == "not_under_way"


def test_a_road_is_closed_in_the_registry_by_deciders_only(people: People, operator: TestClient) -> None:
    closed = {"kind": "road_closed", "subject_id": "7", "note": "a burst pipe", "slower": 3}
    crew = people.client((Role.CREW, HERE))
    assert crew.post(EVENTS, json={"kind": "stop_needed", "subject_id": f"{HERE}-p3/dry"}).status_code == 201
    assert crew.post(EVENTS, json=closed).status_code == 403
    assert operator.post(EVENTS, json=closed).json()["kind"] == "ways_changed"
    audit = people.client((Role.SUPERVISOR, HERE)).get("/api/v1/audit?action=closure.added").json()["items"]
    assert [item["reason"] for item in audit] == ["a burst pipe"]


def test_offers_for_a_stop_left_out_name_trucks_the_cheapest_first_and_what_it_does_to_the_rest(
    operator: TestClient,
) -> None:
    stop_id = f"{HERE}-p3/dry"
    found = operator.get(f"/api/v1/districts/{HERE}/stops/{stop_id}/offers").json()
    extra = [item["extra_cents"] for item in found["items"]]
    assert extra == sorted(extra)
    assert found["items"][0]["extra_m"] > 0
    assert found["items"][0]["said"]
    served = operator.get(f"/api/v1/districts/{HERE}/stops/{HERE}-p0/dry/offers")
    assert served.json()["code"] == "nobody_is_needed"


def test_a_proposal_says_whether_it_is_a_plan_or_a_change_of_one(operator: TestClient) -> None:
    (line,) = operator.get("/api/v1/proposals").json()["items"]
    assert (line["kind"], line["base_id"]) == ("plan", None)
