"""The plan: which truck goes where, when, with what on board, what stays unserved and why, and what it all costs."""

from dataclasses import dataclass
from enum import StrEnum

from city.wording import Language, say


class VisitKind(StrEnum):
    """What a truck does at a place."""

    START = "start"
    STOP = "stop"
    UNLOAD = "unload"
    BREAK = "break"
    END = "end"


@dataclass(frozen=True, slots=True)
class Visit:
    """One place on a route.

    Attributes
    ----------
    subject_id
        Stop or facility; empty for a break, and at the start and the end of the route.
    arrival_s, start_s, departure_s
        When the truck gets there, begins (after waiting, if it must) and leaves; all the same at the start and the
        end of the route.
    load_kg, load_l
        What is on board when it leaves.
    """

    kind: VisitKind
    subject_id: str
    arrival_s: int
    start_s: int
    departure_s: int
    load_kg: int
    load_l: int


@dataclass(frozen=True, slots=True)
class Route:
    """One truck's shift: from its depot over trips, each of one stream and ending at a facility, back home empty.

    Attributes
    ----------
    distance_m
        Of all ways; for a truck that has begun, of those after its last begun visit.
    duration_s
        From leaving the depot to coming home.
    """

    truck_id: str
    visits: tuple[Visit, ...]
    distance_m: int
    duration_s: int

    @property
    def stop_ids(self) -> tuple[str, ...]:
        """Stops in order of service."""
        return tuple(visit.subject_id for visit in self.visits if visit.kind is VisitKind.STOP)

    def visit_of(self, stop_id: str) -> Visit:
        """Return the visit that serves a stop of this route."""
        return next(visit for visit in self.visits if visit.kind is VisitKind.STOP and visit.subject_id == stop_id)

    @property
    def trips(self) -> int:
        """How often the truck unloads."""
        return sum(visit.kind is VisitKind.UNLOAD for visit in self.visits)


class UnservedReason(StrEnum):
    """The constraint that keeps a stop out of the plan."""

    NOT_WORTH_IT = "not_worth_it"
    NO_TRUCK_FOR_STREAM = "no_truck_for_stream"
    NOT_CERTIFIED = "not_certified"
    TRUCK_TOO_LARGE = "truck_too_large"
    NO_FACILITY_FOR_STREAM = "no_facility_for_stream"
    TOO_MUCH_FOR_ANY_TRUCK = "too_much_for_any_truck"
    TOO_MUCH_FOR_ANY_FACILITY = "too_much_for_any_facility"
    TOO_MUCH_FOR_A_SHIFT = "too_much_for_a_shift"
    ORDER_FORBIDS = "order_forbids"
    UNREACHABLE = "unreachable"
    WINDOW_OUTSIDE_SHIFT = "window_outside_shift"
    FACILITY_CLOSED = "facility_closed"
    SHIFT_TOO_SHORT = "shift_too_short"
    NO_TIME_FOR_BREAK = "no_time_for_break"
    NO_TIME_LEFT = "no_time_left"
    PLANNING_TIME_OVER = "planning_time_over"
    LOCKED_TRUCK_FULL = "locked_truck_full"
    TAKEN_OUT = "taken_out"


Fact = tuple[str, int | str]


@dataclass(frozen=True, slots=True)
class Unserved:
    """A stop that is not in the plan.

    Attributes
    ----------
    facts
        Names and numbers behind the reason, as the sentence ``unserved.<reason>`` of the room's wording wants them.
    """

    stop_id: str
    reason: UnservedReason
    facts: tuple[Fact, ...] = ()

    def said(self, language: Language = "en") -> str:
        """Say why in one sentence."""
        return say("routing", f"unserved.{self.reason}", language, **dict(self.facts))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan costs, line by line, in cents.

    Attributes
    ----------
    fixed_cents
        Of every truck that leaves its depot.
    distance_cents, duration_cents, overtime_cents
        Of every route, rounded half up to whole cents route by route.
    prizes_cents
        Worth of the optional stops that are not served.
    balance_cents, compactness_cents, changes_cents
        What the problem's preferences charge.
    """

    fixed_cents: int = 0
    distance_cents: int = 0
    duration_cents: int = 0
    prizes_cents: int = 0
    overtime_cents: int = 0
    balance_cents: int = 0
    compactness_cents: int = 0
    changes_cents: int = 0

    @property
    def driving_cents(self) -> int:
        """What the trucks cost, without prizes and preferences."""
        return self.fixed_cents + self.distance_cents + self.duration_cents + self.overtime_cents

    @property
    def preferences_cents(self) -> int:
        """What the plan's shape costs beside money."""
        return self.balance_cents + self.compactness_cents + self.changes_cents

    @property
    def total_cents(self) -> int:
        """All lines together."""
        return self.driving_cents + self.prizes_cents + self.preferences_cents


@dataclass(frozen=True, slots=True)
class Plan:
    """All routes of a problem, and every stop that is on none of them. Trucks that stay at home have no route."""

    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]
    cost: Cost

    @property
    def distance_m(self) -> int:
        """Distance of all routes, metres."""
        return sum(route.distance_m for route in self.routes)

    @property
    def duration_s(self) -> int:
        """Duration of all routes, seconds."""
        return sum(route.duration_s for route in self.routes)

    def route_of(self, stop_id: str) -> Route | None:
        """Return the route that serves a stop, or ``None``."""
        return next((route for route in self.routes if stop_id in route.stop_ids), None)
