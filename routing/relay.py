"""The relay: engines take turns on one plan, each from the best draft so far.

Ruin and recreate goes first: it alone finds plans with few trucks and many trips, and it knows every rule. PyVRP goes
on where trucks make one trip, for there it orders stops best. ``docs/routing.md`` has the measurements.
"""

from time import monotonic

from routing.draft import Draft, Tours, complete, draft_of, merit
from routing.engines.limit import Limit
from routing.engines.pyvrp import Pyvrp
from routing.engines.recreate import Recreate
from routing.engines.weights import Weights
from routing.problem import Problem

# Share of the time kept for timing, mending and checking what the last leg returns.
RESERVE = 0.03
# Share of ruin and recreate where PyVRP goes on.
FIRST_LEG = 0.6
# Too little for a leg.
MIN_SECONDS = 0.02


def relay(problem: Problem, limit: Limit, seed: int, start: Tours | None, *, order_first: bool = False) -> Draft:
    """Search a problem whose stops could all be served one at a time.

    Parameters
    ----------
    start
        Tours to begin with; what does not fit is mended.
    order_first
        Begin with PyVRP, where it runs at all, and let it have most of the time.
    """
    begin = monotonic()
    end = begin + limit.seconds
    best = draft_of(problem, start or {})
    if start:
        best = complete(problem, best, end)
    if not problem.stops or not problem.trucks or not problem.facilities:
        return best
    weights = Weights.of(problem)
    recreate, pyvrp = Recreate(problem, weights), Pyvrp(problem, weights)
    last = begin + limit.seconds * (1 - RESERVE)
    legs: list[tuple[Recreate | Pyvrp, float]] = [(recreate, 1.0)]
    if pyvrp.is_simple and pyvrp.can_run:
        legs = [(pyvrp, 1.0)] if order_first else [(recreate, FIRST_LEG), (pyvrp, 1.0)]
    for engine, until in legs:
        left = begin + (last - begin) * until - monotonic()
        if left <= MIN_SECONDS and best.routes:
            continue
        tours = engine.run(best if best.routes else None, Limit(max(left, MIN_SECONDS), limit.iterations), seed)
        candidate = draft_of(problem, tours)
        if candidate.missing:
            candidate = complete(problem, candidate, end)
        best = min(best, candidate, key=lambda draft: merit(problem, draft))
    return best
