"""Where a shift's depots, facilities and points lie on the streets, when they can be reached, all travel between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from agents.windows import overlap
from city.hours import Span
from routing.cut import CutReason
from routing.far import Far, why_far
from routing.matrix import UNREACHABLE, Matrix
from routing.shift_roads import ShiftPlaces, ShiftRoads
from routing.snapping import SNAP_LIMIT_M

Place = tuple[str, str]

# The kind of place that is served from the street.
POINT = "point"


class StreetLeftOut(BaseModel):
    """The street that would be near a place and that the trucks cannot use."""

    model_config = ConfigDict(frozen=True)

    reason: CutReason
    street: str
    distance_m: int


@dataclass(frozen=True, slots=True)
class Places:
    """Everything that is somewhere, in the order of the matrices.

    Attributes
    ----------
    row
        Row of each place by its kind and id.
    matrices, kind
        Travel by those kinds of truck between which it makes a difference here, and which of them each kind is: most
        limits of a city's streets are nowhere near a district.
    far
        Whether a place is too far from the streets of a kind. Shape (matrices, places).
    open_at
        When each place can be reached, by all kinds that reach it at all; empty: never in what is left of the shift.
    left_out
        For places far from the streets of every kind, the street that would be near, by row.
    """

    row: Mapping[Place, int]
    matrices: tuple[Matrix, ...]
    kind: tuple[int, ...]
    far: NDArray[np.bool_]
    open_at: tuple[tuple[Span, ...], ...]
    left_out: Mapping[int, StreetLeftOut]


def locate(where: Mapping[Place, tuple[float, float]], roads: Sequence[ShiftRoads]) -> Places:
    """Put places on the streets of each kind of truck."""
    lon, lat = np.array(list(where.values())).reshape(-1, 2).T
    at_kerb = np.array([kind == POINT for kind, _ in where], np.bool_)
    located = [one.locate(lon, lat, at_kerb) for one in roads]
    far_by_kind = [places.snaps.distance_m > SNAP_LIMIT_M for places in located]
    matrices: list[Matrix] = []
    far: list[NDArray[np.bool_]] = []
    kinds: list[int] = []
    for places, too_far in zip(located, far_by_kind, strict=True):
        matrix = without(places.matrix(), too_far)
        same = (kind for kind, known in enumerate(matrices) if _are_equal(matrix, known))
        kinds.append(next(same, len(matrices)))
        if kinds[-1] == len(matrices):
            matrices.append(matrix)
            far.append(too_far)
    return Places(
        {place: row for row, place in enumerate(where)},
        tuple(matrices),
        tuple(kinds),
        np.array(far).reshape(len(matrices), len(where)),
        tuple(open_for_all(located, row) for row in range(len(where))),
        _left_out(located),
    )


def open_for_all(located: Sequence[ShiftPlaces], row: int) -> tuple[Span, ...]:
    """Return when a place can be reached by every kind of truck that is near it and reaches it at all."""
    found: tuple[Span, ...] = ()
    for places in located:
        spans = tuple(places.open_at(row))
        if spans and places.snaps.distance_m[row] <= SNAP_LIMIT_M:
            found = overlap(found, spans) if found else spans
    return found


def nearest_left_out(reasons: Sequence[Far]) -> StreetLeftOut | None:
    """Return the nearest of the streets that kinds of truck cannot use, if there is one."""
    near = [
        StreetLeftOut(reason=far.reason, street=far.street, distance_m=round(far.cut_m))
        for far in reasons
        if far.cut_m is not None and far.reason is not None
    ]
    return min(near, key=lambda street: street.distance_m, default=None)


def _left_out(located: Sequence[ShiftPlaces]) -> dict[int, StreetLeftOut]:
    by_row: dict[int, list[Far]] = {}
    for places in located:
        for far in why_far(places.roads.graph.cut, places.snaps):
            by_row.setdefault(far.place, []).append(far)
    found = {row: nearest_left_out(reasons) for row, reasons in by_row.items() if len(reasons) == len(located)}
    return {row: street for row, street in found.items() if street is not None}


def without(matrix: Matrix, far: NDArray[np.bool_]) -> Matrix:
    """Take away every way to and from places that a truck's streets do not come near."""
    if not far.any():
        return matrix
    duration_s, distance_m = matrix.duration_s.copy(), matrix.distance_m.copy()
    for values in (duration_s, distance_m):
        values[far, :] = values[:, far] = UNREACHABLE
        np.fill_diagonal(values, 0)
    return Matrix(duration_s, distance_m)


def _are_equal(one: Matrix, other: Matrix) -> bool:
    return np.array_equal(one.duration_s, other.duration_s) and np.array_equal(one.distance_m, other.distance_m)
