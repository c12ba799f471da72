"""A part of a problem as a problem of its own: some stops, some trucks, and what people asked about these."""

from collections.abc import Set as AbstractSet
from dataclasses import replace

from routing.ondemand import among
from routing.plan import VisitKind
from routing.problem import Problem


def only(problem: Problem, stop_ids: AbstractSet[str], truck_ids: AbstractSet[str]) -> Problem:
    """Leave stops and trucks out, in the same matrices.

    What was asked about what is left out lapses. Stops that the trucks have begun with stay in.
    """
    trucks = tuple(truck for truck in problem.trucks if truck.id in truck_ids)
    begun = {visit.subject_id for truck in trucks for visit in truck.begun if visit.kind is VisitKind.STOP}
    kept = stop_ids | begun
    relations = (
        replace(relation, stop_ids=tuple(stop_id for stop_id in relation.stop_ids if stop_id in kept))
        for relation in problem.relations
    )
    in_force = tuple(pair for pair in problem.preferences.in_force if pair[0] in kept and pair[1] in truck_ids)
    return replace(
        problem,
        stops=tuple(stop for stop in problem.stops if stop.id in kept),
        trucks=trucks,
        locks=tuple(
            lock if not lock.after or lock.after in kept else replace(lock, after=None)
            for lock in problem.locks
            if lock.stop_id in kept and lock.truck_id in truck_ids
        ),
        relations=tuple(relation for relation in relations if len(relation.stop_ids) > 1),
        preferences=replace(problem.preferences, in_force=in_force),
    )


def excerpt(problem: Problem, stop_ids: AbstractSet[str], truck_ids: AbstractSet[str]) -> Problem:
    """Cut stops and trucks out, with the facilities they can use and matrices of their own places only."""
    part = only(problem, stop_ids, truck_ids)
    streams = {stop.stream for stop in part.stops}
    begun = {visit.subject_id for truck in part.trucks for visit in truck.begun if visit.kind is VisitKind.UNLOAD}
    facilities = [facility for facility in part.facilities if facility.streams & streams or facility.id in begun]
    homes = {home for truck in part.trucks for home in (truck.start_location, truck.end_location)}
    used = sorted(homes | {stop.location for stop in part.stops} | {facility.location for facility in facilities})
    row = {location: number for number, location in enumerate(used)}
    return replace(
        part,
        stops=tuple(replace(stop, location=row[stop.location]) for stop in part.stops),
        facilities=tuple(replace(facility, location=row[facility.location]) for facility in facilities),
        trucks=tuple(
            replace(truck, start_location=row[truck.start_location], end_location=row[truck.end_location])
            for truck in part.trucks
        ),
        matrices=tuple(among(matrix, used) for matrix in part.matrices),
    )
