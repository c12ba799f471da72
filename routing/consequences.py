"""What one more stop on a truck's route does to everything else on it."""

from collections.abc import Iterator
from dataclasses import dataclass

from city.hours import format_time
from city.wording import Language, say
from routing.difference import Delayed, Unloading
from routing.plan import Route, Visit, VisitKind
from routing.problem import Problem, Truck

# A visit with less to spare than this counts as tight; of the order of what traffic costs or saves on a way.
TIGHT_S = 600


@dataclass(frozen=True, slots=True)
class Tight:
    """A visit that has little time to spare, and less than before.

    Attributes
    ----------
    kind, subject_id
        Which visit: a stop or facility by its id, or coming home by the truck's.
    before_s, after_s
        How much later it might begin before a window closes, the shift ends or the truck is out too long. ``None``
        before: it was not there.
    """

    kind: VisitKind
    subject_id: str
    before_s: int | None
    after_s: int

    def said(self, language: Language = "en") -> str:
        """Say it in one sentence."""
        code = "tight_home" if self.kind is VisitKind.END else "tight"
        return say("routing", f"insertion.{code}", language, subject=self.subject_id, minutes=self.after_s // 60)


@dataclass(frozen=True, slots=True)
class PauseMoved:
    """A break or rest that begins at another time; ``None`` where there is none."""

    before_s: int | None
    after_s: int | None

    def said(self, language: Language = "en") -> str:
        """Say it in one sentence."""
        before, after = ("-" if at is None else format_time(at) for at in (self.before_s, self.after_s))
        code = "pause_new" if self.before_s is None else "pause_gone" if self.after_s is None else "pause"
        return say("routing", f"insertion.{code}", language, before=before, after=after)


@dataclass(frozen=True, slots=True)
class Consequences:
    """What changes on a truck beside the stop that is added.

    Attributes
    ----------
    leaves
        The truck leaves its depot for it; without it, it would have stayed there.
    delayed
        Its other stops that get another time, earlier ones too.
    unloading
        Where it unloads, if that changes.
    home_before_s, home_after_s
        When it is home; no time before if it would not have left.
    overtime_s
        Overtime on top of what there was; negative: less.
    pauses
        Breaks and rests that move, come or go.
    tight
        Visits that have little time to spare, and less than before.
    """

    leaves: bool
    delayed: tuple[Delayed, ...]
    unloading: Unloading | None
    home_before_s: int | None
    home_after_s: int
    overtime_s: int
    pauses: tuple[PauseMoved, ...]
    tight: tuple[Tight, ...]

    def said(self, language: Language = "en") -> list[str]:
        """Say what matters, a sentence each: what happens once a truck leaves is not news for one that stayed."""
        sentences = [say("routing", "insertion.leaves", language)] if self.leaves else []
        if self.unloading and not self.leaves:
            sentences.append(self.unloading.said(language))
        later = [other for other in self.delayed if other.by_s > 0]
        if later:
            most = max(later, key=lambda other: other.by_s)
            minutes = -(-most.by_s // 60)
            sentences.append(
                say("routing", "insertion.later", language, stops=len(later), stop=most.stop_id, minutes=minutes)
            )
        if self.overtime_s > 0:
            sentences.append(say("routing", "insertion.overtime", language, minutes=-(-self.overtime_s // 60)))
        if not self.leaves:
            sentences += [pause.said(language) for pause in self.pauses]
        return sentences + [tight.said(language) for tight in self.tight]


def consequences(problem: Problem, before: Route | None, after: Route) -> Consequences:
    """Compare a truck's route with a stop more to the one before."""
    truck = problem.truck_by_id[after.truck_id]
    starts = {visit.subject_id: visit.start_s for visit in _of(before, VisitKind.STOP)}
    delayed = tuple(
        Delayed(visit.subject_id, truck.id, starts[visit.subject_id], visit.start_s)
        for visit in _of(after, VisitKind.STOP)
        if starts.get(visit.subject_id, visit.start_s) != visit.start_s
    )
    earlier, later = (tuple(visit.subject_id for visit in _of(route, VisitKind.UNLOAD)) for route in (before, after))
    return Consequences(
        before is None,
        delayed,
        Unloading(truck.id, earlier, later) if earlier != later else None,
        before.visits[-1].arrival_s if before else None,
        after.visits[-1].arrival_s,
        _overtime_s(truck, after) - (_overtime_s(truck, before) if before else 0),
        tuple(_pauses_moved(before, after)),
        tuple(_tight(problem, truck, before, after)),
    )


def _of(route: Route | None, kind: VisitKind) -> list[Visit]:
    return [visit for visit in route.visits if visit.kind is kind] if route else []


def _overtime_s(truck: Truck, route: Route) -> int:
    return max(0, route.duration_s - truck.max_duration_s)


def _pauses_moved(before: Route | None, after: Route) -> Iterator[PauseMoved]:
    old = [visit.start_s for visit in _of(before, VisitKind.BREAK)]
    new = [visit.start_s for visit in _of(after, VisitKind.BREAK)]
    for number in range(max(len(old), len(new))):
        earlier = old[number] if number < len(old) else None
        later = new[number] if number < len(new) else None
        if earlier != later:
            yield PauseMoved(earlier, later)


def _tight(problem: Problem, truck: Truck, before: Route | None, after: Route) -> Iterator[Tight]:
    old = dict(_spare(problem, truck, before)) if before else {}
    for (kind, subject_id, number), spare_s in _spare(problem, truck, after):
        was_s = old.get((kind, subject_id, number))
        if spare_s < TIGHT_S and (was_s is None or spare_s < was_s):
            yield Tight(kind, subject_id, was_s, spare_s)


def _spare(problem: Problem, truck: Truck, route: Route) -> Iterator[tuple[tuple[VisitKind, str, int], int]]:
    """Yield how much later every visit may begin by its own windows, facilities numbered by their visits."""
    times: dict[str, int] = {}
    for visit in route.visits[max(1, len(truck.begun)) :]:
        if visit.kind is VisitKind.END:
            out_s = visit.arrival_s - route.visits[0].departure_s
            yield (visit.kind, truck.id, 0), min(truck.shift.end_s - visit.arrival_s, truck.longest_s - out_s)
        elif visit.kind in (VisitKind.STOP, VisitKind.UNLOAD):
            known = problem.stop_by_id if visit.kind is VisitKind.STOP else problem.facility_by_id
            times[visit.subject_id] = number = times.get(visit.subject_id, -1) + 1
            windows = known[visit.subject_id].windows
            if windows:
                last_s = next(window.end_s for window in windows if visit.start_s <= window.end_s)
                yield (visit.kind, visit.subject_id, number), last_s - visit.start_s
