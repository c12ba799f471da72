"""What can be wrong with a plan, and what came of checking one."""

from dataclasses import dataclass
from enum import StrEnum

from routing.plan import Cost


class ViolationCode(StrEnum):
    """What is wrong with a plan."""

    UNKNOWN_TRUCK = "unknown_truck"
    UNKNOWN_STOP = "unknown_stop"
    UNKNOWN_FACILITY = "unknown_facility"
    TRUCK_TWICE = "truck_twice"
    EMPTY_ROUTE = "empty_route"
    BROKEN_ROUTE = "broken_route"
    SERVED_TWICE = "served_twice"
    SERVED_AND_UNSERVED = "served_and_unserved"
    UNSERVED_TWICE = "unserved_twice"
    FORGOTTEN = "forgotten"
    LOCKED_ELSEWHERE = "locked_elsewhere"
    LOCKED_PLACE = "locked_place"
    NOT_SAME_TRUCK = "not_same_truck"
    OUT_OF_ORDER = "out_of_order"
    NOT_APART = "not_apart"
    NOT_CERTIFIED = "not_certified"
    BEGUN_CHANGED = "begun_changed"
    CANNOT_CARRY_STREAM = "cannot_carry_stream"
    TOO_WIDE = "too_wide"
    TOO_HIGH = "too_high"
    TOO_HEAVY = "too_heavy"
    UNREACHABLE = "unreachable"
    BEFORE_SHIFT = "before_shift"
    AFTER_SHIFT = "after_shift"
    TOO_LONG = "too_long"
    OUTSIDE_WINDOW = "outside_window"
    FACILITY_CLOSED = "facility_closed"
    OVERLOADED_KG = "overloaded_kg"
    OVERLOADED_L = "overloaded_l"
    MIXED_STREAMS = "mixed_streams"
    FACILITY_REFUSES = "facility_refuses"
    NOTHING_TO_UNLOAD = "nothing_to_unload"
    NOT_EMPTY_AT_HOME = "not_empty_at_home"
    TOO_MANY_TRIPS = "too_many_trips"
    TOO_MANY_STOPS = "too_many_stops"
    SHIFT_OVERLOADED_KG = "shift_overloaded_kg"
    SHIFT_OVERLOADED_L = "shift_overloaded_l"
    NO_BREAK = "no_break"
    NO_REST = "no_rest"
    FACILITY_FULL = "facility_full"
    GATES_BUSY = "gates_busy"
    WRONG_ARRIVAL = "wrong_arrival"
    WRONG_START = "wrong_start"
    WRONG_DEPARTURE = "wrong_departure"
    WRONG_LOAD = "wrong_load"
    WRONG_DISTANCE = "wrong_distance"
    WRONG_DURATION = "wrong_duration"
    WRONG_COST = "wrong_cost"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a plan.

    Attributes
    ----------
    subject_id
        The stop, facility, truck or cost line it is about.
    truck_id
        On whose route; empty where it concerns the whole plan.
    found, allowed
        The number in the plan and the one that the problem asks for or permits, in the unit of the thing.
    """

    code: ViolationCode
    subject_id: str
    truck_id: str = ""
    found: int | None = None
    allowed: int | None = None

    def __str__(self) -> str:
        """Say it on one line, for logs and errors."""
        where = f" on truck {self.truck_id}" if self.truck_id and self.truck_id != self.subject_id else ""
        numbers = "" if self.found is None else f": {self.found}"
        against = "" if self.allowed is None else f" against {self.allowed}"
        return f"{self.code.value.replace('_', ' ')}: {self.subject_id}{where}{numbers}{against}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of checking a plan.

    Attributes
    ----------
    cost
        Recomputed from the problem; of what is known where the plan names unknown things.
    """

    violations: tuple[Violation, ...]
    cost: Cost

    @property
    def ok(self) -> bool:
        """Whether the plan keeps every rule and every number in it is right."""
        return not self.violations
