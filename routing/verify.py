"""Checks a plan against its problem from scratch. Shares no code with what makes plans, so that both must err alike.

Every time, load, distance and cost line in the plan is recomputed from the problem and compared; every rule of the
problem is tried on every visit.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from routing.matrix import UNREACHABLE
from routing.ondemand import look_ahead
from routing.plan import Cost, Plan, Route, Visit, VisitKind
from routing.problem import Break, Facility, Problem, RelationKind, Stop, TimeWindow, Truck
from routing.violations import Verification, Violation, ViolationCode


def verify(problem: Problem, plan: Plan) -> Verification:
    """Recompute a plan and name everything in it that is wrong."""
    look_ahead(problem, plan.routes)
    violations = [*_coverage(problem, plan), *_company(problem, plan), *_facilities(problem, plan)]
    bill = _Bill(problem)
    for route in plan.routes:
        truck = problem.truck_by_id.get(route.truck_id)
        if truck is None:
            violations.append(Violation(ViolationCode.UNKNOWN_TRUCK, route.truck_id))
            continue
        drive = _Drive(problem, truck)
        violations += drive.follow(route)
        bill.add(truck, route, drive)
    cost = bill.total(plan)
    for line in Cost.__dataclass_fields__:
        claimed, right = getattr(plan.cost, line), getattr(cost, line)
        if claimed != right:
            violations.append(Violation(ViolationCode.WRONG_COST, line, "", claimed, right))
    return Verification(tuple(violations), cost)


@dataclass
class _Bill:
    """Adds up what is owed for the routes as driven."""

    problem: Problem
    fixed: int = 0
    distance: int = 0
    duration: int = 0
    overtime: int = 0
    compactness: int = 0
    durations_s: list[int] = field(default_factory=list)

    def add(self, truck: Truck, route: Route, drive: "_Drive") -> None:
        self.fixed += truck.fixed_cents
        self.distance += _half_up(Fraction(drive.distance_m * truck.cents_per_km, 1000))
        self.duration += _half_up(Fraction(drive.duration_s * truck.cents_per_h, 3600))
        above_s = max(0, drive.duration_s - truck.max_duration_s)
        self.overtime += _half_up(Fraction(above_s * truck.overtime_cents_per_h, 3600))
        self.durations_s.append(drive.duration_s)
        if per_km := self.problem.preferences.compactness_cents_per_km:
            known = [
                self.problem.stop_by_id[stop_id] for stop_id in route.stop_ids if stop_id in self.problem.stop_by_id
            ]
            apart_m = self.problem.matrices[truck.profile].distance_m
            spread_m = [sum(int(apart_m[centre.location, stop.location]) for stop in known) for centre in known]
            self.compactness += _half_up(Fraction(min(spread_m, default=0) * per_km, 1000))

    def total(self, plan: Plan) -> Cost:
        served = {stop_id: route.truck_id for route in plan.routes for stop_id in route.stop_ids}
        wishes, balance = self.problem.preferences, Fraction(0)
        if self.durations_s:
            mean_s = Fraction(sum(self.durations_s), len(self.durations_s))
            balance = sum((max(Fraction(0), duration_s - mean_s) for duration_s in self.durations_s), Fraction(0))
        return Cost(
            self.fixed,
            self.distance,
            self.duration,
            sum(stop.prize_cents for stop in self.problem.stops if not stop.required and stop.id not in served),
            self.overtime,
            _half_up(balance * wishes.balance_cents_per_h / 3600),
            self.compactness,
            wishes.change_cents * sum(served.get(stop_id) != truck_id for stop_id, truck_id in wishes.in_force),
        )


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


def _company(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """Stops that belong on one truck, in an order, or on different trucks; trucks that have begun and are forgotten."""
    truck_of = {stop_id: route.truck_id for route in plan.routes for stop_id in route.stop_ids}
    rank = {stop_id: number for route in plan.routes for number, stop_id in enumerate(route.stop_ids)}
    for relation in problem.relations:
        served = [stop_id for stop_id in relation.stop_ids if stop_id in truck_of]
        for number, stop_id in enumerate(served):
            for other in served[:number]:
                together = truck_of[stop_id] == truck_of[other]
                if relation.kind is RelationKind.APART and together:
                    yield Violation(ViolationCode.NOT_APART, stop_id, truck_of[stop_id])
                elif relation.kind is not RelationKind.APART and not together:
                    yield Violation(ViolationCode.NOT_SAME_TRUCK, stop_id, truck_of[stop_id])
                elif relation.kind is RelationKind.IN_ORDER and rank[other] > rank[stop_id]:
                    yield Violation(ViolationCode.OUT_OF_ORDER, stop_id, truck_of[stop_id])
    for lock in problem.locks:
        if lock.after is None or truck_of.get(lock.stop_id) != lock.truck_id:
            continue
        if lock.after and truck_of.get(lock.after) != lock.truck_id:
            continue
        if rank[lock.stop_id] != (rank[lock.after] + 1 if lock.after else 0):
            yield Violation(ViolationCode.LOCKED_PLACE, lock.stop_id, lock.truck_id)
    out = {route.truck_id for route in plan.routes}
    for truck in problem.trucks:
        if truck.begun and truck.id not in out:
            yield Violation(ViolationCode.BEGUN_CHANGED, truck.id, truck.id)


def _facilities(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """What a facility takes in a day, and how many trucks it has room for at once."""
    brought_kg: Counter[str] = Counter()
    moments: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for route in plan.routes:
        aboard_kg = 0
        for visit in route.visits:
            if visit.kind is VisitKind.STOP and visit.subject_id in problem.stop_by_id:
                aboard_kg += problem.stop_by_id[visit.subject_id].demand_kg
            elif visit.kind is VisitKind.UNLOAD:
                brought_kg[visit.subject_id] += aboard_kg
                aboard_kg = 0
                moments[visit.subject_id].append((visit.start_s, 1, route.truck_id))
                moments[visit.subject_id].append((visit.departure_s, -1, route.truck_id))
    for facility in problem.facilities:
        if facility.max_kg is not None and brought_kg[facility.id] > facility.max_kg:
            yield Violation(ViolationCode.FACILITY_FULL, facility.id, "", brought_kg[facility.id], facility.max_kg)
        inside = 0
        for _, change, truck_id in sorted(moments[facility.id]):
            inside += change
            if facility.gates is not None and change > 0 and inside > facility.gates:
                yield Violation(ViolationCode.GATES_BUSY, facility.id, truck_id, inside, facility.gates)


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
    stops: int = 0
    shift_kg: int = 0
    shift_l: int = 0
    driven_s: int = 0
    pauses: list[Visit] = field(default_factory=list)
    noted: list[Violation] = field(default_factory=list)

    def follow(self, route: Route) -> list[Violation]:
        kinds = [visit.kind for visit in route.visits]
        ends = (VisitKind.START, VisitKind.END)
        if len(kinds) < 2 or (kinds[0], kinds[-1]) != ends or any(kind in ends for kind in kinds[1:-1]):
            self.note(ViolationCode.BROKEN_ROUTE, self.truck.id)
            return self.noted
        begun = self.truck.begun
        if VisitKind.STOP not in kinds and not begun:
            self.note(ViolationCode.EMPTY_ROUTE, self.truck.id)
        if route.visits[: len(begun)] != begun:
            self.note(ViolationCode.BEGUN_CHANGED, self.truck.id)
            return self.noted
        left, *between, home = route.visits
        if begun:
            self.recall()
        else:
            self.leave(left)
        for visit in between[max(0, len(begun) - 1) :]:
            if visit.kind is VisitKind.STOP:
                self.serve(visit)
            elif visit.kind is VisitKind.UNLOAD:
                self.unload(visit)
            else:
                self.pause(visit)
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

    def recall(self) -> None:
        """Take what the truck has begun as facts: nothing in it is tried against the rules again."""
        self.place = self.truck.start_location
        self.clock_s = self.truck.begun[0].departure_s
        for visit in self.truck.begun[1:]:
            self.driven_s += visit.arrival_s - self.clock_s
            self.clock_s = visit.departure_s
            self.kg, self.litres = visit.load_kg, visit.load_l
            if visit.kind is VisitKind.STOP:
                stop = self.problem.stop_by_id[visit.subject_id]
                self.place, self.aboard = stop.location, stop.stream
                self.collect(stop)
            elif visit.kind is VisitKind.UNLOAD:
                self.place, self.aboard = self.problem.facility_by_id[visit.subject_id].location, ""
                self.trips += 1
            else:
                self.rest(visit)

    def collect(self, stop: Stop) -> None:
        self.stops += 1
        self.shift_kg += stop.demand_kg
        self.shift_l += stop.demand_l

    def rest(self, visit: Visit) -> None:
        self.pauses.append(visit)
        if visit.departure_s - visit.start_s >= self.truck.rest_s:
            self.driven_s = 0

    def pause(self, visit: Visit) -> None:
        """Stand still where the truck is; which pauses there must be is looked at on coming home."""
        self.expect(ViolationCode.WRONG_ARRIVAL, self.truck.id, visit.arrival_s, self.clock_s)
        if visit.start_s < visit.arrival_s or visit.departure_s < visit.start_s:
            self.note(ViolationCode.WRONG_START, self.truck.id, visit.start_s, visit.arrival_s)
        if visit.subject_id:
            self.note(ViolationCode.BROKEN_ROUTE, visit.subject_id)
        self.check_load(visit, self.truck.id)
        self.clock_s = visit.departure_s
        self.rest(visit)

    def drive_to(self, location: int, visit: Visit, subject: str) -> None:
        matrix = self.problem.matrices[self.truck.profile]
        travel_s = int(matrix.duration_s[self.place, location])
        metres = int(matrix.distance_m[self.place, location])
        if travel_s >= UNREACHABLE or metres >= UNREACHABLE:
            self.note(ViolationCode.UNREACHABLE, subject)
        self.expect(ViolationCode.WRONG_ARRIVAL, subject, visit.arrival_s, self.clock_s + travel_s)
        self.distance_m += metres
        self.driven_s += travel_s
        if self.truck.max_driving_s is not None and self.driven_s > self.truck.max_driving_s:
            self.note(ViolationCode.NO_REST, subject, self.driven_s, self.truck.max_driving_s)
            self.driven_s = 0  # one rest forgotten is one violation
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
        self.collect(stop)
        self.kg += stop.demand_kg
        self.litres += stop.demand_l
        self.check_load(visit, stop.id)
        self.at_most(ViolationCode.OVERLOADED_KG, stop.id, self.kg, self.truck.capacity_kg)
        self.at_most(ViolationCode.OVERLOADED_L, stop.id, self.litres, self.truck.capacity_l)
        self.check_access(stop)

    def check_access(self, stop: Stop) -> None:
        if stop.stream not in self.truck.streams:
            self.note(ViolationCode.CANNOT_CARRY_STREAM, stop.id)
        if not stop.certificates <= self.truck.certificates:
            self.note(ViolationCode.NOT_CERTIFIED, stop.id)
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
        truck = self.truck
        self.at_most(ViolationCode.TOO_MANY_TRIPS, truck.id, self.trips, truck.max_trips)
        self.at_most(ViolationCode.TOO_MANY_STOPS, truck.id, self.stops, truck.max_stops)
        self.at_most(ViolationCode.SHIFT_OVERLOADED_KG, truck.id, self.shift_kg, truck.max_shift_kg)
        self.at_most(ViolationCode.SHIFT_OVERLOADED_L, truck.id, self.shift_l, truck.max_shift_l)
        self.at_most(ViolationCode.AFTER_SHIFT, truck.id, visit.arrival_s, truck.shift.end_s)
        self.at_most(ViolationCode.TOO_LONG, truck.id, self.duration_s, truck.max_duration_s + truck.max_overtime_s)
        # A break missed before the day was planned anew cannot be had any more.
        since_s = truck.begun[-1].departure_s if truck.begun else left_s
        for due in truck.breaks:
            if due.window.end_s < since_s:
                continue
            if left_s < due.window.end_s < visit.arrival_s and not any(self.is_it(due, had) for had in self.pauses):
                self.note(ViolationCode.NO_BREAK, truck.id, due.window.start_s, due.window.end_s)

    @staticmethod
    def is_it(due: Break, had: Visit) -> bool:
        return due.window.start_s <= had.start_s <= due.window.end_s and had.departure_s - had.start_s >= due.duration_s
