"""Whatever is sent to a documented operation, it answers with a documented status and never with a fault of its own."""

from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.accounts import EVERYWHERE, Role
from sensors.devices import Mounting, register_devices
from tests.api.people import ELSEWHERE, HERE, People
from tests.api.proposing import make_dispatch, make_proposal

ODDITIES = ["\x00", "1e400", "9" * 30, "0001-01-01", "9999-12-31T23:59:59+14:00", "../..", "*"]
NAMES = ["huangpu-p0/dry", "huangpu-truck-1", "huangpu-p3", "24e124713d341234"]
REAL = {
    "proposal_id": "p2",
    "dispatch_id": "d1-1",
    "stop_id": f"{HERE}-p0/dry",
    "bin_id": f"{HERE}-p0-dry",
    "device_id": "meter-1",
    "format": "dustcart",
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(ODDITIES)
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(NAMES),
    "integer": st.integers(),
    "number": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "null": st.none(),
}


def shaped(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Make values that fit a schema in shape, more or less: most of them get past the first check."""
    match schema:
        case {"$ref": reference}:
            return shaped(document["components"]["schemas"][reference.rpartition("/")[2]], document)
        case {"anyOf": choices} | {"oneOf": choices}:
            return st.one_of([shaped(choice, document) for choice in choices])
        case {"const": value}:
            return st.just(value)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"type": "object"}:
            fields = {name: shaped(part, document) | SCALARS for name, part in schema.get("properties", {}).items()}
            required = {name: fields.pop(name) for name in schema.get("required", [])}
            return st.fixed_dictionaries(required, optional=fields)
        case {"type": "array"}:
            return st.lists(shaped(schema.get("items", {}), document), max_size=3)
        case {"type": "string", "format": "date-time"}:
            return st.datetimes().map(lambda moment: moment.isoformat() + "Z")
        case {"type": kind}:
            return OF_TYPE[kind]
    return JUNK


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """List every operation with its method and path."""
    return [
        (method.upper(), path, operation)
        for path, found in document["paths"].items()
        for method, operation in found.items()
    ]


@pytest.fixture
def everybody(people: People) -> TestClient:
    """Somebody with every role in every district, and objects to trip over."""
    make_dispatch(people.engine, people.clock)
    make_proposal(people.engine, people.clock, ELSEWHERE)
    register_devices(
        people.engine, [Mounting("meter-1", f"{HERE}-p0-dry", "", 150)], at=people.clock.now(), actor="ann"
    )
    return people.client(*((role, EVERYWHERE) for role in Role), name="everybody")


@pytest.fixture
def document(everybody: TestClient) -> dict[str, Any]:
    """The API's own description."""
    described: dict[str, Any] = everybody.get("/openapi.json").json()
    del described["paths"]["/api/v1/sign-out"]  # everybody must stay
    return described


@settings(max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.data())
def test_junk_is_refused_as_documented(choice: st.DataObject, everybody: TestClient, document: dict[str, Any]) -> None:
    method, path, operation = choice.draw(st.sampled_from(operations(document)))
    request: dict[str, Any] = {"params": {}, "headers": {}}
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        value = choice.draw(shaped(parameter["schema"], document) | SCALARS, label=name)
        if parameter["in"] == "path":
            wanted = REAL.get(name) if choice.draw(st.integers(0, 2)) else None
            path = path.replace("{" + name + "}", wanted or quote(str(value), safe=""))
        elif parameter["in"] == "query" and value is not None:
            request["params"][name] = value if isinstance(value, list | str) else str(value)
        elif name == "If-Match":
            request["headers"][name] = choice.draw(st.sampled_from(['"1.pending.en"', '"2.pending.en"', "*", '"x"']))
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        request["json"] = choice.draw(shaped(schema, document) | JUNK, label="body")
    answer = everybody.request(method, path, **request)
    assert str(answer.status_code) in operation["responses"], (method, path, answer.status_code, answer.text)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
