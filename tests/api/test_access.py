"""Every operation, every role, in the object's district, in another one, everywhere and without a credential."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agents.records import record_service
from api.accounts import EVERYWHERE, Role
from city.database import transaction
from sensors.alarms import AlarmKind, Cause, settle
from sensors.service import ServiceOutcome
from sensors.telemetry import Device
from sensors.work_orders import Wanted, keep_repairs
from tests.api.people import ELSEWHERE, HERE, People, on_sqlite
from tests.api.proposing import OTHER_DATE, make_dispatch, make_proposal

pytestmark = on_sqlite

READERS = {Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.ADMIN}
DECIDERS = {Role.OPERATOR, Role.SUPERVISOR}
PEOPLE = {*READERS, Role.CREW, Role.INTEGRATOR}
MACHINES = {Role.DEVICE, Role.INTEGRATOR}
KEEPERS = {Role.INTEGRATOR, Role.ADMIN}
EVERYBODY = set(Role)


@dataclass(frozen=True)
class Operation:
    """What a role gets that may do it.

    Attributes
    ----------
    reached
        The status that shows that it was let in: success, or a refusal that only comes after.
    of_district
        Whether it is about an object of one district, which callers from elsewhere must not see.
    of_city
        Whether it concerns the whole city, so that a role in one district is not enough.
    """

    roles: set[Role]
    reached: int = 200
    of_district: bool = True
    of_city: bool = False
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)


OPERATIONS = {
    "GET /api/v1/me": Operation(EVERYBODY, of_district=False),
    "GET /api/v1/districts": Operation(PEOPLE, of_district=False),
    "GET /api/v1/audit": Operation({Role.SUPERVISOR, Role.ADMIN}, of_district=False),
    "GET /api/v1/proposals": Operation(READERS, query={"district": HERE}),
    "GET /api/v1/proposals/{proposal_id}": Operation(READERS),
    "GET /api/v1/proposals/{proposal_id}/map": Operation(READERS),
    "GET /api/v1/proposals/{proposal_id}/stops/{stop_id}/explanation": Operation(READERS),
    "POST /api/v1/proposals/{proposal_id}/approve": Operation(DECIDERS, reached=428),
    "POST /api/v1/proposals/{proposal_id}/reject": Operation(DECIDERS, reached=428, body={"reason": "no truck"}),
    "POST /api/v1/proposals/{proposal_id}/edits": Operation(
        DECIDERS, reached=428, body={"edit": "drop", "stop_id": f"{HERE}-p0/dry"}
    ),
    "GET /api/v1/dispatches": Operation(READERS | {Role.CREW}, query={"district": HERE}),
    "GET /api/v1/dispatches/{dispatch_id}": Operation(READERS | {Role.CREW}),
    "POST /api/v1/dispatches/{dispatch_id}/stops/{stop_id}/service-record": Operation(
        DECIDERS | {Role.CREW}, reached=409, body={"outcome": "done", "bin_count": 1}
    ),
    "GET /api/v1/districts/{district_id}/events": Operation(READERS),
    "POST /api/v1/districts/{district_id}/events": Operation(
        DECIDERS | {Role.CREW}, reached=201, body={"kind": "stop_needed", "subject_id": f"{HERE}-p3/dry"}
    ),
    "GET /api/v1/districts/{district_id}/stops/{stop_id}/offers": Operation(DECIDERS, reached=422),
    "GET /api/v1/needs": Operation(READERS, query={"district": HERE}),
    "GET /api/v1/alarms": Operation(READERS | {Role.INTEGRATOR}, query={"district": HERE}),
    "GET /api/v1/alarms/{alarm_id}": Operation(READERS | {Role.INTEGRATOR}),
    "POST /api/v1/alarms/{alarm_id}/acknowledge": Operation(DECIDERS, reached=428),
    "POST /api/v1/alarms/{alarm_id}/close": Operation(DECIDERS, reached=428, body={"reason": "looked"}),
    "GET /api/v1/work-orders": Operation(READERS | {Role.CREW}, query={"district": HERE}),
    "GET /api/v1/work-orders/{order_id}": Operation(READERS | {Role.CREW}),
    "POST /api/v1/work-orders/{order_id}": Operation(DECIDERS | {Role.CREW}, reached=428, body={"state": "assigned"}),
    "GET /api/v1/bins/{bin_id}": Operation(PEOPLE),
    "GET /api/v1/emptyings": Operation(PEOPLE, query={"district": HERE}),
    "GET /api/v1/lifts": Operation(PEOPLE, query={"district": HERE}),
    "GET /api/v1/observations": Operation(PEOPLE, query={"district": HERE}),
    "GET /api/v1/trucks/positions": Operation(READERS | {Role.CREW}, query={"district": HERE}),
    "GET /api/v1/trucks/{truck_id}/positions": Operation(READERS | {Role.CREW}),
    "POST /api/v1/bins/{bin_id}/observations": Operation(DECIDERS | {Role.CREW}, reached=201, body={"seen": "1/2"}),
    "GET /api/v1/devices/{device_id}": Operation(KEEPERS),
    "GET /api/v1/devices/{device_id}/health": Operation(READERS | {Role.INTEGRATOR}),
    "GET /api/v1/sensor-ranking": Operation(READERS | {Role.INTEGRATOR}, query={"district": HERE}),
    "PUT /api/v1/devices/{device_id}": Operation(KEEPERS, reached=428, body={"mounting_height_cm": 150}),
    "POST /api/v1/intake/{format}": Operation(
        MACHINES, reached=422, of_district=False, of_city=True, body={"device": "nobody"}
    ),
}
# Open to everybody, and the only operations without a credential; sign-out is in test_signing_in.py.
OPEN = {"POST /api/v1/sign-in", "POST /api/v1/sign-out", "GET /health", "GET /ready"}


@pytest.fixture
def objects(people: People) -> dict[str, str]:
    """One of each object, in the one district."""
    dispatch_id = make_dispatch(people.engine, people.clock, HERE)
    stop_id = f"{HERE}-p0/dry"
    done = ServiceOutcome.DONE
    record_service(people.engine, people.clock, dispatch_id=dispatch_id, stop_id=stop_id, outcome=done, actor="test")
    with transaction(people.engine) as session:
        session.add(Device(id="meter-1", bin_id=f"{HERE}-p0-dry", mounting_height_cm=150))
        session.flush()
        now = people.clock.now()
        tilted = Cause(AlarmKind.TILT, "device/meter-1", now, {"tilted_readings": 3}, f"{HERE}-p0-dry", "meter-1")
        (alarm,) = settle(session, causes=[tilted], now=now)
        repair = Wanted("meter-1", "tilted", f"{HERE}-p0-dry", {"share": 0.4})
        (order,) = keep_repairs(session, [repair], ["meter-1"], ["tilted"], now)
    return {
        "dispatch_id": dispatch_id,
        "stop_id": stop_id,
        "proposal_id": make_proposal(people.engine, people.clock, HERE, service_date=OTHER_DATE),
        "district_id": HERE,
        "bin_id": f"{HERE}-p0-dry",
        "device_id": "meter-1",
        "truck_id": f"{HERE}-truck-1",
        "alarm_id": str(alarm.id),
        "order_id": str(order.id),
        "format": "dustcart",
    }


def expected(operation: Operation, role: Role, district: str) -> int:
    """Say what a role gets, from the rules in docs/api.md and not from the code."""
    if role not in operation.roles or (operation.of_city and district != EVERYWHERE):
        return 403
    if operation.of_district and district == ELSEWHERE:
        return 404
    return operation.reached


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_role_gets_what_the_table_says_and_nothing_else(
    name: str, people: People, objects: dict[str, str], door: TestClient
) -> None:
    operation = OPERATIONS[name]
    method, path = name.split(" ")
    path = path.format(**objects)
    request: dict[str, Any] = {"json": operation.body} if operation.body is not None else {}
    assert door.request(method, path, params=operation.query, **request).status_code == 401
    got, wanted = {}, {}
    for role in Role:
        for district in (HERE, ELSEWHERE, EVERYWHERE):
            client = people.client((role, district))
            got[role, district] = client.request(method, path, params=operation.query, **request).status_code
            wanted[role, district] = expected(operation, role, district)
    assert got == wanted


def test_every_operation_of_the_api_is_in_the_table(door: TestClient) -> None:
    paths = door.get("/openapi.json").json()["paths"]
    documented = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}
    assert documented == OPERATIONS.keys() | OPEN


def test_the_documented_roles_are_the_real_ones(door: TestClient) -> None:
    paths = door.get("/openapi.json").json()["paths"]
    for name, operation in OPERATIONS.items():
        method, path = name.split(" ")
        roles = paths[path][method.lower()].get("x-roles")
        assert set(roles or Role) == operation.roles, name


def test_a_role_in_one_district_gives_none_in_another(people: People) -> None:
    here, there = (make_proposal(people.engine, people.clock, district) for district in (HERE, ELSEWHERE))
    both = people.client((Role.OPERATOR, HERE), (Role.VIEWER, ELSEWHERE))
    assert both.post(f"/api/v1/proposals/{here}/approve").status_code == 428
    assert both.get(f"/api/v1/proposals/{there}").status_code == 200
    assert both.post(f"/api/v1/proposals/{there}/approve").status_code == 403
    assert {item["id"] for item in both.get("/api/v1/proposals").json()["items"]} == {here, there}
    one = people.client((Role.VIEWER, ELSEWHERE))
    assert [item["id"] for item in one.get("/api/v1/proposals").json()["items"]] == [there]
    foreign, none = (one.get(f"/api/v1/proposals/{name}").json() for name in (here, "p999"))
    assert {**foreign, "request_id": ""} == {**none, "request_id": ""}


def test_the_audit_shows_a_supervisor_their_own_districts_only(people: People) -> None:
    for district in (HERE, ELSEWHERE):
        make_proposal(people.engine, people.clock, district)
    local, citywide = (people.client((Role.SUPERVISOR, district)) for district in (HERE, EVERYWHERE))
    seen = local.get("/api/v1/audit").json()["items"]
    assert {item["district_id"] for item in seen} == {HERE}
    everything = citywide.get("/api/v1/audit").json()["items"]
    assert {item["district_id"] for item in everything} == {HERE, ELSEWHERE, None}
    assert "sign_in.accepted" in {item["action"] for item in everything}


def test_an_attempt_to_change_what_is_not_ones_own_is_audited(people: People) -> None:
    name = make_proposal(people.engine, people.clock, HERE)
    viewer = people.client((Role.VIEWER, HERE), name="curious")
    assert viewer.post(f"/api/v1/proposals/{name}/approve").status_code == 403
    assert viewer.get("/api/v1/audit").status_code == 403
    kept = people.client((Role.SUPERVISOR, EVERYWHERE)).get("/api/v1/audit?action=access").json()["items"]
    assert [(one["actor"], one["subject"]) for one in kept] == [("curious", "operation/approve_proposal")]
