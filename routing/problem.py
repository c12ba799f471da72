"""The routing problem: who wants to be served, what drives, where it unloads, how long every way takes.

Everything is a frozen value, checked when it is made: a wrong problem cannot exist.
Times are whole seconds after the local midnight of the service day, distances whole metres, loads whole
kilograms and litres (as the waste lies in the bin), money whole cents of the city's currency.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.errors import RoutingError

# A way that does not exist for a profile, as duration and as distance. Its sums stay far below int64.
UNREACHABLE = 2**30


class TimeWindow(NamedTuple):
    """From `start_s` to `end_s`, both included: when a service may begin."""

    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Bins of one stream at one collection point that want to be emptied.

    Attributes
    ----------
    id
        The stop's name in plans and messages.
    location
        Row and column in the matrices.
    stream
        What is collected; a trip carries one stream only.
    demand_kg, demand_l
        What waits there.
    service_s
        From arriving to leaving.
    windows
        When service may begin, in order and apart; none: at any time.
    required
        Must be served if anything allows it. Otherwise it is worth `prize_cents` to serve it.
    prize_cents
        Worth of serving an optional stop.
    max_width_cm, max_height_cm, max_weight_kg
        Largest truck that can get there; ``None``: any.
    """

    id: str
    location: int
    stream: str
    demand_kg: int
    demand_l: int
    service_s: int
    windows: tuple[TimeWindow, ...] = ()
    required: bool = True
    prize_cents: int = 0
    max_width_cm: int | None = None
    max_height_cm: int | None = None
    max_weight_kg: int | None = None


@dataclass(frozen=True, slots=True)
class Facility:
    """A place where trucks unload.

    Attributes
    ----------
    streams
        What it accepts.
    windows
        When unloading may begin; none: at any time.
    unloading_s
        From the gate in to the gate out.
    """

    id: str
    location: int
    streams: frozenset[str]
    unloading_s: int
    windows: tuple[TimeWindow, ...] = ()


Place = Stop | Facility


