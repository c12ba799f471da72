"""Pieces of a problem that have nothing to do with each other: no truck may serve stops of two of them.

What people tie together stays together: stops in a relation, trucks that queue at the same gates or share what a
facility takes in a day, and everything where the work is to be balanced.
"""

from collections.abc import Set as AbstractSet

from routing.excerpt import excerpt
from routing.problem import Problem, Stop


def independent_pieces(problem: Problem) -> list[Problem]:
    """Split a problem by which trucks may serve which stops.

    Returns
    -------
    list of Problem
        Each stop that some truck may serve, and each truck that may serve something, is in exactly one piece. A piece
        has the facilities that accept something of it, and matrices of its own places only.
    """
    if problem.facilities_are_shared or problem.preferences.balance_cents_per_h:
        return [problem]
    # Stops that ask the same of a truck have the same candidates, and there are few kinds of them.
    kinds: dict[object, list[Stop]] = {}
    for stop in problem.stops:
        limits = stop.max_width_cm, stop.max_height_cm, stop.max_weight_kg
        asked = stop.stream, stop.certificates, limits, problem.truck_of_locked.get(stop.id)
        kinds.setdefault(asked, []).append(stop)
    pieces: list[tuple[set[str], set[str]]] = []
    for stops in kinds.values():
        fleet = {truck.id for truck in problem.candidates(stops[0])}
        if not fleet:
            continue
        pieces = _joined([*pieces, (fleet, {stop.id for stop in stops})], fleet)
    for relation in problem.relations:
        tied_to = {truck_id for trucks, stops in pieces if stops & set(relation.stop_ids) for truck_id in trucks}
        pieces = _joined(pieces, tied_to)
    if len(pieces) == 1 and len(pieces[0][1]) == len(problem.stops):
        return [problem]  # as it is: a large matrix is not copied
    return [excerpt(problem, stop_ids, truck_ids) for truck_ids, stop_ids in pieces]


def _joined(pieces: list[tuple[set[str], set[str]]], fleet: AbstractSet[str]) -> list[tuple[set[str], set[str]]]:
    """Make one piece of all that have trucks of a fleet."""
    apart = [piece for piece in pieces if not piece[0] & fleet]
    joined = [piece for piece in pieces if piece[0] & fleet]
    if not joined:
        return apart
    return [*apart, (set().union(*(trucks for trucks, _ in joined)), set().union(*(stops for _, stops in joined)))]
