"""Why stops are left out of a plan; of a whole city's plan, as seen from the routes around them."""

import numpy as np

from routing.diagnosis import why_never, why_not_beside
from routing.draft import Draft
from routing.excerpt import excerpt
from routing.groups import grouped
from routing.ondemand import OnDemand
from routing.plan import Unserved
from routing.positions import positions
from routing.problem import Problem

# Stops around those left out that are looked at.
AROUND = 200


def worked_out_on_demand(problem: Problem) -> bool:
    """Whether there are more places than matrices can be held of."""
    return any(isinstance(travel, OnDemand) for travel in problem.matrices)


def why_left_out(problem: Problem, draft: Draft) -> list[Unserved]:
    """Name for every missing stop of a draft the constraint that keeps it out."""
    if not worked_out_on_demand(problem) or not draft.routes:
        return list(why_not_beside(problem, draft.missing, draft.routes))
    found: list[Unserved] = []
    for group in grouped(problem, draft, positions(problem), AROUND, np.random.default_rng(1)) if draft.missing else ():
        if not group.missing:
            continue
        part = excerpt(problem, group.stop_ids, group.truck_ids)
        missing = [part.stop_by_id[stop.id] for stop in group.missing]
        never = {stop.id: why for stop in missing if (why := why_never(part, stop)) is not None}
        found += never.values()
        found += why_not_beside(part, [stop for stop in missing if stop.id not in never], group.routes)
    return found
