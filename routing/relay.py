"""The relay: PyVRP and OR-Tools take turns on one plan, and each gets the other out of its valley.

PyVRP finds good orders fast but stagnates on the number of trucks; OR-Tools' guided local search starts slowly but
goes on where PyVRP rests. Each leg starts from the best draft so far. ``docs/routing.md`` has the measurements.
"""

from time import monotonic

from routing.draft import Draft, Tours, complete, draft_of, merit
from routing.engines.limit import Limit
from routing.engines.ortools import Ortools
from routing.engines.pyvrp import Pyvrp
from routing.engines.weights import Weights
from routing.problem import Problem

# Share of the time kept for timing, mending and checking what the last leg returns.
RESERVE = 0.03


def relay(problem: Problem, limit: Limit, seed: int, start: Tours | None) -> Draft:
    """Search a problem whose stops could all be served one at a time.

    Parameters
    ----------
    start
        Tours to begin with; what does not fit is mended.
    """
    begin = monotonic()
    end = begin + limit.seconds
    best = draft_of(problem, start or {})
    if start:
        best = complete(problem, best, end)
    if not problem.stops or not problem.trucks or not problem.facilities:
        return best
    weights = Weights.of(problem)
    pyvrp, ortools = Pyvrp(problem, weights), Ortools(problem, weights)
    legs = 4
    turn_s = limit.seconds * (1 - RESERVE) / legs
    for leg in range(legs):
        left = begin + (leg + 1) * turn_s - monotonic()
        if left <= 0.02:
            continue
        if leg % 2 == 0 and pyvrp.fits_into_memory:
            tours = pyvrp.run(best if best.routes else None, Limit(left, limit.iterations), seed + leg)
        else:
            found = ortools.run(best, Limit(left, limit.iterations))
            if found is None:
                continue
            tours = found
        candidate = draft_of(problem, tours)
        if candidate.missing:
            candidate = complete(problem, candidate, end)
        best = min(best, candidate, key=lambda draft: merit(problem, draft))
    return best
