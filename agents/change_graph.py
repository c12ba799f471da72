"""The graph of a change: replan -> review (a person decides) -> publish, one LangGraph thread for a shift under way.

The same laws hold as in `agents.graph`, whose review and publishing it shares.
"""

from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from agents import publish as publishing
from agents.changes import give_way, propose_change
from agents.changing import NoChange, plan_change
from agents.cycles import CycleState, PlanningCycle, hold, rest
from agents.errors import ConflictError
from agents.graph import Graph, Thread, publish, review
from agents.offline import stay_offline
from agents.proposals import Proposal
from agents.surroundings import Surroundings
from city.database import reading, transaction


def build_change_graph(checkpoints: BaseCheckpointSaver[Any]) -> Graph:
    """Build the graph over a place for its checkpoints."""
    stay_offline()
    graph = StateGraph(Thread, context_schema=Surroundings)
    graph.add_node("replan", replan)
    graph.add_node("review", review)
    graph.add_node("publish", publish)
    graph.add_conditional_edges(START, _entrance, ["replan", "review"])
    graph.add_edge("publish", END)
    return graph.compile(checkpointer=checkpoints)


def _entrance(state: Thread) -> Literal["replan", "review"]:
    return "review" if state.get("proposal_id") else "replan"


def replan(state: Thread, *, runtime: Runtime[Surroundings]) -> Command[Literal["replan", "review", "__end__"]]:
    """Take what happened into the plan in force and propose it; if that moved on meanwhile, do it once more."""
    surroundings = runtime.context
    with reading(surroundings.engine) as session:
        cycle = session.get_one(PlanningCycle, state["cycle_id"])
        proposed = session.get(Proposal, cycle.proposal_id) is not None
    if proposed:
        return Command(goto="review", update={"proposal_id": cycle.proposal_id})
    planned = plan_change(surroundings, cycle)
    now = surroundings.clock.now()
    try:
        with transaction(surroundings.engine) as session:
            held = hold(session, cycle.number, surroundings.token)
            if isinstance(planned, NoChange):
                give_way(session, held, planned.standing, at=now, successor=planned.outcome.code)
                rest(session, held, CycleState.QUIET, at=now, outcome=planned.outcome)
                return Command(goto="__end__")
            propose_change(session, held, planned, at=now)
            rest(session, held, CycleState.WAITING, at=now)
    except ConflictError as error:
        if error.code == "being_carried_out":
            publishing.publish(surroundings.engine, surroundings.clock, error.numbers["proposal_id"])
        elif error.code not in ("edited_meanwhile", "day_moved_on"):
            raise
        return Command(goto="replan")
    return Command(goto="review", update={"proposal_id": cycle.proposal_id})
