"""Where a truck goes on from: its depot at the start of the shift, or the last visit of what it has begun."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from routing.plan import Visit, VisitKind
from routing.problem import Break, Problem, TimeWindow, Truck


@dataclass(frozen=True, slots=True)
class Standing:
    """What a truck has behind it when the part of its route begins that can still be planned.

    Attributes
    ----------
    leaves
        When it may go on: any time of its shift, or the moment its begun visit ends.
    out_s
        How long it has been out by then.
    stream, kg, litres
        What is on board; no stream: nothing.
    stop_ids
        Stops served already, in order.
    trips
        Unloadings already made.
    breaks
        Those the crew has not had yet and still can have; one missed is past.
    driven_s
        Driving since the last pause that counts as a rest.
    """

    location: int
    leaves: TimeWindow
    out_s: int
    stream: str
    kg: int
    litres: int
    stop_ids: tuple[str, ...]
    trips: int
    breaks: tuple[Break, ...]
    driven_s: int

    @classmethod
    def of(cls, problem: Problem, truck: Truck) -> Self:
        """Read it off a truck."""
        if not truck.begun:
            return cls(truck.start_location, truck.shift, 0, "", 0, 0, (), 0, truck.breaks, 0)
        stream, driven_s = "", 0
        for before, visit in itertools.pairwise(truck.begun):
            driven_s += visit.arrival_s - before.departure_s
            if visit.kind is VisitKind.STOP:
                stream = problem.stop_by_id[visit.subject_id].stream
            elif visit.kind is VisitKind.UNLOAD:
                stream = ""
            elif visit.kind is VisitKind.BREAK and visit.departure_s - visit.start_s >= truck.rest_s:
                driven_s = 0
        last = truck.begun[-1]
        return cls(
            locations(problem, truck, truck.begun)[-1],
            TimeWindow(last.departure_s, last.departure_s),
            last.departure_s - truck.begun[0].departure_s,
            stream,
            last.load_kg,
            last.load_l,
            tuple(visit.subject_id for visit in truck.begun if visit.kind is VisitKind.STOP),
            sum(visit.kind is VisitKind.UNLOAD for visit in truck.begun),
            tuple(
                pause
                for pause in truck.breaks
                if pause.window.end_s > truck.begun[0].departure_s
                and pause.window.end_s >= last.departure_s
                and not any(_is(visit, pause) for visit in truck.begun)
            ),
            driven_s,
        )


def locations(problem: Problem, truck: Truck, visits: Iterable[Visit]) -> list[int]:
    """Return where each visit of a truck's route takes place, from its start on; a break is where the truck was."""
    where: list[int] = []
    for visit in visits:
        match visit.kind:
            case VisitKind.START:
                where.append(truck.start_location)
            case VisitKind.STOP:
                where.append(problem.stop_by_id[visit.subject_id].location)
            case VisitKind.UNLOAD:
                where.append(problem.facility_by_id[visit.subject_id].location)
            case VisitKind.BREAK:
                where.append(where[-1])
            case VisitKind.END:
                where.append(truck.end_location)
    return where


def _is(visit: Visit, pause: Break) -> bool:
    """Whether a visit was this break."""
    return (
        visit.kind is VisitKind.BREAK
        and pause.window.start_s <= visit.start_s <= pause.window.end_s
        and visit.departure_s - visit.start_s >= pause.duration_s
    )
