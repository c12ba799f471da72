"""What an edited change changes: said anew from the plan in force, since what was shown before is not true any more."""

from dataclasses import replace

from agents.progress import changed_trucks
from routing.difference import Difference, difference
from routing.plan import Plan, VisitKind
from routing.problem import Problem


def revised(base: Plan, problem: Problem, plan: Plan, before: Difference, extra: tuple[int, int, int]) -> Difference:
    """Compare an edited change with the plan in force.

    Parameters
    ----------
    base
        The plan in force.
    problem, plan
        The change as edited.
    before
        What the version before it changed.
    extra
        What the edit costs: cents, metres, seconds.
    """
    changed = changed_trucks(base, plan)
    begun = {visit.subject_id for truck in problem.trucks for visit in truck.begun if visit.kind is VisitKind.STOP}
    # Stops that are done, by a truck that broke down or otherwise, left the problem and are not given up.
    given_up = problem.stop_by_id.keys() | {gone.stop_id for gone in before.dropped}
    whole = difference(base, plan)
    return replace(
        whole,
        dropped=tuple(gone for gone in whole.dropped if gone.stop_id in given_up),
        delayed=tuple(one for one in whole.delayed if one.truck_id in changed and one.stop_id not in begun),
        reordered=tuple(truck_id for truck_id in whole.reordered if truck_id in changed),
        trucks=tuple(truck_id for truck_id in whole.trucks if truck_id in changed),
        extra_cents=before.extra_cents + extra[0],
        extra_m=before.extra_m + extra[1],
        extra_s=before.extra_s + extra[2],
    )
