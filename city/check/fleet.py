"""Whether trucks have a depot and crews a truck of their own, in their own district and shift."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from city.check.finding import Finding
from city.check.in_use import InUse, hours_of
from city.check.times import overlap
from city.registry import Crew, FacilityKind


def fleet_findings(used: InUse) -> Iterator[Finding]:
    """Find trucks, crews and shifts that do not fit together."""
    plates: dict[str, str] = {}
    for truck in used.trucks.values():
        depot = used.facilities.get(truck.depot_id)
        if depot is not None and depot.kind != FacilityKind.DEPOT:
            yield Finding("depot_is_none", "trucks", truck.id, {"target": "facilities", "target_id": depot.id})
        if truck.plate in plates:
            numbers = {"plate": truck.plate, "target": "trucks", "target_id": plates[truck.plate]}
            yield Finding("plate_twice", "trucks", truck.id, numbers)
        plates.setdefault(truck.plate, truck.id)
    for crew in used.crews:
        for target, row in (("trucks", used.trucks[crew.truck_id]), ("shifts", used.shifts[crew.shift_id])):
            if row.district_id not in (None, crew.district_id):
                numbers = {"target": target, "target_id": row.id, "theirs": row.district_id, "own": crew.district_id}
                yield Finding("crew_elsewhere", "crews", crew.id, numbers)
    yield from _double_bookings(used)
    worked = {crew.shift_id for crew in used.crews}
    for shift_id in used.shifts:
        if shift_id not in worked:
            yield Finding("shift_without_crews", "shifts", shift_id)


def _double_bookings(used: InUse) -> Iterator[Finding]:
    crews_on: dict[str, list[Crew]] = defaultdict(list)
    for crew in used.crews:
        crews_on[crew.truck_id].append(crew)
    for truck_id, crews in crews_on.items():
        for one, other in combinations(crews, 2):
            hours = hours_of(used.shifts[one.shift_id])
            if any(overlap(hours, span) for span in hours_of(used.shifts[other.shift_id])):
                numbers = {"target": "crews", "target_id": one.id, "other": other.id}
                yield Finding("truck_booked_twice", "trucks", truck_id, numbers)
