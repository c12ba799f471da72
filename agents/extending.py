"""Extending a routing problem by a stop that was not in it: any stream at any point of the district may be added."""

from dataclasses import replace
from datetime import datetime

import numpy as np
from sqlmodel import Session

from agents.by_hand import ADDED
from agents.edits import AddStop, Draft
from agents.errors import EditRefusedError, NotFoundError
from agents.ground import Ground, Point, read_ground
from agents.outlook import outlooks
from agents.places import open_for_all, without
from agents.planner import reason_of
from agents.proposals import Proposal
from agents.roads import CityRoads, road_closures
from agents.shifts import shift_day
from agents.stop_ids import parse_stop_id, stop_id_of
from agents.stops import JudgedNeed, candidate
from agents.whereabouts import coordinates, roads_of
from agents.windows import both, to_begin
from city.hours import Span
from routing.matrix import UNREACHABLE, Matrix
from routing.plan import Unserved, UnservedReason
from routing.problem import Problem
from routing.snapping import SNAP_LIMIT_M


def extend(
    session: Session,
    roads: CityRoads,
    proposal: Proposal,
    draft: Draft,
    edit: AddStop,
    *,
    now: datetime,
    begin: datetime | None = None,
) -> Draft:
    """Put a stop into the problem, left out as yet, with what waits there as it is known now.

    Parameters
    ----------
    begin
        When a truck may go there at the earliest; ``None``: when the first truck of the proposal may leave.

    Raises
    ------
    NotFoundError
        If the point is not in use in the district or has no bins of the stream.
    EditRefusedError
        If the point or its street is closed in this shift, or no street comes near it.
    """
    stop_id = stop_id_of(edit.point_id, edit.stream)
    day = shift_day(session, proposal.district_id, proposal.service_date, proposal.shift_id)
    ground = read_ground(session, day, now, begin=begin or proposal.expires_at)
    bins = [outlook for outlook in outlooks(session, ground) if outlook.stop_id == stop_id]
    if not bins:
        raise NotFoundError("unknown_stop", stop_id=stop_id)
    if not ground.open_windows(edit.point_id):
        raise EditRefusedError("point_not_open", stop_id=stop_id, hours=ground.points[edit.point_id].hours or "-")
    need = JudgedNeed(edit.point_id, edit.stream, None, None, ADDED)
    added = candidate(ground, bins, [need])
    problem, location, open_at = _located(session, roads, ground, draft.problem, added.point)
    windows = both(added.windows, to_begin(open_at, ground.within, added.service_s) or ())
    if windows is None or not open_at:
        raise EditRefusedError("street_not_open", stop_id=stop_id)
    added = replace(added, windows=windows)
    problem = replace(problem, stops=(*problem.stops, added.at(location)))
    left = Unserved(stop_id, UnservedReason.TAKEN_OUT)
    return replace(
        draft,
        problem=problem,
        plan=replace(draft.plan, unserved=(*draft.plan.unserved, left)),
        reasons={**draft.reasons, stop_id: reason_of(ground, added)},
    )


def _located(
    session: Session, roads: CityRoads, ground: Ground, problem: Problem, point: Point
) -> tuple[Problem, int, tuple[Span, ...]]:
    """Find the point in the matrices, or add a row and a column for it. What is there already stays as it was.

    Returns
    -------
    problem, location, open_at
        And when its street can be driven.
    """
    where = coordinates(session, problem)
    known = next((stop.location for stop in problem.stops if parse_stop_id(stop.id)[0] == point.id), None)
    closures = road_closures(session, ground.zone, ground.streets_when)
    by_profile = roads_of(session, roads, problem, ground.streets_when, closures)
    lon, lat, at_kerb = np.append(where.lon, point.lon), np.append(where.lat, point.lat), np.append(where.at_kerb, True)
    located = {profile: streets.locate(lon, lat, at_kerb) for profile, streets in by_profile.items()}
    open_at = open_for_all(list(located.values()), len(where.lon))
    if known is not None:
        return problem, known, open_at
    nearest_m = min((places.snaps.distance_m[-1] for places in located.values()), default=np.inf)
    if nearest_m > SNAP_LIMIT_M:
        raise EditRefusedError("far_from_streets", point=point.name, distance_m=round(nearest_m))
    matrices = []
    for profile, matrix in enumerate(problem.whole_matrices):
        places = located.get(profile)
        new = None if places is None else without(places.matrix(), places.snaps.distance_m > SNAP_LIMIT_M)
        matrices.append(_enlarged(matrix, new))
    return replace(problem, matrices=tuple(matrices)), len(where.lon), open_at


def _enlarged(matrix: Matrix, with_new: Matrix | None) -> Matrix:
    """Add one location at the end, with its ways from another matrix; ``None``: there is no way to it."""
    size = len(matrix)
    grids = []
    for name in ("duration_s", "distance_m"):
        grid = np.full((size + 1, size + 1), UNREACHABLE, dtype=np.int32)
        if with_new is not None:
            grid[:] = getattr(with_new, name)
        grid[:size, :size] = getattr(matrix, name)
        grid[size, size] = 0
        grids.append(grid)
    return Matrix(*grids)
