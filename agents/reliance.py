"""What a plan relies on: trucks that come back, closures that end, facilities that stay open. Said before a decision.

Each is something that the registry says today and that tomorrow may not be so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agents.fleet import Fleet
from agents.ground import Ground
from agents.stop_ids import parse_stop_id
from agents.summary import Note
from city.hours import format_time, service_second
from city.registry import Closure, ClosureKind
from routing.plan import Plan, VisitKind
from routing.problem import Problem

# Road closures that end during the shift beyond this many are summed up: a city has dozens.
MOST_ROADS = 5
# A visit that begins with less than this to spare depends on the hours of its place.
CLOSE_S = 900


@dataclass(frozen=True, slots=True)
class Reliance:
    """What a shift finds in the registry that may turn out otherwise.

    Attributes
    ----------
    ending
        When closures end that end during the shift, by kind and subject, in seconds of the service day.
    facilities
        Names of facilities, by id.
    plates
        Plates of trucks, by id.
    """

    ending: Mapping[tuple[ClosureKind, str], int] = field(default_factory=dict)
    facilities: Mapping[str, str] = field(default_factory=dict)
    plates: Mapping[str, str] = field(default_factory=dict)


def relied_on(ground: Ground, fleet: Fleet, closures: Iterable[Closure]) -> Reliance:
    """Gather what a shift relies on."""
    ending = {}
    for closure in closures:
        if closure.ends_at is not None and closure.ends_at < ground.day.ends_at:
            ends_s = service_second(ground.day.service_date, closure.ends_at, ground.zone)
            ending[closure.kind, closure.subject_id] = ends_s
    return Reliance(
        ending,
        {place.facility.id: place.facility.name for place in fleet.unloading},
        {truck.id: truck.plate for truck in fleet.trucks},
    )


def what_would_undo(problem: Problem, plan: Plan, reliance: Reliance) -> tuple[Note, ...]:
    """Say what would make a plan invalid, the trucks first."""
    return (*_trucks(plan, reliance), *_closures(plan, reliance), *_hours(problem, plan, reliance))


def _trucks(plan: Plan, reliance: Reliance) -> Iterable[Note]:
    for route in plan.routes:
        back_s = reliance.ending.get((ClosureKind.TRUCK, route.truck_id))
        if back_s is not None:
            numbers = {"truck": reliance.plates.get(route.truck_id, route.truck_id), "at": format_time(back_s)}
            yield Note(code="if_truck_not_back", numbers=numbers)


def _closures(plan: Plan, reliance: Reliance) -> Iterable[Note]:
    points = {parse_stop_id(stop_id)[0] for route in plan.routes for stop_id in route.stop_ids}
    facilities = {visit.subject_id for route in plan.routes for visit in route.visits if visit.kind is VisitKind.UNLOAD}
    roads = []
    for (kind, subject), ends_s in sorted(reliance.ending.items()):
        numbers = {"subject": reliance.facilities.get(subject, subject), "at": format_time(ends_s)}
        if kind is ClosureKind.ROAD:
            roads.append(Note(code="if_road_stays_closed", numbers=numbers))
        elif (kind is ClosureKind.POINT and subject in points) or (
            kind is ClosureKind.FACILITY and subject in facilities
        ):
            yield Note(code="if_place_stays_closed", numbers=numbers)
    yield from roads[:MOST_ROADS]
    if len(roads) > MOST_ROADS:
        yield Note(code="if_more_roads_stay_closed", numbers={"roads": len(roads) - MOST_ROADS})


def _hours(problem: Problem, plan: Plan, reliance: Reliance) -> Iterable[Note]:
    """Name the facilities that are unloaded at just before they close, and count stops served just before they do."""
    last_s: dict[str, int] = {}
    close = 0
    for route in plan.routes:
        for visit in route.visits:
            if visit.kind is VisitKind.UNLOAD:
                windows = problem.facility_by_id[visit.subject_id].windows
            elif visit.kind is VisitKind.STOP:
                windows = problem.stop_by_id[visit.subject_id].windows
            else:
                continue
            closes_s = min((window.end_s for window in windows if visit.start_s <= window.end_s), default=None)
            if closes_s is None or closes_s - visit.start_s >= CLOSE_S:
                continue
            if visit.kind is VisitKind.UNLOAD:
                last_s[visit.subject_id] = max(visit.start_s, last_s.get(visit.subject_id, visit.start_s))
            else:
                close += 1
    for facility_id, start_s in sorted(last_s.items()):
        named = reliance.facilities.get(facility_id, facility_id)
        yield Note(code="if_facility_closes", numbers={"facility": named, "at": format_time(start_s)})
    if close:
        yield Note(code="if_points_close", numbers={"stops": close, "minutes": CLOSE_S // 60})
