"""Which trucks on the road come nearest to some stops: the ones that a small change for these may concern."""

from collections.abc import Mapping, Sequence

from routing.plan import Route
from routing.problem import Problem, Stop


def nearest_trucks(problem: Problem, routes: Mapping[str, Route], stops: Sequence[Stop], most: int) -> list[str]:
    """Return the trucks with a route that may serve one of the stops and come nearest to it, nearest first."""
    nearest: dict[str, int] = {}
    for stop in stops:
        for truck in problem.candidates(stop):
            if truck.id in routes:
                served = [problem.stop_by_id[stop_id].location for stop_id in routes[truck.id].stop_ids]
                where = [*served, truck.start_location]
                away_s = int(problem.matrices[truck.profile].duration_s[where, stop.location].min())
                nearest[truck.id] = min(away_s, nearest.get(truck.id, away_s))
    return sorted(nearest, key=lambda truck_id: nearest[truck_id])[:most]
