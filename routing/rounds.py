"""Rounds: a problem too large for one run of an engine gets better in groups of neighbouring routes, side by side.

A round groups the routes, searches every group as a problem of its own from its present routes, and keeps what got
better. The next round groups them differently. ``docs/routing.md`` has the measurements behind the numbers here.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from time import monotonic

import numpy as np

from routing.draft import Draft, complete, draft_of, merit, tours_of
from routing.excerpt import excerpt, only
from routing.groups import Group, Positions, grouped
from routing.nearby import with_near_facilities
from routing.problem import Problem
from routing.sharing import Sharing
from routing.workers import Task, Workers

# Stops that are searched at one time: so many, or more where routes are long, since a border lies between routes.
GROUP_STOPS, GROUP_ROUTES, MOST_GROUP_STOPS = 200, 8, 600
# Time for a stop in one round.
SECONDS_A_STOP = 0.02
# Steps of an engine's leg in one round, where steps count and not time.
ROUND_ITERATIONS = 1000
# Rounds that there are at least, each with less time or fewer steps if there are not enough for more.
MIN_ROUNDS = 3


def improve(
    pieces: Sequence[Problem],
    drafts: Sequence[Draft],
    where: Sequence[Positions],
    workers: Workers,
    *,
    seed: int,
    end: float,
    iterations: int | None,
    tell: Callable[[Sequence[Draft]], None],
) -> list[Draft]:
    """Search on from drafts of pieces, round by round.

    Parameters
    ----------
    where
        Places of each piece on a plane.
    end
        `time.monotonic` at which to be done.
    iterations
        Steps of each engine over all rounds, if they count and not time.
    tell
        Called with the drafts after every round.
    """
    best = list(drafts)
    stops = sum(len(piece.stops) for piece in pieces)
    round_s = stops * SECONDS_A_STOP / workers.count
    if iterations is None:
        round_s = min(round_s, (end - monotonic()) / MIN_ROUNDS)
    number = 0
    while _goes_on(number, end, round_s, iterations):
        rng = np.random.default_rng((seed, number))
        left = end - monotonic()
        until = end if iterations is not None else monotonic() + left / max(1, round(left / round_s))
        tasks: list[Task] = []
        owner: list[int] = []
        for place, (piece, draft) in enumerate(zip(pieces, best, strict=True)):
            if draft.routes:
                groups = grouped(piece, draft, where[place], group_stops(piece, draft), rng)
                parts = [_part(piece, draft, group) for group in groups]
                tasks += [
                    Task(part, tuple(group.routes), seed + number, float(len(part.stops)), order_first=True)
                    for part, group in zip(parts, groups, strict=True)
                ]
                owner += [place] * len(groups)
        found = workers.search(tasks, until, None if iterations is None else ROUND_ITERATIONS)
        for place, piece in enumerate(pieces):
            changes = [(task, part) for task, part, of in zip(tasks, found, owner, strict=True) if of == place]
            best[place] = _accepted(piece, best[place], changes, end)
        tell(best)
        number += 1
    return best


def group_stops(piece: Problem, draft: Draft) -> int:
    """Return how many stops a group should have: enough for some routes, few enough for at least two groups."""
    a_route = (len(piece.stops) - len(draft.missing)) / max(1, len(draft.routes))
    return min(max(GROUP_STOPS, round(GROUP_ROUTES * a_route)), MOST_GROUP_STOPS, ceil(len(piece.stops) / 2))


def _goes_on(number: int, end: float, round_s: float, iterations: int | None) -> bool:
    """Whether another round is due: by time, or by steps."""
    left = end - monotonic()
    if iterations is not None:
        return left > 0 and number < max(MIN_ROUNDS, ceil(iterations / ROUND_ITERATIONS))
    return left > round_s / 2 or (number == 0 and left > 0)


def _part(piece: Problem, draft: Draft, group: Group) -> Problem:
    """Make a problem of a group; of what trucks share it gets what the routes outside the group leave."""
    part = with_near_facilities(excerpt(piece, group.stop_ids, group.truck_ids), group.routes)
    if not _shares(piece):
        return part
    outside = [route for route in draft.routes if route.truck_id not in part.truck_by_id]
    sharing = Sharing(only(piece, piece.stop_by_id.keys(), {route.truck_id for route in outside}))
    for route in outside:
        sharing.add(route)
    facilities = []
    for facility in part.facilities:
        known = piece.facility_by_id[facility.id]
        windows = sharing.free(known).windows
        max_kg = None if known.max_kg is None else int(sharing.room_kg(known))
        facilities.append(replace(facility, windows=windows, max_kg=max_kg))
    return replace(part, facilities=tuple(facilities))


def _shares(piece: Problem) -> bool:
    """Whether what is good for one group may be bad for another."""
    return bool(piece.preferences.balance_cents_per_h) or piece.facilities_are_shared


def _accepted(piece: Problem, draft: Draft, changes: Sequence[tuple[Task, Draft]], end: float) -> Draft:
    """Put what groups found into the whole, if it gets better by that: all together, else one after the other."""
    every = _changed(piece, draft, changes, end)
    if not _shares(piece) or merit(piece, every) < merit(piece, draft):
        return min(draft, every, key=lambda one: merit(piece, one))
    for change in changes:
        if monotonic() < end:
            draft = min(draft, _changed(piece, draft, [change], end), key=lambda one: merit(piece, one))
    return draft


def _changed(piece: Problem, draft: Draft, changes: Sequence[tuple[Task, Draft]], end: float) -> Draft:
    """Put the routes of some groups into the whole; where trucks share something, take turns and mend."""
    gone = {truck_id for task, _ in changes for truck_id in task.problem.truck_by_id}
    kept = Draft(tuple(route for route in draft.routes if route.truck_id not in gone), ())
    changed = joined(piece, [kept, *(found for _, found in changes)])
    if not _shares(piece):
        return changed
    return complete(piece, draft_of(piece, tours_of(piece, changed.routes)), end)


def joined(piece: Problem, parts: Sequence[Draft]) -> Draft:
    """Put the routes of all parts of a problem together."""
    routes = {route.truck_id: route for part in parts for route in part.routes}
    served = {stop_id for route in routes.values() for stop_id in route.stop_ids}
    return Draft(
        tuple(routes[truck.id] for truck in piece.trucks if truck.id in routes),
        tuple(stop for stop in piece.stops if stop.id not in served),
    )
