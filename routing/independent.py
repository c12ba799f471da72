"""Pieces of a problem that have nothing to do with each other: no truck may serve stops of two of them."""

from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np

from routing.problem import Matrix, Problem, Stop


def independent_pieces(problem: Problem) -> list[Problem]:
    """Split a problem by which trucks may serve which stops.

    Returns
    -------
    list of Problem
        Each stop that some truck may serve, and each truck that may serve something, is in exactly one piece. A piece
        has the facilities that accept something of it, and matrices of its own places only.
    """
    # Stops that ask the same of a truck have the same candidates, and there are few kinds of them.
    kinds: dict[object, list[Stop]] = {}
    for stop in problem.stops:
        limits = stop.max_width_cm, stop.max_height_cm, stop.max_weight_kg
        kinds.setdefault((stop.stream, limits, problem.truck_of_locked.get(stop.id)), []).append(stop)
    pieces: list[tuple[set[str], set[str]]] = []
    for stops in kinds.values():
        fleet = {truck.id for truck in problem.candidates(stops[0])}
        if not fleet:
            continue
        joined = [piece for piece in pieces if piece[0] & fleet]
        pieces = [piece for piece in pieces if not piece[0] & fleet]
        ids = {stop.id for stop in stops}
        pieces.append((fleet.union(*(piece[0] for piece in joined)), ids.union(*(piece[1] for piece in joined))))
    return [_piece(problem, *piece) for piece in pieces]


def _piece(problem: Problem, truck_ids: AbstractSet[str], stop_ids: AbstractSet[str]) -> Problem:
    stops = [stop for stop in problem.stops if stop.id in stop_ids]
    streams = {stop.stream for stop in stops}
    facilities = [facility for facility in problem.facilities if facility.streams & streams]
    trucks = [truck for truck in problem.trucks if truck.id in truck_ids]
    homes = {home for truck in trucks for home in (truck.start_location, truck.end_location)}
    used = sorted(homes | {place.location for place in stops} | {place.location for place in facilities})
    row = {location: number for number, location in enumerate(used)}
    pairs = np.ix_(used, used)
    return Problem(
        tuple(replace(stop, location=row[stop.location]) for stop in stops),
        tuple(replace(facility, location=row[facility.location]) for facility in facilities),
        tuple(
            replace(truck, start_location=row[truck.start_location], end_location=row[truck.end_location])
            for truck in trucks
        ),
        tuple(Matrix(matrix.duration_s[pairs], matrix.distance_m[pairs]) for matrix in problem.matrices),
        tuple(lock for lock in problem.locks if lock.stop_id in stop_ids),
    )
