"""Problems and plans as files: a problem as compressed bytes to store and hash, or as readable JSON; a plan as JSON.

A problem's bytes are self-contained and the same whenever it is the same problem: a line of JSON with sorted keys,
then every matrix as little-endian int32, its bytes regrouped by significance, which halves what zlib leaves of it.
"""

import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from routing.errors import RoutingError
from routing.matrix import Matrix
from routing.plan import Plan
from routing.problem import Facility, Lock, Preferences, Problem, Relation, Stop, Truck

MAGIC = b"dustcart problem 1\n"
COMPRESSION = 6


@dataclass(frozen=True, slots=True)
class _Parts:
    """Everything of a problem but its matrices."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    stops: tuple[Stop, ...]
    facilities: tuple[Facility, ...]
    trucks: tuple[Truck, ...]
    locks: tuple[Lock, ...] = ()
    relations: tuple[Relation, ...] = ()
    preferences: Preferences = field(default_factory=Preferences)


_parts = TypeAdapter(_Parts)
_plan = TypeAdapter(Plan)


def dump_problem(problem: Problem) -> bytes:
    """Write a problem as bytes: equal problems give equal bytes."""
    header = {"locations": len(problem.matrices[0]), "matrices": len(problem.matrices), **_parts_of(problem)}
    body = b"".join(
        _pack(values) for matrix in problem.whole_matrices for values in (matrix.duration_s, matrix.distance_m)
    )
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=sorted)
    return MAGIC + zlib.compress(text.encode() + b"\n" + body, COMPRESSION)


def load_problem(body: bytes) -> Problem:
    """Read what `dump_problem` wrote.

    Raises
    ------
    RoutingError
        If the bytes are something else, are cut off or damaged, or hold a problem that cannot exist.
    """
    if not body.startswith(MAGIC):
        raise RoutingError("these bytes are not a problem file of this version; was it written by dump_problem?")
    try:
        header, _, packed = zlib.decompress(body[len(MAGIC) :]).partition(b"\n")
        content = json.loads(header)
        size, count = int(content.pop("locations")), int(content.pop("matrices"))
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RoutingError(f"the problem file is damaged: {error!r}") from error
    length = 4 * size * size
    if len(packed) != 2 * count * length:
        raise RoutingError(f"the problem file holds {len(packed)} bytes of matrices; it should be {2 * count * length}")
    grids = [_unpack(packed[number * length : (number + 1) * length], size) for number in range(2 * count)]
    return _problem(content, tuple(Matrix(*grids[row : row + 2]) for row in range(0, len(grids), 2)))


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """Write a problem as a JSON object, matrices as nested lists: for people and other programs."""
    matrices = [
        {"duration_s": matrix.duration_s.tolist(), "distance_m": matrix.distance_m.tolist()}
        for matrix in problem.whole_matrices
    ]
    readable: dict[str, Any] = json.loads(json.dumps(_parts_of(problem), default=sorted))
    return {**readable, "matrices": matrices}


def problem_from_json(content: dict[str, Any]) -> Problem:
    """Read what `problem_to_json` wrote.

    Raises
    ------
    RoutingError
        If something is missing, unknown or of the wrong type, naming where.
    """
    parts = {key: value for key, value in content.items() if key != "matrices"}
    grids = content.get("matrices")
    if not isinstance(grids, list) or not grids:
        raise RoutingError('a problem needs "matrices": a list of {"duration_s": [[...]], "distance_m": [[...]]}')
    return _problem(parts, tuple(_matrix(number, grid) for number, grid in enumerate(grids)))


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Write a plan as a JSON object."""
    return asdict(plan)


def plan_from_json(content: dict[str, Any]) -> Plan:
    """Read what `plan_to_json` wrote.

    Raises
    ------
    RoutingError
        If something is missing or of the wrong type, naming where.
    """
    try:
        return _plan.validate_python(content)
    except ValidationError as error:
        raise RoutingError(f"this is not a plan: {_faults(error)}") from error


def _parts_of(problem: Problem) -> dict[str, Any]:
    return asdict(
        _Parts(problem.stops, problem.facilities, problem.trucks, problem.locks, problem.relations, problem.preferences)
    )


def _problem(content: dict[str, Any], matrices: tuple[Matrix, ...]) -> Problem:
    try:
        parts = _parts.validate_python(content)
    except ValidationError as error:
        raise RoutingError(f"this is not a problem: {_faults(error)}") from error
    return Problem(
        parts.stops, parts.facilities, parts.trucks, matrices, parts.locks, parts.relations, parts.preferences
    )


def _matrix(number: int, grid: Any) -> Matrix:
    try:
        return Matrix(np.array(grid["duration_s"]), np.array(grid["distance_m"]))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, RoutingError):
            raise
        raise RoutingError(f"matrix {number} needs duration_s and distance_m, square lists of numbers") from error


def _faults(error: ValidationError) -> str:
    found = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


def _pack(values: NDArray[np.int32]) -> bytes:
    return values.astype("<i4").view(np.uint8).reshape(-1, 4).T.tobytes()


def _unpack(packed: bytes, size: int) -> NDArray[np.int32]:
    planes = np.frombuffer(packed, dtype=np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view("<i4").reshape(size, size)
