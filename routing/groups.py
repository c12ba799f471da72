"""Groups of routes that lie beside each other, and parts of stops: what of a large problem is searched at one time.

Routes are grouped by where their stops lie on average (barycentre clustering: the best of the decompositions compared
by Santini, Schneider, Vidal and Vigo, 2023), by halving the plane again and again. Lines drawn at another angle each
time make other groups, so that every border between two is inside a group soon.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from routing.draft import Draft
from routing.plan import Route
from routing.problem import Problem, Stop, Truck

# How far a line may lean from the one across the longest extent, radians.
LEAN = math.pi / 3
# Idle trucks that a group may bring in, as a share of its routes.
SPARE_TRUCKS = 0.1

Points = NDArray[np.float64]
Positions = Mapping[int, Points]


@dataclass(slots=True)
class Group:
    """Routes with stops and trucks that they may use between them.

    Attributes
    ----------
    missing
        Stops that are on no route and might get onto one of these.
    """

    routes: list[Route]
    missing: list[Stop] = field(default_factory=list)
    idle: list[Truck] = field(default_factory=list)

    @property
    def stop_ids(self) -> set[str]:
        """All stops, served or not."""
        return {stop_id for route in self.routes for stop_id in route.stop_ids} | {stop.id for stop in self.missing}

    @property
    def truck_ids(self) -> set[str]:
        """All trucks, used or idle."""
        return {route.truck_id for route in self.routes} | {truck.id for truck in self.idle}


def halves(points: Points, weights: Points, most: float, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Cut points into groups of at most about a weight, of about the same weight each.

    Returns
    -------
    list of arrays
        Indices of every group's points.
    """
    found: list[NDArray[np.int64]] = []

    def cut(inside: NDArray[np.int64], count: int) -> None:
        if count <= 1 or len(inside) <= 1:
            found.append(inside)
            return
        spread = points[inside] - points[inside].mean(axis=0)
        long = np.linalg.svd(spread, full_matrices=False)[2][0] if len(inside) > 2 else np.array([1.0, 0.0])
        angle = math.atan2(long[1], long[0]) + rng.uniform(-LEAN, LEAN)
        ranked = inside[np.argsort(spread @ np.array([math.cos(angle), math.sin(angle)]), kind="stable")]
        first = count // 2 if count % 2 == 0 or rng.random() < 0.5 else count // 2 + 1
        passed = np.cumsum(weights[ranked])
        at = int(np.searchsorted(passed, passed[-1] * first / count)) + 1
        at = min(max(at, 1), len(ranked) - 1)
        cut(ranked[:at], first)
        cut(ranked[at:], count - first)

    cut(np.arange(len(points)), math.ceil(weights.sum() / most))
    return found


def grouped(problem: Problem, draft: Draft, where: Positions, most: int, rng: np.random.Generator) -> list[Group]:
    """Group all routes of a draft into groups of about `most` stops, with missing stops and idle trucks dealt out."""
    routes = list(draft.routes)
    centres = np.array([_centre(problem, route.stop_ids, where) for route in routes]).reshape(-1, 2)
    weights = np.array([len(route.stop_ids) for route in routes], dtype=np.float64)
    groups = [Group([routes[number] for number in np.sort(inside)]) for inside in halves(centres, weights, most, rng)]
    middles = np.array([_centre(problem, group.stop_ids, where) for group in groups])
    _deal_missing(problem, draft.missing, groups, middles, where)
    _deal_idle(problem, groups, middles, where, rng)
    return groups


def _centre(problem: Problem, stop_ids: Iterable[str], where: Positions) -> Points:
    return np.asarray(np.mean([where[problem.stop_by_id[stop_id].location] for stop_id in stop_ids], axis=0))


def _deal_missing(
    problem: Problem, missing: Sequence[Stop], groups: Sequence[Group], middles: Points, where: Positions
) -> None:
    """Give every missing stop to the nearest group; one that is tied to a truck or to stops goes where these are."""
    group_of = {truck_id: number for number, group in enumerate(groups) for truck_id in group.truck_ids}
    group_of_stop = {stop_id: number for number, group in enumerate(groups) for stop_id in group.stop_ids}
    for stop in missing:
        at = int(np.argmin(((middles - where[stop.location]) ** 2).sum(axis=1)))
        mates = [other for relation in problem.relations_of.get(stop.id, ()) for other in relation.stop_ids]
        at = next((group_of_stop[other] for other in mates if other in group_of_stop), at)
        if (holder := problem.truck_of_locked.get(stop.id)) is not None:
            if holder not in group_of:
                group_of[holder] = at
                groups[at].idle.append(problem.truck_by_id[holder])
            at = group_of[holder]
        group_of_stop[stop.id] = at
        groups[at].missing.append(stop)


def _deal_idle(
    problem: Problem, groups: Sequence[Group], middles: Points, where: Positions, rng: np.random.Generator
) -> None:
    """Give every group a few of the idle trucks that are near and of use to it, in turn from a group drawn by lot."""
    used = {truck_id for group in groups for truck_id in group.truck_ids}
    idle = {kind[0]: [truck for truck in kind if truck.id not in used] for kind in problem.kinds}
    kinds = [kind for kind, trucks in idle.items() if trucks]
    if not kinds:
        return
    homes = np.array([where[kind.start_location] for kind in kinds])
    ways = np.sqrt(((middles[:, None] - homes[None]) ** 2).sum(axis=2))
    useful = np.array(
        [[any(kind.fits(stop) for stop in group) for kind in kinds] for group in _examples(problem, groups)]
    )
    taken = np.zeros(ways.shape, dtype=np.int64)
    wanted = [1 + math.ceil(SPARE_TRUCKS * len(group.routes)) for group in groups]
    for lap in range(max(wanted)):
        for number in rng.permutation(len(groups)).tolist():
            there = [k for k, kind in enumerate(kinds) if useful[number][k] and idle[kind]]
            if lap < wanted[number] and there:
                best = min(there, key=lambda k: (taken[number, k], ways[number, k]))
                taken[number, best] += 1
                groups[number].idle.append(idle[kinds[best]].pop(0))


def asked_of_truck(stop: Stop) -> tuple[object, ...]:
    """Return everything about a stop that decides which trucks may serve it, locks aside."""
    return stop.stream, stop.certificates, stop.max_width_cm, stop.max_height_cm, stop.max_weight_kg


def _examples(problem: Problem, groups: Sequence[Group]) -> list[list[Stop]]:
    """Return of each group a stop of every kind: those of a kind ask the same of a truck."""
    return [
        list(
            {
                asked_of_truck(stop): stop for stop in map(problem.stop_by_id.__getitem__, sorted(group.stop_ids))
            }.values()
        )
        for group in groups
    ]
