"""Editing a pending proposal by hand: drop, add, move, lock. Each edit is priced, verified and makes a new version."""

from dataclasses import dataclass

from city.streams import Stream


@dataclass(frozen=True, slots=True)
class DropStop:
    """Leave a stop out of this proposal."""

    stop_id: str


@dataclass(frozen=True, slots=True)
class AddStop:
    """Serve a stop that was left out, or any stream at any point of the district; `truck_id` ``None``: the cheapest."""

    point_id: str
    stream: Stream
    truck_id: str | None = None


@dataclass(frozen=True, slots=True)
class MoveStop:
    """Put a stop on another truck, or elsewhere on the same one.

    Attributes
    ----------
    position
        How many stops the truck serves before it; ``None``: wherever it costs least.
    """

    stop_id: str
    truck_id: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class LockStop:
    """Keep a stop on the truck that serves it, whatever is planned anew."""

    stop_id: str


@dataclass(frozen=True, slots=True)
class UnlockStop:
    """Take a lock off."""

    stop_id: str


Edit = DropStop | AddStop | MoveStop | LockStop | UnlockStop


@dataclass(frozen=True, slots=True)
class EditCost:
    """What an edit changes, new minus old. Cents are fixed, distance and time costs, without prizes."""

    cents: int
    distance_m: int
    duration_s: int
    stops: int
    trucks: int
