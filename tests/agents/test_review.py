"""Decisions: one person, one version, once; whatever else is tried leaves the proposal as it was."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from agents.dispatches import list_dispatches
from agents.editing import Desk, DropStop, apply
from agents.errors import AgentError, ConflictError, NotFoundError, RefusedError, StaleVersionError
from agents.proposals import Proposal, ProposalState, ProposalVersion, current, read_proposal
from agents.publish import publish
from agents.review import approve, expire, reject
from agents.worker import Worker
from city.clock import ManualClock
from city.database import reading, transaction
from city.journal import AuditRecord
from city.registry import Crew
from tests.agents.town import MORNING_STARTS, PLANNING


def state_of(engine: Engine, proposal_id: str) -> ProposalState:
    with reading(engine) as session:
        return current(session, proposal_id).state


def said(engine: Engine, action: str) -> list[AuditRecord]:
    with reading(engine) as session:
        return list(session.exec(select(AuditRecord).where(AuditRecord.action == action)))


def test_an_approval_names_who_decided_about_what_and_is_in_the_journal(
    engine: Engine, clock: ManualClock, waiting: str
) -> None:
    decided = approve(engine, clock, proposal_id=waiting, version=1, actor="ann", reason="market day")
    assert (decided.state, decided.decided_by, decided.decided_at) == (ProposalState.APPROVED, "ann", PLANNING)
    (entry,) = said(engine, "proposal.approved")
    assert (entry.actor, entry.reason, entry.before["version"]) == ("ann", "market day", 1)


def test_of_eight_people_who_approve_at_once_one_wins_and_one_set_of_dispatches_exists(
    engine: Engine, clock: ManualClock, worker: Worker, waiting: str
) -> None:
    def decide(number: int) -> str:
        try:
            return approve(engine, clock, proposal_id=waiting, version=1, actor=f"person {number}").decided_by or ""
        except ConflictError as error:
            return error.code

    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(decide, range(8)))
    assert answers.count("wrong_state") == 7
    assert sum(answer.startswith("person") for answer in answers) == 1
    assert len(said(engine, "proposal.approved")) == 1
    worker.step()
    with reading(engine) as session:
        assert len(list_dispatches(session, proposal_id=waiting)) == 1


def test_one_person_who_repeats_an_approval_eight_times_at_once_gets_the_same_answer_eight_times(
    engine: Engine, clock: ManualClock, worker: Worker, waiting: str
) -> None:
    with ThreadPoolExecutor(8) as clicks:
        answers = list(
            clicks.map(lambda _: approve(engine, clock, proposal_id=waiting, version=1, actor="ann").state, range(8))
        )
    assert set(answers) == {ProposalState.APPROVED}
    assert len(said(engine, "proposal.approved")) == 1
    worker.step()
    assert approve(engine, clock, proposal_id=waiting, version=1, actor="ann").state is ProposalState.PUBLISHED
    with pytest.raises(ConflictError, match="sent out"):
        approve(engine, clock, proposal_id=waiting, version=1, actor="bob")


def test_what_was_rejected_cannot_be_approved_and_is_never_dispatched(
    engine: Engine, clock: ManualClock, worker: Worker, waiting: str
) -> None:
    reject(engine, clock, proposal_id=waiting, version=1, actor="ann", reason="truck 1 is in repair")
    with pytest.raises(ConflictError, match="rejected"):
        approve(engine, clock, proposal_id=waiting, version=1, actor="bob")
    with pytest.raises(ConflictError, match="rejected"):
        publish(engine, clock, waiting)
    worker.step()
    assert state_of(engine, waiting) is ProposalState.REJECTED
    with reading(engine) as session:
        assert list_dispatches(session) == []


def test_a_rejection_needs_a_reason_and_a_decision_needs_somebody(
    engine: Engine, clock: ManualClock, waiting: str
) -> None:
    with pytest.raises(RefusedError, match="why"):
        reject(engine, clock, proposal_id=waiting, version=1, actor="ann", reason="  ")
    with pytest.raises(RefusedError, match="Nobody"):
        approve(engine, clock, proposal_id=waiting, version=1, actor=" ")
    assert state_of(engine, waiting) is ProposalState.PENDING


def test_an_approval_of_what_changed_since_it_was_seen_is_refused(
    engine: Engine, clock: ManualClock, desk: Desk, waiting: str
) -> None:
    apply(desk, proposal_id=waiting, version=1, edit=DropStop("garden-1/dry"), actor="bob")
    for version in (1, 3):
        with pytest.raises(StaleVersionError, match="version 2"):
            approve(engine, clock, proposal_id=waiting, version=version, actor="ann")
    assert state_of(engine, waiting) is ProposalState.PENDING
    assert approve(engine, clock, proposal_id=waiting, version=2, actor="ann").state is ProposalState.APPROVED


def test_a_plan_that_was_changed_behind_the_approval_is_withdrawn_and_not_sent_out(
    engine: Engine, clock: ManualClock, worker: Worker, waiting: str
) -> None:
    approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    with transaction(engine) as session:
        shown = session.get_one(ProposalVersion, (waiting, 1))
        shown.plan = json.loads(json.dumps(shown.plan).replace("garden-1/dry", "garden-3/dry"))
        session.add(shown)
    worker.step()
    assert state_of(engine, waiting) is ProposalState.WITHDRAWN
    (entry,) = said(engine, "proposal.withdrawn")
    assert entry.after["code"] == "approval_does_not_cover_it"
    assert entry.reason == "The plan is not the one that was approved, so it was not sent out. Ask for a new plan."
    with reading(engine) as session:
        assert list_dispatches(session) == []


def test_an_unknown_proposal_is_named(engine: Engine, clock: ManualClock) -> None:
    with pytest.raises(NotFoundError, match="p99"):
        approve(engine, clock, proposal_id="p99", version=1, actor="ann")


def test_a_proposal_expires_when_its_shift_starts_and_is_never_carried_out(
    engine: Engine, clock: ManualClock, worker: Worker, waiting: str
) -> None:
    assert expire(engine, clock.now()) == []
    clock.advance(MORNING_STARTS - PLANNING)
    with pytest.raises(ConflictError, match="time to decide"):
        approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    worker.step()
    assert state_of(engine, waiting) is ProposalState.EXPIRED
    assert len(said(engine, "proposal.expired")) == 1
    with pytest.raises(ConflictError, match="expired"):
        approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    worker.step()
    with reading(engine) as session:
        assert list_dispatches(session) == []


def test_what_was_approved_but_not_sent_out_before_its_shift_was_over_is_withdrawn(
    engine: Engine, clock: ManualClock, worker: Worker, waiting: str
) -> None:
    approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    clock.advance(timedelta(hours=10))
    worker.step()
    assert state_of(engine, waiting) is ProposalState.WITHDRAWN
    assert [entry.after["code"] for entry in said(engine, "proposal.withdrawn")] == ["shift_is_over"]


def test_a_dispatch_goes_to_the_crew_that_works_on_the_truck_in_this_district_and_to_no_other(
    engine: Engine, clock: ManualClock, worker: Worker, waiting: str
) -> None:
    with reading(engine) as session:
        (truck_id,) = {route.truck_id for route in read_proposal(session, waiting).plan.routes}
    with transaction(engine) as session:
        for name, district_id, active in (("left", "garden", False), ("lent", "harbour", True)):
            for crew_id in (f"a-{name}", f"z-{name}"):  # whichever of them the database would name first
                session.add(
                    Crew(
                        id=crew_id, name=name, district_id=district_id, shift_id="morning", truck_id=truck_id,
                        active=active,
                    )
                )  # fmt: skip
    approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    worker.step()
    with reading(engine) as session:
        assert [dispatch.crew_id for dispatch in list_dispatches(session)] == [f"{truck_id}-morning"]


def test_publishing_twice_makes_the_same_dispatches_once(engine: Engine, clock: ManualClock, waiting: str) -> None:
    approve(engine, clock, proposal_id=waiting, version=1, actor="ann")

    with ThreadPoolExecutor(8) as publishers:
        answers = list(publishers.map(lambda _: publish(engine, clock, waiting), range(8)))
    assert answers == [publish(engine, clock, waiting)] * 8
    assert len(answers[0]) == 1
    assert len(said(engine, "dispatch.published")) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_refusal_is_worded_in_both_languages(engine: Engine, clock: ManualClock, language: str) -> None:
    with pytest.raises(AgentError) as caught:
        approve(engine, clock, proposal_id="p99", version=1, actor="ann")
    assert "p99" in caught.value.say(language)  # type: ignore[arg-type]


def test_the_database_itself_keeps_a_shift_from_having_two_standing_proposals(engine: Engine, waiting: str) -> None:
    with reading(engine) as session:
        standing = current(session, waiting)
    second = Proposal(**standing.model_dump() | {"id": "p99", "cycle_id": 99})
    with pytest.raises(IntegrityError, match="live_key"), transaction(engine) as session:
        session.add(second)
