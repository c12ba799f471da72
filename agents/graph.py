"""The graph: monitor -> dispatcher -> planner -> review (a person decides) -> publish, one LangGraph thread per shift.

What LangGraph does on a resume shapes every node: it runs a node again from its first line, and runs it as often as it
is resumed. So a thread carries ids only, a node that interrupts does nothing before it, what is written is written
behind a unique key or a compare-and-set in the database, and publishing is a node of its own. Whatever value a thread
is resumed with decides nothing: the row of the proposal does.
"""

from datetime import datetime
from typing import Any, Literal, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from sqlmodel import Session

from agents import publish as publishing
from agents.cycles import CycleState, Outcome, PlanningCycle, hold, rest
from agents.dispatcher import decide, keep_decisions, read_needs
from agents.errors import ConflictError
from agents.ground import Ground, read_ground
from agents.monitor import find_causes, keep_needs, missed_stops
from agents.offline import stay_offline
from agents.outlook import outlooks
from agents.planner import Quiet, plan_shift, read_briefing
from agents.proposals import Proposal, ProposalState, current
from agents.proposing import propose
from agents.shifts import shift_day
from agents.surroundings import Surroundings
from city.database import reading, transaction


class Thread(TypedDict, total=False):
    """What a thread carries from node to node: ids, never what they stand for.

    A thread that begins with a proposal's id goes straight to its review: so a thread whose checkpoints are lost, or
    were pruned, or belong to a later cycle of the same shift, is taken up again.
    """

    cycle_id: int
    proposal_id: str | None


Graph = CompiledStateGraph[Thread, Surroundings, Thread, Thread]


def build_graph(checkpoints: BaseCheckpointSaver[Any]) -> Graph:
    """Build the graph over a place for its checkpoints."""
    stay_offline()
    graph = StateGraph(Thread, context_schema=Surroundings)
    graph.add_node("monitor", monitor)
    graph.add_node("dispatcher", dispatcher)
    graph.add_node("planner", planner)
    graph.add_node("review", review)
    graph.add_node("publish", publish)
    graph.add_conditional_edges(START, _entrance, ["monitor", "review"])
    graph.add_edge("monitor", "dispatcher")
    graph.add_edge("dispatcher", "planner")
    graph.add_edge("publish", END)
    return graph.compile(checkpointer=checkpoints)


def _entrance(state: Thread) -> Literal["monitor", "review"]:
    return "review" if state.get("proposal_id") else "monitor"


def monitor(state: Thread, *, runtime: Runtime[Surroundings]) -> Thread:
    """Bring the needs of the district up to date."""
    surroundings = runtime.context
    with reading(surroundings.engine) as session:
        ground = _ground(surroundings, session, state["cycle_id"])
        causes = find_causes(
            ground, outlooks(session, ground), missed_stops(session, ground.day.district_id, ground.now)
        )
    with transaction(surroundings.engine) as session:
        cycle = hold(session, state["cycle_id"], surroundings.token)
        keep_needs(session, cycle.district_id, causes, ground.now)
    return {}


def dispatcher(state: Thread, *, runtime: Runtime[Surroundings]) -> Thread:
    """Decide what each need deserves in this shift."""
    surroundings = runtime.context
    with reading(surroundings.engine) as session:
        ground = _ground(surroundings, session, state["cycle_id"])
        decisions = decide(ground, read_needs(session, ground))
    with transaction(surroundings.engine) as session:
        hold(session, state["cycle_id"], surroundings.token)
        keep_decisions(session, decisions)
    return {}


def _ground(surroundings: Surroundings, session: Session, cycle_id: int) -> Ground:
    cycle = session.get_one(PlanningCycle, cycle_id)
    day = shift_day(session, cycle.district_id, cycle.service_date, cycle.shift_id)
    return read_ground(session, day, surroundings.clock.now())


def planner(state: Thread, *, runtime: Runtime[Surroundings]) -> Command[Literal["planner", "review", "__end__"]]:
    """Plan the shift and propose it; a cycle that has its proposal already goes on with that.

    If somebody edited the proposal that would be superseded while it was planned anew, it is planned once more.
    """
    surroundings = runtime.context
    with reading(surroundings.engine) as session:
        cycle = session.get_one(PlanningCycle, state["cycle_id"])
        day = shift_day(session, cycle.district_id, cycle.service_date, cycle.shift_id)
        proposed = session.get(Proposal, cycle.proposal_id) is not None
    if proposed:
        return Command(goto="review", update={"proposal_id": cycle.proposal_id})
    briefing = read_briefing(surroundings, day)
    planned = plan_shift(surroundings, briefing)
    now = surroundings.clock.now()
    if isinstance(planned, Quiet):
        _end_quietly(surroundings, cycle.number, planned.outcome, now)
        return Command(goto="__end__")
    try:
        with transaction(surroundings.engine) as session:
            held = hold(session, cycle.number, surroundings.token)
            propose(session, held, planned, expires_at=briefing.ground.begins_at, at=now)
            rest(session, held, CycleState.WAITING, at=now)
    except ConflictError as error:
        if error.code == "edited_meanwhile":
            return Command(goto="planner")
        if error.code != "already_decided":
            raise
        _end_quietly(surroundings, cycle.number, Outcome(code="already_decided", numbers=error.numbers), now)
        return Command(goto="__end__")
    return Command(goto="review", update={"proposal_id": cycle.proposal_id})


def _end_quietly(surroundings: Surroundings, cycle_id: int, outcome: Outcome, now: datetime) -> None:
    with transaction(surroundings.engine) as session:
        rest(session, hold(session, cycle_id, surroundings.token), CycleState.QUIET, at=now, outcome=outcome)


def review(state: Thread, *, runtime: Runtime[Surroundings]) -> Command[Literal["publish", "review", "__end__"]]:
    """Wait for a person, then go where the proposal's row says, whatever woke this thread."""
    interrupt({"proposal_id": state["proposal_id"]})
    with reading(runtime.context.engine) as session:
        proposal = current(session, state["proposal_id"] or "")
    match proposal.state:
        case ProposalState.APPROVED | ProposalState.PUBLISHED:
            return Command(goto="publish")
        case ProposalState.PENDING:
            return Command(goto="review")
        case _:
            return Command(goto="__end__")


def publish(state: Thread, *, runtime: Runtime[Surroundings]) -> Thread:
    """Make the dispatches."""
    publishing.publish(runtime.context.engine, runtime.context.clock, state["proposal_id"] or "")
    return {}
