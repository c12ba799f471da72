"""Facilities near the stops of a part: a city has eighty, and a part has no use for those at the other end."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from routing.plan import Route, VisitKind
from routing.problem import Problem

# Facilities that every stop keeps, of those that take its stream; so few in all are not worth choosing from.
EACH, FEW = 3, 8


def with_near_facilities(part: Problem, routes: Iterable[Route] = ()) -> Problem:
    """Leave out facilities that are not among the few nearest, there and back, of any stop.

    Parameters
    ----------
    routes
        What these use, and what trucks have begun with, stays.
    """
    if len(part.facilities) <= FEW or not part.stops:
        return part
    seconds = part.matrices[0].duration_s
    stops = np.array([stop.location for stop in part.stops])
    gates = np.array([facility.location for facility in part.facilities])
    ways = seconds[np.ix_(stops, gates)].astype(np.int64) + seconds[np.ix_(gates, stops)].T
    refused = [[stop.stream not in facility.streams for facility in part.facilities] for stop in part.stops]
    ways[np.array(refused)] = np.iinfo(np.int64).max
    near = set(np.argsort(ways, axis=1, kind="stable")[:, :EACH].ravel().tolist())
    visits = [visit for route in routes for visit in route.visits]
    visits += [visit for truck in part.trucks for visit in truck.begun]
    used = {visit.subject_id for visit in visits if visit.kind is VisitKind.UNLOAD}
    return replace(
        part,
        facilities=tuple(
            facility for number, facility in enumerate(part.facilities) if number in near or facility.id in used
        ),
    )
