"""`solve`: a problem and a budget in, the best plan found in that time out. Any plan it returns passes `verify`."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from routing.cluster import RayCluster
from routing.diagnosis import why_never
from routing.draft import Draft, draft_of, tours_of
from routing.errors import RoutingError
from routing.excerpt import only
from routing.independent import independent_pieces
from routing.leftovers import why_left_out, worked_out_on_demand
from routing.ondemand import look_ahead
from routing.plan import Plan, Unserved
from routing.pricing import cost_of, route_cents
from routing.problem import Problem
from routing.spread import search
from routing.verify import verify
from routing.workers import Processes, Workers

# Time kept for timing, explaining and checking the whole plan, by its size, and at most what share of all time.
FINISH_S_A_STOP, FINISH_SHARE = 0.0008, 0.06


@dataclass(frozen=True, slots=True)
class Budget:
    """What a solve may take.

    Attributes
    ----------
    seconds
        Wall time, the aim being 5 % at most beyond it; a tenth of a second more on a busy machine, and longer where the
        search has to be compiled first.
    cores
        Processes that may work at the same time; all of the machine's if nothing else is said.
    iterations
        Steps of each engine's leg; with it the same seed gives the same plan on any machine that is fast enough to do
        them within `seconds`, whatever `cores` and `cluster`. Without it the plan depends on how far the engines come
        in that time.
    cluster
        Address of a Ray cluster whose processors do the searching, for the largest problems; it needs the extra
        ``ray``.
    """

    seconds: float
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    iterations: int | None = None
    cluster: str | None = None

    def __post_init__(self) -> None:
        if not self.seconds > 0 or self.cores < 1 or (self.iterations is not None and self.iterations < 1):
            raise RoutingError(f"{self} is no budget: seconds, cores and iterations must be positive")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a solve is: what the best plan so far costs, how many trucks it sends, how many required stops it lacks.

    The cost is without what preferences charge.
    """

    cost_cents: int
    trucks: int
    required_left: int


def solve(
    problem: Problem,
    budget: Budget,
    *,
    seed: int = 1,
    start: Plan | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Plan:
    """Plan a day: serve what must be served, then what is worth it, at the least cost.

    Plans are ranked by the priorities of the required stops they leave out, then by cost with the prizes of optional
    stops left out, then by duration and distance. Independent pieces of the problem are searched on their own. With
    more than one core and a few seconds, further processes are started.

    Parameters
    ----------
    seed
        The same seed and an iteration budget give the same plan.
    start
        A plan to improve, also of a problem that was a little different: what no longer fits is mended. The result
        is never worse than it.
    progress
        Called when all cores have met and the plan may have got better: after the first plan of a large problem and
        after every round; seldom for a small one.

    Returns
    -------
    Plan
        Keeps every rule of the problem. A stop it leaves out carries the constraint that keeps it out; if the
        problem has no solution, this is the best partial plan found.
    """
    begin = monotonic()

    def tell(drafts: Sequence[Draft]) -> None:
        if progress is not None:
            progress(_progress(problem, drafts))

    never = {} if worked_out_on_demand(problem) else _never(problem)
    possible = only(problem, problem.stop_by_id.keys() - never.keys(), problem.truck_by_id.keys())
    with _workers(budget) as workers:
        drafts = search(
            independent_pieces(possible),
            start.routes if start else (),
            workers,
            seed=seed,
            end=begin + budget.seconds - min(len(problem.stops) * FINISH_S_A_STOP, FINISH_SHARE * budget.seconds),
            iterations=budget.iterations,
            tell=tell,
        )
    look_ahead(possible, (route for found in drafts for route in found.routes))
    draft = draft_of(possible, tours_of(possible, (route for found in drafts for route in found.routes)))
    reasons = never | {gone.stop_id: gone for gone in why_left_out(possible, draft)}
    unserved = tuple(reasons[stop.id] for stop in problem.stops if stop.id in reasons)
    plan = Plan(draft.routes, unserved, cost_of(problem, draft.routes, unserved))
    if not (checked := verify(problem, plan)).ok:
        raise RoutingError(
            f"the search broke a rule, which is a fault in it: {'; '.join(map(str, checked.violations[:5]))}"
        )
    return plan


def _progress(problem: Problem, drafts: Sequence[Draft]) -> Progress:
    routes = tuple(route for draft in drafts for route in draft.routes)
    missing = [stop for draft in drafts for stop in draft.missing]
    prizes = sum(stop.prize_cents for stop in missing if not problem.must_serve(stop))
    return Progress(
        sum(route_cents(problem.truck_by_id[route.truck_id], route) for route in routes) + prizes,
        len(routes),
        sum(problem.must_serve(stop) for stop in missing),
    )


def _never(problem: Problem) -> dict[str, Unserved]:
    """Find the stops that cannot be served even with the whole fleet free for them."""
    return {stop.id: why for stop in problem.stops if (why := why_never(problem, stop)) is not None}


def _workers(budget: Budget) -> Workers:
    if budget.cluster is not None:
        return RayCluster(budget.cluster, budget.cores)
    return Processes(budget.cores, budget.seconds)
