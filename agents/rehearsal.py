"""A rehearsal: one planning cycle from the needs to the plan that leaves no trace in the database."""

from agents.dispatcher import NeedRow, decide
from agents.ground import read_ground
from agents.monitor import find_causes, missed_stops
from agents.outlook import outlooks
from agents.planner import Planned, Quiet, brief, plan_shift
from agents.shifts import ShiftDay
from agents.stops import JudgedNeed
from agents.surroundings import Surroundings
from city.database import reading


def rehearse(surroundings: Surroundings, day: ShiftDay) -> Planned | Quiet:
    """Plan a shift as the agents would now, and keep nothing of it.

    Raises
    ------
    PlanningError, RoutingError
        As `agents.planner.plan_shift`.
    """
    with reading(surroundings.engine) as session:
        ground = read_ground(session, day, surroundings.clock.now())
        found = outlooks(session, ground)
        causes = find_causes(ground, found, missed_stops(session, day.district_id, ground.now))
        needs = [
            NeedRow(number, cause.point_id, cause.stream, cause.bin_id, cause.reason, cause.evidence)
            for number, cause in enumerate(causes)
        ]
        decisions = decide(ground, needs)
        judged = [
            JudgedNeed(need.point_id, need.stream, need.bin_id, need.reason, decisions[need.id]) for need in needs
        ]
        briefing = brief(session, ground, found, judged)
    return plan_shift(surroundings, briefing)
