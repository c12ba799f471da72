"""Threads: taking one up where it was left, whatever happened to whoever ran it, by thread and interrupt id only."""

from enum import Enum
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from agents.cycles import PlanningCycle
from agents.graph import Graph, Thread
from agents.proposals import Proposal, ProposalState
from agents.surroundings import Surroundings
from city.database import reading

# States of a proposal in which its thread has something left to do, or waits to be told.
UNFINISHED = frozenset({ProposalState.PENDING, ProposalState.APPROVED})


def advance(graph: Graph, surroundings: Surroundings, cycle: PlanningCycle) -> None:
    """Bring the thread of a held cycle forward until it waits for a person or has ended.

    A thread is begun, continued after a crash, or resumed, as its last checkpoint says. If that is of another cycle of
    the same shift, or is gone, the thread is begun again at the review of the proposal, if there is still need to.
    """
    config = config_of(cycle)
    while (step := _next_step(graph, config, cycle, _state_of_proposal(surroundings, cycle))) is not Rest.REST:
        graph.invoke(step, config, context=surroundings, durability="sync")


def is_of(graph: Graph, cycle: PlanningCycle) -> bool:
    """Whether the last checkpoint of a shift's thread is of this cycle and not of a later one."""
    return graph.get_state(config_of(cycle)).values.get("cycle_id") == cycle.number


def config_of(cycle: PlanningCycle) -> RunnableConfig:
    """Name the thread as LangGraph wants it."""
    return {"configurable": {"thread_id": cycle.thread_id}}


class Rest(Enum):
    """A thread that is not to be invoked."""

    REST = "rest"


def _next_step(
    graph: Graph, config: RunnableConfig, cycle: PlanningCycle, state: ProposalState | None
) -> Thread | Command[Any] | Rest | None:
    """Return what the thread is to be invoked with: a beginning, an answer, nothing (go on), or not at all."""
    snapshot = graph.get_state(config)
    ours = snapshot.values.get("cycle_id") == cycle.number
    if ours and snapshot.interrupts:
        if state is ProposalState.PENDING:
            return Rest.REST
        return Command(resume={snapshot.interrupts[0].id: cycle.proposal_id})
    if ours and snapshot.next:
        return None
    if state in UNFINISHED or (state is None and not ours):
        return Thread(cycle_id=cycle.number, proposal_id=None if state is None else cycle.proposal_id)
    return Rest.REST


def _state_of_proposal(surroundings: Surroundings, cycle: PlanningCycle) -> ProposalState | None:
    with reading(surroundings.engine) as session:
        proposal = session.get(Proposal, cycle.proposal_id)
        return None if proposal is None else proposal.state
