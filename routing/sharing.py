"""What trucks share: the gates of facilities, what these take in a day, and stops that belong on one truck.

Routes are added one by one; each sees what those before it left.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from routing.plan import Route, Visit, VisitKind
from routing.problem import Facility, Place, Problem, Relation, RelationKind, Stop, TimeWindow, Truck
from routing.schedule import Misfit, Obstacle, schedule

# Times beyond any problem's; nothing begins in the window of a facility that has no free gate at all.
EVER = TimeWindow(-(2**40), 2**40)
NEVER = TimeWindow(-(2**40), -(2**40))


class Sharing:
    """What is left of facilities' gates and days, and which truck has stops that others must not split from.

    Parameters
    ----------
    problem
        What its trucks have begun is taken first.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._brought_kg: Counter[str] = Counter()
        self._inside: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._holder: dict[Relation, str] = {}
        for truck in problem.trucks:
            self._note(truck.id, truck.begun)

    def add(self, route: Route) -> None:
        """Take what a route needs."""
        begun = self._problem.truck_by_id[route.truck_id].begun
        last = max((number for number, visit in enumerate(begun) if visit.kind is VisitKind.UNLOAD), default=-1)
        aboard = [visit for visit in begun[last + 1 :] if visit.kind is VisitKind.STOP]
        self._note(route.truck_id, (*aboard, *route.visits[len(begun) :]))

    def allows(self, stop: Stop, truck_id: str) -> bool:
        """Whether no other truck has a stop that belongs with this one."""
        relations = self._problem.relations_of.get(stop.id, ())
        return all(self._holder.get(relation, truck_id) == truck_id for relation in relations)

    def room_kg(self, facility: Facility) -> float:
        """Return how much more a facility takes today; infinite if it does not count."""
        return float("inf") if facility.max_kg is None else facility.max_kg - self._brought_kg[facility.id]

    def schedule(self, truck: Truck, places: Sequence[Place]) -> Route | Misfit:
        """Time a sequence beside the routes added: at facilities that still take it, when a gate is free."""
        if not self._problem.facilities_are_shared:
            return schedule(self._problem, truck, places)
        kg = truck.begun[-1].load_kg if truck.begun else 0
        brought_kg: Counter[str] = Counter()
        free: list[Place] = []
        for position, place in enumerate(places):
            if isinstance(place, Stop):
                kg += place.demand_kg
                free.append(place)
                continue
            brought_kg[place.id] += kg
            kg = 0
            if brought_kg[place.id] > self.room_kg(place):
                return Misfit(Obstacle.FACILITY_FULL, position)
            free.append(self.free(place))
        return schedule(self._problem, truck, free)

    def free(self, facility: Facility) -> Facility:
        """Return a facility that is open when one of its gates is free for a whole unloading."""
        if facility.gates is None:
            return facility
        windows = list(facility.windows or (EVER,))
        for busy in self._full(facility.id, facility.gates):
            windows = [left for window in windows for left in _without(window, busy, facility.unloading_s)]
        return replace(facility, windows=tuple(windows) or (NEVER,))

    def _note(self, truck_id: str, visits: Iterable[Visit]) -> None:
        aboard_kg = 0
        for visit in visits:
            if visit.kind is VisitKind.STOP:
                aboard_kg += self._problem.stop_by_id[visit.subject_id].demand_kg
                for relation in self._problem.relations_of.get(visit.subject_id, ()):
                    if relation.kind is not RelationKind.APART:
                        self._holder.setdefault(relation, truck_id)
            elif visit.kind is VisitKind.UNLOAD:
                self._brought_kg[visit.subject_id] += aboard_kg
                self._inside[visit.subject_id].append((visit.start_s, visit.departure_s))
                aboard_kg = 0

    def _full(self, facility_id: str, gates: int) -> list[tuple[int, int]]:
        """Return when all gates of a facility are busy."""
        moments = [(start, 1) for start, _ in self._inside[facility_id]]
        moments += [(end, -1) for _, end in self._inside[facility_id]]
        found, inside, since = [], 0, 0
        for moment, change in sorted(moments):
            if inside >= gates and moment > since:
                found.append((since, moment))
            inside += change
            since = moment
        return found


def _without(window: TimeWindow, busy: tuple[int, int], unloading_s: int) -> list[TimeWindow]:
    """Return the beginnings of a window at which an unloading does not meet a busy time."""
    before = TimeWindow(window.start_s, min(window.end_s, busy[0] - unloading_s))
    after = TimeWindow(max(window.start_s, busy[1]), window.end_s)
    return [part for part in (before, after) if part.start_s <= part.end_s]
