"""Signing in: by password or code, once, for a while, with the same face to the known and the unknown."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, inspect
from sqlmodel import Session, col, select

from api import passwords
from api.accounts import Role
from api.closing import set_active
from api.context import STRANGERS_TOLD, STRANGERS_TOLD_IN
from api.passwords import set_password
from api.sessions import SignInSession
from api.signing_in import FAILURES_ALLOWED, LOCKED_FOR
from city.clock import ManualClock
from city.journal import AuditRecord
from tests.api.people import People, on_sqlite

SIGN_IN = "/api/v1/sign-in"
GOOD = "correct horse battery"


def actions(engine: Engine) -> list[tuple[str, str]]:
    with Session(engine) as session:
        rows = session.exec(select(AuditRecord).order_by(col(AuditRecord.id))).all()
    return [(row.action, row.actor) for row in rows if row.action.startswith("sign_in")]


def as_bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def li_wei(people: People) -> str:
    people.account("li.wei", (Role.OPERATOR, "huangpu"))
    set_password(people.engine, people.clock, actor="test", account_id="li.wei", password=GOOD)
    return "li.wei"


def test_a_password_opens_a_session_and_the_audit_says_so(door: TestClient, li_wei: str, city: Engine) -> None:
    answer = door.post(SIGN_IN, json={"name": li_wei, "password": GOOD})
    assert answer.status_code == 200
    me = door.get("/api/v1/me", headers=as_bearer(answer.json()["token"])).json()
    assert me["actor"] == li_wei
    assert me["grants"] == [{"role": "operator", "district_id": "huangpu"}]
    assert "decide" in me["permissions"]
    assert actions(city) == [("sign_in.accepted", li_wei)]


def test_a_code_works_once_however_it_is_typed(door: TestClient, people: People) -> None:
    code = people.account("chen", (Role.VIEWER, ""))
    typed = code.lower().replace("-", " ").replace("0", "o")
    assert door.post(SIGN_IN, json={"code": typed}).status_code == 200
    again = door.post(SIGN_IN, json={"code": code})
    assert again.status_code == 401
    assert again.json()["type"] == "/problems/sign-in-refused"
    assert actions(people.engine) == [("sign_in.accepted", "chen"), ("sign_in.refused", "nobody")]


@on_sqlite
def test_a_code_expires_by_the_real_time_not_the_citys(
    door: TestClient, people: People, clock: ManualClock, wall: ManualClock
) -> None:
    clock_ran, wall_ran = people.account("a", (Role.VIEWER, "")), people.account("b", (Role.VIEWER, ""))
    clock.advance(timedelta(days=30))
    assert door.post(SIGN_IN, json={"code": clock_ran}).status_code == 200
    wall.advance(timedelta(hours=24))
    assert door.post(SIGN_IN, json={"code": wall_ran}).status_code == 401


def test_secrets_are_nowhere_in_the_database(door: TestClient, people: People, li_wei: str, city: Engine) -> None:
    code = people.code(li_wei)
    token = door.post(SIGN_IN, json={"name": li_wei, "password": GOOD}).json()["token"]
    key = people.token((Role.DEVICE, ""))
    tables = inspect(city).get_table_names()
    assert {"account", "sign_in_session", "sign_in_code", "access_key", "audit_record", "outbox_event"} <= set(tables)
    with city.connect() as connection:
        everything = "".join(
            str(row) for table in tables for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')
        )
    for secret in (GOOD, code, code.replace("-", ""), token, key):
        assert secret not in everything


@on_sqlite
def test_a_session_ends_when_it_is_old_unused_or_closed(door: TestClient, people: People, wall: ManualClock) -> None:
    def signed_in() -> dict[str, str]:
        return as_bearer(door.post(SIGN_IN, json={"code": people.code("chen")}).json()["token"])

    def counts(headers: dict[str, str]) -> bool:
        return door.get("/api/v1/me", headers=headers).status_code == 200

    people.account("chen", (Role.VIEWER, ""))
    used = signed_in()
    for _ in range(23):
        wall.advance(timedelta(minutes=31))
        assert counts(used)
    wall.advance(timedelta(minutes=31))
    assert not counts(used)
    unused = signed_in()
    wall.advance(timedelta(minutes=60))
    assert not counts(unused)
    closed = signed_in()
    assert door.post("/api/v1/sign-out", headers=closed).status_code == 204
    assert not counts(closed)
    assert actions(people.engine)[-1] == ("sign_in.closed", "chen")


def test_a_new_password_or_a_closed_account_ends_every_session(door: TestClient, people: People, li_wei: str) -> None:
    first = as_bearer(door.post(SIGN_IN, json={"name": li_wei, "password": GOOD}).json()["token"])
    set_password(people.engine, people.clock, actor="test", account_id=li_wei, password="another long one")
    assert door.get("/api/v1/me", headers=first).status_code == 401
    second = as_bearer(door.post(SIGN_IN, json={"code": people.code(li_wei)}).json()["token"])
    set_active(people.engine, people.clock, actor="test", account_id=li_wei, active=False)
    assert door.get("/api/v1/me", headers=second).status_code == 401
    assert door.post(SIGN_IN, json={"code": people.code(li_wei)}).status_code == 401


@pytest.mark.parametrize("name", ["li.wei", "nobody.at.all"])
def test_guessing_is_locked_out_alike_for_names_that_exist_and_names_that_do_not(
    name: str, door: TestClient, people: People, li_wei: str, wall: ManualClock
) -> None:
    answers = [door.post(SIGN_IN, json={"name": name, "password": "wrong"}) for _ in range(FAILURES_ALLOWED + 1)]
    assert [answer.status_code for answer in answers] == [401] * FAILURES_ALLOWED + [429]
    assert answers[-1].headers["retry-after"] == str(round(LOCKED_FOR.total_seconds()))
    assert door.post(SIGN_IN, json={"name": name, "password": GOOD}).status_code == 429
    assert [action for action, _ in actions(people.engine)] == ["sign_in.refused"] * 4 + ["sign_in.locked"]
    wall.advance(LOCKED_FOR)
    right = door.post(SIGN_IN, json={"name": name, "password": GOOD})
    assert right.status_code == (200 if name == li_wei else 401)


@on_sqlite
def test_a_right_password_forgives_the_wrong_ones_before_it(door: TestClient, li_wei: str) -> None:
    for _ in range(3):
        for _ in range(FAILURES_ALLOWED - 1):
            assert door.post(SIGN_IN, json={"name": li_wei, "password": "wrong"}).status_code == 401
        assert door.post(SIGN_IN, json={"name": li_wei, "password": GOOD}).status_code == 200


@on_sqlite
def test_an_unknown_name_costs_as_much_as_a_known_one(
    door: TestClient, people: People, li_wei: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.account("no.password", (Role.VIEWER, ""))
    checked: list[str] = []
    real = passwords.matches

    def counting(password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return real(password_hash, password)

    monkeypatch.setattr("api.signing_in.matches", counting)
    bodies: list[Any] = []
    for name in ("nobody.at.all", "no.password", li_wei):
        answer = door.post(SIGN_IN, json={"name": name, "password": "wrong"})
        bodies.append({key: value for key, value in answer.json().items() if key != "request_id"})
    assert bodies[0] == bodies[1] == bodies[2]
    parameters = {password_hash.rsplit("$", 2)[0] for password_hash in checked}
    assert (len(checked), len(parameters)) == (3, 1)


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "li.wei"},
        {"password": GOOD},
        {"name": "li.wei", "password": GOOD, "code": "x"},
        {"name": "li.wei", "password": GOOD, "role": "admin"},
        {"name": "li\u0000wei", "password": GOOD},
        {"name": "x" * 201, "password": GOOD},
        {"name": ["li.wei"], "password": GOOD},
        [],
        "li.wei",
        None,
    ],
)
def test_a_sign_in_of_another_shape_is_refused_without_repeating_it(body: Any, door: TestClient) -> None:
    answer = door.post(SIGN_IN, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]
    assert GOOD not in answer.text


@on_sqlite
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic bGk6d2Vp", "Bearer dcs_x", "Bearer dck_x", "dcs_x"])
def test_a_credential_that_does_not_count_is_401_with_a_challenge(header: str, door: TestClient) -> None:
    answer = door.get("/api/v1/me", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_reading_often_does_not_write_often(door: TestClient, people: People, wall: ManualClock) -> None:
    headers = as_bearer(people.token((Role.VIEWER, "")))

    def used_at() -> Any:
        with Session(people.engine) as session:
            return session.exec(select(SignInSession)).one().used_at

    before = used_at()
    wall.advance(timedelta(seconds=59))
    door.get("/api/v1/me", headers=headers)
    assert used_at() == before
    wall.advance(timedelta(seconds=1))
    door.get("/api/v1/me", headers=headers)
    assert used_at() == wall.now()


def test_opening_a_closed_account_again_revives_no_session_no_code_and_lets_nobody_in_by_itself(
    door: TestClient, people: People, li_wei: str
) -> None:
    session = as_bearer(door.post(SIGN_IN, json={"code": people.code(li_wei)}).json()["token"])
    code = people.code(li_wei)
    for active in (False, True):
        set_active(people.engine, people.clock, actor="test", account_id=li_wei, active=active)
    assert door.get("/api/v1/me", headers=session).status_code == 401
    assert door.post(SIGN_IN, json={"code": code}).status_code == 401
    assert door.post(SIGN_IN, json={"code": people.code(li_wei)}).status_code == 200


@on_sqlite
def test_when_many_sign_in_at_once_the_last_are_told_to_come_back_and_hold_up_nobody(
    door: TestClient, app: FastAPI, li_wei: str
) -> None:
    waiting = app.state.context.waiting
    taken = 0
    while waiting.acquire(blocking=False):
        taken += 1
    refused = door.post(SIGN_IN, json={"name": li_wei, "password": GOOD})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/busy")
    assert refused.headers["retry-after"] == "1"
    for _ in range(taken):
        waiting.release()
    for _ in range(2 * taken):
        assert door.post(SIGN_IN, json={"name": li_wei, "password": GOOD}).status_code == 200


@on_sqlite
@pytest.mark.parametrize("guess", [lambda n: {"code": f"no-code-{n}"}, lambda n: {"name": f"no.{n}", "password": "x"}])
def test_a_flood_of_guesses_is_told_a_few_times_a_minute_and_counted_beyond_that(
    guess: Callable[[int], dict[str, str]], door: TestClient, people: People, wall: ManualClock
) -> None:
    for number in range(STRANGERS_TOLD + 7):
        assert door.post(SIGN_IN, json=guess(number)).status_code == 401
    assert actions(people.engine) == [("sign_in.refused", "nobody")] * STRANGERS_TOLD
    wall.advance(STRANGERS_TOLD_IN)
    door.post(SIGN_IN, json=guess(0))
    with Session(people.engine) as session:
        last = session.exec(select(AuditRecord).order_by(col(AuditRecord.id).desc())).first()
    assert last is not None
    assert last.after == {"not_told_before": 7}
