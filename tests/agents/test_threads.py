"""What LangGraph does on a resume, done to our graph: whatever wakes a thread, only the proposal's row decides."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langgraph.types import Command
from sqlalchemy import Engine
from sqlmodel import select

from agents.checkpoints import open_checkpoints
from agents.cycles import Holder, PlanningCycle, take
from agents.dispatches import list_dispatches
from agents.graph import Graph, build_graph
from agents.proposals import ProposalState, ProposalVersion, current
from agents.review import approve, reject
from agents.roads import CityRoads
from agents.solvers import Solvers
from agents.surroundings import Surroundings
from agents.threads import advance, config_of
from city.clock import ManualClock
from city.database import reading
from city.journal import AuditRecord
from city.settings import Settings


@pytest.fixture
def surroundings(engine: Engine, clock: ManualClock, settings: Settings, solvers: Solvers) -> Surroundings:
    """What nodes work with, for threads that a test invokes itself."""
    return Surroundings(engine, clock, settings, CityRoads(engine), solvers, token="a test")


def cycle_of(engine: Engine, district: str = "garden") -> PlanningCycle:
    with reading(engine) as session:
        return session.exec(select(PlanningCycle).where(PlanningCycle.district_id == district)).one()


def answer(graph: Graph, surroundings: Surroundings, cycle: PlanningCycle, with_what: Any) -> None:
    """Resume a thread as somebody would who does not know ours: by its interrupt, with any value."""
    config = config_of(cycle)
    resume = {interrupt.id: with_what for interrupt in graph.get_state(config).interrupts}
    graph.invoke(Command(resume=resume), config, context=surroundings, durability="sync")


def dispatched(engine: Engine) -> int:
    with reading(engine) as session:
        return len(list_dispatches(session))


def test_a_thread_carries_ids_and_nothing_else(engine: Engine, waiting: str) -> None:
    cycle = cycle_of(engine)
    with open_checkpoints(engine) as checkpoints:
        snapshot = build_graph(checkpoints).get_state(config_of(cycle))
    assert cycle.thread_id == "garden/2026-03-03/morning"
    assert snapshot.values == {"cycle_id": cycle.number, "proposal_id": waiting}
    assert [interrupt.value for interrupt in snapshot.interrupts] == [{"proposal_id": waiting}]
    assert snapshot.next == ("review",)


def test_a_thread_that_is_told_yes_publishes_nothing_that_its_row_does_not_say_is_approved(
    engine: Engine, surroundings: Surroundings, waiting: str
) -> None:
    cycle = cycle_of(engine)
    with open_checkpoints(engine) as checkpoints:
        graph = build_graph(checkpoints)
        for lie in ("approved", {"state": "approved"}, True):
            answer(graph, surroundings, cycle, lie)
            assert dispatched(engine) == 0
            assert graph.get_state(config_of(cycle)).next == ("review",)
        # An interrupt id that nobody knows is passed over in silence by LangGraph; the thread goes on waiting.
        graph.invoke(Command(resume={"0" * 32: "approved"}), config_of(cycle), context=surroundings)
        assert len(graph.get_state(config_of(cycle)).interrupts) == 1
        graph.invoke(None, config_of(cycle), context=surroundings)
    assert dispatched(engine) == 0
    with reading(engine) as session:
        assert current(session, waiting).state is ProposalState.PENDING


def test_eight_resumes_at_once_and_the_code_that_they_run_twice_make_one_set_of_dispatches(
    engine: Engine, surroundings: Surroundings, clock: ManualClock, waiting: str
) -> None:
    approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    cycle = cycle_of(engine)
    with open_checkpoints(engine) as checkpoints:
        graph = build_graph(checkpoints)
        with ThreadPoolExecutor(8) as workers:
            list(workers.map(lambda _: answer(graph, surroundings, cycle, "go"), range(8)))
    assert dispatched(engine) == 1
    with reading(engine) as session:
        told = [entry.action for entry in session.exec(select(AuditRecord))]
    assert told.count("proposal.published") == told.count("dispatch.published") == 1


def test_a_finished_thread_that_is_resumed_and_an_old_checkpoint_that_is_replayed_do_nothing_again(
    engine: Engine, surroundings: Surroundings, clock: ManualClock, waiting: str
) -> None:
    approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    cycle = cycle_of(engine)
    config = config_of(cycle)
    with open_checkpoints(engine) as checkpoints:
        graph = build_graph(checkpoints)
        old = graph.get_state(config)
        answer(graph, surroundings, cycle, "go")
        assert graph.get_state(config).next == ()
        graph.invoke(Command(resume={old.interrupts[0].id: "again"}), config, context=surroundings)
        graph.invoke(None, config, context=surroundings)
        graph.invoke(Command(resume={old.interrupts[0].id: "again"}), old.config, context=surroundings)
        graph.invoke(Command(goto="publish"), config, context=surroundings)
    assert dispatched(engine) == 1


def test_nobody_can_send_a_thread_to_publishing_what_was_rejected(
    engine: Engine, surroundings: Surroundings, clock: ManualClock, waiting: str
) -> None:
    reject(engine, clock, proposal_id=waiting, version=1, actor="ann", reason="no")
    cycle = cycle_of(engine)
    with open_checkpoints(engine) as checkpoints:
        graph = build_graph(checkpoints)
        with pytest.raises(Exception, match="only an approved proposal"):
            graph.invoke(Command(goto="publish"), config_of(cycle), context=surroundings)
    assert dispatched(engine) == 0


def test_a_thread_whose_checkpoints_are_lost_is_taken_up_at_its_review(
    engine: Engine, surroundings: Surroundings, clock: ManualClock, waiting: str
) -> None:
    approve(engine, clock, proposal_id=waiting, version=1, actor="ann")
    cycle = take(engine, cycle_of(engine), Holder(surroundings.token, clock.now()))
    assert cycle is not None
    with open_checkpoints(engine) as checkpoints:
        checkpoints.delete_thread(cycle.thread_id)
        advance(build_graph(checkpoints), surroundings, cycle)
    assert dispatched(engine) == 1
    with reading(engine) as session:
        assert len(session.exec(select(ProposalVersion)).all()) == 1


def test_a_planner_that_runs_again_after_its_proposal_was_written_writes_no_second_one(
    engine: Engine, surroundings: Surroundings, clock: ManualClock, waiting: str
) -> None:
    cycle = take(engine, cycle_of(engine), Holder(surroundings.token, clock.now()))
    assert cycle is not None
    with open_checkpoints(engine) as checkpoints:
        graph = build_graph(checkpoints)
        before_planner = next(
            snapshot for snapshot in graph.get_state_history(config_of(cycle)) if snapshot.next == ("planner",)
        )
        graph.invoke(None, before_planner.config, context=surroundings, durability="sync")
        assert [interrupt.value for interrupt in graph.get_state(config_of(cycle)).interrupts] == [
            {"proposal_id": waiting}
        ]
    with reading(engine) as session:
        assert len(session.exec(select(ProposalVersion)).all()) == 1
