"""Asking about a proposal: why a stop is on its truck and why then, why not on another, what it lacks to be served."""

from dataclasses import replace

from sqlmodel import Session

from agents.editing import Desk
from agents.errors import NotFoundError
from agents.proposals import Shown
from routing.explain import Explanation, explain
from routing.problem import Lock


def explain_stop(desk: Desk, session: Session, shown: Shown, stop_id: str, truck_id: str | None = None) -> Explanation:
    """Explain where a stop stands in a proposal, worked out from the problem that was solved.

    Parameters
    ----------
    truck_id
        Another truck, to be told why it does not serve the stop.

    Raises
    ------
    NotFoundError
        If the problem lacks the stop or the truck, or is not stored any more.
    """
    problem = desk.problems.read(session, shown.version.problem_hash)
    if stop_id not in problem.stop_by_id or (
        shown.plan.route_of(stop_id) is None and stop_id not in {left.stop_id for left in shown.plan.unserved}
    ):
        raise NotFoundError("not_planned", stop_id=stop_id)
    if truck_id is not None and truck_id not in problem.truck_by_id:
        raise NotFoundError("unknown_truck", truck_id=truck_id)
    locks = tuple(Lock(stop, truck) for stop, truck in sorted(shown.version.locks.items()))
    return explain(replace(problem, locks=locks), shown.plan, stop_id, truck_id)
