"""Checks a plan against its problem from scratch. Shares no code with what makes plans, so that both must err alike.

Every time, load, distance and cost line in the plan is recomputed from the problem and compared; every rule of the
problem is tried on every visit.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import floor

from routing.plan import Cost, Plan, Route, Visit, VisitKind
from routing.problem import UNREACHABLE, Facility, Problem, Stop, TimeWindow, Truck


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


def verify(problem: Problem, plan: Plan) -> Verification:
    """Recompute a plan and name everything in it that is wrong."""
    violations: list[Violation] = []
    violations += _coverage(problem, plan)
    fixed = distance = duration = 0
    for route in plan.routes:
        truck = problem.truck_by_id.get(route.truck_id)
        if truck is None:
            violations.append(Violation(ViolationCode.UNKNOWN_TRUCK, route.truck_id))
            continue
        drive = _Drive(problem, truck)
        violations += drive.follow(route)
        fixed += truck.fixed_cents
        distance += _half_up(Fraction(drive.distance_m * truck.cents_per_km, 1000))
        duration += _half_up(Fraction(drive.duration_s * truck.cents_per_h, 3600))
    served = {stop_id for route in plan.routes for stop_id in route.stop_ids}
    prizes = sum(stop.prize_cents for stop in problem.stops if not stop.required and stop.id not in served)
    cost = Cost(fixed, distance, duration, prizes)
    for line in ("fixed_cents", "distance_cents", "duration_cents", "prizes_cents"):
        claimed, right = getattr(plan.cost, line), getattr(cost, line)
        if claimed != right:
            violations.append(Violation(ViolationCode.WRONG_COST, line, "", claimed, right))
    return Verification(tuple(violations), cost)


def _half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def _coverage(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """Every truck at most once, every stop either served once or listed as unserved once."""
    for truck_id, times in Counter(route.truck_id for route in plan.routes).items():
        if times > 1:
            yield Violation(ViolationCode.TRUCK_TWICE, truck_id, truck_id, times, 1)
    served = Counter(stop_id for route in plan.routes for stop_id in route.stop_ids)
    unserved = Counter(gone.stop_id for gone in plan.unserved)
    known = {stop.id for stop in problem.stops}
    for stop_id in sorted((served.keys() | unserved.keys()) - known):
        yield Violation(ViolationCode.UNKNOWN_STOP, stop_id)
    for stop in problem.stops:
        match served[stop.id], unserved[stop.id]:
            case 0, 0:
                yield Violation(ViolationCode.FORGOTTEN, stop.id)
            case times, 0 if times > 1:
                yield Violation(ViolationCode.SERVED_TWICE, stop.id, "", times, 1)
            case 0, times if times > 1:
                yield Violation(ViolationCode.UNSERVED_TWICE, stop.id, "", times, 1)
            case times, listed if times and listed:
                yield Violation(ViolationCode.SERVED_AND_UNSERVED, stop.id)


@dataclass
class _Drive:
    """A truck that follows its route visit by visit and notes what goes wrong."""

    problem: Problem
    truck: Truck
    place: int = -1
    clock_s: int = 0
    distance_m: int = 0
    duration_s: int = 0
    kg: int = 0
    litres: int = 0
    aboard: str = ""
    trips: int = 0
    noted: list[Violation] = field(default_factory=list)

    def follow(self, route: Route) -> list[Violation]:
        kinds = [visit.kind for visit in route.visits]
        ends = (VisitKind.START, VisitKind.END)
        if len(kinds) < 2 or (kinds[0], kinds[-1]) != ends or any(kind in ends for kind in kinds[1:-1]):
            self.note(ViolationCode.BROKEN_ROUTE, self.truck.id)
            return self.noted
        if VisitKind.STOP not in kinds:
            self.note(ViolationCode.EMPTY_ROUTE, self.truck.id)
        left, *between, home = route.visits
        self.leave(left)
        for visit in between:
            if visit.kind is VisitKind.STOP:
                self.serve(visit)
            else:
                self.unload(visit)
        self.come_home(home, left.departure_s)
        self.expect(ViolationCode.WRONG_DISTANCE, self.truck.id, route.distance_m, self.distance_m)
        self.expect(ViolationCode.WRONG_DURATION, self.truck.id, route.duration_s, self.duration_s)
        return self.noted

    def note(self, code: ViolationCode, subject: str, found: int | None = None, allowed: int | None = None) -> None:
        self.noted.append(Violation(code, subject, self.truck.id, found, allowed))

    def expect(self, code: ViolationCode, subject: str, found: int, right: int) -> None:
        if found != right:
            self.note(code, subject, found, right)

    def at_most(self, code: ViolationCode, subject: str, found: int, limit: int | None) -> None:
        if limit is not None and found > limit:
            self.note(code, subject, found, limit)

    def leave(self, visit: Visit) -> None:
        self.place = self.truck.start_location
        self.clock_s = visit.departure_s
        if visit.subject_id:
            self.note(ViolationCode.BROKEN_ROUTE, visit.subject_id)
        self.expect(ViolationCode.WRONG_ARRIVAL, self.truck.id, visit.arrival_s, visit.departure_s)
        self.expect(ViolationCode.WRONG_START, self.truck.id, visit.start_s, visit.departure_s)
        self.check_load(visit, self.truck.id)
        if visit.departure_s < self.truck.shift.start_s:
            self.note(ViolationCode.BEFORE_SHIFT, self.truck.id, visit.departure_s, self.truck.shift.start_s)

    def drive_to(self, location: int, visit: Visit, subject: str) -> None:
        matrix = self.problem.matrices[self.truck.profile]
        travel_s = int(matrix.duration_s[self.place, location])
        metres = int(matrix.distance_m[self.place, location])
        if travel_s >= UNREACHABLE or metres >= UNREACHABLE:
            self.note(ViolationCode.UNREACHABLE, subject)
        self.expect(ViolationCode.WRONG_ARRIVAL, subject, visit.arrival_s, self.clock_s + travel_s)
        self.distance_m += metres
        self.place = location
        # What follows is checked against the times the plan claims, so that one wrong number is one violation.
        self.clock_s = visit.departure_s

    def stand(self, visit: Visit, dwell_s: int, windows: tuple[TimeWindow, ...], closed: ViolationCode) -> None:
        if visit.start_s < visit.arrival_s:
            self.note(ViolationCode.WRONG_START, visit.subject_id, visit.start_s, visit.arrival_s)
        self.expect(ViolationCode.WRONG_DEPARTURE, visit.subject_id, visit.departure_s, visit.start_s + dwell_s)
        if windows and not any(window.start_s <= visit.start_s <= window.end_s for window in windows):
            nearest = min(
                (bound for window in windows for bound in window), key=lambda bound: abs(bound - visit.start_s)
            )
            self.note(closed, visit.subject_id, visit.start_s, nearest)

    def check_load(self, visit: Visit, subject: str) -> None:
        self.expect(ViolationCode.WRONG_LOAD, subject, visit.load_kg, self.kg)
        self.expect(ViolationCode.WRONG_LOAD, subject, visit.load_l, self.litres)

    def serve(self, visit: Visit) -> None:
        stop = self.problem.stop_by_id.get(visit.subject_id)
        if stop is None:  # named by `_coverage`
            self.clock_s = visit.departure_s
            return
        self.drive_to(stop.location, visit, stop.id)
        self.stand(visit, stop.service_s, stop.windows, ViolationCode.OUTSIDE_WINDOW)
        if self.aboard and self.aboard != stop.stream:
            self.note(ViolationCode.MIXED_STREAMS, stop.id)
        self.aboard = stop.stream
        self.kg += stop.demand_kg
        self.litres += stop.demand_l
        self.check_load(visit, stop.id)
        self.at_most(ViolationCode.OVERLOADED_KG, stop.id, self.kg, self.truck.capacity_kg)
        self.at_most(ViolationCode.OVERLOADED_L, stop.id, self.litres, self.truck.capacity_l)
        self.check_access(stop)

    def check_access(self, stop: Stop) -> None:
        if stop.stream not in self.truck.streams:
            self.note(ViolationCode.CANNOT_CARRY_STREAM, stop.id)
        self.at_most(ViolationCode.TOO_WIDE, stop.id, self.truck.width_cm, stop.max_width_cm)
        self.at_most(ViolationCode.TOO_HIGH, stop.id, self.truck.height_cm, stop.max_height_cm)
        self.at_most(ViolationCode.TOO_HEAVY, stop.id, self.truck.gross_weight_kg, stop.max_weight_kg)
        for lock in self.problem.locks:
            if lock.stop_id == stop.id and lock.truck_id != self.truck.id:
                self.note(ViolationCode.LOCKED_ELSEWHERE, stop.id)

    def unload(self, visit: Visit) -> None:
        facility: Facility | None = self.problem.facility_by_id.get(visit.subject_id)
        if facility is None:
            self.note(ViolationCode.UNKNOWN_FACILITY, visit.subject_id)
            self.clock_s = visit.departure_s
            return
        self.drive_to(facility.location, visit, facility.id)
        self.stand(visit, facility.unloading_s, facility.windows, ViolationCode.FACILITY_CLOSED)
        if not self.aboard:
            self.note(ViolationCode.NOTHING_TO_UNLOAD, facility.id)
        elif self.aboard not in facility.streams:
            self.note(ViolationCode.FACILITY_REFUSES, facility.id)
        self.trips += 1
        self.aboard, self.kg, self.litres = "", 0, 0
        self.check_load(visit, facility.id)

    def come_home(self, visit: Visit, left_s: int) -> None:
        self.drive_to(self.truck.end_location, visit, self.truck.id)
        if visit.subject_id:
            self.note(ViolationCode.BROKEN_ROUTE, visit.subject_id)
        self.expect(ViolationCode.WRONG_START, self.truck.id, visit.start_s, visit.arrival_s)
        self.expect(ViolationCode.WRONG_DEPARTURE, self.truck.id, visit.departure_s, visit.start_s)
        self.duration_s = visit.arrival_s - left_s
        if self.aboard:
            self.note(ViolationCode.NOT_EMPTY_AT_HOME, self.truck.id, self.kg, 0)
        else:
            self.check_load(visit, self.truck.id)
        self.at_most(ViolationCode.TOO_MANY_TRIPS, self.truck.id, self.trips, self.truck.max_trips)
        self.at_most(ViolationCode.AFTER_SHIFT, self.truck.id, visit.arrival_s, self.truck.shift.end_s)
        self.at_most(ViolationCode.TOO_LONG, self.truck.id, self.duration_s, self.truck.max_duration_s)
