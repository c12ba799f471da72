"""The description: complete enough that a client can be made of it, and shown without the internet."""

import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.people import on_sqlite

pytestmark = on_sqlite


@pytest.fixture
def document(door: TestClient) -> dict[str, Any]:
    described: dict[str, Any] = door.get("/openapi.json").json()
    return described


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, found in document["paths"].items()
        for method, operation in found.items()
    ]


def test_every_operation_says_what_it_does_and_what_can_go_wrong(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    tags = {tag["name"] for tag in document["tags"]}
    names = []
    for name, operation in operations(document):
        names.append(operation["operationId"])
        assert operation["summary"], name
        assert len(operation["description"]) > 20, name
        assert set(operation["tags"]) <= tags, name
        answers = operation["responses"]
        assert {"500", "503"} <= answers.keys(), name
        if "security" in operation:
            assert {"401"} <= answers.keys(), name
        if "requestBody" in operation:
            assert {"408", "413", "415", "422"} <= answers.keys(), name
        for status, answer in answers.items():
            if int(status) >= 400:
                problem = answer["content"]["application/problem+json"]
                assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}, name
                assert all(example["value"]["status"] == int(status) for example in problem["examples"].values())
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere_and_nothing_is_left_over(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert named == document["components"]["schemas"].keys()


def test_only_signing_in_and_health_are_open(document: dict[str, Any]) -> None:
    free = {name for name, operation in operations(document) if "security" not in operation}
    assert free == {"POST /api/v1/sign-in", "GET /health", "GET /ready"}


def test_changes_of_proposals_name_what_was_read(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        headers = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"}
        if re.match(r"(POST|PUT) /api/v1/(proposals|devices)", name):
            assert "If-Match" in headers, name
            assert {"412", "428"} <= operation["responses"].keys(), name
            assert "ETag" in operation["responses"]["200"]["headers"], name


def test_the_documentation_asks_no_other_server(door: TestClient) -> None:
    assert door.get("/").headers["location"] == "/docs"
    page = door.get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded
    for address in loaded:
        assert address.startswith("/docs/")
        assert door.get(address).status_code == 200
    assert "http" not in page
    assert 'url: "/openapi.json"' in door.get("/docs/start.js").text


def test_the_documentation_shows_the_description_as_it_is_in_openapi_3_1(door: TestClient) -> None:
    assert door.get("/openapi.json").json()["openapi"].startswith("3.1.")
    bundle = door.get("/docs/assets/swagger-ui-bundle.js").text
    # Releases before 5 refuse 3.1.
    assert int(re.findall(r'PACKAGE_VERSION:"(\d+)\.', bundle)[0]) >= 5
