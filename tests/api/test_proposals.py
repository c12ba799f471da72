"""Proposals over HTTP: read with their reasons, decided once, by whom the credential says, about what was read."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest
from sqlmodel import Session, func, select

from agents.dispatches import Dispatch
from agents.errors import ConflictError
from agents.proposals import Proposal, ProposalState
from agents.publish import publish
from api.accounts import EVERYWHERE, Role
from city.journal import AuditRecord
from tests.api.people import ELSEWHERE, HERE, People, on_sqlite
from tests.api.proposing import OTHER_DATE, SERVICE_DATE, make_proposal, stops_of

OPERATOR = (Role.OPERATOR, HERE)


def state_of(people: People, proposal_id: str) -> ProposalState:
    with Session(people.engine) as session:
        return session.get_one(Proposal, proposal_id).state


def approvals(people: People) -> int:
    with Session(people.engine) as session:
        return session.exec(
            select(func.count()).select_from(AuditRecord).where(AuditRecord.action == "proposal.approved")
        ).one()


@on_sqlite
def test_a_proposal_says_where_every_truck_goes_when_and_why(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    answer = people.client(OPERATOR).get(f"/api/v1/proposals/{name}")
    assert answer.headers["etag"] == '"1.pending.en"'
    shown = answer.json()
    (route,) = shown["routes"]
    assert [visit["kind"] for visit in route["visits"]] == ["start", "stop", "stop", "stop", "unload", "end"]
    assert [visit["starts_at"] for visit in route["visits"]] == sorted(visit["starts_at"] for visit in route["visits"])
    stops = [visit["stop"] for visit in route["visits"] if visit["stop"]]
    assert {stop["id"] for stop in stops} == set(stops_of(HERE)[:3])
    assert all("92%" in stop["why"][0] for stop in stops)
    assert all(stop["reason"]["rule"] == "overflow_limit" for stop in stops)
    assert route["visits"][0]["facility"]["id"] == f"{HERE}-depot"
    assert route["visits"][4]["facility"]["name"] == "Transfer station"
    assert route["distance_m"] == shown["summary"]["distance_m"] == 5 * 2800
    (left,) = shown["left_out"]
    assert (left["id"], left["standing"], left["constraint"]) == (stops_of(HERE)[3], "left_out", "not_worth_it")
    assert "4%" in shown["summary"]["text"]


@on_sqlite
def test_reasons_and_names_are_in_the_callers_language(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    answer = people.client(OPERATOR, language="zh-CN").get(f"/api/v1/proposals/{name}")
    shown = answer.json()
    assert answer.headers["content-language"] == "zh"
    assert (shown["district"], shown["shift"]) == ("黄浦区", "早班")
    why = [line for visit in shown["routes"][0]["visits"] if visit["stop"] for line in visit["stop"]["why"]]
    assert why
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in line) for line in why)


def test_lists_are_filtered_and_paged_without_gap_or_repetition(people: People) -> None:
    made = [
        make_proposal(people.engine, people.clock, district, service_date=day)
        for district in (HERE, ELSEWHERE)
        for day in (SERVICE_DATE, OTHER_DATE)
    ]
    client = people.client((Role.VIEWER, EVERYWHERE))

    def ids(**query: Any) -> list[str]:
        return [item["id"] for item in client.get("/api/v1/proposals", params=query).json()["items"]]

    seen, cursor = [], None
    while True:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/v1/proposals", params=query).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids() == sorted(made, reverse=True)
    assert sorted(ids(district=HERE)) == made[:2]
    assert sorted(ids(service_date=str(SERVICE_DATE))) == [made[0], made[2]]
    assert ids(state="approved") == []
    assert sorted(ids(state=["approved", "pending"])) == made


def test_a_decision_must_name_what_was_read(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    client = people.client(OPERATOR)
    path = f"/api/v1/proposals/{name}/approve"
    for header in ({}, {"If-Match": "*"}, {"If-Match": ""}, {"If-Match": "1"}):
        assert client.post(path, headers=header).status_code == 428, header
    for tag in ('"2.pending.en"', '"x"', '"9999999999.pending.en"', '"-1.pending.en"', '"１.pending.en"'.encode()):
        refused = client.post(path, headers={"If-Match": tag})
        assert refused.status_code == 412, tag
        assert refused.json()["type"] == "/problems/changed-since-read"
    assert state_of(people, name) is ProposalState.PENDING
    tag = client.get(f"/api/v1/proposals/{name}").headers["etag"]
    approved = client.post(path, headers={"If-Match": f'"7.x.en", W/{tag}'}, json={"reason": "market day"})
    assert approved.status_code == 200
    assert approved.headers["etag"] == '"1.approved.en"'
    assert approved.json()["decision_reason"] == "market day"


def test_who_decides_comes_from_the_credential_and_never_from_the_body(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    client = people.client(OPERATOR, name="chen.jie")
    headers = {"If-Match": '"1.pending.en"'}
    for field in ("approved_by", "approver", "actor", "decided_by", "account", "version"):
        forged = client.post(f"/api/v1/proposals/{name}/approve", headers=headers, json={field: "supervisor"})
        assert forged.status_code == 422
        assert forged.json()["errors"][0] == {
            "where": "body", "pointer": f"/{field}", "code": "extra_forbidden",
            "message": "Extra inputs are not permitted",
        }  # fmt: skip
    assert state_of(people, name) is ProposalState.PENDING
    decided = client.post(f"/api/v1/proposals/{name}/approve", headers=headers).json()
    assert decided["decided_by"] == "chen.jie"


def test_what_was_rejected_cannot_be_approved_nor_the_other_way_round(people: People) -> None:
    names = [make_proposal(people.engine, people.clock, service_date=day) for day in (SERVICE_DATE, OTHER_DATE)]
    client, other = people.client(OPERATOR), people.client((Role.SUPERVISOR, HERE))
    headers = {"If-Match": '"1.pending.en"'}
    assert client.post(f"/api/v1/proposals/{names[0]}/reject", headers=headers, json={"reason": ""}).status_code == 422
    assert client.post(f"/api/v1/proposals/{names[0]}/reject", headers=headers).status_code == 422
    rejected = client.post(f"/api/v1/proposals/{names[0]}/reject", headers=headers, json={"reason": "no truck"})
    assert (rejected.status_code, rejected.json()["decision_reason"]) == (200, "no truck")
    assert client.post(f"/api/v1/proposals/{names[1]}/approve", headers=headers).status_code == 200
    late = other.post(f"/api/v1/proposals/{names[0]}/approve", headers=headers)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
    assert other.post(
        f"/api/v1/proposals/{names[1]}/reject", headers=headers, json={"reason": "why not"}
    ).status_code == 409  # fmt: skip
    assert [state_of(people, name) for name in names] == [ProposalState.REJECTED, ProposalState.APPROVED]


def test_a_retried_decision_is_answered_alike_and_happens_once(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    client = people.client(OPERATOR)
    answers = [
        client.post(f"/api/v1/proposals/{name}/approve", headers={"If-Match": '"1.pending.en"'}) for _ in range(3)
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json() == answers[2].json()
    assert approvals(people) == 1


def test_a_proposal_whose_time_is_over_cannot_be_approved(people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    people.clock.advance(timedelta(minutes=30))
    late = people.client(OPERATOR).post(f"/api/v1/proposals/{name}/approve", headers={"If-Match": '"1.pending.en"'})
    assert (late.status_code, late.json()["code"]) == (409, "time_is_over")


@pytest.mark.parametrize("same_person", [True, False])
def test_eight_approvals_at_once_are_one_decision_and_one_set_of_dispatches(
    same_person: bool, people: People, server: str
) -> None:
    name = make_proposal(people.engine, people.clock)
    tokens = [people.token(OPERATOR, name=f"operator.{number}") for number in range(1 if same_person else 8)]
    ready = Barrier(8)

    def approve(number: int) -> int:
        with httpx.Client(base_url=server, headers={"Authorization": f"Bearer {tokens[number % len(tokens)]}"}) as one:
            tag = one.get(f"/api/v1/proposals/{name}").headers["etag"]
            ready.wait()
            return one.post(f"/api/v1/proposals/{name}/approve", headers={"If-Match": tag}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(approve, range(8)))
    assert statuses == ([200] * 8 if same_person else [200] + [409] * 7)
    assert approvals(people) == 1

    def send_out(_number: int) -> list[str]:
        try:
            return publish(people.engine, people.clock, name)
        except ConflictError:
            return []

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send_out, range(8)))
    with Session(people.engine) as session:
        assert list(session.exec(select(Dispatch.id))) == publish(people.engine, people.clock, name)
        assert len(publish(people.engine, people.clock, name)) == 1
