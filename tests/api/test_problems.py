"""Refusals: RFC 9457 documents for everything that can go wrong, with a page each, and nothing of the inside."""

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from api.accounts import EVERYWHERE, Role
from api.problems import STATUS
from api.resources import health
from city.settings import Settings
from tests.api.people import HERE, People, on_sqlite
from tests.api.proposing import make_proposal

pytestmark = on_sqlite
SIGN_IN = "/api/v1/sign-in"
JSON = {"Content-Type": "application/json"}


def problem(answer: Any, status: int, slug: str) -> dict[str, Any]:
    """Check that an answer is a whole problem document, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"/problems/{slug}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_type_has_a_page_in_both_languages(language: str, door: TestClient) -> None:
    pages = {
        slug: door.get(f"/problems/{slug}", headers={"Accept-Language": language}) for slug in STATUS
    }  # fmt: skip
    assert {page.status_code for page in pages.values()} == {200}
    assert all(f"HTTP {STATUS[slug]}" in page.text for slug, page in pages.items())
    everything = door.get("/problems", headers={"Accept-Language": language}).text
    assert all(f'href="/problems/{slug}"' in everything for slug in STATUS)
    assert door.get("/problems/no-such-problem").status_code == 404


def test_what_the_framework_refuses_looks_like_what_we_refuse(door: TestClient) -> None:
    problem(door.get("/api/v1/no-such-thing"), 404, "not-found")
    problem(door.get("/api/v1/me/"), 404, "not-found")
    refused = door.put(SIGN_IN, json={})
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "POST"


def test_a_problem_is_in_the_callers_language(door: TestClient) -> None:
    answer = door.get("/api/v1/me", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert problem(answer, 401, "unauthenticated")["title"] == "请先登录"
    assert answer.headers["content-language"] == "zh"
    assert answer.headers["vary"] == "Accept-Language"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b'{"code": "\xe9"}',
        b"nul",
        b'{"code": NaN}',
        b"[" * 100_000,
        b'{"code": ' + b"9" * 5_000 + b"}",
        b'{"code": "\\ud800"}',
        b'{"name": "a\\u0000b", "password": "x"}',
        b'{"code": 1e999}',
    ],
)
def test_a_body_that_is_no_json_or_holds_what_no_text_can_is_refused(body: bytes, door: TestClient) -> None:
    answer = door.post(SIGN_IN, content=body, headers=JSON)
    assert answer.status_code in (400, 401, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=gb2312"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
)
def test_a_body_that_is_not_plain_utf_8_json_is_415(headers: dict[str, str], door: TestClient) -> None:
    problem(door.post(SIGN_IN, content=b'{"code": "x"}', headers=headers), 415, "unsupported-media-type")


def test_a_body_too_large_is_413_whether_it_says_so_or_not(app: FastAPI) -> None:
    limit = Settings().max_body_bytes
    with TestClient(app) as door:
        honest = door.post(SIGN_IN, content=b" " * (limit + 1), headers=JSON)
        problem(honest, 413, "body-too-large")

        def trickle() -> Iterator[bytes]:
            for _ in range(limit // 65_536 + 1):
                yield b" " * 65_536

        problem(door.post(SIGN_IN, content=trickle(), headers=JSON), 413, "body-too-large")
        assert door.post(SIGN_IN, content=b" " * limit, headers=JSON).status_code == 400


def test_a_fault_of_ours_tells_nothing_but_where_to_look(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_engine: Engine) -> bool:
        raise RuntimeError("secret://inside")

    monkeypatch.setattr(health, "is_current", broken)
    with TestClient(app, raise_server_exceptions=False) as door, caplog.at_level(logging.ERROR, "dustcart.api"):
        answer = door.get("/ready", headers={"X-Request-Id": "abc.123"})
    assert problem(answer, 500, "internal")["request_id"] == "abc.123"
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "abc.123" in caplog.text
    assert "secret://inside" in caplog.text


def test_a_database_that_does_not_answer_is_503_and_worth_another_try(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_engine: Engine) -> bool:
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    monkeypatch.setattr(health, "is_current", busy)
    with TestClient(app, raise_server_exceptions=False) as door:
        answer = door.get("/ready")
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]


def test_a_server_with_another_schema_is_not_ready(door: TestClient, city: Engine) -> None:
    assert door.get("/ready").json() == {"status": "ready", "database": city.dialect.name}
    with city.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    problem(door.get("/ready"), 503, "unavailable")
    assert door.get("/health").status_code == 200


def test_a_request_id_that_would_forge_a_log_line_is_replaced(door: TestClient) -> None:
    for given in ("a" * 65, "a b", "a\tb"):
        assert door.get("/health", headers={"X-Request-Id": given}).headers["x-request-id"] != given


@pytest.mark.parametrize("path", ["/health", "/docs", "/problems", "/openapi.json", "/docs/assets/swagger-ui.css"])
def test_every_answer_is_safe_for_a_browser(path: str, door: TestClient) -> None:
    headers = door.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_other_origins_get_no_permission(door: TestClient) -> None:
    asked = door.options(
        SIGN_IN, headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    )  # fmt: skip
    assert asked.status_code == 405
    assert not [name for name in asked.headers if name.startswith("access-control")]


def test_ids_that_cannot_be_find_nothing_and_break_nothing(people: People) -> None:
    make_proposal(people.engine, people.clock, HERE)
    client = people.client((Role.OPERATOR, EVERYWHERE))
    for name in ("%00", "%0a", "..%2f..%2fetc%2fpasswd", "'; DROP TABLE proposal; --", "p" * 5_000, "%ff", "p1%20"):
        for path in (f"/api/v1/proposals/{name}", f"/api/v1/bins/{name}", f"/api/v1/dispatches/{name}"):
            answer = client.get(path)
            assert answer.status_code in (404, 422), (path[:60], answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/api/v1/proposals/p1").status_code == 200


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "cursor=!", "cursor=AAAA", "cursor=WzFd", "state=unheard_of", "district=%00",
     "service_date=yesterday", "service_date=2026-02-30"],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_422_and_names_the_parameter(query: str, people: People) -> None:
    answer = people.client((Role.OPERATOR, EVERYWHERE)).get(f"/api/v1/proposals?{query}")
    fault = problem(answer, 422, "invalid-request")["errors"][0]
    assert (fault["where"], fault["pointer"].split(".")[0]) == ("query", query.split("=", maxsplit=1)[0])


def test_a_cursor_of_another_list_or_a_forged_one_is_refused(people: People) -> None:
    client = people.client((Role.SUPERVISOR, EVERYWHERE))
    for _ in range(2):
        people.token((Role.VIEWER, EVERYWHERE), name=f"v{_}")
    cursor = client.get("/api/v1/audit?limit=1").json()["next_cursor"]
    assert client.get(f"/api/v1/audit?limit=1&cursor={cursor}").status_code == 200
    assert client.get(f"/api/v1/proposals?cursor={cursor}").status_code == 422
    for path, forged in (
        ("audit", [2**70]),
        ("proposals", ["0001-01-01T00:00:00+14:00", "x"]),
        ("needs", ["9999-12-31T23:59:59-14:00", 1]),
    ):
        cursor = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
        assert client.get(f"/api/v1/{path}?cursor={cursor}").status_code == 422
