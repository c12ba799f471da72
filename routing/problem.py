"""The routing problem: who wants to be served, what drives, where it unloads, how long every way takes.

Everything is a frozen value, checked when it is made: a wrong problem cannot exist.
Times are whole seconds after the local midnight of the service day, distances whole metres, loads whole
kilograms and litres (as the waste lies in the bin), money whole cents of the city's currency.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from numbers import Integral
from typing import NamedTuple

from routing.errors import RoutingError
from routing.matrix import Matrix, Travel
from routing.plan import Visit, VisitKind

# What counts as a rest by the European driving rule, after at most four and a half hours of driving, (EC) No 561/2006.
EU_REST_S = 2_700

# Everything that is counted; the suffix says in what.
QUANTITIES = (
    "demand_kg", "demand_l", "service_s", "prize_cents", "priority", "max_width_cm", "max_height_cm", "max_weight_kg",
    "unloading_s", "max_kg", "gates", "duration_s", "capacity_kg", "capacity_l", "max_duration_s", "max_overtime_s",
    "overtime_cents_per_h", "max_driving_s", "rest_s", "max_trips", "max_stops", "max_shift_kg", "max_shift_l",
    "fixed_cents", "cents_per_km", "cents_per_h", "co2_g_per_km", "width_cm", "height_cm", "gross_weight_kg",
    "balance_cents_per_h", "compactness_cents_per_km", "change_cents",
)  # fmt: skip


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
    priority
        How many ordinary required stops this one counts for where not all can be served.
    certificates
        What the crew must be certified for.
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
    priority: int = 1
    certificates: frozenset[str] = frozenset()
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
    max_kg
        What it takes in a day; ``None``: any amount.
    gates
        How many trucks may unload at once, others wait for their turn; ``None``: any number.
    """

    id: str
    location: int
    streams: frozenset[str]
    unloading_s: int
    windows: tuple[TimeWindow, ...] = ()
    max_kg: int | None = None
    gates: int | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """A pause of a crew, a lunch say.

    Every truck takes it that is on the road when the window closes: it left before, and is not home by then. It is
    taken where the truck stands, after a visit or before leaving. What a truck has begun may have missed it.

    Attributes
    ----------
    window
        When the pause may begin.
    """

    window: TimeWindow
    duration_s: int


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
        Longest time from leaving to return, waiting and breaks included.
    max_overtime_s, overtime_cents_per_h
        How much longer it may be out, and what that costs above `cents_per_h`.
    breaks
        Pauses the crew must have, in order.
    max_driving_s, rest_s
        How long it may drive without a pause of `rest_s`; breaks that long count. ``None``: no such rule.
    max_trips, max_stops, max_shift_kg, max_shift_l
        Most times it may unload, stops it may serve, and kilograms and litres it may collect in all its trips;
        ``None``: no such limit.
    fixed_cents, cents_per_km, cents_per_h
        Cost of using it at all, by distance and by time on the road.
    co2_g_per_km
        What it emits.
    certificates
        What its crew is certified for.
    profile
        Which of the problem's matrices it drives by.
    begun
        Visits it has made today and the one it is driving to, as they happened, its start first; empty before it
        leaves. They stay as they are: it goes on from the last of them with the load written there. Their ways are
        not counted again.
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
    max_overtime_s: int = 0
    overtime_cents_per_h: int = 0
    breaks: tuple[Break, ...] = ()
    max_driving_s: int | None = None
    rest_s: int = EU_REST_S
    max_stops: int | None = None
    max_shift_kg: int | None = None
    max_shift_l: int | None = None
    co2_g_per_km: int = 0
    certificates: frozenset[str] = frozenset()
    begun: tuple[Visit, ...] = ()

    @property
    def longest_s(self) -> int:
        """Longest time from leaving to return, overtime included."""
        return self.max_duration_s + self.max_overtime_s

    def fits(self, stop: Stop) -> bool:
        """Whether truck and crew may carry the stop's stream, are certified for it and physically get there."""
        return (
            stop.stream in self.streams
            and stop.certificates <= self.certificates
            and (stop.max_width_cm is None or self.width_cm <= stop.max_width_cm)
            and (stop.max_height_cm is None or self.height_cm <= stop.max_height_cm)
            and (stop.max_weight_kg is None or self.gross_weight_kg <= stop.max_weight_kg)
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """A person's decision: this stop rides on this truck. No solver undoes it, and the stop counts as required.

    Attributes
    ----------
    after
        The stop that comes directly before it, if that truck serves it (unloadings and breaks between do not count);
        empty: it is the truck's first stop; ``None``: anywhere.
    """

    stop_id: str
    truck_id: str
    after: str | None = None


class RelationKind(StrEnum):
    """How stops may depend on each other."""

    SAME_TRUCK = "same_truck"
    IN_ORDER = "in_order"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Relation:
    """What holds between those of some stops that are served.

    All on the same truck; on the same truck and in this order, others between them allowed; or no two of them on one
    truck.
    """

    kind: RelationKind
    stop_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a plan should be like beside being cheap: optional terms of the objective, in cents so that they compare.

    Attributes
    ----------
    balance_cents_per_h
        For every hour that a truck is out longer than the mean of all trucks that leave.
    compactness_cents_per_km
        For every kilometre, straight from the route's most central stop to each of its stops: routes that stay in
        their own quarter do not cross others.
    change_cents
        For every stop of the plan in force that another truck serves, or none.
    in_force
        Which truck serves which stop by the plan in force, as pairs of stop and truck ids.
    """

    balance_cents_per_h: int = 0
    compactness_cents_per_km: int = 0
    change_cents: int = 0
    in_force: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Problem:
    """One planning task. See the module for units; see `Stop`, `Facility`, `Truck`, `Lock` and `Matrix` for the parts.

    Plans of it are ranked by the priorities of the required stops they leave out, then by cost: what trucks cost, the
    prizes of the optional stops left out, and what the `preferences` charge.

    Raises
    ------
    RoutingError
        If an id appears twice, a location is outside the matrices, a quantity is negative or no whole number, a window
        is upside down, or a lock, relation or preference names what is not there, or asks for what cannot be.
    """

    stops: tuple[Stop, ...]
    facilities: tuple[Facility, ...]
    trucks: tuple[Truck, ...]
    matrices: tuple[Travel, ...]
    locks: tuple[Lock, ...] = field(default=())
    relations: tuple[Relation, ...] = ()
    preferences: Preferences = field(default_factory=Preferences)

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
            _whole(f"stop {stop.id}", stop)
            _ordered(f"stop {stop.id}", stop.windows)
        for facility in self.facilities:
            _inside(f"facility {facility.id}", facility.location, size)
            _whole(f"facility {facility.id}", facility)
            _ordered(f"facility {facility.id}", facility.windows)
            if facility.gates == 0:
                raise RoutingError(f"facility {facility.id} has no gates; leave it out if nobody can unload there")
        for truck in self.trucks:
            self._check_truck(truck, size)
        self._check_locks()
        for relation in self.relations:
            _unique("stop of a relation", relation.stop_ids)
            for stop_id in relation.stop_ids:
                self._known("a relation", stop_id)
        _whole("the preferences", self.preferences)
        _unique("stop of the plan in force", (stop_id for stop_id, _ in self.preferences.in_force))
        for stop_id, truck_id in self.preferences.in_force:
            self._known("the plan in force", stop_id, truck_id)

    def _check_truck(self, truck: Truck, size: int) -> None:
        what = f"truck {truck.id}"
        _inside(what, truck.start_location, size)
        _inside(what, truck.end_location, size)
        _whole(what, truck)
        _ordered(what, (truck.shift,))
        _ordered(f"{what}'s breaks", tuple(pause.window for pause in truck.breaks))
        for pause in truck.breaks:
            _whole(f"{what}'s break", pause)
        if not 0 <= truck.profile < len(self.matrices):
            raise RoutingError(f"{what} drives by profile {truck.profile}; there are {len(self.matrices)}")
        if not truck.begun:
            return
        if truck.begun[0].kind is not VisitKind.START or any(
            visit.kind in (VisitKind.START, VisitKind.END) for visit in truck.begun[1:]
        ):
            raise RoutingError(f"what {what} has begun must start with leaving and not end at home")
        for earlier, later in itertools.pairwise(truck.begun):
            if not earlier.departure_s <= later.arrival_s <= later.start_s <= later.departure_s:
                raise RoutingError(f"what {what} has begun is out of order at {later.subject_id or later.kind}")
        for visit in truck.begun:
            known = self.stop_by_id if visit.kind is VisitKind.STOP else self.facility_by_id
            if visit.kind in (VisitKind.STOP, VisitKind.UNLOAD) and visit.subject_id not in known:
                raise RoutingError(f"{what} has begun with {visit.subject_id}, which is not in the problem")

    def _check_locks(self) -> None:
        _unique("lock of stop", (lock.stop_id for lock in self.locks))
        _unique(
            "lock of the place after",
            (f"{lock.truck_id} {lock.after}" for lock in self.locks if lock.after is not None),
        )
        for lock in self.locks:
            self._known("a lock", lock.stop_id, lock.truck_id)
            if not self.truck_by_id[lock.truck_id].fits(self.stop_by_id[lock.stop_id]):
                raise RoutingError(f"stop {lock.stop_id} is locked to truck {lock.truck_id}, which cannot serve it")
            if lock.after == lock.stop_id:
                raise RoutingError(f"stop {lock.stop_id} is locked to come after itself")
            if lock.after:
                self._known("a lock", lock.after)
        done: dict[str, str] = {}
        for truck in self.trucks:
            for visit in truck.begun:
                if visit.kind is VisitKind.STOP and done.setdefault(visit.subject_id, truck.id) != truck.id:
                    raise RoutingError(
                        f"stop {visit.subject_id} is begun by trucks {done[visit.subject_id]} and {truck.id}"
                    )

    def _known(self, who: str, stop_id: str, truck_id: str | None = None) -> None:
        if stop_id not in self.stop_by_id:
            raise RoutingError(f"{who} names stop {stop_id}, which is not in the problem")
        if truck_id is not None and truck_id not in self.truck_by_id:
            raise RoutingError(f"{who} names truck {truck_id}, which is not in the problem")

    @property
    def whole_matrices(self) -> tuple[Matrix, ...]:
        """The matrices as arrays of all ways.

        Raises
        ------
        RoutingError
            If ways are worked out on demand because there are too many to hold.
        """
        held = tuple(matrix for matrix in self.matrices if isinstance(matrix, Matrix))
        if len(held) < len(self.matrices):
            raise RoutingError(
                f"the ways between {len(self.matrices[0])} locations are worked out on demand, not held as a matrix; "
                "split the problem and take its parts"
            )
        return held

    def __getstate__(self) -> dict[str, object]:
        """Leave out what is worked out on demand: it may change while another thread sends the problem to a process."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

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
        """Truck id of every stop that a person locked or that a truck has begun with, by stop id."""
        begun = {
            visit.subject_id: truck.id for truck in self.trucks for visit in truck.begun if visit.kind is VisitKind.STOP
        }
        return {lock.stop_id: lock.truck_id for lock in self.locks} | begun

    @cached_property
    def before_locked(self) -> dict[str, str]:
        """The stop that must come directly before a locked one, by stop id; empty for a truck's first stop."""
        return {lock.stop_id: lock.after for lock in self.locks if lock.after is not None}

    @cached_property
    def relations_of(self) -> dict[str, tuple[Relation, ...]]:
        """Relations that a stop has part in, by stop id; stops without any are not in it."""
        found: dict[str, tuple[Relation, ...]] = {}
        for relation in self.relations:
            for stop_id in relation.stop_ids:
                found[stop_id] = (*found.get(stop_id, ()), relation)
        return found

    @cached_property
    def facilities_are_shared(self) -> bool:
        """Whether what one truck unloads can keep another from unloading."""
        return any(facility.max_kg is not None or facility.gates is not None for facility in self.facilities)

    @cached_property
    def truck_in_force(self) -> dict[str, str]:
        """Truck id by stop id of the plan in force, where changes cost something."""
        return dict(self.preferences.in_force) if self.preferences.change_cents else {}

    @cached_property
    def kinds(self) -> tuple[tuple[Truck, ...], ...]:
        """The fleet grouped: trucks of a kind differ in nothing but their ids, and no stop asks for one of them."""
        named = set(self.truck_of_locked.values()) | set(self.truck_in_force.values())
        alike: dict[Truck, list[Truck]] = {}
        for truck in self.trucks:
            alike.setdefault(truck if truck.id in named else replace(truck, id=""), []).append(truck)
        return tuple(map(tuple, alike.values()))

    def must_serve(self, stop: Stop) -> bool:
        """Whether leaving the stop out is a failure: it is required, or a person locked it to a truck."""
        return stop.required or stop.id in self.truck_of_locked

    def candidates(self, stop: Stop) -> list[Truck]:
        """Trucks that may serve the stop, by stream, certificates, size and locks."""
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


def _whole(what: str, thing: Stop | Facility | Truck | Break | Preferences) -> None:
    """Refuse quantities that are negative or no whole numbers, whatever their unit."""
    for name in QUANTITIES:
        value = getattr(thing, name, None)
        if value is None:
            continue
        if not isinstance(value, Integral):
            raise RoutingError(f"{what} has {name} {value!r}; it must be a whole number")
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