@dataclass(frozen=True, slots=True)
class Truck:
    """A truck with its crew for one shift.

    Attributes
    ----------
    start_location, end_location
        Where it sleeps, as rows in the matrices. It comes home empty.
    streams
        What it may carry, one stream a trip.
    capacity_kg, capacity_l
        What it holds; `capacity_l` in litres as they lie in the bins, that is body volume times compaction.
    shift
        Earliest leaving and latest return.
    max_duration_s
        Longest time from leaving to return, waiting included.
    max_trips
        Most times it may unload; ``None``: as often as time allows.
    fixed_cents, cents_per_km, cents_per_h
        Cost of using it at all, by distance and by time on the road.
    profile
        Which of the problem's matrices it drives by.
    """

    id: str
    start_location: int
    end_location: int
    streams: frozenset[str]
    capacity_kg: int
    capacity_l: int
    shift: TimeWindow
    max_duration_s: int
    fixed_cents: int = 0
    cents_per_km: int = 0
    cents_per_h: int = 0
    max_trips: int | None = None
    width_cm: int = 0
    height_cm: int = 0
    gross_weight_kg: int = 0
    profile: int = 0

    def fits(self, stop: Stop) -> bool:
        """Whether the truck may carry the stop's stream and physically get there."""
        return (
            stop.stream in self.streams
            and (stop.max_width_cm is None or self.width_cm <= stop.max_width_cm)
            and (stop.max_height_cm is None or self.height_cm <= stop.max_height_cm)
            and (stop.max_weight_kg is None or self.gross_weight_kg <= stop.max_weight_kg)
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """A person's decision: this stop rides on this truck. No solver undoes it, and the stop counts as required."""

    stop_id: str
    truck_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Travel between all locations for one truck profile.

    Attributes
    ----------
    duration_s, distance_m
        Shape (locations, locations), int32, from row to column; `UNREACHABLE` where there is no way. It takes
        both to make a way.
    """

    duration_s: NDArray[np.int32]
    distance_m: NDArray[np.int32]

    def __post_init__(self) -> None:
        for name in ("duration_s", "distance_m"):
            values = np.ascontiguousarray(getattr(self, name))
            if values.ndim != 2 or values.shape[0] != values.shape[1]:
                raise RoutingError(f"matrix {name} has shape {values.shape}; it must be square")
            if not np.issubdtype(values.dtype, np.number) or np.isnan(values).any():
                raise RoutingError(f"matrix {name} has holes; write UNREACHABLE where there is no way")
            if (values < 0).any():
                row, column = np.argwhere(values < 0)[0]
                raise RoutingError(f"matrix {name} is negative from location {row} to {column}")
            if (values > UNREACHABLE).any():
                row, column = np.argwhere(values > UNREACHABLE)[0]
                raise RoutingError(f"matrix {name} is above UNREACHABLE from location {row} to {column}")
            if np.diagonal(values).any():
                row = int(np.flatnonzero(np.diagonal(values))[0])
                raise RoutingError(f"matrix {name} says location {row} is away from itself; its diagonal must be zero")
            frozen = values.astype(np.int32)
            frozen.flags.writeable = False
            object.__setattr__(self, name, frozen)
        if self.duration_s.shape != self.distance_m.shape:
            raise RoutingError(
                f"durations are for {self.duration_s.shape[0]} locations, distances for {self.distance_m.shape[0]}"
            )

    def __len__(self) -> int:
        """Return the number of locations."""
        return int(self.duration_s.shape[0])


@dataclass(frozen=True, eq=False)
class Problem:
    """One planning task. See the module for units; see `Stop`, `Facility`, `Truck`, `Lock` and `Matrix` for the parts.

    Raises
    ------
    RoutingError
        If an id appears twice, a location is outside the matrices, a quantity is negative, a window is upside
        down, or a lock names what is not there or cannot ride there.
    """

    stops: tuple[Stop, ...]
    facilities: tuple[Facility, ...]
    trucks: tuple[Truck, ...]
    matrices: tuple[Matrix, ...]
    locks: tuple[Lock, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.matrices:
            raise RoutingError("a problem needs at least one matrix")
        size = len(self.matrices[0])
        if any(len(matrix) != size for matrix in self.matrices):
            raise RoutingError(f"matrices differ in size: {[len(matrix) for matrix in self.matrices]}")
        for kind, things in (("stop", self.stops), ("facility", self.facilities), ("truck", self.trucks)):
            _unique(kind, (thing.id for thing in things))
        for stop in self.stops:
            _inside(f"stop {stop.id}", stop.location, size)
            _not_negative(
                f"stop {stop.id}",
                demand_kg=stop.demand_kg,
                demand_l=stop.demand_l,
                service_s=stop.service_s,
                prize_cents=stop.prize_cents,
            )
            _ordered(f"stop {stop.id}", stop.windows)
        for facility in self.facilities:
            _inside(f"facility {facility.id}", facility.location, size)
            _not_negative(f"facility {facility.id}", unloading_s=facility.unloading_s)
            _ordered(f"facility {facility.id}", facility.windows)
        for truck in self.trucks:
            _inside(f"truck {truck.id}", truck.start_location, size)
            _inside(f"truck {truck.id}", truck.end_location, size)
            _not_negative(
                f"truck {truck.id}",
                capacity_kg=truck.capacity_kg,
                capacity_l=truck.capacity_l,
                max_duration_s=truck.max_duration_s,
                fixed_cents=truck.fixed_cents,
                cents_per_km=truck.cents_per_km,
                cents_per_h=truck.cents_per_h,
                max_trips=truck.max_trips or 0,
            )
            _ordered(f"truck {truck.id}", (truck.shift,))
            if not 0 <= truck.profile < len(self.matrices):
                raise RoutingError(
                    f"truck {truck.id} drives by profile {truck.profile}; there are {len(self.matrices)}"
                )
        _unique("lock of stop", (lock.stop_id for lock in self.locks))
        for lock in self.locks:
            if lock.stop_id not in self.stop_by_id:
                raise RoutingError(f"a lock names stop {lock.stop_id}, which is not in the problem")
            if lock.truck_id not in self.truck_by_id:
                raise RoutingError(f"a lock names truck {lock.truck_id}, which is not in the problem")
            if not self.truck_by_id[lock.truck_id].fits(self.stop_by_id[lock.stop_id]):
                raise RoutingError(f"stop {lock.stop_id} is locked to truck {lock.truck_id}, which cannot serve it")

    @cached_property
    def stop_by_id(self) -> dict[str, Stop]:
        """Stops by id."""
        return {stop.id: stop for stop in self.stops}

    @cached_property
    def facility_by_id(self) -> dict[str, Facility]:
        """Facilities by id."""
        return {facility.id: facility for facility in self.facilities}

    @cached_property
    def truck_by_id(self) -> dict[str, Truck]:
        """Trucks by id."""
        return {truck.id: truck for truck in self.trucks}

    @cached_property
    def truck_of_locked(self) -> dict[str, str]:
        """Truck id of every locked stop, by stop id."""
        return {lock.stop_id: lock.truck_id for lock in self.locks}

    @cached_property
    def kinds(self) -> tuple[tuple[Truck, ...], ...]:
        """Trucks that differ in nothing but their names, in the problem's order; one with locked stops stands alone."""
        holders = set(self.truck_of_locked.values())
        alike: dict[Truck, list[Truck]] = {}
        for truck in self.trucks:
            alike.setdefault(truck if truck.id in holders else replace(truck, id=""), []).append(truck)
        return tuple(tuple(trucks) for trucks in alike.values())

    def must_serve(self, stop: Stop) -> bool:
        """Whether leaving the stop out is a failure: it is required, or a person locked it to a truck."""
        return stop.required or stop.id in self.truck_of_locked

    def candidates(self, stop: Stop) -> list[Truck]:
        """Trucks that may serve the stop, by stream, size and locks."""
        locked = self.truck_of_locked.get(stop.id)
        return [truck for truck in self.trucks if truck.fits(stop) and locked in (None, truck.id)]


def _unique(kind: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise RoutingError(f"{kind} {name} appears twice")
        seen.add(name)


def _inside(what: str, location: int, size: int) -> None:
    if not 0 <= location < size:
        raise RoutingError(f"{what} is at location {location}; the matrices have {size} locations")


def _not_negative(what: str, **quantities: float) -> None:
    for name, value in quantities.items():
        if value < 0:
            raise RoutingError(f"{what} has {name} {value}; it cannot be negative")


def _ordered(what: str, windows: tuple[TimeWindow, ...]) -> None:
    for window in windows:
        if window.end_s < window.start_s:
            raise RoutingError(
                f"{what} has a time window that ends ({window.end_s}) before it starts ({window.start_s})"
            )
    for earlier, later in itertools.pairwise(windows):
        if later.start_s <= earlier.end_s:
            raise RoutingError(f"{what} has time windows that touch or are out of order")
